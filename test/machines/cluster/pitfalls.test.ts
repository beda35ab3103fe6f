/** The traps of Patroni that the machine must not step into, by their number in docs/pitfalls.md. */
import { describe, expect, it } from 'vitest';
import { settlingTimer } from '#machines/cluster/backoff.ts';
import { withTimers } from '#machines/cluster/deadlines.ts';
import { conditionsOf } from '#machines/cluster/conditions.ts';
import type { Facts, Memory } from '#machines/cluster/facts.ts';
import { learn } from '#machines/cluster/learn.ts';
import { leaderOf, membersOf } from '#machines/cluster/members.ts';
import type { DcsSeen, ObjectDetail, PatroniMember, PodDetail } from '#machines/cluster/observations.ts';
import type { DynamicParameter, Plan } from '#machines/cluster/plan.ts';
import { positionKey } from '#machines/cluster/tables/configuration.ts';
import { remainingObjects } from '#machines/cluster/tables/deletion.ts';
import { waitingRequest, withRequests } from '#machines/cluster/tables/requests.ts';
import { rolloutStep } from '#machines/cluster/tables/rollout.ts';
import { nextMembers, scalingStep } from '#machines/cluster/tables/scaling.ts';
import { wants } from '#machines/cluster/wants.ts';
import { annotations, oneShotAnnotation } from '#machines/shared/names.ts';
import { calm, factsOf, plan, type Choice } from './worlds.ts';

function withDetail(facts: Facts, key: string, change: (detail: ObjectDetail) => ObjectDetail): Facts {
  const fact = facts.world.objects[key];
  if (fact === undefined) throw new Error(`there is no ${key}`);
  const object = { ...fact.object, detail: change(fact.object.detail) };
  return { ...facts, world: { ...facts.world, objects: { ...facts.world.objects, [key]: { ...fact, object } } } };
}

function withPod(facts: Facts, name: string, pod: Partial<PodDetail>, report: Partial<PatroniMember> = {}): Facts {
  return withDetail(facts, `Pod/${name}`, (detail) => {
    if (detail.type !== 'Pod' || detail.patroni === null) throw new Error(`${name} does not report`);
    return { ...detail, ...pod, patroni: { ...detail.patroni, ...report } };
  });
}

function withDcs(facts: Facts, name: string, change: Partial<DcsSeen>): Facts {
  return withDetail(facts, `Endpoints/${name}`, (detail) => {
    if (detail.type !== 'Endpoints') throw new Error(`${name} is not Patroni's`);
    return { ...detail, dcs: { ...detail.dcs, ...change } };
  });
}

function withMemory(facts: Facts, memory: Partial<Memory>): Facts {
  return { ...facts, memory: { ...facts.memory, ...memory } };
}

/** shop-1 leads, and shop-0 follows it. */
function ledByOther(facts: Facts): Facts {
  const follows = withPod(facts, 'shop-0', {}, { role: 'replica', state: 'streaming' });
  const leads = withPod(follows, 'shop-1', {}, { role: 'primary', state: 'running' });
  return withDcs(leads, 'shop', { leader: 'shop-1' });
}

/** The calm world with a third member like shop-1. */
function three(facts: Facts): Facts {
  const fact = facts.world.objects['Pod/shop-1'];
  const { accepted } = facts.memory;
  if (fact === undefined || accepted === null) throw new Error('not the calm world');
  const object = { ...fact.object, name: 'shop-2', uid: 'Pod-shop-2' };
  const objects = { ...facts.world.objects, 'Pod/shop-2': { ...fact, object } };
  const spec = { ...accepted.spec, replicas: 3 };
  return withMemory({ ...facts, world: { ...facts.world, objects } }, { accepted: { ...accepted, spec } });
}

function madeFrom(facts: Facts, name: string, template: string): Facts {
  const key = `Pod/${name}`;
  const fact = facts.world.objects[key];
  if (fact === undefined) throw new Error(`there is no ${key}`);
  const object = { ...fact.object, annotations: { [annotations.template]: template } };
  return { ...facts, world: { ...facts.world, objects: { ...facts.world.objects, [key]: { ...fact, object } } } };
}

