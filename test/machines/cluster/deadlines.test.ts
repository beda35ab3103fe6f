/** Which timers a state wants, with their words; and what entering a state does to memory. */
import { describe, expect, it } from 'vitest';
import { entered, withTimers } from '#machines/cluster/deadlines.ts';
import type { Facts, Failure, Memory } from '#machines/cluster/facts.ts';
import type { Step } from '#machines/cluster/fixpoint.ts';
import type { ObjectProjection } from '#machines/cluster/observations.ts';
import { yes } from '#machines/shared/answer.ts';
import { all, asIs, changed, dcs, objectOf, remembering, replicas, requestOf, type Change } from './changes.ts';
import { calm, factsOf, plan, type Choice } from './worlds.ts';

const at = 1_000_000;
const electing = 'Alive.Recovering.electing';
const updating = 'Alive.Updating.replacing';
const scaling = 'Alive.Scaling.removing';
const running = 'Alive.Running';

/** Timers by id: how long from now, and why. */
type Timers = Readonly<Record<string, readonly [number, string]>>;

function timersOf({ memory }: Facts): Timers {
  return Object.fromEntries(
    Object.entries(memory.timers).map(([id, { dueAt, because }]) => [id, [dueAt - at, because]]),
  );
}

function facts(change: Change = asIs, choice: Partial<Choice> = {}): Facts {
  return change(factsOf({ ...calm, ...choice }));
}

function pod(change: (object: ObjectProjection) => object): Change {
  return (now) => changed('Pod/shop-1', change(objectOf(now, 'Pod/shop-1')) as Partial<ObjectProjection>)(now);
}

const inTrouble = (trouble: string | null): Change =>
  pod(({ detail }) => ({ detail: { ...detail, ready: false, patroni: null, trouble } }));
const startFailed: Change = pod(({ detail }) =>
  detail.type === 'Pod'
    ? { detail: { ...detail, ready: false, patroni: { ...detail.patroni, state: 'start failed' } } }
    : {},
);
const spec =
  (change: object): Change =>
  (now) => {
    const { cluster } = now.world;
    if (cluster === null) throw new Error('no cluster');
    const seen = { ...cluster.seen, spec: { ...cluster.seen.spec, ...change } };
    return { ...now, world: { ...now.world, cluster: { ...cluster, seen } } };
  };
const settings =
  (change: object): Change =>
  (now) => ({
    ...now,
    world: { ...now.world, config: { ...now.world.config, ...change } as Facts['world']['config'] },
  });
const noSettings: Change = (now) => ({ ...now, world: { ...now.world, config: null } });
const paused = all(spec({ paused: true }));
const byHand = dcs('shop-config', { paused: true });
const armed = (...ids: readonly string[]): Change =>
  remembering({ timers: Object.fromEntries(ids.map((id) => [id, { dueAt: at + 7, because: 'before' }])) });
const expired = (...ids: readonly string[]): Change => remembering({ expired: ids });
const failedOnce = remembering({
  failedRollout: { generation: 1, problem: { field: 'spec.image', value: 'x', rule: 'failed' } },
  silentRollout: { generation: 1, tries: 1 },
});

const complete = 'a cluster should be complete by then';
const step = 'the step should be over by then';
const write = 'a leader should write by then';
const spare = 'the spec that is being rolled out may be what keeps it from starting';
const silence = 'silence that lasts may be the doing of the spec too';
const room = 'PostgreSQL of shop-1 cannot do what it should';
const podSilent = 'Pod/shop-1 does not say what it waits for';
const old = { template: 'replica-old' } as const;
const oldAndLate = { ...old, ready: 1 } as const;
const deadline: Timers = { 'deadline/updating/replacing/shop-1': [600_000, step] };
const asked: Timers = { 'room/shop-1': [10_000, room] };
const nobody = { leader: 'none' } as const;
const recovering: Timers = { 'deadline/recovering': [300_000, write] };
const pulling = inTrouble('ErrImagePull: no such image');

