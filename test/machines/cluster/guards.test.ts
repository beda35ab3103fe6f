/** What each guard answers, in its own words: they stand in every row of the journal, and people read them. */
import { describe, expect, it } from 'vitest';
import type { Facts } from '#machines/cluster/facts.ts';
import {
  bootstrapped,
  databaseReady,
  deletionRequested,
  finalizerHeld,
  leaderWritable,
  marksStripped,
  membersReady,
  objectsCleared,
  orphanRequested,
  podsGone,
  primaryLost,
  reconcileError,
  recoveryCompleted,
  recoveryInitiated,
  replicasDegraded,
  resourcesApplied,
} from '#machines/cluster/guards.ts';
import type { View } from '#machines/cluster/view.ts';
import type { Answer } from '#machines/shared/answer.ts';
import { finalizer } from '#machines/shared/names.ts';
import { calm, factsOf, plan, type Choice } from './worlds.ts';

type Guard = (view: View) => Answer;

function answered(guard: Guard, facts: Facts, state = 'Alive.Running'): string {
  const { answer, because } = guard({ facts, state, plan });
  return `${answer}: ${because}`;
}

const missing = '1 of 2 members are ready; not ready: shop-1 (its pod is not Ready)';
const leads = 'shop-0 leads on timeline 1';
const nobody = 'no member holds the leader key';
const silent = 'shop-0 has not renewed the leader key for its time to live';

