/**
 * Owns: the questions. Each guard takes a View (state, facts, plan; never an observation, never a clock) and answers with
 * a reason and the values it compared. Called by `fixpoint.ts` through the table in `signals.ts`.
 */
import { no, opposite, unknown, whether, yes, type Answer } from '../shared/answer.ts';
import { dcsFinalizer, finalizer, labels, objectNames, ordinalOf } from '../shared/names.ts';
import { clusterName, knownFacts } from './knowledge.ts';
import { actualMembers, desiredMembers, leaderOf, membersOf, troubledMembers } from './members.ts';
import { objectKey } from './intents.ts';
import { objectAt, ownershipOf } from './objects.ts';
import type { Facts } from './facts.ts';
import { allWarnings } from './tables/warnings.ts';
import type { View } from './view.ts';
import { isObserving } from './tables/permission.ts';
import {
  remainingObjects,
  unansweredEffects,
  unmarkedObjects,
  unseenObjects,
  unstrippedObjects,
} from './tables/deletion.ts';

/** Asks `question` only on a whole picture. */
export function ifKnown(facts: Facts, question: () => Answer): Answer {
  const known = knownFacts(facts);
  return known.answer === 'yes' ? question() : known;
}

/** Has a timer of the state fired? */
export function isExpired(facts: Facts, timer: string): boolean {
  return facts.memory.expired.includes(timer);
}

/**
 * Was our owner reference taken off a leaf that is not itself being deleted? That is what the garbage collector does
 * before it takes off its finalizer `orphan`: the trace that stays when the finalizer was missed.
 */
function leafOrphaned(facts: Facts): boolean {
  const cluster = facts.world.cluster?.seen;
  if (cluster === undefined) return false;
  const leaf = objectAt(facts, `ConfigMap/${objectNames(cluster.name).patroniConfig}`)?.object;
  if (leaf === undefined || leaf.deleting || leaf.labels[labels.clusterUid] !== cluster.uid) return false;
  // What we made ourselves after the deletion mark never had a reference; then it is as we applied it.
  const expected = facts.memory.expected[objectKey(leaf)];
  if (expected !== undefined && expected.uid === leaf.uid && expected.ownedHash === leaf.ownedHash) return false;
  return !leaf.owners.some((owner) => owner.uid === cluster.uid);
}

/** A deletion that keeps the database alive: kubectl's `--cascade=orphan`. */
export function orphanRequested({ facts }: View): Answer {
  const cluster = facts.world.cluster?.seen;
  if (cluster === undefined) return unknown('the PostgresCluster has not been seen');
  const values = { deleting: cluster.deleting, finalizers: cluster.finalizers.join(', ') };
  if (!cluster.deleting) return no('it is not being deleted', values);
  if (isObserving(facts)) return yes('deleted in mode Observe: what is there is left alone', values);
  if (cluster.finalizers.includes('orphan')) return yes('deleted with --cascade=orphan', values);
  const set = objectAt(facts, `StatefulSet/${cluster.name}`)?.object;
  const isProtected = cluster.spec.deletionProtection === true;
  if (!isProtected && set !== undefined && ownershipOf(facts, set).type === 'unclaimed')
    return yes(
      `StatefulSet/${cluster.name} was left by an earlier cluster and not taken over: it is left alone`,
      values,
    );
  // A protected cluster is not torn down anyway, so nothing has to be read from traces.
  const orphaned = !isProtected && leafOrphaned(facts);
  const because = orphaned
    ? 'deleted with --cascade=orphan: its owner reference was taken off'
    : 'not deleted with --cascade=orphan';
  return whether(orphaned, because, values);
}

/** The user deleted the PostgresCluster and it is not protected. */
export function deletionRequested({ facts }: View): Answer {
  const cluster = facts.world.cluster?.seen;
  if (cluster === undefined) return unknown('the PostgresCluster has not been seen');
  const isProtected = cluster.spec.deletionProtection === true;
  const values = { deleting: cluster.deleting, deletionProtection: isProtected };
  if (!cluster.deleting) return no('it is not being deleted', values);
  return isProtected ? no('it is protected from deletion', values) : yes('the PostgresCluster was deleted', values);
}

/** Does a leader hold the key and take writes? */
export function leaderWritable({ facts }: View): Answer {
  return ifKnown(facts, () => {
    const leader = leaderOf(facts);
    return whether(leader.writable, leader.because, { leader: leader.name, timeline: leader.timeline });
  });
}

/** Has this cluster ever had a writable leader? */
export function bootstrapped({ facts }: View): Answer {
  const identifier = facts.memory.systemIdentifier;
  return whether(
    identifier !== null,
    identifier === null ? 'no leader has been writable yet' : 'it has been bootstrapped',
    {
      systemIdentifier: identifier,
    },
  );
}