describe('a state', () => {
  it.each<readonly [string, string, Change, Partial<Choice>, Timers]>([
    ['Running wants none', running, asIs, {}, {}],
    ['Pending wants none', 'Alive.Pending', inTrouble(null), {}, {}],
    [
      'Deleting has a deadline for each step',
      'Deleting.stopping',
      inTrouble(null),
      {},
      { 'deadline/deleting/stopping': [600_000, 'the step should be over by then'] },
    ],
    ['Creating has a deadline', 'Alive.Creating.joining', asIs, {}, { 'deadline/creating': [600_000, complete] }],
    [
      'Creating has the deadline of the settings',
      'Alive.Creating.joining',
      settings({ createDeadlineSeconds: 60 }),
      {},
      { 'deadline/creating': [60_000, complete] },
    ],
    [
      'Creating has ten minutes where there are no settings',
      'Alive.Creating.joining',
      noSettings,
      {},
      { 'deadline/creating': [600_000, complete] },
    ],
    ['Updating has a deadline for its step and member', updating, asIs, old, deadline],
    [
      'Updating has one for its step where nobody is waited for',
      updating,
      asIs,
      {},
      { 'deadline/updating/done': [600_000, step] },
    ],
    ['Updating has none while the spec is paused', updating, paused, old, {}],
    ['Updating has none while Patroni is paused by hand', updating, byHand, old, {}],
    [
      'Updating gives a member that names its trouble less time',
      updating,
      pulling,
      old,
      { ...deadline, 'stall/shop-1': [90_000, 'shop-1: ErrImagePull: no such image'] },
    ],
    [
      'Updating goes on with that while the member tries again',
      updating,
      armed('stall/shop-1'),
      oldAndLate,
      { ...deadline, ...asked, 'stall/shop-1': [7, 'before'] },
    ],
    ['Updating stops that once the member is ready', updating, armed('stall/shop-1'), old, deadline],
    [
      'Updating does not begin that with a member that names none',
      updating,
      asIs,
      oldAndLate,
      { ...deadline, ...asked },
    ],
    [
      'Updating does not begin that anew where it has passed',
      updating,
      expired('stall/shop-1'),
      oldAndLate,
      { ...deadline, ...asked },
    ],
    ['Scaling has a deadline for its step', scaling, replicas(1), {}, { 'deadline/scaling/removing': [600_000, step] }],
    ['Scaling has none while the spec is paused', scaling, all(replicas(1), paused), {}, {}],
    ['Scaling has none while Patroni is paused by hand', scaling, all(replicas(1), byHand), {}, {}],
    ['Recovering has a deadline while nobody leads', electing, asIs, nobody, recovering],
    [
      'Recovering gives a spec that is being rolled out less time',
      electing,
      asIs,
      { ...nobody, generation: 'newer' },
      { ...recovering, 'stall/electing': [90_000, spare], 'stall/silent': [240_000, silence] },
    ],
    [
      'Recovering has none once somebody leads, but good news have to hold',
      'Alive.Recovering.rejoining',
      asIs,
      {},
      { hold: [2_000, 'good news must hold'] },
    ],
    ['Recovering has nothing to hold while the leader does not write', 'Alive.Recovering.rejoining', asIs, nobody, {}],
    ['Degraded waits for good news to hold', 'Alive.Degraded', asIs, {}, { hold: [2_000, 'good news must hold'] }],
    ['Degraded has none to hold while a member is missing', 'Alive.Degraded', asIs, { ready: 1 }, asked],
    ['Running has no good news to hold', running, asIs, {}, {}],
    ...(
      [
        [1, 5_000],
        [2, 10_000],
        [9, 300_000],
      ] as const
    ).map(
      ([tries, delayMs]) =>
        [
          `Failed waits before it tries again, after ${tries} times`,
          'Alive.Failed',
          remembering({ retryCount: tries }),
          nobody,
          { recover: [delayMs, 'back-off before the next try'] },
        ] as const,
    ),
    [
      'Running waits before a rollout that ended in silence is tried again',
      running,
      failedOnce,
      {},
      { 'again/rollout': [600_000, 'what was taken back in silence is tried again'] },
    ],
    ['Running does not while the spec is paused', running, all(failedOnce, paused), {}, {}],
    ['another phase does not', 'Alive.Degraded', failedOnce, { ready: 1 }, asked],
    [
      'any phase asks Kubernetes of what does not say what it misses',
      running,
      inTrouble('ContainerCreating'),
      {},
      { ask: [30_000, podSilent] },
    ],
    ['any phase asks for the room of a member that does not start', 'Alive.Degraded', startFailed, {}, asked],
  ])('%s', (_, state, change, choice, timers) => {
    expect(timersOf(withTimers({ state, facts: facts(change, choice), plan }, at))).toEqual(timers);
  });

  it('of a lost member gives its node a minute', () => {
    const ending = all(pod(() => ({ deleting: true })))(facts(asIs, { request: 'replace', ready: 1 }));
    expect(timersOf(withTimers({ state: updating, facts: ending, plan }, at))).toMatchObject({
      'gone/shop-1': [60_000, 'shop-1 should have ended by then'],
    });
  });

  it('of a lost member gives its leader as long as its key lives, and the watch some seconds, to renew it', () => {
    const unconfirmed = { claim: null, pod: 'Pod-shop-1', confirmed: false };
    const asked = requestOf({ kind: 'replace', member: 'shop-1', lost: unconfirmed });
    const updated = facts(remembering({ request: asked }), { request: 'replace', ready: 1 });
    expect(timersOf(withTimers({ state: updating, facts: updated, plan }, at))).toMatchObject({
      'renewed/shop-1': [42_000, 'a leader that lives has renewed its key by then'],
    });
    const silent = { ...updated, world: { ...updated.world, leaderSilentSince: at } };
    expect(timersOf(withTimers({ state: updating, facts: silent, plan }, at))).not.toHaveProperty(['renewed/shop-1']);
  });

  it.each<readonly [string, string, Change, readonly string[], readonly string[]]>([
    [
      'keeps the timers of others',
      running,
      armed('retry/Service/shop', 'await/x', 'status'),
      ['retry/Service/shop', 'await/x', 'status'],
      [],
    ],
    [
      'clears those of another state',
      running,
      armed('hold', 'recover', 'ask', 'again/rollout', 'room/shop-1', 'deadline/x', 'stall/x', 'gone/x', 'renewed/x'),
      [],
      [],
    ],
    ['forgets what has expired in another state', running, expired('hold', 'other'), [], ['other']],
    ['keeps what has expired in it', 'Alive.Degraded', expired('hold'), [], ['hold']],
  ])('%s', (_, state, change, timers, over) => {
    const { memory } = withTimers({ state, facts: facts(change), plan }, at);
    expect(Object.keys(memory.timers)).toEqual(timers);
    expect(memory.expired).toEqual(over);
  });

  it('changes nothing where it wants none, or what it wants is armed', () => {
    for (const [state, now] of [
      [running, facts()],
      ['Alive.Degraded', facts(armed('hold'))],
      [running, facts(armed('await/x'))],
    ] as const)
      expect(withTimers({ state, facts: now, plan }, at)).toBe(now);
  });
});