describe('a guard says', () => {
  it.each<readonly [string, Guard, Partial<Choice>, string]>([
    ['deletionRequested', deletionRequested, {}, 'no: it is not being deleted'],
    ['deletionRequested', deletionRequested, { deleting: 'background' }, 'yes: the PostgresCluster was deleted'],
    ['deletionRequested', deletionRequested, { deleting: 'protected' }, 'no: it is protected from deletion'],
    ['orphanRequested', orphanRequested, {}, 'no: it is not being deleted'],
    ['orphanRequested', orphanRequested, { deleting: 'orphan' }, 'yes: deleted with --cascade=orphan'],
    ['orphanRequested', orphanRequested, { deleting: 'background' }, 'no: not deleted with --cascade=orphan'],
    ['leaderWritable', leaderWritable, {}, `yes: ${leads}`],
    ['leaderWritable', leaderWritable, { leader: 'none' }, `no: ${nobody}`],
    ['leaderWritable', leaderWritable, { leader: 'silent' }, `no: ${silent}`],
    [
      'leaderWritable',
      leaderWritable,
      { leader: 'starting' },
      'no: shop-0 holds the leader key but is replica, starting',
    ],
    ['leaderWritable', leaderWritable, { known: false }, 'unknown: not listed yet'],
    ['bootstrapped', bootstrapped, {}, 'yes: it has been bootstrapped'],
    ['bootstrapped', bootstrapped, { bootstrapped: false }, 'no: no leader has been writable yet'],
    ['primaryLost', primaryLost, {}, `no: ${leads}`],
    ['primaryLost', primaryLost, { leader: 'none' }, `yes: ${nobody}`],
    ['primaryLost', primaryLost, { leader: 'none', bootstrapped: false }, 'no: no leader has been writable yet'],
    ['primaryLost', primaryLost, { known: false }, 'unknown: not listed yet'],
    ['recoveryInitiated', recoveryInitiated, {}, `yes: a leader is seen: ${leads}`],
    ['recoveryInitiated', recoveryInitiated, { leader: 'none' }, 'no: the back-off is not over'],
    ['recoveryInitiated', recoveryInitiated, { leader: 'none', expired: 'recover' }, 'yes: the back-off is over'],
    ['recoveryInitiated', recoveryInitiated, { known: false }, 'unknown: not listed yet'],
    ['recoveryCompleted', recoveryCompleted, {}, `no: it has to hold a moment: ${leads}`],
    ['recoveryCompleted', recoveryCompleted, { expired: 'hold' }, `yes: it held: ${leads}`],
    ['recoveryCompleted', recoveryCompleted, { leader: 'none', expired: 'hold' }, `no: ${nobody}`],
    ['membersReady', membersReady, {}, 'yes: 2 of 2 members are ready'],
    ['membersReady', membersReady, { ready: 1 }, `no: ${missing}`],
    ['membersReady', membersReady, { known: false }, 'unknown: not listed yet'],
    ['resourcesApplied', resourcesApplied, {}, 'yes: StatefulSet/shop exists'],
    ['resourcesApplied', resourcesApplied, { statefulSet: false }, 'no: StatefulSet/shop does not exist yet'],
    ['databaseReady', databaseReady, {}, 'yes: the application database is there, on PostgreSQL 17'],
    ['databaseReady', databaseReady, { database: false }, 'no: the application database has not been made yet'],
    ['podsGone', podsGone, {}, 'no: 3 still there: StatefulSet/shop, Pod/shop-0, Pod/shop-1'],
    ['podsGone', podsGone, { deleting: 'background', ready: 0, statefulSet: false }, 'yes: no pod is left'],
    ['podsGone', podsGone, { known: false }, 'unknown: not listed yet'],
    ['finalizerHeld', finalizerHeld, {}, 'yes: our finalizer is on it'],
    ['objectsCleared', objectsCleared, { known: false }, 'unknown: not listed yet'],
    ['marksStripped', marksStripped, { known: false }, 'unknown: not listed yet'],
  ])('%s on %#', (_, guard, choice, words) => expect(answered(guard, factsOf({ ...calm, ...choice }))).toBe(words));

  it.each<readonly [string, Partial<Choice>, string]>([
    ['Alive.Running', {}, `no: it serves: ${leads}`],
    ['Alive.Running', { known: false }, 'unknown: not listed yet'],
    ['Alive.Recovering.electing', { leader: 'none' }, 'no: the deadline has not passed'],
    ['Alive.Recovering.electing', { leader: 'none', refused: true }, 'no: the deadline has not passed'],
    [
      'Alive.Recovering.electing',
      { leader: 'none', expired: 'deadline' },
      `yes: the deadline has passed and ${nobody}`,
    ],
    ['Alive.Creating.bootstrapping', { leader: 'none' }, 'no: the deadline has not passed and nothing was refused'],
    ['Alive.Creating.bootstrapping', { leader: 'none', refused: true }, 'yes: StatefulSet/shop was refused: no'],
  ])('reconcileError in %s with %o', (state, choice, words) =>
    expect(answered(reconcileError, factsOf({ ...calm, ...choice }), state)).toBe(words),
  );

  it.each(['Event/shop', 'Events/Pod/shop-0', 'Status'])(
    'reconcileError of a refused %s: nothing was refused',
    (key) => {
      const facts = factsOf({ ...calm, leader: 'none', refused: true });
      const failures = { [key]: Object.values(facts.memory.failures)[0] } as Facts['memory']['failures'];
      const words = answered(
        reconcileError,
        { ...facts, memory: { ...facts.memory, failures } },
        'Alive.Creating.bootstrapping',
      );
      expect(words).toBe('no: the deadline has not passed and nothing was refused');
    },
  );

  it.each<readonly [string, Partial<Choice>, string]>([
    ['Alive.Running', {}, 'no: 2 of 2 members are ready'],
    ['Alive.Running', { ready: 1 }, `yes: ${missing}`],
    ['Alive.Creating.joining', { ready: 1 }, `no: expected while Creating: ${missing}`],
    ['Alive.Scaling.adding', { ready: 1 }, `no: expected while Scaling: ${missing}`],
    ['Alive.Updating.replacing', { ready: 1, generation: 'newer' }, `no: expected while Updating: ${missing}`],
    ['Alive.Updating.replacing', { ready: 1, generation: 'newer', expired: 'deadline' }, `yes: ${missing}`],
    ['Alive.Updating.replacing', { ready: 1 }, `yes: ${missing}`],
    ['Alive.Updating.replacing', { ready: 1, request: 'reload' }, `no: expected while Updating: ${missing}`],
    ['Alive.Running', { known: false }, 'unknown: not listed yet'],
  ])('replicasDegraded in %s with %o', (state, choice, words) =>
    expect(answered(replicasDegraded, factsOf({ ...calm, ...choice }), state)).toBe(words),
  );

  it('replicasDegraded of members that the StatefulSet has not: they are still to be made', () => {
    const facts = factsOf({ ...calm, ready: 1 });
    const fact = facts.world.objects['StatefulSet/shop'];
    if (fact?.object.detail.type !== 'StatefulSet') throw new Error('no StatefulSet');
    const object = { ...fact.object, detail: { ...fact.object.detail, replicas: 1 } };
    const objects = { ...facts.world.objects, 'StatefulSet/shop': { ...fact, object } };
    expect(answered(replicasDegraded, { ...facts, world: { ...facts.world, objects } })).toBe(
      `no: still to be made: ${missing}`,
    );
  });

  it('membersReady before a spec was accepted: none has been', () => {
    const facts = factsOf(calm);
    const words = answered(membersReady, { ...facts, memory: { ...facts.memory, accepted: null } });
    expect(words).toBe('no: no spec has been accepted yet');
  });

  it.each([
    ['16', 'no: the server runs PostgreSQL 16, spec.version is 17'],
    [undefined, 'no: the server runs PostgreSQL unknown, spec.version is 17'],
  ])('databaseReady on a server of major %s', (serverMajor, words) => {
    const facts = factsOf(calm);
    const handled = { database: 'app/app', ...(serverMajor === undefined ? {} : { serverMajor }) };
    expect(answered(databaseReady, { ...facts, memory: { ...facts.memory, handled } })).toBe(words);
  });

  it.each<readonly [string, Guard]>([
    ['orphanRequested', orphanRequested],
    ['deletionRequested', deletionRequested],
    ['finalizerHeld', finalizerHeld],
  ])('%s without the PostgresCluster: it has not been seen', (_, guard) => {
    const facts = factsOf(calm);
    const words = answered(guard, { ...facts, world: { ...facts.world, cluster: null } });
    expect(words).toBe('unknown: the PostgresCluster has not been seen');
  });

  it('finalizerHeld without ours, whoever else holds it', () => {
    const facts = factsOf(calm);
    const { cluster } = facts.world;
    if (cluster === null) throw new Error('no cluster');
    const held = (finalizers: readonly string[]): string =>
      answered(finalizerHeld, {
        ...facts,
        world: { ...facts.world, cluster: { ...cluster, seen: { ...cluster.seen, finalizers } } },
      });
    expect(held(['theirs'])).toBe('no: our finalizer is not on it yet');
    expect(held(['theirs', finalizer])).toBe('yes: our finalizer is on it');
  });
});
