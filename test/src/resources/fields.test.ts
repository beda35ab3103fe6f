import { describe, expect, it } from 'vitest';
import type { PostgresClusterSpec } from '#crds/postgrescluster.gen.ts';
import { labels } from '#machines/shared/names.ts';
import { dynamicConfiguration, patroniConfiguration } from '#src/resources/cluster/patroni.ts';
import { templateHash } from '#src/resources/cluster/statefulset.ts';
import { creationProblems } from '#src/resources/validation.ts';
import { haSpec, inputOf, minimalSpec, objectsOf, at } from './wanted.ts';

const config = {
  images: { '15': 'spilo-15', '17': 'spilo-17' },
  imagePullPolicy: 'IfNotPresent',
  defaultDcs: 'Endpoints',
  createDeadlineSeconds: 600,
} as const;

const problems = (change: Partial<PostgresClusterSpec>): readonly string[] =>
  creationProblems({ ...minimalSpec, ...change }, config).map(({ field }) => field);

const term = { topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: { app: 'x' } } };

describe('a spec is refused by field for', () => {
  it.each<[string, Partial<PostgresClusterSpec>, string]>([
    ['an affinity of a kind nobody knows', { placement: { affinity: { moon: {} } } }, 'spec.placement.affinity.moon'],
    [
      'a pod affinity without a topology',
      { placement: { affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{}] } } } },
      'spec.placement.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].topologyKey',
    ],
    [
      'a node affinity with an operator of its own',
      {
        placement: {
          affinity: {
            nodeAffinity: {
              requiredDuringSchedulingIgnoredDuringExecution: {
                nodeSelectorTerms: [{ matchExpressions: [{ key: 'disk', operator: 'Like', values: ['ssd'] }] }],
              },
            },
          },
        },
      },
      'spec.placement.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[0].operator',
    ],
    [
      'a toleration of everything that does not say so',
      { placement: { tolerations: [{ effect: 'NoSchedule' }] } },
      'spec.placement.tolerations[0].operator',
    ],
    [
      'a toleration that waits for an effect that does not evict',
      { placement: { tolerations: [{ key: 'a', effect: 'NoSchedule', tolerationSeconds: 5 }] } },
      'spec.placement.tolerations[0].effect',
    ],
    ['a node label that is none', { placement: { nodeSelector: { disk: 'a b' } } }, 'spec.placement.nodeSelector.disk'],
    [
      'a spread over nothing',
      { placement: { topologySpreadConstraints: [{ maxSkew: 1, whenUnsatisfiable: 'DoNotSchedule' }] } },
      'spec.placement.topologySpreadConstraints[0].topologyKey',
    ],
    [
      'a priority that is no name',
      { placement: { priorityClassName: 'Very High' } },
      'spec.placement.priorityClassName',
    ],
    [
      'a spread that stands there twice',
      {
        placement: {
          topologySpreadConstraints: [1, 2].map((maxSkew) => ({
            maxSkew,
            topologyKey: 'zone',
            whenUnsatisfiable: 'DoNotSchedule',
          })),
        },
      },
      'spec.placement.topologySpreadConstraints[1]',
    ],
    [
      'ranges without a load balancer',
      { service: { type: 'NodePort', loadBalancerSourceRanges: ['10.0.0.0/8'] } },
      'spec.service.loadBalancerSourceRanges',
    ],
    [
      'a range that is none',
      { service: { type: 'LoadBalancer', loadBalancerSourceRanges: ['10.0.0.1/33'] } },
      'spec.service.loadBalancerSourceRanges[0]',
    ],
    [
      'an annotation that is ours',
      { service: { annotations: { 'postgres.example.com/effect': 'x' } } },
      'spec.service.annotations.postgres.example.com/effect',
    ],
    [
      'a label that makes a pod a member',
      { podMetadata: { labels: { [labels.component]: 'x' } } },
      `spec.podMetadata.labels.${labels.component}`,
    ],
    [
      'the label that says who leads',
      { podMetadata: { labels: { 'spilo-role': 'master' } } },
      'spec.podMetadata.labels.spilo-role',
    ],
    ['a label value with blanks', { podMetadata: { labels: { team: 'a b' } } }, 'spec.podMetadata.labels.team'],
    ['Patroni’s own report', { podMetadata: { annotations: { status: '{}' } } }, 'spec.podMetadata.annotations.status'],
    ['the name of another cluster', { env: [{ name: 'SCOPE', value: 'other' }] }, 'spec.env[0].name'],
    ['a password of Spilo’s', { env: [{ name: 'PGPASSWORD_SUPERUSER', value: 'x' }] }, 'spec.env[0].name'],
    ['Patroni’s own variables', { env: [{ name: 'PATRONI_TTL', value: '5' }] }, 'spec.env[0].name'],
    ['a copy by hand', { env: [{ name: 'CLONE_SCOPE', value: 'other' }] }, 'spec.env[0].name'],
    ['an archive by hand', { env: [{ name: 'WAL_S3_BUCKET', value: 'wal' }] }, 'spec.env[0].name'],
    ['a variable that stands there twice', { env: [{ name: 'A' }, { name: 'A' }] }, 'spec.env[1].name'],
    ['a variable with a blank', { env: [{ name: 'A B' }] }, 'spec.env[0].name'],
    [
      'two values for one variable',
      { env: [{ name: 'A', value: 'b', valueFrom: { fieldRef: { fieldPath: 'x' } } }] },
      'spec.env[0].valueFrom',
    ],
    ['a value from nowhere', { env: [{ name: 'A', valueFrom: {} }] }, 'spec.env[0].valueFrom'],
    [
      'a value from a Secret without a key',
      { env: [{ name: 'A', valueFrom: { secretKeyRef: { name: 's' } } }] },
      'spec.env[0].valueFrom.secretKeyRef.key',
    ],
    ['a rule of no kind', { pgHba: ['allow all'] }, 'spec.pgHba[0]'],
    ['a rule for no address', { pgHba: ['hostssl all all md5'] }, 'spec.pgHba[0]'],
    ['a rule by no method', { pgHba: ['hostssl all all all maybe'] }, 'spec.pgHba[0]'],
    ['two rules in one', { pgHba: ['hostssl all all all md5\nhost all all all trust'] }, 'spec.pgHba[0]'],
    ['a quote that is not closed', { pgHba: ['hostssl "all all all md5'] }, 'spec.pgHba[0]'],
    ['a lock that is lost between two tries', { patroni: { ttl: 20 } }, 'spec.patroni.ttl'],
    ['a loop of no time', { patroni: { loopWait: 0 } }, 'spec.patroni.loopWait'],
  ])('%s', (_, change, field) => expect(problems(change)).toEqual([field]));
});

