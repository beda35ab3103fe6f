/** What the doctor finds: a setup that is sound, and each thing that can be wrong with it, told with its values and what to do. */
import { describe, expect, it } from 'vitest';
import { diagnose } from '#src/cli/doctor/diagnosis.ts';
import { selects } from '#src/cli/doctor/database.ts';
import type { Asked, Examined, ExaminedCluster, Right } from '#src/cli/doctor/examine.ts';
import { asksOf } from '#src/cli/doctor/rights.ts';
import { findingLines, isTrouble, type Finding } from '#src/cli/doctor/finding.ts';
import type { Schema } from '#src/cli/doctor/objects.ts';

const nowMs = Date.UTC(2026, 0, 1, 12);
const known = <T>(value: T): Asked<T> => ({ is: 'known', value });
const named = (name: string): { readonly name: string; readonly namespace: string } => ({ name, namespace: 'team' });
const ready = { conditions: [{ type: 'Ready', status: 'True' }] };
const renewed = (name: string, agoMs: number, leaseDurationSeconds = 40) => ({
  metadata: named(name),
  spec: { holderIdentity: name, renewTime: new Date(nowMs - agoMs).toISOString(), leaseDurationSeconds },
});
const schema: Schema = { properties: { spec: { properties: { version: {}, replicas: {} } } } };
const right = (verb: string, allowed: boolean): Right => ({
  group: 'apps',
  resource: 'statefulsets',
  subresource: '',
  verb,
  namespace: '',
  allowed,
});
const member = (ordinal: number, node = `node-${ordinal}`) => ({
  metadata: { ...named(`shop-${ordinal}`), labels: { app: 'shop' } },
  spec: { nodeName: node },
  status: {
    ...ready,
    containerStatuses: [{ name: 'postgres', image: 'spilo:17', state: {} as { waiting?: { reason: string } } }],
  },
});
const ours = (disruptionsAllowed: number) => ({
  metadata: named('shop-pdb'),
  spec: { selector: { matchLabels: { app: 'shop' } } },
  status: { disruptionsAllowed, currentHealthy: 1 + disruptionsAllowed, desiredHealthy: 1, expectedPods: 2 },
});
const claim = { metadata: named('data-shop-0'), spec: { storageClassName: 'fast' }, status: { phase: 'Bound' } };
const statefulSet = (mark: string, env: readonly { readonly name: string; readonly value: string }[] = []) => ({
  metadata: { ...named('shop'), annotations: { 'postgres.example.com/dcs': mark } },
  spec: { template: { spec: { containers: [{ env }] } } },
});

const cluster: ExaminedCluster = {
  cluster: {
    metadata: { ...named('shop'), generation: 3 },
    spec: { replicas: 2 },
    status: { observedGeneration: 3, phase: 'Running' },
  },
  statefulSet: known(statefulSet('Endpoints')),
  pods: known([member(0), member(1)]),
  claims: known([claim]),
  shared: { labels: known({}), budgets: known([ours(1)]) },
};

const sound: Examined = {
  nowMs,
  operatorNamespace: 'operators',
  version: known({ gitVersion: 'v1.34.1' }),
  definition: known({
    spec: { versions: [{ name: 'v1alpha1', schema: { openAPIV3Schema: schema } }] },
    status: { conditions: [{ type: 'Established', status: 'True' }] },
  }),
  operatorPods: known([{ metadata: named('operator-0'), status: ready }]),
  lease: known(renewed('operator-0', 2000, 15)),
  nodes: known([
    { metadata: named('node-0'), status: ready },
    { metadata: named('node-1'), status: ready },
  ]),
  nodeLeases: known([renewed('node-0', 9000), renewed('node-1', 500)]),
  classes: known([{ metadata: named('fast'), allowVolumeExpansion: true }]),
  operatorRights: known([right('get', true), right('create', true)]),
  ownRights: known([right('create', true)]),
  clusters: [cluster],
};

const found = (seen: Partial<Examined>): readonly Finding[] => diagnose({ ...sound, ...seen }, schema);
/** What is not as it should be. */
const bad = (seen: Partial<Examined>): readonly string[] =>
  found(seen)
    .filter(({ verdict }) => verdict !== 'ok')
    .map(({ check, verdict, says }) => `${check} ${verdict}: ${says}`);
const badOf = (one: Partial<ExaminedCluster>): readonly string[] => bad({ clusters: [{ ...cluster, ...one }] });
const asked = (spec: Partial<ExaminedCluster['cluster']['spec']>): Partial<ExaminedCluster> => ({
  cluster: { ...cluster.cluster, spec: { ...cluster.cluster.spec, ...spec } },
});

it('finds nothing where all is sound, and looks at each thing once', () => {
  expect(bad({})).toEqual([]);
  expect(found({}).map(({ check }) => check)).toEqual([
    'kubernetes',
    'definition',
    'operator',
    'leadership',
    'clocks',
    'rights',
    'access',
    'followed',
    'admission',
    'mode',
    'images',
    'budget',
    'spread',
    'volumes',
  ]);
  expect(isTrouble(found({}))).toBe(false);
});

