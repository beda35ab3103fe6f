/** Synchronous replication: what Patroni is told and when, who may go, who may take over, and what is said of it. */
import { describe, expect, it } from 'vitest';
import type { PostgresClusterSpec } from '#crds/postgrescluster.gen.ts';
import { conditionsOf } from '#machines/cluster/conditions.ts';
import type { Facts, ObjectFact } from '#machines/cluster/facts.ts';
import { targetKey } from '#machines/cluster/intents.ts';
import { membersOf } from '#machines/cluster/members.ts';
import type { DcsSeen, ObjectDetail, PodDetail } from '#machines/cluster/observations.ts';
import { allReplicasReady } from '#machines/cluster/procedures.ts';
import { nextConfiguration } from '#machines/cluster/tables/configuration.ts';
import { rolloutStep } from '#machines/cluster/tables/rollout.ts';
import { nextMembers, scalingStep } from '#machines/cluster/tables/scaling.ts';
import { successor } from '#machines/cluster/tables/succession.ts';
import { roleOf, statedSynchrony, synchronyDue, withSynchrony } from '#machines/cluster/tables/synchrony.ts';
import { calm, factsOf, plan } from './worlds.ts';

type Mode = 'Off' | 'Preferred' | 'Required';

interface Scene {
  /** Members that there are; the spec asks for `wanted`. */
  readonly members: number;
  readonly wanted: number;
  readonly leader: number;
  readonly asked: Mode;
  /** As Patroni's configuration has it. */
  readonly stated: Mode;
  readonly count: number;
  /** Ordinals that confirm; null when Patroni says nothing of it. */
  readonly standbys: readonly number[] | null;
  readonly down: readonly number[];
  /** Ordinals of replicas that run and do not stream. */
  readonly cut: readonly number[];
  /** Timelines that members tell where it is not the leader's, by ordinal; null when they tell none. */
  readonly timelines: Readonly<Record<number, number | null>>;
}

const three: Scene = {
  members: 3,
  wanted: 3,
  leader: 0,
  asked: 'Required',
  stated: 'Required',
  count: 1,
  standbys: [1],
  down: [],
  cut: [],
  timelines: {},
};

const name = (ordinal: number): string => `shop-${ordinal}`;

function factOf(base: Facts, key: string): ObjectFact {
  const fact = base.world.objects[key];
  if (fact === undefined) throw new Error(`the calm world has no ${key}`);
  return fact;
}

function facts(change: Partial<Scene>): Facts {
  const scene = { ...three, ...change };
  const base = factsOf(calm);
  const like = (from: string, called: string, detail: ObjectDetail): readonly (readonly [string, ObjectFact])[] => {
    const fact = factOf(base, from);
    const key = `${fact.object.kind}/${called}`;
    return [[key, { ...fact, object: { ...fact.object, name: called, uid: key, detail } }]];
  };
  const pods = Array.from({ length: scene.members }, (_, ordinal) => {
    const detail = factOf(base, 'Pod/shop-1').object.detail as PodDetail;
    const role = ordinal === scene.leader ? 'primary' : 'replica';
    const isDown = scene.down.includes(ordinal);
    const own = detail.patroni?.timeline ?? null;
    const { [ordinal]: timeline = own } = scene.timelines;
    const isCut = scene.cut.includes(ordinal) || ordinal === scene.leader;
    const state = isDown ? 'stopped' : isCut ? 'running' : 'streaming';
    const patroni = detail.patroni === null ? null : { ...detail.patroni, role, state, timeline };
    return like('Pod/shop-1', name(ordinal), { ...detail, patroni, ready: !isDown });
  });
  const endpoints = (called: string, seen: Partial<DcsSeen>): readonly (readonly [string, ObjectFact])[] => {
    const { detail } = factOf(base, 'Endpoints/shop-config').object;
    if (detail.type !== 'Endpoints') throw new Error('no Endpoints');
    return like('Endpoints/shop-config', called, { ...detail, dcs: { ...detail.dcs, ...seen } });
  };
  const { detail } = factOf(base, 'Endpoints/shop-config').object;
  const config = detail.type === 'Endpoints' ? (detail.dcs.config ?? {}) : {};
  const sync = scene.standbys?.map(name) ?? null;
  const objects = Object.fromEntries([
    ...Object.entries(base.world.objects),
    ...pods.flat(),
    ...like('StatefulSet/shop', 'shop', {
      type: 'StatefulSet',
      replicas: scene.members,
      template: 'new',
      current: true,
    }),
    ...endpoints('shop', { leader: name(scene.leader), config: null }),
    ...endpoints('shop-config', { config: withSynchrony(config, { mode: scene.stated, count: scene.count }) }),
    ...(sync === null ? [] : endpoints('shop-sync', { leader: name(scene.leader), syncStandbys: sync, config: null })),
  ]);
  const spec: PostgresClusterSpec = {
    version: '17',
    replicas: scene.wanted,
    storage: { size: '1Gi' },
    synchronous: { mode: scene.asked, count: scene.count },
  };
  return {
    world: { ...base.world, objects },
    memory: { ...base.memory, accepted: { generation: 2, spec } },
  };
}