describe('a spec is taken with', () => {
  it.each<[string, Partial<PostgresClusterSpec>]>([
    [
      'every kind of affinity',
      {
        placement: {
          affinity: {
            nodeAffinity: {
              preferredDuringSchedulingIgnoredDuringExecution: [
                { weight: 1, preference: { matchExpressions: [{ key: 'zone', operator: 'Exists' }] } },
              ],
            },
            podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] },
          },
        },
      },
    ],
    [
      'tolerations',
      {
        placement: {
          tolerations: [{ operator: 'Exists' }, { key: 'db', value: 'x', effect: 'NoExecute', tolerationSeconds: 9 }],
        },
      },
    ],
    [
      'a load balancer',
      { service: { type: 'LoadBalancer', loadBalancerSourceRanges: ['10.0.0.0/8', '2001:db8::/32'] } },
    ],
    [
      'variables',
      {
        env: [
          { name: 'AWS_REGION', value: 'x' },
          { name: 'B', valueFrom: { secretKeyRef: { name: 's', key: 'k' } } },
        ],
      },
    ],
    [
      'rules of every kind',
      {
        pgHba: [
          'local all app peer',
          'hostssl "my db",orders +staff 10.1.0.0/16 scram-sha-256',
          'hostssl all all 10.0.0.1 255.255.255.255 cert clientcert=verify-full',
          'host all all .example.com ldap ldapserver=ldap.example.com ldapprefix=cn=',
          'hostnossl all all samenet reject',
        ],
      },
    ],
    ['slower timing', { patroni: { ttl: 60, loopWait: 20, retryTimeout: 20 } }],
  ])('%s', (_, change) => expect(problems(change)).toEqual([]));
});

it('a password in a rule is refused and not repeated', () => {
  const line = 'host all all all ldap ldapserver=x ldapbindpasswd=hunter2';
  const found = creationProblems({ ...minimalSpec, pgHba: [line] }, config);
  expect(found.map(({ field }) => field)).toEqual(['spec.pgHba[0]']);
  expect(JSON.stringify(found)).not.toContain('hunter2');
});

it('the value of a variable is in no problem', () => {
  const found = creationProblems({ ...minimalSpec, env: [{ name: 'SCOPE', value: 'hunter2' }] }, config);
  expect(JSON.stringify(found)).not.toContain('hunter2');
});