const facts = (choice: Partial<Choice> = {}): Facts => factsOf({ ...calm, ...choice });

function paused(before: Facts, config: DcsSeen['config'] = null): Facts {
  return withDcs(before, 'shop-config', { paused: true, ...(config === null ? {} : { config }) });
}

function sent(state: string, now: Facts, planned: Plan = plan): readonly string[] {
  return wants({ state, facts: now, plan: planned }).map(({ type, target }) => `${type} ${target.name}`);
}

/** One parameter that needs a start. */
function planWith(name: string, value: string): Plan {
  const parameter: DynamicParameter = { value, effective: value, needsRestart: true, replicasFirst: true };
  return { ...plan, parameters: { [name]: parameter }, dynamic: { postgresql: { parameters: { [name]: value } } } };
}

/** Patroni was told `stated`, both members run with `running`, and say that they have to start anew. */
function restartDue(name: string, running: string, stated: string): Facts {
  const config = { postgresql: { parameters: { [name]: stated } }, 'postgres-operator': { parameters: name } };
  const settings = { [name]: running };
  const verified = {
    'shop-0': { uid: 'Pod-shop-0', settings },
    'shop-1': { uid: 'Pod-shop-1', settings },
  };
  const due = withPod(withPod(facts(), 'shop-0', {}, { pendingRestart: true }), 'shop-1', {}, { pendingRestart: true });
  return withMemory(withDcs(due, 'shop-config', { config }), { configuring: true, verified });
}

describe('who leads', () => {
  it('is read from Patroni’s own key, though two pods bear the leader’s label (8)', () => {
    const two = withPod(withPod(facts(), 'shop-0', { role: 'master' }), 'shop-1', { role: 'master' });
    expect(leaderOf(two)).toMatchObject({ name: 'shop-0', writable: true });
    const moved = withDcs(withPod(two, 'shop-1', {}, { role: 'primary', state: 'running' }), 'shop', {
      leader: 'shop-1',
    });
    expect(leaderOf(moved)).toMatchObject({ name: 'shop-1', writable: true });
  });

  it('is not who has the label before it may be written to (8)', () => {
    const early = withPod(facts(), 'shop-0', { role: 'master' }, { role: 'replica' });
    expect(leaderOf(early).writable).toBe(false);
  });

  it('and who is ready does not hang on a label that is away for seconds (9)', () => {
    const labelled = withPod(withPod(facts(), 'shop-0', { role: 'master' }), 'shop-1', { role: 'replica' });
    const unlabelled = withPod(withPod(facts(), 'shop-0', { role: null }), 'shop-1', { role: null });
    expect(membersOf(unlabelled)).toEqual(membersOf(labelled));
    expect(membersOf(unlabelled).every(({ ready }) => ready)).toBe(true);
  });
});

