/** Whether a procedure is due, is over, or cannot come to its end: in the words that stand in the journal. */
import { describe, expect, it } from 'vitest';
import type { Facts, Failure, Memory } from '#machines/cluster/facts.ts';
import {
  additionDue,
  allReplicasReady,
  configurationDue,
  fullyRecovered,
  growthDue,
  handOverDue,
  isRollingOut,
  rebuildDue,
  removalDue,
  replacementDue,
  requestDue,
  restartDue,
  rolloutFailed,
  stalledMember,
  switchoverDue,
} from '#machines/cluster/procedures.ts';
import type { View } from '#machines/cluster/view.ts';
import type { Answer } from '#machines/shared/answer.ts';
import { calm, factsOf, plan, type Choice } from './worlds.ts';

const state = 'Alive.Updating.replacing';
const missing = '1 of 2 members are ready; not ready: shop-1 (its pod is not Ready)';

function said(guard: (view: View) => Answer, choice: Partial<Choice>, where = state): string {
  const { answer, because } = guard({ state: where, facts: factsOf({ ...calm, ...choice }), plan });
  return `${answer}: ${because}`;
}

const well = 'every member runs what the spec says';

describe('a procedure', () => {
  it.each<readonly [string, (view: View) => Answer, Partial<Choice>, string]>([
    ['growthDue', growthDue, {}, `no: ${well}`],
    ['configurationDue', configurationDue, {}, `no: ${well}`],
    ['configurationDue', configurationDue, { leader: 'none' }, 'yes: no member holds the leader key'],
    ['restartDue', restartDue, {}, `no: ${well}`],
    ['restartDue', restartDue, { request: 'restart' }, 'yes: restart "once" is due at shop-1'],
    ['replacementDue', replacementDue, {}, `no: ${well}`],
    ['replacementDue', replacementDue, { template: 'replica-old' }, 'yes: shop-1 runs another template'],
    ['switchoverDue', switchoverDue, {}, `no: ${well}`],
    [
      'switchoverDue',
      switchoverDue,
      { template: 'leader-old' },
      'yes: shop-0 runs another template; shop-1 streams from shop-0 and is least behind',
    ],
    ['rebuildDue', rebuildDue, {}, `no: ${well}`],
    ['rebuildDue', rebuildDue, { request: 'reinit' }, 'yes: reinit "once" is due at shop-1'],
    ['requestDue', requestDue, {}, 'no: nothing is asked for'],
    ['requestDue', requestDue, { request: 'reload' }, 'yes: reload "once" is asked for'],
    ['additionDue', additionDue, {}, 'no: there are 2 members'],
    ['handOverDue', handOverDue, {}, 'no: there are 2 members'],
    ['removalDue', removalDue, {}, 'no: there are 2 members'],
    ['requestDue', requestDue, { known: false }, 'unknown: not listed yet'],
    ['restartDue', restartDue, { known: false }, 'unknown: not listed yet'],
    ['additionDue', additionDue, { known: false }, 'unknown: not listed yet'],
    ['allReplicasReady', allReplicasReady, {}, 'yes: 2 of 2 members are ready'],
    ['allReplicasReady', allReplicasReady, { ready: 1 }, `no: ${missing}`],
    ['allReplicasReady', allReplicasReady, { leader: 'none' }, 'no: no member holds the leader key'],
    ['allReplicasReady', allReplicasReady, { database: false }, 'no: the application database has not been made yet'],
    ['allReplicasReady', allReplicasReady, { template: 'replica-old' }, 'no: shop-1 runs another template'],
    ['fullyRecovered', fullyRecovered, {}, 'no: it has to hold a moment: 2 of 2 members are ready'],
    ['fullyRecovered', fullyRecovered, { expired: 'hold' }, 'yes: it held: 2 of 2 members are ready'],
    ['fullyRecovered', fullyRecovered, { expired: 'hold', ready: 1 }, `no: ${missing}`],
  ])('%s with %# says so', (_, guard, choice, words) => expect(said(guard, choice)).toBe(words));
});

/** A spec on its way that there is a way back from. */
function rolling(choice: Partial<Choice>, change: Partial<Memory> = {}): View {
  const facts = factsOf({ ...calm, generation: 'newer', ...choice });
  return { state, facts: { ...facts, memory: { ...facts.memory, ...change } }, plan };
}

/** A member's pod, or Patroni in it, says more. */
function saying(view: View, name: string, trouble: string | null, patroni: string = 'streaming'): View {
  const { facts } = view;
  const fact = facts.world.objects[`Pod/${name}`];
  if (fact?.object.detail.type !== 'Pod' || fact.object.detail.patroni === null) throw new Error('no pod');
  const told = { ...fact.object.detail.patroni, state: patroni };
  const object = { ...fact.object, detail: { ...fact.object.detail, trouble, patroni: told } };
  const objects = { ...facts.world.objects, [`Pod/${name}`]: { ...fact, object } };
  return { ...view, facts: { ...facts, world: { ...facts.world, objects } } };
}

const invalid: Failure = {
  count: 2,
  reason: 'Invalid',
  message: 'it is too large',
  permanent: true,
  refusals: 2,
  since: 0,
  waiting: true,
  needsRead: false,
};

const late = { expired: ['deadline/updating/replacing/shop-1'] };
const nobody = { leader: 'none' } as const;