const unseen: Asked<never> = { is: 'unknown', because: 'forbidden' };
const nothing: Asked<never> = { is: 'absent' };

describe('of what all clusters share', () => {
  it.each<readonly [string, Partial<Examined>, string]>([
    [
      'an old Kubernetes',
      { version: known({ gitVersion: 'v1.29.3' }) },
      'kubernetes warning: it is v1.29.3, older than 1.30',
    ],
    ['no definition', { definition: nothing }, 'definition trouble: there is no definition of PostgresCluster'],
    [
      'a definition that is not served',
      { definition: known({ spec: { versions: [] }, status: {} }) },
      'definition trouble: the definition of PostgresCluster is not served',
    ],
    [
      'a definition of an older build',
      {
        definition: known({
          spec: {
            versions: [
              {
                name: 'v1alpha1',
                schema: { openAPIV3Schema: { properties: { spec: { properties: { version: {} } } } } },
              },
            ],
          },
          status: { conditions: [{ type: 'Established', status: 'True' }] },
        }),
      },
      'definition trouble: PostgresCluster is served without spec.replicas: whatever is written there is dropped',
    ],
    [
      'no pod of the operator',
      { operatorPods: known([]) },
      'operator trouble: no pod of the operator is in operators: databases go on, nothing is decided',
    ],
    [
      'an operator that is not ready',
      { operatorPods: known([{ metadata: named('operator-0') }]) },
      'operator trouble: no pod of 1 is ready: operator-0',
    ],
    ['no Lease', { lease: nothing }, 'leadership trouble: there is no Lease of it in operators: nobody leads'],
    [
      'a Lease that was given back',
      { lease: known({ metadata: named('postgres-operator'), spec: { holderIdentity: '' } }) },
      'leadership trouble: there is no Lease of it in operators: nobody leads',
    ],
    [
      'a Lease that nobody renews',
      { lease: known(renewed('operator-0', 60_000, 15)) },
      'leadership trouble: the Lease of operator-0 has not been renewed for 60 s; it is good for 15 s',
    ],
    [
      'a node whose clock is ahead',
      { nodeLeases: known([renewed('node-0', -30_000)]) },
      "clocks trouble: node-0 is 30 s ahead of this machine: times in the journal and in windows are those of the operator's node",
    ],
    [
      'a node whose clock is behind, which is ready all the same',
      { nodeLeases: known([renewed('node-0', 3_600_000)]) },
      "clocks trouble: node-0 is 3600 s behind this machine: times in the journal and in windows are those of the operator's node",
    ],
    [
      'rights that the operator lacks',
      { operatorRights: known([right('get', true), right('delete', false), right('patch', false)]) },
      'rights trouble: the operator may not delete statefulsets.apps, patch statefulsets.apps',
    ],
    ['reviews that nobody may ask for', { operatorRights: unseen }, 'rights unknown: cannot be known: forbidden'],
    [
      'no way to the operator',
      {
        ownRights: known([
          {
            ...right('create', false),
            group: '',
            resource: 'pods',
            subresource: 'portforward',
            namespace: 'operators',
          },
        ]),
      },
      'access warning: you may not create pods/portforward in operators: why, timeline and status do not answer',
    ],
  ])('%s', (_, seen, words) => expect(bad(seen)).toEqual([words]));

  it('without a clock that tells the time nothing is known of clocks', () =>
    expect(bad({ nodeLeases: known([]), lease: { is: 'unknown', because: 'forbidden' } })).toEqual([
      'leadership unknown: cannot be known: forbidden',
      'clocks unknown: cannot be known: no node tells its time',
    ]));

  it('a node that is gone tells no time', () =>
    expect(bad({ nodes: known([]), nodeLeases: known([renewed('node-9', 3_600_000)]) })).toEqual([]));
});