describe('Patroni’s configuration', () => {
  it('that was written is in force when each member itself says so (12)', () => {
    const written = restartDue('max_connections', '100', '200');
    const unasked = withMemory(written, { verified: {} });
    const planned = planWith('max_connections', '200');
    expect(rolloutStep({ facts: unasked, plan: planned }).act).toEqual({
      type: 'verify',
      members: ['shop-0', 'shop-1'],
    });
    expect(rolloutStep({ facts: written, plan: planned }).stage).toBe('restarting');
    const calmer = withPod(
      withPod(written, 'shop-0', {}, { pendingRestart: false }),
      'shop-1',
      {},
      {
        pendingRestart: false,
      },
    );
    const settings = { max_connections: '200' };
    const verified = {
      'shop-0': { uid: 'Pod-shop-0', settings },
      'shop-1': { uid: 'Pod-shop-1', settings },
    };
    expect(rolloutStep({ facts: withMemory(calmer, { verified }), plan: planned }).stage).toBe('done');
  });

  it.each(['Alive.Creating.joining', 'Alive.Running', 'Alive.Degraded'])(
    'that says something else, by hand or from a predecessor’s volume, is written anew in %s (13)',
    (state) => {
      const config = {
        postgresql: { parameters: { work_mem: '1MB' } },
        'postgres-operator': { parameters: 'work_mem' },
      };
      expect(sent(state, withDcs(facts(), 'shop-config', { config }))).toContain('PatchPatroniConfig shop-config');
      expect(sent(state, facts())).not.toContain('PatchPatroniConfig shop-config');
    },
  );

  it('is in force at a member that started by itself before it said that it has to: it is asked again, and not waited for (12)', () => {
    const due = restartDue('max_connections', '100', '200');
    const silent = withPod(due, 'shop-1', {}, { pendingRestart: false });
    const step = rolloutStep({ facts: silent, plan: planWith('max_connections', '200') });
    expect(step.act).toEqual({ type: 'verify', members: ['shop-1'] });
  });

  it('makes members start anew in the order in which no replica has less than the primary (14)', () => {
    const rises = rolloutStep({
      facts: restartDue('max_connections', '100', '200'),
      plan: planWith('max_connections', '200'),
    });
    expect(rises.act).toMatchObject({ type: 'restart', member: 'shop-1' });
    const falls = rolloutStep({
      facts: restartDue('max_connections', '200', '100'),
      plan: planWith('max_connections', '100'),
    });
    expect(falls.act).toMatchObject({ type: 'restart', member: 'shop-0' });
  });

  it('has nothing fall before what rises is in force, though Patroni has not said that a start is due (14)', () => {
    const [found, wanted] = [
      { max_connections: '137', max_worker_processes: '12' },
      { max_connections: '120', max_worker_processes: '12' },
    ];
    const parameters = Object.fromEntries(
      Object.entries(wanted).map(([name, value]): [string, DynamicParameter] => [
        name,
        { value, effective: value, needsRestart: true, replicasFirst: true },
      ]),
    );
    const planned: Plan = { ...plan, parameters, dynamic: { postgresql: { parameters: wanted } } };
    const names = 'max_connections,max_worker_processes';
    const config = { postgresql: { parameters: found }, 'postgres-operator': { parameters: names } };
    const settings = { max_connections: '137', max_worker_processes: '8' };
    const verified = { 'shop-0': { uid: 'Pod-shop-0', settings }, 'shop-1': { uid: 'Pod-shop-1', settings } };
    const timers = { [settlingTimer]: { dueAt: 1, because: 'just written' } };
    const written = withMemory(withDcs(facts(), 'shop-config', { config }), { configuring: true, verified, timers });
    const nobody = { stage: 'restarting', act: { type: 'none' } };
    expect(rolloutStep({ facts: written, plan: planned })).toMatchObject(nobody);
    const settled = rolloutStep({ facts: withMemory(written, { timers: {} }), plan: planned });
    expect(settled.act).toEqual({ type: 'verify', members: ['shop-0', 'shop-1'] });
    const noticed = withPod(
      withPod(written, 'shop-0', {}, { pendingRestart: true }),
      'shop-1',
      {},
      { pendingRestart: true },
    );
    expect(rolloutStep({ facts: noticed, plan: planned }).act).toMatchObject({ type: 'restart', member: 'shop-1' });
  });

  it('has a replica start with less once it has replayed that its primary has less: before, it would keep what it had (14)', () => {
    const due = restartDue('max_connections', '200', '100');
    const said = (value: string, position: string | null): Memory['verified'][string]['settings'] => ({
      max_connections: value,
      ...(position === null ? {} : { [positionKey]: position }),
    });
    const next = (primary: string | null, replica: string | null): unknown => {
      const verified = {
        'shop-0': { uid: 'Pod-shop-0', settings: said('100', primary) },
        'shop-1': { uid: 'Pod-shop-1', settings: said('200', replica) },
      };
      // That it streams may have been said before its primary started anew.
      const told = withPod(due, 'shop-1', {}, { state: 'streaming' });
      const fallen = withMemory(withPod(told, 'shop-0', {}, { pendingRestart: false }), { verified });
      return rolloutStep({ facts: fallen, plan: planWith('max_connections', '100') }).act;
    };
    const question = { type: 'verify', members: ['shop-1'] };
    const restart = { type: 'restart', member: 'shop-1', started: null };
    expect(next('9000', '8999')).toEqual(question);
    expect(next('9000', null)).toEqual(question);
    expect(next(null, '9000')).toEqual(question);
    expect(next('9000', '9000')).toEqual(restart);
    expect(next('9000', '10000')).toEqual(restart);
  });

  it('never reaches the primary while the replica that started first does not stream (14)', () => {
    const due = restartDue('max_connections', '100', '200');
    const canary = withPod(due, 'shop-1', { ready: false }, { state: 'start failed', pendingRestart: false });
    const step = rolloutStep({ facts: canary, plan: planWith('max_connections', '200') });
    expect(step.act).toEqual({ type: 'none' });
    expect(step.awaited).toBe('shop-1');
  });
});