describe('a rollout', () => {
  it.each<readonly [string, View, string]>([
    ['of nothing', { ...rolling({}), facts: factsOf(calm) }, 'no: there is nothing to go back to'],
    ['of the first spec', rolling({}, { rolledOut: null, ...late }), 'no: there is nothing to go back to'],
    ['in time', rolling({ template: 'replica-old', ready: 1 }), 'no: no member has been waited for too long'],
    ['refused twice', rolling({}, { failures: { 'StatefulSet/shop': invalid } }), 'yes: refused: it is too large'],
    [
      'refused when it was only asked',
      rolling({}, { failures: { 'Compare/StatefulSet/shop': invalid } }),
      'yes: refused: it is too large',
    ],
    [
      'refused once',
      rolling({}, { failures: { 'StatefulSet/shop': { ...invalid, refusals: 1 } } }),
      'no: no member has been waited for too long',
    ],
    [
      'refused for want of a right',
      rolling({}, { failures: { 'StatefulSet/shop': { ...invalid, reason: 'Forbidden' } } }),
      'no: no member has been waited for too long',
    ],
    [
      'not answered',
      rolling({}, { failures: { 'StatefulSet/shop': { ...invalid, permanent: false } } }),
      'no: no member has been waited for too long',
    ],
    [
      'late, at a member with a trouble',
      rolling({ template: 'replica-old', ready: 1 }, late),
      'yes: shop-1 does not become ready: its pod is not Ready',
    ],
    [
      'late, at a member without one',
      rolling({ template: 'replica-old' }, late),
      'yes: this took too long: shop-1 runs another template',
    ],
    ['late, and nobody is waited for', rolling({}, late), 'no: no member is waited for'],
    [
      'late, and nobody writes or says why',
      rolling(nobody, late),
      'no: nobody writes, and no member says why: no member holds the leader key',
    ],
    [
      'late, and nobody writes for long',
      rolling(nobody, { expired: [...late.expired, 'stall/silent'] }),
      'yes: nobody writes: no member holds the leader key',
    ],
    [
      'late, and nobody writes for long, without a step',
      rolling(nobody, { expired: ['stall/silent'] }),
      'yes: nobody writes: no member holds the leader key',
    ],
    [
      'late, and whoever should write says why not',
      saying(rolling(nobody, { expired: ['stall/electing'] }), 'shop-0', 'ImagePullBackOff'),
      'yes: nobody writes, and shop-0 does not start: ImagePullBackOff',
    ],
    // Hazard: what mends a cluster that is down was blamed for that, and taken back.
    [
      'late, and nobody wrote before either',
      saying(rolling(nobody, { expired: ['stall/silent'], takenWhileDown: { generation: 2 } }), 'shop-0', 'OOMKilled'),
      'no: nobody wrote when it was accepted either, so what was before is no way back',
    ],
  ])('%s', (_, view, words) => {
    const { answer, because } = rolloutFailed(view);
    expect(`${answer}: ${because}`).toBe(words);
  });

  // Hazard: a member on a node that died was late, and the words for that counted as a trouble of the edit, which was never tried again.
  it.each<readonly [string, View, string | null]>([
    ['one that is silent', rolling({ template: 'replica-old', ready: 1 }, late), null],
    ['one that does not stream', saying(rolling({ template: 'replica-old' }, late), 'shop-1', null, 'running'), null],
    [
      'one for which there is no room',
      saying(rolling({ template: 'replica-old', ready: 1 }, late), 'shop-1', 'Unschedulable: no node'),
      null,
    ],
    [
      'one that has no image',
      saying(rolling({ template: 'replica-old', ready: 1 }, late), 'shop-1', 'ErrImagePull'),
      'ErrImagePull',
    ],
    [
      'one that cannot start',
      saying(rolling({ template: 'replica-old', ready: 1 }, late), 'shop-1', null, 'start failed'),
      'Patroni says start failed',
    ],
  ])('late at %s: what speaks against the spec', (_, view, trouble) =>
    expect(rolloutFailed(view)).toMatchObject({ answer: 'yes', values: { member: 'shop-1', trouble } }),
  );

  it('is one only of a spec that is newer than the one before', () => {
    expect(isRollingOut(rolling({}))).toBe(true);
    expect(isRollingOut({ ...rolling({}), facts: factsOf(calm) })).toBe(false);
    expect(isRollingOut(rolling({}, { accepted: null }))).toBe(false);
    expect(isRollingOut(rolling({}, { rolledOut: null }))).toBe(false);
  });
});

describe('a member that a step waits for', () => {
  const waited = rolling({ template: 'replica-old', ready: 1 });
  const refusing = (facts: Facts): Facts => ({
    ...facts,
    memory: { ...facts.memory, failures: { 'Restart/shop-1': { ...invalid, permanent: false } } },
  });

  it.each<readonly [string, View, string | null]>([
    ['names no trouble that stays', waited, null],
    ['is not ready for a moment', saying(waited, 'shop-1', 'Unschedulable: no node'), null],
    ['is being made', saying(waited, 'shop-1', 'ContainerCreating'), null],
    ['cannot get its image', saying(waited, 'shop-1', 'ErrImagePull'), 'ErrImagePull'],
    ['cannot start PostgreSQL', saying(waited, 'shop-1', null, 'start failed'), 'Patroni says start failed'],
    ['starts', saying(waited, 'shop-1', null, 'starting'), null],
    ['did not restart', { ...waited, facts: refusing(waited.facts) }, 'its pod is not Ready'],
  ])('%s', (_, view, trouble) => {
    const expected = trouble === null ? null : { name: 'shop-1', trouble };
    expect(stalledMember(view)).toEqual(expected);
  });

  it('is nobody where no step waits', () => expect(stalledMember(rolling({}))).toBeNull());
});
