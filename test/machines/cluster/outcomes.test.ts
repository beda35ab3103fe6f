/** What the answer to an intent does to the facts: what is tried again and when, what is read first, what is remembered. */
import { describe, expect, it } from 'vitest';
import type { Facts, OpenIntent } from '#machines/cluster/facts.ts';
import { targetKey, type IntentType } from '#machines/cluster/intents.ts';
import { learn } from '#machines/cluster/learn.ts';
import type { ObjectProjection, ObjectRef, Outcome } from '#machines/cluster/observations.ts';
import { calm, factsOf } from './worlds.ts';

const at = 1_000_000;
const service: ObjectRef = { kind: 'Service', name: 'shop-repl' };
const pod: ObjectRef = { kind: 'Pod', name: 'shop-1' };
const cluster: ObjectRef = { kind: 'PostgresCluster', name: 'shop' };
const config: ObjectRef = { kind: 'Endpoints', name: 'shop-config' };

interface Sent {
  readonly type: IntentType;
  readonly target: ObjectRef;
  readonly change?: Partial<OpenIntent>;
}

function keyOf({ type, target }: Sent): string {
  return targetKey({ type, target } as never);
}

/** An intent was sent, and its answer comes. */
function answered(sent: Sent, outcome: Outcome, facts: Facts = factsOf(calm), seq = 9): Facts {
  const { type, target } = sent;
  const uid = `${target.kind}-${target.name}`;
  const intent = { type, target, seq: 9, ordinal: 2, uid, textHash: 'text', since: 0, handled: null };
  const open = { [keyOf(sent)]: { ...intent, ...sent.change } as OpenIntent };
  const told = { type: 'OutcomeArrived', seq, ordinal: 2, intent: type, target, outcome } as const;
  return learn({ ...facts, memory: { ...facts.memory, open } }, told, at);
}

/** Ends of the wait, from now, by timer. */
function waits({ memory }: Facts): Readonly<Record<string, number>> {
  return Object.fromEntries(Object.entries(memory.timers).map(([id, { dueAt }]) => [id, dueAt - at]));
}

const repair: Sent = { type: 'RepairObject', target: service };
const refused: Outcome = { type: 'refused', reason: 'Forbidden', message: 'you may not' };
const conflict: Outcome = { type: 'conflict', reason: 'Conflict', message: 'it changed' };
const unknown: Outcome = { type: 'unknown', reason: 'the connection broke' };
const withheld: Outcome = { type: 'withheld', reason: 'the Lease is not held' };
const transient = (retryAfterMs: number | null): Outcome => ({
  type: 'transient',
  reason: 'TooManyRequests',
  message: 'not now',
  retryAfterMs,
});