describe('a switchover', () => {
  it('names who leads, and is not asked for again while nobody has answered or acted (15)', () => {
    const old = facts({ template: 'leader-old' });
    const state = 'Alive.Updating.switching';
    const [asked] = wants({ state, facts: old, plan });
    expect(asked).toMatchObject({ type: 'RequestSwitchover', leader: 'shop-0', candidate: 'shop-1' });
    const target = { kind: 'Endpoints', name: 'shop-failover' } as const;
    const intent = { type: 'RequestSwitchover', target, seq: 9, ordinal: 0, uid: null } as const;
    const opened = withMemory(old, {
      open: { 'Switchover/shop-failover': { ...intent, textHash: null, since: 0, handled: null } },
    });
    expect(sent(state, opened)).toEqual([]);
    const answer = { type: 'OutcomeArrived', seq: 9, ordinal: 0, intent: intent.type, target } as const;
    const outcome = { type: 'applied', uid: 'f', ownedHash: null, foreign: [] } as const;
    expect(sent(state, learn(opened, { ...answer, outcome }, 1000))).toEqual([]);
    const lost = { type: 'unknown', reason: 'no answer' } as const;
    expect(sent(state, learn(opened, { ...answer, outcome: lost }, 1000))).toEqual([]);
  });
});

describe('members that go', () => {
  it('are never the leader: it hands over first, to one that stays (17)', () => {
    const last = ledByOther(facts());
    const { accepted } = last.memory;
    if (accepted === null) throw new Error('nothing is accepted');
    const fewer = withMemory(last, { accepted: { ...accepted, spec: { ...accepted.spec, replicas: 1 } } });
    expect(scalingStep(fewer)).toMatchObject({
      stage: 'handingOver',
      handOver: { leader: 'shop-1', candidate: 'shop-0' },
    });
    expect(nextMembers(fewer)).toBe(2);
  });

  it('are no two at a time: the one made anew streams before the next goes (18)', () => {
    const mixed = madeFrom(three(facts({ template: 'leader-old' })), 'shop-1', 'old');
    const next = (now: Facts): unknown => rolloutStep({ facts: now, plan }).act;
    expect(next(mixed)).toEqual({ type: 'replace', member: 'shop-1' });
    for (const trouble of [
      withPod(mixed, 'shop-2', { ready: false }),
      withPod(mixed, 'shop-2', {}, { state: 'creating replica' }),
      withPod(mixed, 'shop-2', {}, { timeline: 9 }),
      withPod(withPod(mixed, 'shop-0', {}, { positionBytes: 2 ** 30 }), 'shop-2', {}, { positionBytes: 0 }),
    ])
      expect(next(trouble)).toEqual({ type: 'none' });
  });
});

