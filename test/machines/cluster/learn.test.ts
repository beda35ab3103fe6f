/** What each observation does to the facts: of the cluster, of its status, of what is listed, and of sources. */
import { describe, expect, it } from 'vitest';
import type { Facts, Failure, Memory, World } from '#machines/cluster/facts.ts';
import { initialFacts, learn } from '#machines/cluster/learn.ts';
import type { ClusterObservation, ClusterProjection, PublishedStatus } from '#machines/cluster/observations.ts';
import { all, asIs, remembering, type Change } from './changes.ts';
import { calm, factsOf } from './worlds.ts';

const at = 1_000_000;
const base = factsOf(calm);

function seeing(world: Partial<World>): Change {
  return (facts) => ({ ...facts, world: { ...facts.world, ...world } });
}

/** The calm world, changed, after an observation. */
function after(change: Change, observation: object): Facts {
  return learn(change(factsOf(calm)), observation as ClusterObservation, at);
}

function projection(change: Partial<ClusterProjection> = {}): ClusterProjection {
  const { cluster } = base.world;
  if (cluster === null) throw new Error('no cluster');
  return { ...cluster.seen, ...change };
}

const timer = { dueAt: at, because: 'it waits' };
const failure: Failure = {
  count: 3,
  reason: 'Forbidden',
  message: 'no',
  permanent: true,
  since: 0,
  waiting: true,
  needsRead: false,
};

describe('before anything is seen', () => {
  it('nothing is known, accepted, expected or under way', () => {
    expect(initialFacts(at)).toEqual({
      world: {
        knowledge: { type: 'unknown', since: at, because: 'the operator has just started' },
        stale: [],
        cluster: null,
        config: null,
        objects: {},
        leaderSilentSince: null,
      },
      memory: {
        version: 1,
        ...Object.fromEntries(
          [
            ...['accepted', 'dcs', 'image', 'systemIdentifier', 'rolledOutGeneration', 'rolledOut', 'failedRollout'],
            ...['bootstrapParameters', 'lastError', 'lastErrorAt', 'database', 'held', 'request', 'previousReplicas'],
            ...['leader', 'leaderLostAt', 'failedGeneration', 'published', 'found'],
          ].map((field) => [field, null]),
        ),
        ...Object.fromEntries(
          ['verified', 'expected', 'open', 'failures', 'handled', 'refused', 'timers', 'conditions'].map((field) => [
            field,
            {},
          ]),
        ),
        configuring: false,
        amnesia: false,
        retryCount: 0,
        credentials: { revision: null, settled: null, set: null },
        expired: [],
        marked: [],
        events: [],
        stateSince: at,
      },
    });
  });
});

describe('a process that starts', () => {
  it('knows nothing any more until all is listed, and no leader is called silent', () => {
    const { world, memory } = after(seeing({ stale: ['pods'], leaderSilentSince: 3 }), { type: 'ProcessStarted' });
    expect(world).toEqual({
      ...base.world,
      knowledge: { type: 'unknown', since: at, because: 'the operator has just started' },
      stale: [],
      leaderSilentSince: null,
    });
    expect(memory).toEqual(base.memory);
  });
});

describe('the PostgresCluster that is seen', () => {
  const failures = { 'Service/shop': failure, 'Secret/shop-app': { ...failure, needsRead: true } };
  const timers = { 'retry/Service/shop': timer, 'loop/Service/shop': timer, hold: timer, 'await/retry/x': timer };
  const troubled = remembering({
    failures,
    timers,
    retryCount: 4,
    loops: { x: { times: {}, by: [], since: 0 } },
  });
  const sees = (change: Change, cluster: Partial<ClusterProjection>): Facts =>
    after(change, { type: 'ClusterSeen', cluster: projection(cluster) });

  it('starts with a clean slate where its spec is new, but for what has to be read', () => {
    const { memory, world } = sees(troubled, { generation: 2 });
    expect(world.cluster).toEqual({ seen: projection({ generation: 2 }), since: at });
    expect(memory.failures).toEqual({ 'Secret/shop-app': { ...failure, needsRead: true, waiting: false } });
    expect(Object.keys(memory.timers)).toEqual(['hold', 'await/retry/x']);
    expect(memory.retryCount).toBe(0);
    expect(memory).not.toHaveProperty('loops');
  });

  it.each<readonly [string, Change, Partial<ClusterProjection>, number]>([
    ['of the same spec with another annotation', asIs, { annotations: { a: 'b' } }, at],
    ['once more as it was', asIs, {}, 0],
    ['for the first time', seeing({ cluster: null }), { generation: 2 }, at],
  ])('%s forgets no failure', (_, change, cluster, since) => {
    const { memory, world } = sees(all(troubled, change), cluster);
    expect(memory).toEqual(troubled(base).memory);
    expect(world.cluster).toEqual({ seen: projection(cluster), since });
  });

  it.each<readonly [string, string, boolean]>([
    ['is gone when it is deleted', 'u-1', true],
    ['stays when it was an earlier one of its name', 'u-0', false],
  ])('%s', (_, uid, gone) => {
    expect(after(asIs, { type: 'ClusterGone', uid }).world.cluster === null).toBe(gone);
  });
});

const status: PublishedStatus = {
  phase: 'Running',
  observedGeneration: 3,
  rolledOutGeneration: 3,
  systemIdentifier: '8',
  dcs: 'ConfigMaps',
  image: 'other',
  volumeSize: '1Gi',
  retryCount: 2,
  lastError: 'it was refused',
  lastErrorTime: '1970-01-01T00:00:07.000Z',
  previousReplicas: 5,
  handled: { restart: 'once' },
  journal: null,
  conditions: [],
  textHash: 'text',
};

