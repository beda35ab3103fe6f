/**
 * Owns: what follows from an effect that somebody undid: it is counted (`tables/loops.ts`), the next one waits, and where it
 * was once too often, that is told.
 * Does not own: when it is over (`breaker.ts`).
 */
import type { Facts, Failure, Loop, OpenIntent } from './facts.ts';
import { objectKey, type Difference } from './intents.ts';
import { isLeaving } from './knowledge.ts';
import type { ObjectRef } from './observations.ts';
import {
  editWar,
  isOpen,
  loopDelayMs,
  loopForgottenMs,
  loopRules,
  loopTimer,
  loopWords,
  loopsOf,
  onceMore,
  wholeObject,
} from './tables/loops.ts';
import { isSpareClaim } from './tables/spare-volumes.ts';
import { armed, withEvent, withOccasional, without } from './world.ts';

/** Reason of an object that is put right again and again. */
export const changedAgain = 'ChangedAgain';

interface Undone {
  readonly key: string;
  readonly diff: Difference;
  readonly isMissing: boolean;
  /** How often something was put right there, one after the other. */
  readonly inARow: number;
  readonly message: string;
}

interface Words {
  readonly was: string;
  readonly who: string;
  readonly inARow: number;
}

/** What was done how often, and what comes of it for who does it. */
function often({ was, who, inARow }: Words): string {
  return `${was} ${inARow === 1 ? 'once' : `${inARow} times`}; whoever ${who} is answered later each time`;
}

function counted(before: Facts, after: Facts, undone: Undone, at: number): Facts {
  const { key, diff, isMissing, inARow, message } = undone;
  const last = before.memory.failures[key];
  const was: Loop | undefined = loopsOf(before.memory)[key];
  const { loop, times } = onceMore(was, diff, at);
  const delayMs = loopDelayMs(times, inARow, isMissing);
  const failure: Failure = {
    count: inARow,
    reason: changedAgain,
    message,
    permanent: false,
    since: last?.since ?? at,
    waiting: true,
    needsRead: false,
  };
  const memory = withOccasional(after.memory, 'loops', { ...loopsOf(after.memory), [key]: loop });
  // Of an open loop the end is told by how long the object stands as it should (`breaker.ts`).
  const ends = isOpen(loop)
    ? without(memory.timers, loopTimer(key))
    : armed(memory.timers, loopTimer(key), at + loopForgottenMs, `${key}: nobody has undone it for so long`);
  const told =
    isOpen(loop) && !isOpen(was)
      ? withEvent(memory, { reason: editWar, note: loopWords(key, loop), severity: 'Warning' })
      : memory;
  if (delayMs === 0) return { ...after, memory: { ...told, timers: ends } };
  const timers = armed(ends, `retry/${key}`, at + delayMs, `${key}: it was just put right`);
  return { ...after, memory: { ...told, timers, failures: { ...memory.failures, [key]: failure } } };
}

function isRepair(before: Facts, key: string, intent: OpenIntent): boolean {
  const rule = loopRules[intent.type];
  // Another text than the last one is not a repair of what somebody did, but a step of our own.
  if (rule === 'repair') return before.memory.expected[key]?.renderHash === intent.textHash;
  return rule === 'rolled-out' && intent.diff !== undefined;
}

/**
 * What was put right may be changed back at once, by somebody who watches as we do. So the next repair of the same object
 * waits, longer each time; when it is not wished any more by then, the trouble is forgotten (`wants.ts`).
 */
export function onGuard(
  before: Facts,
  { key, intent }: { readonly key: string; readonly intent: OpenIntent },
  after: Facts,
  at: number,
): Facts {
  if (!isRepair(before, key, intent)) return after;
  const last = before.memory.failures[key];
  const inARow = last?.reason === changedAgain ? last.count + 1 : 1;
  const message = often({ was: 'it was put right', who: 'changes it back', inARow });
  const diff = intent.diff ?? { fields: [], by: [] };
  return counted(before, after, { key, diff, isMissing: false, inARow, message }, at);
}

/** Field that whoever writes the whole PostgresCluster takes our finalizer out of. */
const finalizersField = 'metadata.finalizers';

/** Something of ours that is gone is counted; it is made again at once, and whoever takes it away again is answered later each time. */
function taken(facts: Facts, key: string, field: string, words: Pick<Words, 'was' | 'who'>, at: number): Facts {
  const inARow = (loopsOf(facts.memory)[key]?.times[field] ?? 0) + 1;
  const diff = { fields: [field], by: [] };
  return counted(facts, facts, { key, diff, isMissing: true, inARow, message: often({ ...words, inARow }) }, at);
}

/** Our finalizer was taken off. */
export function finalizerTaken(facts: Facts, name: string, at: number): Facts {
  const words = { was: 'its finalizer was taken off', who: 'takes it off' };
  return taken(facts, objectKey({ kind: 'PostgresCluster', name }), finalizersField, words, at);
}

/** An object of ours is gone. */
export function takenAway(facts: Facts, ref: ObjectRef, uid: string, at: number): Facts {
  const key = objectKey(ref);
  const { cluster } = facts.world;
  const isOurs = facts.memory.expected[key]?.uid === uid && ref.kind !== 'PostgresCluster';
  // What nobody wants any more is not made again.
  if (isSpareClaim(facts, ref)) return facts;
  if (!isOurs || facts.memory.request?.lost?.claim === uid || cluster === null || isLeaving(facts)) return facts;
  return taken(facts, key, wholeObject, { was: 'it was deleted', who: 'deletes it' }, at);
}