describe('an intent that failed', () => {
  it.each<readonly [Sent, Outcome, object, number]>([
    [
      repair,
      refused,
      { reason: 'Forbidden', message: 'you may not', permanent: true, needsRead: false, refusals: 1 },
      5_000,
    ],
    [repair, conflict, { reason: 'Conflict', message: 'it changed', permanent: false, needsRead: true }, 1_000],
    [
      repair,
      transient(null),
      { reason: 'TooManyRequests', message: 'not now', permanent: false, needsRead: false },
      5_000,
    ],
    [repair, transient(60_000), { reason: 'TooManyRequests', permanent: false, needsRead: false }, 60_000],
    [repair, transient(100), { reason: 'TooManyRequests', permanent: false, needsRead: false }, 5_000],
    [
      repair,
      withheld,
      { reason: 'the Lease is not held', message: 'the Lease is not held', permanent: false, needsRead: false },
      1_000,
    ],
    [
      repair,
      unknown,
      { reason: 'OutcomeUnknown', message: 'the connection broke', permanent: false, needsRead: true },
      1_000,
    ],
    [{ type: 'AddFinalizer', target: cluster }, unknown, { reason: 'OutcomeUnknown', needsRead: false }, 1_000],
    [{ type: 'AddFinalizer', target: cluster }, conflict, { reason: 'Conflict', needsRead: false }, 1_000],
    [{ type: 'CompareObject', target: service }, unknown, { reason: 'NoAnswer', needsRead: false }, 1_000],
    [{ type: 'CompareObject', target: service }, conflict, { reason: 'Conflict', needsRead: false }, 1_000],
    [{ type: 'PublishStatus', target: cluster }, unknown, { reason: 'NoAnswer', needsRead: false }, 1_000],
    [{ type: 'PublishStatus', target: cluster }, conflict, { reason: 'Conflict', needsRead: false }, 1_000],
    [{ type: 'CreateDatabase', target: pod }, unknown, { reason: 'OutcomeUnknown', needsRead: false }, 40_000],
    [{ type: 'CreateDatabase', target: pod }, conflict, { reason: 'Conflict', needsRead: false }, 1_000],
    [{ type: 'SetPasswords', target: pod }, unknown, { reason: 'OutcomeUnknown', needsRead: false }, 12_000],
    [{ type: 'SetPasswords', target: pod }, conflict, { reason: 'Conflict', needsRead: false }, 1_000],
    [{ type: 'RequestSwitchover', target: config }, conflict, { reason: 'Conflict', needsRead: false }, 1_000],
    [{ type: 'RestartPostgres', target: pod }, conflict, { reason: 'Conflict', needsRead: false }, 1_000],
    [{ type: 'ReloadPostgres', target: pod }, conflict, { reason: 'Conflict', needsRead: false }, 1_000],
    [{ type: 'ReinitializeMember', target: pod }, conflict, { reason: 'Conflict', needsRead: false }, 1_000],
    [{ type: 'LabelPod', target: pod }, conflict, { reason: 'Conflict', needsRead: false }, 1_000],
    [{ type: 'DeleteObject', target: pod }, conflict, { reason: 'Conflict', needsRead: true }, 1_000],
    [{ type: 'EmitEvent', target: cluster }, conflict, { reason: 'Conflict', needsRead: false }, 1_000],
  ])('%o by %o', (sent, outcome, failure, delayMs) => {
    const key = keyOf(sent);
    const after = answered(sent, outcome);
    expect(after.memory.open).toEqual({});
    expect(after.memory.failures[key]).toMatchObject({ ...failure, count: 1, since: at, waiting: true });
    expect(waits(after)).toEqual({ [`retry/${key}`]: delayMs });
    const { reason, message } = after.memory.failures[key] ?? { reason: '', message: '' };
    expect(after.memory.timers[`retry/${key}`]?.because).toBe(`${key}: ${reason}`);
    expect(after.memory.lastError).toBe(`${sent.type} ${sent.target.kind}/${sent.target.name}: ${message}`);
    expect(after.memory.lastErrorAt).toBe(at);
  });

  it('waits twice as long each time, and counts refusals alone', () => {
    let facts = answered(repair, refused);
    facts = answered(repair, conflict, facts);
    facts = answered(repair, transient(null), facts);
    expect(facts.memory.failures['Service/shop-repl']).toMatchObject({ count: 3, since: at, permanent: false });
    expect(facts.memory.failures['Service/shop-repl']).not.toHaveProperty('refusals');
    expect(waits(facts)).toEqual({ 'retry/Service/shop-repl': 20_000 });
    const twice = answered(repair, refused, answered(repair, refused));
    expect(twice.memory.failures['Service/shop-repl']).toMatchObject({ count: 2, refusals: 2 });
  });

  it('for want of the Lease never waits longer than a renewal and a half', () => {
    let facts = factsOf(calm);
    for (let times = 0; times < 9; times += 1) facts = answered(repair, withheld, facts);
    expect(waits(facts)).toEqual({ 'retry/Service/shop-repl': 15_000 });
  });

  it('is over with the first answer that is none', () => {
    const failed = answered(repair, conflict);
    const sight: Outcome = { type: 'compared', uid: 'u', ownedHash: 'h' };
    const after = answered({ ...repair }, sight, failed);
    expect(after.memory.failures).toEqual({});
    expect(waits(after)).toEqual({});
    expect(after.memory.expected['Service/shop-repl']).toEqual({ uid: 'u', ownedHash: 'h', renderHash: 'text' });
  });

  it('that nobody knows of is forgotten where it was an Event', () => {
    const before = factsOf(calm);
    expect(answered({ type: 'EmitEvent', target: cluster }, unknown, before).memory).toEqual(before.memory);
  });

  it('and that no intent stands for changes nothing', () => {
    const facts = answered(repair, refused, factsOf(calm), 8);
    expect(facts.memory.failures).toEqual({});
    expect(Object.keys(facts.memory.open)).toEqual(['Service/shop-repl']);
  });
});

