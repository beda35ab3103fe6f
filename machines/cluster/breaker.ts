/**
 * Owns: the end of a loop. While nobody fights the breaker is closed; it opens where an effect was undone too often
 * (`undone.ts`), tries again ever more seldom (`tables/loops.ts`), and closes by itself once the object has stood as it should.
 */
import type { Facts, Loop, Memory } from './facts.ts';
import { knownFacts } from './knowledge.ts';
import { closed, editWarOver, isOpen, loopCalmMs, loopForgottenMs, loopsOf, loopTimer } from './tables/loops.ts';
import { changedAgain } from './undone.ts';
import type { View } from './view.ts';
import { wishedKeys } from './wants.ts';
import { armed, withEvent, withOccasional, without } from './world.ts';

function forgotten(memory: Memory, key: string): Memory {
  return withOccasional(memory, 'loops', without(loopsOf(memory), key));
}

function ended(memory: Memory, key: string, loop: Loop, at: number): Memory {
  const timers = armed(without(memory.timers, `retry/${key}`), loopTimer(key), at + loopForgottenMs, 'it is over');
  const failures = memory.failures[key]?.reason === changedAgain ? without(memory.failures, key) : memory.failures;
  const calm = withOccasional({ ...memory, timers, failures }, 'loops', { ...loopsOf(memory), [key]: closed(loop) });
  return withEvent(calm, { reason: editWarOver, note: `${key}: nobody changes it back any more`, severity: 'Normal' });
}

function judged(memory: Memory, [key, loop]: readonly [string, Loop], wished: ReadonlySet<string>, at: number): Memory {
  const id = loopTimer(key);
  const isExpired = memory.expired.includes(id);
  const now: Memory = isExpired ? { ...memory, expired: memory.expired.filter((each) => each !== id) } : memory;
  if (!isOpen(loop)) return isExpired ? forgotten(now, key) : now;
  if (wished.has(key)) return now.timers[id] === undefined ? now : { ...now, timers: without(now.timers, id) };
  if (isExpired) return ended(now, key, loop, at);
  if (now.timers[id] !== undefined) return now;
  return { ...now, timers: armed(now.timers, id, at + loopCalmMs, `${key}: it has to stand as it should`) };
}

/** Facts with the loops that are over closed, and the timers of those that may be. Pure; changes nothing twice. */
export function withLoops(view: View, at: number): Facts {
  const { facts } = view;
  const loops = Object.entries(loopsOf(facts.memory));
  if (loops.length === 0 || knownFacts(facts).answer !== 'yes') return facts;
  const wished = loops.some(([, loop]) => isOpen(loop)) ? wishedKeys(view) : new Set<string>();
  const memory = loops.reduce((each, loop) => judged(each, loop, wished, at), facts.memory);
  return memory === facts.memory ? facts : { ...facts, memory };
}
