/** What answers tell beside whether it was done: what is awaited in which words, what roles were told, who leads, what Kubernetes warns of. */
import { describe, expect, it } from 'vitest';
import type { ActiveRequest, Facts, OpenIntent } from '#machines/cluster/facts.ts';
import { targetKey, type IntentType } from '#machines/cluster/intents.ts';
import { learn } from '#machines/cluster/learn.ts';
import type { ObjectRef, Outcome } from '#machines/cluster/observations.ts';
import { all, asIs, changed, objectOf, patroni, remembering, requestOf, type Change } from './changes.ts';
import { calm, factsOf, type Choice } from './worlds.ts';

const at = 1_000_000;
const pod: ObjectRef = { kind: 'Pod', name: 'shop-1' };
const leaderPod: ObjectRef = { kind: 'Pod', name: 'shop-0' };
const service: ObjectRef = { kind: 'Service', name: 'shop-repl' };
const secret = (name: string): ObjectRef => ({ kind: 'Secret', name });

/** An intent of this type was sent to this target, and its answer comes. */
function answered(
  type: IntentType,
  target: ObjectRef,
  outcome: Outcome,
  before: Change = asIs,
  choice: Partial<Choice> = {},
): Facts {
  const uid = `${target.kind}-${target.name}`;
  const open: OpenIntent = { type, target, seq: 9, ordinal: 2, uid, textHash: 'text', since: 0, handled: null };
  const facts = before(factsOf({ ...calm, ...choice }));
  const sent = remembering({ open: { ...facts.memory.open, [targetKey({ type, target } as never)]: open } })(facts);
  return learn(sent, { type: 'OutcomeArrived', seq: 9, ordinal: 2, intent: type, target, outcome }, at);
}

const applied: Outcome = { type: 'applied', uid: 'new', ownedHash: 'hash', foreign: [] };
const done = (result: Readonly<Record<string, string>> = {}): Outcome => ({ type: 'done', result });

function timers({ memory }: Facts): Readonly<Record<string, readonly [number, string]>> {
  return Object.fromEntries(
    Object.entries(memory.timers).map(([id, { dueAt, because }]) => [id, [dueAt - at, because]]),
  );
}

describe('what was sent is awaited', () => {
  it.each<readonly [IntentType, ObjectRef, Outcome, string, number, string]>([
    ['CreateObject', service, applied, 'sight', 15_000, 'Service/shop-repl was created, the watch has not shown it'],
    [
      'RepairObject',
      pod,
      { ...applied, uid: 'Pod-shop-1' },
      'await/Pod/shop-1',
      5_000,
      'Pod/shop-1 was written, the watch has not shown it',
    ],
    ['LabelPod', pod, applied, 'await/Labels/shop-1', 5_000, 'Labels/shop-1 was written, the watch has not shown it'],
    ['WriteSecret', secret('s'), applied, 'await/Secret/s', 5_000, 'Secret/s was written, the watch has not shown it'],
    [
      'RequestSwitchover',
      { kind: 'Endpoints', name: 'shop-failover' },
      applied,
      'await/Switchover/shop-failover',
      30_000,
      'RequestSwitchover: its effect has not been seen yet',
    ],
    [
      'PatchPatroniConfig',
      { kind: 'Endpoints', name: 'shop-config' },
      applied,
      'await/settled',
      12_000,
      'Patroni has to notice what must start anew',
    ],
    [
      'RestartPostgres',
      pod,
      done(),
      'await/Restart/shop-1',
      30_000,
      'RestartPostgres: its effect has not been seen yet',
    ],
    [
      'ReinitializeMember',
      pod,
      done(),
      'await/Reinitialize/shop-1',
      30_000,
      'ReinitializeMember: its effect has not been seen yet',
    ],
    [
      'VerifyParameters',
      pod,
      done({ a: '1' }),
      'await/Verify/shop-1',
      2_000,
      'VerifyParameters: its effect has not been seen yet',
    ],
    ['ReadEvents', pod, done(), 'await/Events/Pod/shop-1', 300_000, 'what Kubernetes warns of was just read'],
    ['MeasureVolume', pod, done(), 'await/Room/shop-1', 30_000, 'how much room there is was just asked'],
  ])('%s of %o', (type, target, outcome, id, delayMs, words) =>
    expect(timers(answered(type, target, outcome))[id]).toEqual([delayMs, words]),
  );
});