const applied = (change: Partial<Extract<Outcome, { type: 'applied' }>> = {}): Outcome => ({
  type: 'applied',
  uid: 'new',
  ownedHash: 'hash',
  foreign: [],
  ...change,
});

describe('an intent that was carried out', () => {
  it.each<readonly [Sent, Readonly<Record<string, number>>]>([
    [{ type: 'CreateObject', target: service }, { sight: 15_000 }],
    [{ type: 'CreateObject', target: pod }, { sight: 15_000 }],
    [{ type: 'LabelPod', target: pod }, { 'await/Labels/shop-1': 5_000 }],
    [
      { type: 'GrowVolume', target: { kind: 'PersistentVolumeClaim', name: 'c' } },
      { 'await/PersistentVolumeClaim/c': 5_000 },
    ],
    [{ type: 'WriteSecret', target: { kind: 'Secret', name: 's' } }, { 'await/Secret/s': 5_000 }],
    [{ type: 'RequestSwitchover', target: config }, { 'await/Switchover/shop-config': 30_000 }],
    [
      { type: 'PatchPatroniConfig', target: config },
      { 'await/Endpoints/shop-config': 30_000, 'await/settled': 12_000 },
    ],
    [{ type: 'AddFinalizer', target: cluster }, {}],
    [{ type: 'MarkRetained', target: service }, {}],
    [{ type: 'StripMarks', target: service }, {}],
    [{ type: 'ReleaseObject', target: service }, {}],
    [{ type: 'EmitEvent', target: cluster }, {}],
  ])('%o is awaited by %o', (sent, timers) => expect(waits(answered(sent, applied()))).toEqual(timers));

  it.each<readonly [string, object, object]>([
    ['as it was applied is awaited no more', {}, {}],
    ['not yet is awaited', { ownedHash: 'before' }, { 'await/Pod/shop-1': 5_000 }],
    [
      'with what others own is awaited until that is seen too',
      { foreign: [{ path: '/a', value: 'x' }] },
      { 'await/Pod/shop-1': 5_000 },
    ],
  ])('and that the watch shows %s', (_, seen, timers) => {
    const facts = factsOf(calm);
    const fact = facts.world.objects['Pod/shop-1'];
    if (fact === undefined) throw new Error('no pod');
    const object = { ...fact.object, uid: 'new', ownedHash: 'hash', ...seen };
    const objects = { ...facts.world.objects, 'Pod/shop-1': { ...fact, object } };
    const shown = { ...facts, world: { ...facts.world, objects } };
    expect(waits(answered({ type: 'RepairObject', target: pod }, applied(), shown))).toEqual(timers);
  });

  it('is what is expected from then on; what marks it for others is not', () => {
    const expected = { uid: 'new', ownedHash: 'hash', renderHash: 'text' };
    expect(answered(repair, applied()).memory.expected['Service/shop-repl']).toEqual(expected);
    for (const type of ['MarkRetained', 'StripMarks', 'ReleaseObject', 'LabelPod'] as const)
      expect(answered({ type, target: pod }, applied()).memory.expected['Pod/shop-1']).toBeUndefined();
  });

  it('lets be what a server puts back after it was removed, as long as it is that object', () => {
    const foreign = [{ path: '/b' }, { path: '/a' }] as never;
    const remove: Sent = { type: 'RemoveForeignFields', target: service };
    const once = answered(remove, applied({ foreign }));
    expect(once.memory.expected['Service/shop-repl']?.tolerated).toEqual(['/a', '/b']);
    expect(answered(repair, applied(), once).memory.expected['Service/shop-repl']?.tolerated).toEqual(['/a', '/b']);
    const other = answered(repair, applied({ uid: 'another' }), once);
    expect(other.memory.expected['Service/shop-repl']).not.toHaveProperty('tolerated');
    const compared: Outcome = { type: 'compared', uid: 'new', ownedHash: 'later' };
    const trial: Sent = { type: 'CompareObject', target: service };
    expect(answered(trial, compared, once).memory.expected['Service/shop-repl']).toEqual({
      uid: 'new',
      ownedHash: 'later',
      renderHash: 'text',
      tolerated: ['/a', '/b'],
    });
    expect(
      answered(trial, { ...compared, uid: 'another' }, once).memory.expected['Service/shop-repl'],
    ).not.toHaveProperty('tolerated');
  });

  it('is what was published, where it was a status', () => {
    const sent: Sent = { type: 'PublishStatus', target: cluster, change: { textHash: 'one:two', handled: { a: 'b' } } };
    const published = { textHash: 'one', urgentHash: 'two', at, handled: { a: 'b' } };
    expect(answered(sent, applied()).memory.published).toEqual(published);
    const bare = answered({ ...sent, change: { textHash: null, handled: null } }, applied()).memory.published;
    expect(bare).toEqual({ textHash: '', urgentHash: '', at, handled: {} });
  });

  it('takes our finalizer off by our own hand, and nobody else’s', () => {
    const facts = factsOf({ ...calm, deleting: 'orphan' });
    const after = answered({ type: 'ReleaseFinalizer', target: cluster }, applied(), facts);
    expect(facts.world.cluster?.seen.finalizers.length).toBe(2);
    expect(after.world.cluster?.seen.finalizers).toEqual(['orphan']);
  });

  it('makes what members said before as old as the configuration they said it of', () => {
    const facts = factsOf(calm);
    const verified = { 'shop-1': { uid: 'Pod-shop-1', settings: { a: '1' } } };
    const after = answered({ type: 'PatchPatroniConfig', target: config }, applied(), {
      ...facts,
      memory: { ...facts.memory, verified },
    });
    expect(after.memory).toMatchObject({ configuring: true, verified: {} });
    const lost = answered({ type: 'PatchPatroniConfig', target: config }, unknown, factsOf(calm));
    expect(lost.memory.configuring).toBe(true);
  });

  it.each([
    [{ a: '1' }, {}, { 'shop-1': { uid: 'Pod-shop-1', settings: { a: '1' } } }],
    [{}, {}, {}],
    [{ a: '1' }, { uid: 'another' }, {}],
  ])('is an answer %o of a member, %o', (result, change, verified) => {
    const sent: Sent = { type: 'VerifyParameters', target: pod, change };
    const after = answered(sent, { type: 'done', result });
    expect(after.memory.verified).toEqual(verified);
    expect(waits(after)).toEqual({ 'await/Verify/shop-1': 2_000 });
  });

  it('is a database on the timeline of whoever leads', () => {
    const facts = factsOf({ ...calm, database: false });
    const led = { ...facts, memory: { ...facts.memory, leader: { name: 'shop-0', timeline: 4 } } };
    const done: Outcome = { type: 'done', result: { database: 'app/app' } };
    const made = (name: string): Facts['memory'] =>
      answered({ type: 'CreateDatabase', target: { kind: 'Pod', name } }, done, led).memory;
    expect(made('shop-0')).toMatchObject({ database: { timeline: 4 }, handled: { database: 'app/app' } });
    expect(made('shop-1')).toMatchObject({ database: null, handled: { database: 'app/app' } });
  });

  it('goes from the moment its deletion is taken, and is gone when it is not there', () => {
    const remove: Sent = { type: 'DeleteObject', target: pod };
    expect(answered(remove, { type: 'deleted' }).world.objects['Pod/shop-1']?.object.deleting).toBe(true);
    expect(answered(remove, { type: 'absent' }).world.objects['Pod/shop-1']).toBeUndefined();
    const finalizer: Sent = { type: 'ReleaseFinalizer', target: cluster };
    expect(answered(finalizer, { type: 'absent' }).memory.failures).toEqual({});
    const unseen: Sent = { type: 'DeleteObject', target: service };
    expect(answered(unseen, { type: 'deleted' }).world.objects).toEqual(factsOf(calm).world.objects);
  });
});