/** A bootstrapped cluster without a writable leader. */
export function primaryLost(view: View): Answer {
  const born = bootstrapped(view);
  return born.answer === 'yes' ? opposite(leaderWritable(view)) : no(born.because, born.values);
}

export function primaryElected(view: View): Answer {
  return leaderWritable(view);
}

/** The deadline of the state has passed, or the API server refuses for good, while nothing serves. */
export function reconcileError(view: View): Answer {
  const leader = leaderWritable(view);
  if (leader.answer !== 'no')
    return leader.answer === 'unknown' ? leader : no(`it serves: ${leader.because}`, leader.values);
  const { memory } = view.facts;
  const late = memory.expired.find((timer) => timer.startsWith('deadline/'));
  if (late !== undefined) {
    const warnings = allWarnings(view.facts);
    const words = `the deadline has passed and ${leader.because}`;
    return yes(warnings === '' ? words : `${words}; ${warnings}`, { deadline: late });
  }
  if (!view.state.startsWith('Alive.Creating')) return no('the deadline has not passed', {});
  const refused = Object.entries(memory.failures).find(
    ([key, failure]) => failure.permanent && !/^Events?\//.test(key) && key !== 'Status',
  );
  if (refused === undefined) return no('the deadline has not passed and nothing was refused', {});
  return yes(`${refused[0]} was refused: ${refused[1].message}`, { target: refused[0], reason: refused[1].reason });
}

/** Failed may be tried again: its back-off is over, or a leader is seen. */
export function recoveryInitiated(view: View): Answer {
  const leader = leaderWritable(view);
  if (leader.answer === 'unknown') return leader;
  if (leader.answer === 'yes') return yes(`a leader is seen: ${leader.because}`, leader.values);
  const over = isExpired(view.facts, 'recover');
  return whether(over, over ? 'the back-off is over' : 'the back-off is not over', {
    retryCount: view.facts.memory.retryCount,
  });
}

/** The leader has held. */
export function recoveryCompleted(view: View): Answer {
  const leader = leaderWritable(view);
  if (leader.answer !== 'yes') return leader;
  const held = isExpired(view.facts, 'hold');
  return whether(
    held,
    held ? `it held: ${leader.because}` : `it has to hold a moment: ${leader.because}`,
    leader.values,
  );
}

/** Are all desired members ready? */
export function membersReady({ facts }: View): Answer {
  return ifKnown(facts, () => {
    const members = membersOf(facts);
    const ready = members.filter((member) => member.ready).length;
    const desired = desiredMembers(facts);
    const values = { ready, desired };
    if (desired === 0) return no('no spec has been accepted yet', values);
    if (ready === desired) return yes(`${ready} of ${desired} members are ready`, values);
    return no(`${ready} of ${desired} members are ready; not ready: ${troubledMembers(members)}`, values);
  });
}

/** Phases that expect members to be missing, until their deadline has passed. */
const procedures: ReadonlySet<string> = new Set(['Creating', 'Updating', 'Scaling']);

/** In Updating with nothing left to do: whoever is missing then, nobody is busy with. */
function isIdle({ state, facts }: View): boolean {
  const { accepted, rolledOutGeneration, failedRollout, request } = facts.memory;
  const isDone = rolledOutGeneration !== null && (accepted?.generation ?? 0) <= rolledOutGeneration;
  return state.startsWith('Alive.Updating') && isDone && failedRollout === null && request === null;
}

/** Members are missing that no running procedure expects to be missing. */
export function replicasDegraded(view: View): Answer {
  const missing = opposite(membersReady(view));
  if (missing.answer !== 'yes') return missing;
  const phase = view.state.split('.')[1] ?? '';
  const missed = membersOf(view.facts).filter((member) => !member.ready);
  const made = actualMembers(view.facts);
  if (made !== null && missed.every((member) => ordinalOf(clusterName(view.facts), member.name) >= made))
    return no(`still to be made: ${missing.because}`, missing.values);
  const late = view.facts.memory.expired.some((timer) => timer.startsWith('deadline/'));
  if (!procedures.has(phase) || late || isIdle(view)) return missing;
  return no(`expected while ${phase}: ${missing.because}`, missing.values);
}

/** The StatefulSet exists and is ours: the cluster is being created. */
export function resourcesApplied({ facts }: View): Answer {
  return ifKnown(facts, () => {
    const name = clusterName(facts);
    const object = objectAt(facts, `StatefulSet/${name}`)?.object;
    if (object === undefined) return no(`StatefulSet/${name} does not exist yet`);
    const ours = ownershipOf(facts, object).type === 'ours' && object.labels[labels.clusterUid] !== undefined;
    return whether(ours, ours ? `StatefulSet/${name} exists` : `StatefulSet/${name} is not ours`, { uid: object.uid });
  });
}

