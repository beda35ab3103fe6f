/**
 * Two specs that say the same, spelled differently: going from one to the other is no edit, and makes no pod anew, neither then nor
 * with the next edit, which may cost no more than it says.
 */
import { describe, expect, it } from 'vitest';
import type { PostgresClusterSpec } from '#crds/postgrescluster.gen.ts';
import { templateHash } from '#src/resources/cluster/statefulset.ts';
import { desiredObjects } from '#src/resources/plan.ts';
import { changedFields } from '#src/resources/validation.ts';
import { workOf } from '#src/resources/work.ts';
import { inputOf, minimalSpec } from './wanted.ts';

type Change = Partial<PostgresClusterSpec>;

const resources = { requests: { cpu: '500m', memory: '1Gi' }, limits: { cpu: '2' } };

const pairs: readonly (readonly [string, Change, Change])[] = [
  [
    'memory in another unit',
    { resources },
    { resources: { ...resources, requests: { cpu: '500m', memory: '1024Mi' } } },
  ],
  ['memory in bytes', { resources }, { resources: { ...resources, requests: { cpu: '500m', memory: '1073741824' } } }],
  [
    'cores in another unit',
    { resources },
    { resources: { requests: { cpu: '0.5', memory: '1Gi' }, limits: { cpu: '2000m' } } },
  ],
  [
    'a limit that says nothing',
    { resources: { requests: resources.requests } },
    { resources: { requests: resources.requests, limits: {} } },
  ],
  ['resources that say nothing', {}, { resources: { requests: {}, limits: {} } }],
  ['an affinity that says nothing', {}, { placement: { affinity: { nodeAffinity: {}, podAntiAffinity: {} } } }],
  [
    'a placement that says nothing',
    {},
    { placement: { tolerations: [], nodeSelector: {}, topologySpreadConstraints: [] } },
  ],
  ['metadata that says nothing', {}, { podMetadata: { labels: {}, annotations: {} } }],
  ['lists that say nothing', {}, { env: [], pgHba: [] }],
  ['a log where it is anyhow', {}, { logs: { stdout: false } }],
  ['one member', {}, { replicas: 1 }],
  ['a Service as it is anyhow', {}, { service: { type: 'ClusterIP', annotations: {}, loadBalancerSourceRanges: [] } }],
  ['commits that nobody confirms', {}, { synchronous: { mode: 'Off', count: 2 } }],
];

describe.each(pairs)('%s', (_words, one, other) => {
  const [before, after] = [one, other].map((change): PostgresClusterSpec => ({ ...minimalSpec, ...change })) as [
    PostgresClusterSpec,
    PostgresClusterSpec,
  ];

  it('is no edit, and costs nothing', () => {
    expect([changedFields(before, after), workOf(before, after)]).toEqual([[], []]);
  });

  it('is the same pod template', () => {
    expect(templateHash(inputOf(after, 'Endpoints'))).toBe(templateHash(inputOf(before, 'Endpoints')));
  });

  it('is the same of all other objects', () => {
    const bodies = (spec: PostgresClusterSpec): readonly unknown[] =>
      desiredObjects(inputOf(spec, 'Endpoints'))
        .filter(({ ref }) => ref.kind !== 'StatefulSet')
        .map(({ body }) => body);
    expect(bodies(after)).toEqual(bodies(before));
  });
});

describe('what says something else', () => {
  it.each([{ memory: '1025Mi' }, { memory: '1G' }, { memory: '1Gi', cpu: '501m' }])('is an edit: %o', (requests) => {
    const [before, after] = [
      { ...minimalSpec, resources: { requests: { memory: '1Gi' } } },
      { ...minimalSpec, resources: { requests } },
    ];
    expect(changedFields(before, after)).toEqual(['resources']);
    expect(templateHash(inputOf(after, 'Endpoints'))).not.toBe(templateHash(inputOf(before, 'Endpoints')));
  });
});