it('what is told to a cluster that is gone waits before it is told again', () => {
  const after = answered({ type: 'PublishStatus', target: cluster }, { type: 'absent' });
  expect(after.memory.failures['Status']).toMatchObject({ reason: 'NotFound', waiting: true, permanent: false });
  expect(waits(after)).toEqual({ 'retry/Status': 5_000 });
});

describe('an object that was read', () => {
  const read: Sent = { type: 'ReadObject', target: service };
  const fact = factsOf(calm).world.objects['StatefulSet/shop'];

  it('that is not there is gone, and whoever failed on it goes on', () => {
    const doubtful = answered(repair, unknown);
    const after = answered(read, { type: 'read', object: null }, doubtful);
    expect(after.memory.failures['Service/shop-repl']?.needsRead).toBe(false);
    const gone = answered({ ...read, target: pod }, { type: 'read', object: null });
    expect(gone.world.objects['Pod/shop-1']).toBeUndefined();
  });

  it('of somebody else is asked for again, since no watch tells when it goes', () => {
    if (fact === undefined) throw new Error('no StatefulSet');
    const theirs: ObjectProjection = {
      ...fact.object,
      kind: 'Service',
      name: 'shop-repl',
      uid: 'theirs',
      labels: {},
      ownedHash: null,
    };
    const after = answered(read, { type: 'read', object: theirs });
    expect(waits(after)).toEqual({ sight: 60_000 });
    expect(after.memory.timers['sight']?.because).toBe(
      'Service/shop-repl does not bear our labels, and no watch tells when it goes',
    );
    const ours = { ...theirs, labels: fact.object.labels };
    expect(waits(answered(read, { type: 'read', object: ours }))).toEqual({});
  });
});