describe('what roles were told', () => {
  const led = remembering({ leader: { name: 'shop-0', timeline: 4 } });

  it.each<readonly [string, Change, Readonly<Record<string, string>>, object | null]>([
    [
      'is known by digests, of whom and on which timeline',
      led,
      { keyId: 'k', A: 'd' },
      { keyId: 'k', values: { A: 'd' }, leader: 'shop-0', timeline: 4 },
    ],
    [
      'is of no timeline where nobody was seen to lead',
      asIs,
      { keyId: 'k', A: 'd' },
      { keyId: 'k', values: { A: 'd' }, leader: 'shop-0', timeline: null },
    ],
    [
      'is not known of whoever leads by now, where that is another one',
      remembering({ leader: { name: 'shop-1', timeline: 5 } }),
      { keyId: 'k', A: 'd' },
      null,
    ],
    ['is under no key where there is none', led, {}, { keyId: '', values: {}, leader: 'shop-0', timeline: 4 }],
  ])('%s', (_, change, result, set) => {
    const known = remembering({ credentials: { revision: '2', settled: null, set: null } });
    const { credentials } = answered('SetPasswords', leaderPod, done(result), all(known, change)).memory;
    expect(credentials).toEqual({ revision: '2', settled: null, set });
  });
});

describe('the application’s database', () => {
  it.each<readonly [string, IntentType, string, boolean]>([
    ['is made anew for a new Secret of the application', 'CreateSecret', 'shop-app', false],
    ['is made anew for a new Secret in force', 'CreateSecret', 'shop-credentials-inforce', false],
    ['stays for a Secret that people read', 'CreateSecret', 'shop-credentials', true],
    ['stays for a Secret that was put right', 'RepairObject', 'shop-app', true],
  ])('%s', (_, type, name, stays) => {
    const { handled } = answered(type, secret(name), applied).memory;
    expect(handled).toEqual({ serverMajor: '17', ...(stays ? { database: 'app/app' } : {}) });
  });
});

describe('what Kubernetes warns of', () => {
  const old = { uid: 'x', reason: 'Old', message: '' };
  const before = remembering({ warnings: { 'Pod/shop-1': old, 'Pod/shop-0': old } });

  it.each<readonly [string, Change, Readonly<Record<string, string>>, object | undefined]>([
    [
      'is remembered of the object that was asked about',
      asIs,
      { reason: 'Failed', message: 'no disk' },
      { 'Pod/shop-1': { uid: 'Pod-shop-1', reason: 'Failed', message: 'no disk' } },
    ],
    [
      'may have no words',
      asIs,
      { reason: 'Failed' },
      { 'Pod/shop-1': { uid: 'Pod-shop-1', reason: 'Failed', message: '' } },
    ],
    [
      'replaces what it was, and nothing else',
      before,
      { reason: 'New' },
      { 'Pod/shop-0': old, 'Pod/shop-1': { uid: 'Pod-shop-1', reason: 'New', message: '' } },
    ],
    ['is nothing any more', before, {}, { 'Pod/shop-0': old }],
    ['is nothing', asIs, {}, undefined],
  ])('%s', (_, change, result, warnings) =>
    expect(answered('ReadEvents', pod, done(result), change).memory.warnings).toEqual(warnings),
  );
});

const request = requestOf({
  kind: 'replace',
  member: 'shop-1',
  members: ['shop-1'],
  lost: { claim: null, pod: 'Pod-shop-1', confirmed: false },
});