describe('a status of an earlier process', () => {
  const sees = (change: Change, told: PublishedStatus = status): Memory =>
    after(change, { type: 'PublishedStatusSeen', status: told }).memory;
  const unknown = remembering({ dcs: null, image: null, systemIdentifier: null, rolledOutGeneration: null });

  it('stands in for the journal that is lost', () => {
    expect(sees(unknown)).toEqual({
      ...base.memory,
      amnesia: true,
      found: status,
      dcs: 'ConfigMaps',
      image: 'other',
      systemIdentifier: '8',
      rolledOutGeneration: 3,
      retryCount: 2,
      lastError: 'it was refused',
      lastErrorAt: 7000,
      handled: { restart: 'once' },
      previousReplicas: 5,
      conditions: {},
      published: { textHash: 'text', urgentHash: 'text', at, handled: { restart: 'once' } },
    });
  });

  it('does not speak against what is known', () => {
    const { dcs, image, systemIdentifier, rolledOutGeneration } = sees(asIs);
    expect({ dcs, image, systemIdentifier, rolledOutGeneration }).toEqual({
      dcs: 'Endpoints',
      image: 'i',
      systemIdentifier: '7',
      rolledOutGeneration: 1,
    });
  });

  it.each<readonly [string, string | null, number | null]>([
    ['without a time has none', null, null],
    ['with one that cannot be read has none', 'yesterday', null],
    ['with one of the first second has it', '1970-01-01T00:00:00.000Z', 0],
  ])('of an error %s', (_, lastErrorTime, lastErrorAt) =>
    expect(sees(asIs, { ...status, lastErrorTime }).lastErrorAt).toBe(lastErrorAt),
  );

  it.each<readonly [string, Change, PublishedStatus]>([
    ['our own', remembering({ published: { textHash: '', urgentHash: '', at: 0, handled: {} } }), status],
    ['one that was learned from', remembering({ found: status }), status],
    ['one that nobody has written', asIs, { ...status, phase: null }],
  ])('says nothing where it is %s', (_, change, told) => expect(sees(change, told)).toEqual(change(base).memory));
});

const listed = Object.values(base.world.objects).map(({ object: { kind, name, uid } }) => ({ kind, name, uid }));
const expected = { uid: 'Pod-shop-1', ownedHash: null, renderHash: null };

describe('a whole list', () => {
  const lists = (change: Change, objects: readonly object[] = listed): Facts =>
    after(change, { type: 'Synced', objects });

  it('makes the picture whole', () => {
    const { knowledge, objects } = lists(seeing({ knowledge: { type: 'unknown', since: 0, because: 'x' } })).world;
    expect(knowledge).toEqual({ type: 'known', since: at });
    expect(objects).toEqual(base.world.objects);
  });

  it.each<readonly [string, readonly object[]]>([
    ['is not in it', listed.filter(({ name }) => name !== 'shop-1')],
    ['is of another uid in it', listed.map((each) => (each.name === 'shop-1' ? { ...each, uid: 'new' } : each))],
    [
      'has its name in another kind',
      listed.map((each) => (each.name === 'shop-1' ? { ...each, kind: 'Secret' } : each)),
    ],
  ])('leaves out what %s', (_, objects) => {
    const { world } = lists(asIs, objects);
    expect(Object.keys(base.world.objects).filter((key) => !(key in world.objects))).toEqual(['Pod/shop-1']);
  });

  it('ends what was expected of objects that nobody lists, but for the cluster itself', () => {
    const kept = { 'Pod/shop-1': expected, 'PostgresCluster/shop': { ...expected, uid: 'u-1' } };
    const { memory } = lists(remembering({ expected: { ...kept, 'Service/shop': { ...expected, uid: 'gone' } } }));
    expect(memory.expected).toEqual(kept);
  });
});

describe('a source', () => {
  const stale = (facts: Facts): readonly string[] => facts.world.stale;

  it('that hangs is stale, once, among the others by name', () => {
    const hangs = (...before: readonly string[]): Facts =>
      after(seeing({ stale: before }), { type: 'SourceWentStale', source: 'pods', because: '' });
    expect([hangs(), hangs('zones', 'axes'), hangs('pods')].map(stale)).toEqual([
      ['pods'],
      ['axes', 'pods', 'zones'],
      ['pods'],
    ]);
  });

  it('that answers is fresh, and the others are as they were', () => {
    expect(stale(after(seeing({ stale: ['axes', 'pods'] }), { type: 'SourceFresh', source: 'pods' }))).toEqual([
      'axes',
    ]);
  });

  it.each<readonly [string, Change, object, number | null]>([
    ['silent from when it was first found so', asIs, { type: 'LeaderSilent', silentMs: 1 }, at],
    ['silent since before', seeing({ leaderSilentSince: 5 }), { type: 'LeaderSilent', silentMs: 1 }, 5],
    ['heard again', seeing({ leaderSilentSince: 5 }), { type: 'LeaderHeard' }, null],
  ])('of who leads is %s', (_, change, observation, since) =>
    expect(after(change, observation).world.leaderSilentSince).toBe(since),
  );

  it('of settings is believed', () => {
    const { config } = base.world;
    const other = { ...config, defaultDcs: 'ConfigMaps' };
    expect(after(asIs, { type: 'OperatorConfigSeen', hash: '', config: other }).world.config).toEqual(other);
  });
});