describe('a timer that fires', () => {
  const fires = (facts: Facts, id: string): Facts => learn(facts, { type: 'TimerFired', id } as never, at);
  const armed = (id: string, facts: Facts = factsOf(calm)): Facts => ({
    ...facts,
    memory: { ...facts.memory, timers: { [id]: { dueAt: at, because: '' } } },
  });

  it.each(['status', 'window', 'await/Pod/shop-1'])('%s is over, and no more', (id) => {
    const { timers, expired } = fires(armed(id), id).memory;
    expect({ timers, expired }).toEqual({ timers: {}, expired: [] });
  });

  it('of a state has expired, once', () => {
    const after = fires(fires(armed('hold'), 'hold'), 'deadline/scaling');
    expect(after.memory.expired).toEqual(['deadline/scaling', 'hold']);
    expect(fires(after, 'hold').memory.expired).toEqual(['deadline/scaling', 'hold']);
  });

  it('of a failed target lets it go on', () => {
    const failed = answered(repair, conflict);
    const after = fires(failed, 'retry/Service/shop-repl');
    expect(after.memory.failures['Service/shop-repl']?.waiting).toBe(false);
    expect(after.memory.timers).toEqual({});
    expect(fires(factsOf(calm), 'retry/Service/other').memory.failures).toEqual({});
  });
});