describe('an object that was read by name', () => {
  const read: Outcome = { type: 'read', object: null };
  const asked = remembering({ request });

  it.each<readonly [string, ObjectRef, Change, boolean]>([
    ['says who leads', { kind: 'Endpoints', name: 'shop' }, asked, true],
    [
      'says who leads where Patroni keeps it in ConfigMaps',
      { kind: 'ConfigMap', name: 'shop-leader' },
      all(asked, remembering({ dcs: 'ConfigMaps' })),
      true,
    ],
    [
      'says who leads where the mode is not known',
      { kind: 'Endpoints', name: 'shop' },
      all(asked, remembering({ dcs: null })),
      true,
    ],
    ['does not where it is another one', { kind: 'Endpoints', name: 'shop-config' }, asked, false],
  ])('%s', (_, target, change, confirmed) =>
    expect(answered('ReadObject', target, read, change).memory.request?.lost?.confirmed).toBe(confirmed),
  );

  it('asks for nobody where nothing is asked for', () =>
    expect(answered('ReadObject', { kind: 'Endpoints', name: 'shop' }, read).memory.request).toBeNull());

  it('is seen from then on', () => {
    const facts = factsOf(calm);
    const object = { ...objectOf(facts, 'StatefulSet/shop'), kind: 'Service', name: 'shop-repl', uid: 's' } as const;
    const after = answered('ReadObject', service, { type: 'read', object });
    expect(after.world.objects['Service/shop-repl']).toEqual({ object, since: at, changed: [] });
    const theirs = { ...object, labels: {} };
    const armed = remembering({ timers: { sight: { dueAt: at + 7, because: 'before' } } });
    expect(timers(answered('ReadObject', service, { type: 'read', object: theirs }, armed))).toEqual({
      sight: [7, 'before'],
    });
  });
});

describe('a deletion that was taken', () => {
  const going = changed('Pod/shop-1', { deleting: true });
  const lost = remembering({ request });

  it.each<readonly [string, Change, object]>([
    [
      'of a lost member’s pod once more is awaited',
      all(going, lost),
      { 'await/Pod/shop-1': [5_000, 'Pod/shop-1 was written, the watch has not shown it'] },
    ],
    ['of a lost member’s pod is seen at once', lost, {}],
    [
      'of another pod that goes is seen already',
      all(going, remembering({ request: { ...request, lost: { claim: null, pod: 'other', confirmed: true } } })),
      {},
    ],
    ['of a pod that goes while nothing is lost is seen already', going, {}],
  ])('%s', (_, change, waits) => {
    const after = answered('DeleteObject', pod, { type: 'deleted' }, change);
    expect(timers(after)).toEqual(waits);
    expect(objectOf(after, 'Pod/shop-1').deleting).toBe(true);
  });
});

describe('a member that was told', () => {
  const verified = { 'shop-0': { uid: 'a', settings: {} }, 'shop-1': { uid: 'b', settings: {} } };
  const state = (of: string): Change => patroni('shop-1', { state: of });

  it.each<readonly [string, IntentType, Readonly<Record<string, string>>, Change, object | undefined]>([
    ['to start anew has said nothing of its settings', 'RestartPostgres', { a: '1' }, asIs, undefined],
    ['to read its configuration has said nothing of its settings', 'ReloadPostgres', { a: '1' }, asIs, undefined],
    ['its settings has said them', 'VerifyParameters', { a: '1' }, asIs, { uid: 'Pod-shop-1', settings: { a: '1' } }],
    [
      'its settings has said them while it streams',
      'VerifyParameters',
      { a: '1' },
      state('streaming'),
      { uid: 'Pod-shop-1', settings: { a: '1' } },
    ],
    ['its settings and runs no more has said nothing', 'VerifyParameters', { a: '1' }, state('stopped'), undefined],
  ])('%s', (_, type, result, change, said) => {
    const after = answered(type, pod, done(result), all(change, remembering({ verified }))).memory;
    expect(after.verified).toEqual({ 'shop-0': verified['shop-0'], ...(said === undefined ? {} : { 'shop-1': said }) });
  });

  it.each<readonly [IntentType, Readonly<Record<string, string>>, ActiveRequest['kind'], readonly string[]]>([
    ['ReloadPostgres', {}, 'reload', ['shop-1']],
    ['ReloadPostgres', {}, 'restart', []],
    ['VerifyParameters', { 'postmaster/started': '2' }, 'restart', ['shop-1']],
    ['VerifyParameters', { 'postmaster/started': '1' }, 'restart', []],
    ['VerifyParameters', {}, 'restart', []],
    ['RestartPostgres', {}, 'restart', []],
  ])('by %s with %o, asked for a %s, is done: %o', (type, result, kind, members) => {
    const { lost: _lost, ...rest } = request;
    const asked: ActiveRequest = { ...rest, kind, started: { 'shop-1': '1' } };
    expect(answered(type, pod, done(result), remembering({ request: asked })).memory.request?.done).toEqual(members);
  });
});