describe('what makes pods anew', () => {
  const hash = (change: Partial<PostgresClusterSpec>): string =>
    templateHash(inputOf({ ...haSpec, ...change }, 'Endpoints'));
  const before = hash({});

  it.each<[string, Partial<PostgresClusterSpec>]>([
    ['a log that nothing prints', { logs: { stdout: false } }],
    ['podMetadata', { podMetadata: { labels: { team: 'blue' }, annotations: { note: 'x' } } }],
    ['service', { service: { type: 'LoadBalancer', annotations: { a: 'b' } } }],
    ['patroni', { patroni: { ttl: 90, maximumLag: 1, failsafeMode: false } }],
    ['an empty placement', { placement: { affinity: {}, tolerations: [], nodeSelector: {} } }],
    ['no line and no variable', { env: [], pgHba: [] }],
  ])('is not %s', (_, change) => expect(hash(change)).toBe(before));

  it.each<[string, Partial<PostgresClusterSpec>]>([
    ['placement', { placement: { nodeSelector: { disk: 'ssd' } } }],
    ['logs', { logs: { stdout: true } }],
    ['env', { env: [{ name: 'A', value: 'b' }] }],
    ['pgHba', { pgHba: ['local all app peer'] }],
  ])('is %s', (_, change) => expect(hash(change)).not.toBe(before));
});

describe('what comes of it', () => {
  const input = (change: Partial<PostgresClusterSpec>) => inputOf({ ...haSpec, ...change }, 'Endpoints');
  const podSpec = ['spec', 'template', 'spec'];
  const set = (change: Partial<PostgresClusterSpec>) => objectsOf(input(change)).get('StatefulSet/shop')?.body ?? null;

  it('members keep apart, unless the spec says how', () => {
    const path = [...podSpec, 'affinity', 'podAntiAffinity'];
    const apart = at(set({}), ...path);
    const nodes = { nodeAffinity: {} };
    expect(at(set({ placement: { affinity: nodes } }), ...path)).toEqual(apart);
    const own = { requiredDuringSchedulingIgnoredDuringExecution: [term] };
    expect(at(set({ placement: { affinity: { podAntiAffinity: own } } }), ...path)).toEqual(own);
  });

  it('a spread without a selector is about the members', () => {
    const spread = { maxSkew: 1, topologyKey: 'rack', whenUnsatisfiable: 'DoNotSchedule' };
    const found = set({ placement: { topologySpreadConstraints: [spread] } });
    expect(at(found, ...podSpec, 'topologySpreadConstraints')).toMatchObject([
      { ...spread, labelSelector: { matchLabels: { [labels.cluster]: 'shop' } } },
    ]);
  });

  it('no label of the spec replaces one that finds the members', () => {
    const found = at(set({ podMetadata: { labels: { team: 'blue' } } }), 'spec', 'template', 'metadata', 'labels');
    expect(found).toMatchObject({ team: 'blue', [labels.cluster]: 'shop', [labels.component]: 'database' });
  });

  it('what Patroni and the members need of pg_hba.conf stands before the lines of the spec, the rest after', () => {
    const line = 'hostssl orders clerk 10.0.0.0/8 cert';
    const found = at(patroniConfiguration(input({ pgHba: [line] }), ''), 'postgresql', 'pg_hba') as string[];
    const place = (start: string): number => found.findIndex((each) => each.startsWith(start));
    expect(place('local all all trust')).toBe(0);
    expect(place('hostssl replication standby')).toBeLessThan(found.indexOf(line));
    expect(place('hostnossl all all all reject')).toBeGreaterThan(found.indexOf(line));
    expect(at(patroniConfiguration(input({}), ''), 'postgresql', 'pg_hba')).toBeNull();
  });

  it('timing goes to Patroni’s object, and every cluster is made with the same', () => {
    const slow = input({ patroni: { ttl: 60, failsafeMode: false } });
    expect(dynamicConfiguration(slow)).toMatchObject({ ttl: 60, loop_wait: 10, failsafe_mode: false });
    expect(at(patroniConfiguration(slow, ''), 'bootstrap', 'dcs')).toMatchObject({ ttl: 30, failsafe_mode: true });
  });

  it.each(['Endpoints', 'ConfigMaps'] as const)('the primary Service alone is reached from outside (%s)', (dcs) => {
    const service: PostgresClusterSpec['service'] = {
      type: 'LoadBalancer',
      loadBalancerSourceRanges: ['10.0.0.0/8'],
      annotations: { a: 'b' },
    };
    const objects = objectsOf(inputOf({ ...haSpec, service }, dcs));
    const typeOf = (name: string) => at(objects.get(`Service/${name}`)?.body ?? null, 'spec', 'type');
    expect([typeOf('shop'), typeOf('shop-repl'), typeOf('shop-headless')]).toEqual([
      'LoadBalancer',
      'ClusterIP',
      'ClusterIP',
    ]);
    const body = objects.get('Service/shop')?.body ?? null;
    expect(at(body, 'spec', 'loadBalancerSourceRanges')).toEqual(['10.0.0.0/8']);
    expect(at(body, 'metadata', 'annotations')).toMatchObject({ a: 'b' });
  });
});