const stepOf = (change: Partial<Scene>): ReturnType<typeof rolloutStep> => rolloutStep({ facts: facts(change), plan });

/** Found by S in `synchronous-scale`, a pause while Patroni was being told: what is said must not follow from what was just sent. */
it('a cluster that is being made says the same before Patroni is told of it and while that is on its way', () => {
  const before = facts({ asked: 'Required', stated: 'Off', standbys: null });
  const target = { kind: 'Endpoints', name: 'shop-config' } as const;
  const intent = { type: 'PatchPatroniConfig', target, seq: 9, ordinal: 0, uid: 'uid' } as const;
  const open = { [targetKey(intent)]: { ...intent, textHash: null, since: 0, handled: null } };
  const answer = (of: Facts): unknown => allReplicasReady({ state: 'Alive.Creating.joining', facts: of, plan });
  const sent = { ...before, memory: { ...before.memory, open } };
  expect(answer(before)).toMatchObject({ answer: 'no', because: 'Patroni has to be told' });
  expect(answer(sent)).toEqual(answer(before));
});

describe('Patroni’s configuration', () => {
  const wanted = { mode: 'Required', count: 2 } as const;
  const write = (found: Readonly<Record<string, string | number | boolean>>, streaming: number): unknown =>
    nextConfiguration({ 'postgres-operator': { parameters: '' }, postgresql: { parameters: {} }, ...found }, plan, {
      restartsPending: false,
      synchrony: wanted,
      streaming,
    });

  it('gets the three keys, and loses them', () => {
    const on = { synchronous_mode: true, synchronous_mode_strict: true, synchronous_node_count: 2 };
    expect(write({ ttl: 30 }, 2)).toMatchObject({ ttl: 30, ...on });
    expect(withSynchrony({ ttl: 30, ...on }, { mode: 'Off', count: 1 })).toEqual({ ttl: 30 });
  });

  it('is not told to wait for replicas that do not stream yet', () => {
    expect(write({}, 1)).toBeNull();
    expect(write({ synchronous_mode: true, synchronous_node_count: 2 }, 1)).toBeNull();
  });

  it('that waits for some already goes on to, whoever streams', () => {
    const on = { synchronous_mode: true, synchronous_mode_strict: true, synchronous_node_count: 1 };
    expect(write(on, 0)).toMatchObject({ synchronous_node_count: 2 });
  });

  it.each<[Readonly<Record<string, string | boolean | number>>, Mode, number]>([
    [{}, 'Off', 1],
    [{ synchronous_mode: false, synchronous_mode_strict: true }, 'Off', 1],
    [{ synchronous_mode: true }, 'Preferred', 1],
    [{ synchronous_mode: 'on', synchronous_node_count: '2' }, 'Preferred', 2],
    [{ synchronous_mode: 'quorum', synchronous_mode_strict: 'on' }, 'Required', 1],
  ])('%o says %s', (config, mode, count) => {
    expect(statedSynchrony(config)).toEqual({ mode, count });
    expect(withSynchrony(config, { mode, count })).toBe(config);
  });
});

describe('a spec that asks for it', () => {
  it('is true once as many confirm as it asks, and as there are', () => {
    expect(synchronyDue(facts({}))).toBeNull();
    expect(synchronyDue(facts({ count: 2, standbys: [1, 2] }))).toBeNull();
    expect(synchronyDue(facts({ count: 2, standbys: [1] }))?.awaited).toBe('shop-2');
    expect(synchronyDue(facts({ count: 2, standbys: [1], down: [2] }))).toBeNull();
    expect(synchronyDue(facts({ standbys: null }))?.because).toContain('Patroni has to choose');
  });

  it('is not true while it has not been told, and names who is missing', () => {
    const due = synchronyDue(facts({ stated: 'Off', standbys: null, down: [1, 2] }));
    expect(due).toMatchObject({ awaited: 'shop-1' });
    expect(due?.because).toContain('shop-1 has to stream before it can be required to confirm');
  });

  it('that asks for it no more is true once nobody confirms', () => {
    expect(synchronyDue(facts({ asked: 'Off', stated: 'Off', standbys: [1] }))?.because).toContain('shop-1');
    expect(synchronyDue(facts({ asked: 'Off', stated: 'Off', standbys: null }))).toBeNull();
  });
});

describe('who takes over', () => {
  const to = (change: Partial<Scene>): unknown =>
    successor(facts(change), { template: null, below: Infinity, member: null }).values['candidate'];

  it('is a member that confirms, and nobody else', () => {
    expect(to({ standbys: [2] })).toBe('shop-2');
    expect(to({ standbys: [] })).toBeNull();
    expect(to({ standbys: null })).toBeNull();
    expect(to({ stated: 'Off', standbys: null })).toBe('shop-1');
  });
});