describe('a deletion', () => {
  it('takes Patroni’s own objects after the pods that would make them anew, and before it is over (22)', () => {
    const going = facts({ deleting: 'background' });
    expect(sent('Deleting.stopping', going)).toEqual(['DeleteObject shop']);
    expect(wants({ state: 'Deleting.stopping', facts: going, plan })[0]?.target.kind).toBe('StatefulSet');
    expect(remainingObjects(going)).toEqual(expect.arrayContaining(['Endpoints/shop', 'Endpoints/shop-config']));
    const { 'StatefulSet/shop': _gone, ...objects } = going.world.objects;
    const left = { ...going, world: { ...going.world, objects } };
    expect(sent('Deleting.clearing', left)).toEqual(['DeleteObject shop', 'DeleteObject shop-config']);
  });
});

describe('while Patroni is paused by hand', () => {
  it.each([
    ['configuring', facts(), planWith('max_connections', '200')],
    ['restarting', restartDue('max_connections', '100', '200'), planWith('max_connections', '200')],
    ['replacing', facts({ template: 'replica-old' }), plan],
    ['switching', facts({ template: 'leader-old' }), plan],
  ])('nothing goes on with %s (30)', (stage, before, planned) => {
    expect(rolloutStep({ facts: before, plan: planned }).stage).toBe(stage);
    expect(rolloutStep({ facts: before, plan: planned }).act.type).not.toBe('none');
    const now = paused(before);
    expect(rolloutStep({ facts: now, plan: planned })).toMatchObject({ act: { type: 'none' } });
    for (const state of [`Alive.Updating.${stage}`, 'Alive.Running']) expect(sent(state, now, planned)).toEqual([]);
  });

  it('no member goes and nobody hands over, though fewer are wanted (30)', () => {
    const { accepted } = facts().memory;
    if (accepted === null) throw new Error('nothing is accepted');
    const fewer = { accepted: { ...accepted, spec: { ...accepted.spec, replicas: 1 } } };
    const replica = withMemory(facts(), fewer);
    expect(nextMembers(replica)).toBe(1);
    expect(nextMembers(paused(replica))).toBe(2);
    const leader = ledByOther(replica);
    expect(scalingStep(leader).handOver).not.toBeNull();
    expect(scalingStep(paused(leader)).handOver).toBeNull();
  });

  it('what is asked for once waits, nothing is late, and the condition says it (30)', () => {
    const { cluster } = facts().world;
    if (cluster === null) throw new Error('no cluster');
    const seen = { ...cluster.seen, annotations: { [oneShotAnnotation('restart')]: 'now' } };
    const asked = { ...facts(), world: { ...facts().world, cluster: { ...cluster, seen } } };
    const now = withRequests(paused(asked));
    expect(now.memory.handled['restart']).toBeUndefined();
    expect(waitingRequest(now)).toBe('restart "now" waits: Patroni is paused by hand');
    const updating = { state: 'Alive.Updating.configuring', facts: now, plan };
    expect(Object.keys(withTimers(updating, 0).memory.timers)).toEqual([]);
    const { Paused } = conditionsOf({ ...updating, specProblems: [] });
    expect(Paused).toMatchObject({ status: 'True', reason: 'PatroniPaused' });
  });

  it('a spec that failed is not taken back from Patroni before it is resumed (30)', () => {
    const problem = { field: 'spec.postgresqlParams', value: '200', rule: 'it does not start' };
    const failedRollout = { generation: 2, problem };
    const failed = withMemory(facts({ leader: 'silent' }), { failedRollout });
    const planned = planWith('max_connections', '200');
    expect(sent('Alive.Recovering.electing', failed, planned)).toEqual(['PatchPatroniConfig shop-config']);
    expect(sent('Alive.Recovering.electing', paused(failed), planned)).toEqual([]);
  });

  it('a primary that is lost stays lost, and the reason says why (30)', () => {
    const lost = paused(withDcs(facts(), 'shop', { leader: null }));
    expect(leaderOf(lost).because).toContain('Patroni is paused by hand, and nobody takes over');
  });
});