/** The application database was made, and the server's major is the one the spec asks for. */
export function databaseReady({ facts }: View): Answer {
  const made = facts.memory.handled['database'] ?? null;
  const major = facts.memory.handled['serverMajor'] ?? null;
  const wanted = facts.memory.accepted?.spec.version ?? null;
  const values = { database: made, serverMajor: major, version: wanted };
  if (made === null) return no('the application database has not been made yet', values);
  if (major !== wanted)
    return no(`the server runs PostgreSQL ${major ?? 'unknown'}, spec.version is ${wanted ?? 'unset'}`, values);
  return yes(`the application database is there, on PostgreSQL ${major ?? ''}`, values);
}

/** An object that has to go, and what it waits for where it was told to: its node, or whoever put a finalizer on it. */
function wordsOfLeft(facts: Facts, key: string): string {
  const object = objectAt(facts, key)?.object;
  if (object?.deleting !== true) return key;
  if (object.detail.type === 'Pod')
    return object.detail.node === null ? `${key} (terminating)` : `${key} (terminating on ${object.detail.node})`;
  const others = object.finalizers.filter((each) => each !== dcsFinalizer);
  return others.length === 0 ? key : `${key} (terminating, held by ${others.join(', ')})`;
}

/** Whose the pods are that nobody stops; empty where their StatefulSet is ours, or gone. */
function notOurs(facts: Facts): string {
  const key = `StatefulSet/${clusterName(facts)}`;
  const object = objectAt(facts, key)?.object;
  const ownership = object === undefined ? null : ownershipOf(facts, object);
  return ownership?.type === 'foreign'
    ? `; ${key}, which is not touched, may have made them: ${ownership.because}`
    : '';
}

/** StatefulSet and pods are gone. */
export function podsGone({ facts }: View): Answer {
  return ifKnown(facts, () => {
    const left = Object.keys(facts.world.objects).filter(
      (key) => key.startsWith('Pod/') || key.startsWith('StatefulSet/'),
    );
    const ours = left.filter((key) => {
      const object = objectAt(facts, key)?.object;
      return object !== undefined && (object.kind === 'Pod' || ownershipOf(facts, object).type === 'ours');
    });
    const unseen = unseenObjects(facts).filter((key) => key.startsWith('StatefulSet/'));
    if (unseen.length > 0)
      return no(`${unseen.join(', ')} was created and has not been seen yet`, { left: ours.length });
    const there = ours.map((key) => wordsOfLeft(facts, key)).join(', ');
    const words = ours.length === 0 ? 'no pod is left' : `${ours.length} still there: ${there}${notOurs(facts)}`;
    return whether(ours.length === 0, words, { left: ours.length });
  });
}

/** Told when all else is done: what a decision is about to send is not in the facts that it judges. */
function unansweredWords(facts: Facts): string[] {
  return unansweredEffects(facts).map((key) => `${key} was sent and has no answer yet`);
}

/** What has to go is gone, what is kept is marked, and nothing is under way. */
export function objectsCleared({ facts }: View): Answer {
  return ifKnown(facts, () => {
    const left = remainingObjects(facts);
    const unmarked = unmarkedObjects(facts);
    const unseen = unseenObjects(facts);
    const words = [
      ...left.map((key) => `${wordsOfLeft(facts, key)} has to go`),
      ...unmarked.map((key) => `${key} has to be marked`),
      ...unseen.map((key) => `${key} was created and has not been seen yet`),
    ];
    if (words.length === 0) words.push(...unansweredWords(facts));
    const done = words.length === 0;
    return whether(done, done ? 'nothing is left but what is kept' : words.join(', '), {
      left: left.length,
      unmarked: unmarked.length,
      unseen: unseen.length,
    });
  });
}

/** Our finalizers and uid marks are off every object that lives on. */
export function marksStripped({ facts }: View): Answer {
  return ifKnown(facts, () => {
    const left = [...unstrippedObjects(facts), ...unseenObjects(facts)];
    const words = left.length > 0 ? [`marks are left on ${left.join(', ')}`] : unansweredWords(facts);
    return whether(words.length === 0, words.length === 0 ? 'no mark of ours is left' : words.join(', '), {
      left: left.length,
    });
  });
}

/** Does the PostgresCluster carry our finalizer? */
export function finalizerHeld({ facts }: View): Answer {
  const cluster = facts.world.cluster?.seen;
  if (cluster === undefined) return unknown('the PostgresCluster has not been seen');
  const held = cluster.finalizers.includes(finalizer);
  return whether(held, held ? 'our finalizer is on it' : 'our finalizer is not on it yet', {});
}