describe('a rollout', () => {
  it('does not take a member away while nobody confirms, though all are ready', () => {
    const old = (standbys: readonly number[]): ReturnType<typeof rolloutStep> =>
      rolloutStep({ facts: facts({ standbys }), plan: { ...plan, template: 'other' } });
    expect(old([1]).because).toContain('the StatefulSet has to bear the new template first');
    const scene = facts({ standbys: [] });
    const set = scene.world.objects['StatefulSet/shop'];
    if (set === undefined) throw new Error('there is no StatefulSet');
    const detail = { type: 'StatefulSet', replicas: 3, template: 'other', current: true } as const;
    const ready = (standbys: readonly number[]): Facts => {
      const now = facts({ standbys, asked: standbys.length === 0 ? 'Required' : 'Required' });
      const objects = { ...now.world.objects, 'StatefulSet/shop': { ...set, object: { ...set.object, detail } } };
      return { ...now, world: { ...now.world, objects } };
    };
    const next = { ...plan, template: 'other' };
    expect(rolloutStep({ facts: ready([1]), plan: next }).act).toEqual({ type: 'replace', member: 'shop-2' });
    expect(rolloutStep({ facts: ready([]), plan: next })).toMatchObject({
      stage: 'configuring',
      act: { type: 'none' },
    });
  });

  it('waits for Patroni’s choice before it is done', () => {
    expect(stepOf({}).stage).toBe('done');
    expect(stepOf({ standbys: [] })).toMatchObject({ stage: 'configuring', awaited: 'shop-1' });
  });
});

describe('fewer members', () => {
  it('go one at a time, down to as many as are needed', () => {
    expect(nextMembers(facts({ wanted: 2 }))).toBe(2);
    expect(nextMembers(facts({ members: 2, wanted: 1, asked: 'Off' }))).toBe(2);
    const held = scalingStep(facts({ members: 2, wanted: 1, asked: 'Off' }));
    expect(held).toMatchObject({ stage: 'removing', isHeld: true });
    expect(held.because).toContain('Patroni has to be told first');
  });

  it('go once Patroni waits for nobody any more', () => {
    const told = { members: 2, wanted: 1, asked: 'Off', stated: 'Off' } as const;
    expect(nextMembers(facts({ ...told, standbys: [1] }))).toBe(2);
    expect(nextMembers(facts({ ...told, standbys: null }))).toBe(1);
  });

  it.each<[string, Partial<Scene>, string | number]>([
    ['the leader hands over to one that stays and confirms', { leader: 3, standbys: [1] }, 'shop-1'],
    ['the last, leading, hands over to one that goes after it', { leader: 3, standbys: [2] }, 'shop-2'],
    ['the last goes first when only it confirms', { leader: 2, standbys: [3] }, 3],
    ['nobody goes while nobody could take over', { leader: 3, standbys: [] }, 4],
  ])('with the primary among them: %s', (_, change, expected) => {
    const now = facts({ members: 4, wanted: 2, ...change });
    const { handOver } = scalingStep(now);
    expect(handOver?.candidate ?? nextMembers(now)).toBe(expected);
  });
});

describe('status', () => {
  const blocked = (
    change: Partial<Scene>,
  ): { readonly status: string; readonly reason: string; readonly message: string } =>
    conditionsOf({ state: 'Alive.Running', facts: facts(change), plan, specProblems: [] }).WritesBlocked;

  it('says that writes wait, and for whom', () => {
    expect(blocked({})).toMatchObject({ status: 'False', reason: 'LeaderWrites' });
    expect(blocked({}).message).toContain('shop-1 confirms commits');
    expect(blocked({ down: [1] })).toMatchObject({ status: 'True', reason: 'NoSyncStandby' });
    expect(blocked({ down: [1] }).message).toContain('shop-1 does not stream; Patroni chooses another one');
    expect(blocked({ down: [1, 2], standbys: [] }).message).toContain('no replica streams; a replica has to come back');
    expect(blocked({ down: [1, 2], standbys: [], stated: 'Preferred' }).status).toBe('False');
  });

  // Hazard: a replica that ran on an older timeline, and could not connect, counted as streaming: every commit waited, and nobody was told.
  it('says that writes wait for a replica on another timeline, and for none whose timeline is not told', () => {
    const behind = { members: 2, wanted: 2, timelines: { 1: 0 } } as const;
    expect(blocked(behind)).toMatchObject({ status: 'True', reason: 'NoSyncStandby' });
    expect(blocked({ ...behind, standbys: [] }).message).toContain('no replica streams');
    expect(blocked({ ...behind, timelines: { 1: null } }).status).toBe('False');
    expect(blocked({ ...behind, timelines: { 0: null, 1: 0 } }).status).toBe('False');
  });

  // Hazard: a replica that runs and cannot connect counted as streaming, while every commit waited for it.
  it('says that writes wait for a replica that runs and does not stream', () => {
    const alone = { members: 2, wanted: 2, cut: [1] } as const;
    expect(blocked(alone)).toMatchObject({ status: 'True', reason: 'NoSyncStandby' });
    expect(blocked(alone).message).toContain('shop-1 (it does not stream from the leader)');
  });

  it('names who confirms, in Patroni’s word', () => {
    const now = facts({});
    expect(membersOf(now).map((member) => roleOf(now, member))).toEqual(['leader', 'sync_standby', 'replica']);
  });
});