describe('of a cluster', () => {
  const rotten = { ...member(1).status.containerStatuses[0], state: { waiting: { reason: 'ImagePullBackOff' } } };
  it.each<readonly [string, Partial<ExaminedCluster>, string]>([
    [
      'that nobody follows',
      { cluster: { ...cluster.cluster, status: {} } },
      'followed trouble: no operator has looked at it',
    ],
    [
      'whose edit is not read',
      { cluster: { ...cluster.cluster, status: { observedGeneration: 2 } } },
      'followed trouble: the operator has read generation 2 of 3',
    ],
    [
      'in a namespace that lets no member in',
      { shared: { ...cluster.shared, labels: known({ 'pod-security.kubernetes.io/enforce': 'restricted' }) } },
      'admission trouble: namespace team enforces the restricted Pod Security Standard, which refuses every member',
    ],
    [
      'whose StatefulSet was marked otherwise',
      { statefulSet: known(statefulSet('ConfigMaps')) },
      "mode trouble: members are told to keep Patroni's state in Endpoints, the StatefulSet is marked ConfigMaps, the spec says Endpoints",
    ],
    [
      'whose template was edited',
      {
        statefulSet: known(statefulSet('Endpoints', [{ name: 'KUBERNETES_USE_CONFIGMAPS', value: 'true' }])),
        ...asked({ dcs: 'Endpoints' }),
      },
      "mode trouble: members are told to keep Patroni's state in ConfigMaps, the StatefulSet is marked Endpoints, the spec says Endpoints",
    ],
    [
      'whose image cannot be pulled',
      {
        pods: known([
          member(0),
          {
            ...member(1),
            status: { ...ready, containerStatuses: [{ name: 'postgres', image: 'spilo:no', ...rotten }] },
          },
        ]),
      },
      'images trouble: shop-1 has no spilo:17 (ImagePullBackOff)',
    ],
    [
      'with a budget of somebody else',
      {
        shared: {
          ...cluster.shared,
          budgets: known([ours(1), { ...ours(1), metadata: named('everything'), spec: { selector: {} } }]),
        },
      },
      'budget trouble: PodDisruptionBudget everything counts its members too: no node with one of them can be drained',
    ],
    [
      'with its budget gone',
      { shared: { ...cluster.shared, budgets: known([]) } },
      'budget trouble: PodDisruptionBudget shop-pdb is not there: a drain may take all members at once',
    ],
    [
      'that is short of members',
      { shared: { ...cluster.shared, budgets: known([ours(0)]) } },
      'budget warning: a drain waits: members that are ready: 1, that have to stay: 1',
    ],
    [
      'of one member',
      asked({ replicas: 1 }),
      'budget warning: it has one member: whoever drains its node ends the database for that long',
    ],
    [
      'on one node',
      { pods: known([member(0), member(1, 'node-0')]) },
      'spread warning: shop-0 and shop-1 on node-0: one node takes them together',
    ],
    [
      'whose class is gone',
      { claims: known([{ ...claim, spec: { storageClassName: 'slow' } }]) },
      'volumes trouble: storage class slow is not there: no volume of it is made or grows',
    ],
    [
      'without a class where none is the default',
      { claims: known([]) },
      'volumes trouble: it names no storage class, and there is no default',
    ],
  ])('%s', (_, one, words) => expect(badOf(one)).toEqual([words]));

  it('whose class cannot grow', () =>
    expect(bad({ classes: known([{ metadata: named('fast') }]) })).toEqual([
      'volumes warning: volumes of fast cannot grow: an edit of storage.size is refused',
    ]));

  it('whose members Kubernetes has not counted yet', () => {
    const uncounted = {
      ...ours(1),
      status: { disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0 },
    };
    expect(badOf({ shared: { ...cluster.shared, budgets: known([uncounted]) } })).toEqual([
      'budget unknown: cannot be known: Kubernetes has not counted its members yet',
    ]);
  });

  it('that is new has nothing to be found fault with', () =>
    expect(
      badOf({
        statefulSet: nothing,
        pods: known([]),
        claims: known([claim]),
        shared: { ...cluster.shared, budgets: known([]) },
      }),
    ).toEqual([]));

  it('says how many nodes it lacks, where it lacks some', () => {
    const together = { ...cluster, pods: known([member(0), member(1, 'node-0')]) };
    const nodes = known([{ metadata: named('node-0'), status: ready }]);
    const next = found({ nodes, clusters: [together] }).find(({ check }) => check === 'spread')?.next;
    expect(next).toBe('members: 2, nodes that take pods: 1; add nodes');
  });
});

it.each([
  [undefined, false],
  [{}, true],
  [{ matchLabels: { app: 'shop' } }, true],
  [{ matchLabels: { app: 'other' } }, false],
  [{ matchExpressions: [{ key: 'app', operator: 'In', values: ['shop', 'x'] }] }, true],
  [{ matchExpressions: [{ key: 'app', operator: 'NotIn', values: ['shop'] }] }, false],
  [{ matchExpressions: [{ key: 'tier', operator: 'NotIn', values: ['shop'] }] }, true],
  [{ matchExpressions: [{ key: 'tier', operator: 'Exists' }] }, false],
  [{ matchExpressions: [{ key: 'tier', operator: 'DoesNotExist' }] }, true],
])('a budget with selector %j takes a pod of app=shop: %s', (selector, isTaken) =>
  expect(selects(selector, { app: 'shop' })).toBe(isTaken),
);

it('a right is asked about in each namespace, and one that is needed at home is asked about there alone, once', () => {
  const rule = { apiGroups: [''], resources: ['pods/exec'], verbs: ['create'] };
  const rules = [
    { ...rule, atHome: false },
    { ...rule, resources: ['leases'], atHome: true },
  ];
  expect(asksOf(rules, ['one', 'two'], 'home').map(({ resource, namespace }) => `${resource} ${namespace}`)).toEqual([
    'pods one',
    'pods two',
    'leases home',
  ]);
});

it('tells what is wrong with what to do below it, and the sum', () => {
  const lines = findingLines(found({ lease: nothing }));
  const at = lines.findIndex((line) => line.startsWith('trouble'));
  expect(lines[at]).toMatch(/^trouble {2}leadership +there is no Lease/);
  expect(lines[at + 1]).toBe(
    '         next: wait until a pod of the operator is ready; or name the Lease with --lease-name',
  );
  expect(lines.at(-1)).toBe('1 trouble, 0 warning, 0 unknown, 13 ok');
});