function enters(from: string, to: string, change: Change = asIs, more: Partial<Step> = {}): Memory {
  const made = { from, to, signal: 'SpecChanged', answers: [], ...more } as unknown as Step;
  return entered({ state: to, facts: facts(change), plan }, made, at).facts.memory;
}

const failure: Failure = {
  count: 1,
  reason: 'Invalid',
  message: 'no',
  permanent: true,
  since: 0,
  waiting: true,
  needsRead: false,
};
const deadlines = ['deadline/updating/done', 'recover', 'room/shop-1', 'ask', 'await/x', 'hold'];
/** What both members said of their settings: nothing is left to ask. */
const asBefore = Object.fromEntries(['shop-0', 'shop-1'].map((name) => [name, { uid: `Pod-${name}`, settings: {} }]));
const newer =
  (memory: Partial<Memory> = {}): Change =>
  (now) => {
    const { accepted } = now.memory;
    if (accepted === null) throw new Error('no spec');
    return remembering({ accepted: { ...accepted, generation: 2 }, configuring: true, verified: asBefore, ...memory })(
      now,
    );
  };

describe('entering a state', () => {
  it('notes when, and clears the deadlines of the phase that was left', () => {
    const memory = enters(updating, running, all(armed(...deadlines), expired(...deadlines)));
    expect(memory.stateSince).toBe(at);
    expect(Object.keys(memory.timers)).toEqual(['room/shop-1', 'ask', 'await/x']);
    expect(memory.expired).toEqual(['room/shop-1', 'ask', 'await/x']);
  });

  it('of the same phase clears nothing but what had to hold', () => {
    const memory = enters('Alive.Recovering.electing', 'Alive.Recovering.rejoining', armed(...deadlines));
    expect(Object.keys(memory.timers)).toEqual(deadlines.filter((id) => id !== 'hold'));
  });

  it('once more clears nothing at all', () => {
    expect(Object.keys(enters(updating, updating, armed(...deadlines)).timers)).toEqual(deadlines);
  });

  it('Failed counts, and says why', () => {
    const answers = ['first', 'the deadline has passed'].map((words) => ({ guard: 'g', ...yes(words, {}) }));
    const { retryCount, failedGeneration, lastError, lastErrorAt } = enters(
      electing,
      'Alive.Failed',
      remembering({ retryCount: 2, failedGeneration: null }),
      { answers } as unknown as Partial<Step>,
    );
    expect({ retryCount, failedGeneration, lastError, lastErrorAt }).toEqual({
      retryCount: 3,
      failedGeneration: 1,
      lastError: 'the deadline has passed',
      lastErrorAt: at,
    });
    expect(enters(electing, 'Alive.Failed', remembering({ lastError: 'before' })).lastError).toBe('before');
    const nothing: Change = (now) => ({ ...now, world: { ...now.world, cluster: null } });
    expect(enters(electing, 'Alive.Failed', nothing).failedGeneration).toBeNull();
  });

  it('another state counts nothing and says nothing', () => {
    const { retryCount, lastError, lastErrorAt } = enters(electing, 'Alive.Degraded', remembering({ retryCount: 2 }));
    expect({ retryCount, lastError, lastErrorAt }).toEqual({ retryCount: 2, lastError: null, lastErrorAt: null });
  });

  it.each<readonly [string, string, Change, number | null]>([
    ['once it is true of every member', updating, newer(), 2],
    ['not while a step is left', updating, all(newer(), byHand), 1],
    ['not while the number of members is another', 'Alive.Scaling.adding', (now) => replicas(3)(newer()(now)), 1],
    ['of a cluster that was just made, whatever is left', 'Alive.Creating.joining', all(newer(), byHand), 2],
    ['where nothing was ever', updating, all(newer({ rolledOutGeneration: null }), byHand), 2],
    ['not where nothing is accepted', updating, remembering({ accepted: null, rolledOutGeneration: null }), null],
  ])('Running takes the spec for rolled out %s', (_, from, change, generation) => {
    const memory = enters(from, running, all(change, remembering({ retryCount: 3 })));
    expect(memory.rolledOutGeneration).toBe(generation);
    expect(memory.retryCount).toBe(0);
    if (generation === 2) expect([memory.rolledOut, memory.configuring]).toEqual([memory.accepted, false]);
  });

  it('by a rollout that failed goes back to the spec before, and asks anew what was refused of it', () => {
    const failures = { a: failure, b: { ...failure, permanent: false } };
    const change = newer({ failures, verified: { 'shop-0': { uid: '', settings: {} } } });
    const before = facts(change).memory;
    const memory = enters(updating, updating, change, { signal: 'RolloutFailed' } as Partial<Step>);
    expect(memory.accepted).toEqual(before.rolledOut);
    expect(memory.failedRollout?.generation).toBe(2);
    expect(memory.verified).toEqual({});
    expect(memory.failures).toEqual({ b: failures.b });
  });

  it.each<readonly [string, Partial<Memory>]>([
    ['before there is a spec', { accepted: null }],
    ['where there is nothing to go back to', { rolledOut: null }],
  ])('by a rollout that failed does nothing %s', (_, change) => {
    const memory = enters(updating, updating, remembering(change), { signal: 'RolloutFailed' } as Partial<Step>);
    expect(memory).toEqual({ ...facts(remembering(change)).memory, stateSince: at });
  });
});
