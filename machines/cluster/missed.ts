/**
 * Owns: members that are missed: nobody expects them to be away. What is rolled out takes members down and brings them back, and that
 * is no news; but one that was gone before it began, or is not back in time, stays missed whatever goes on meanwhile.
 *
 *   what is seen                                               missed are those that are not ready
 *   members are away that no procedure expects to be away      then
 *   nobody writes, and nobody was asked to hand over           then
 *   a procedure begins in a cluster that was called Degraded   then; not where Degraded was only passed through, as after a
 *                                                              switchover that the procedure itself asked for
 *
 * I1. Missed is a member until it is ready, or not asked for any more. One that is yet to be made is not missed.
 */
import { ordinalOf } from '../shared/names.ts';
import { phaseOf } from './chart.ts';
import type { Facts, Memory } from './facts.ts';
import type { Step } from './fixpoint.ts';
import { clusterName, knownFacts } from './knowledge.ts';
import { actualMembers, membersOf } from './members.ts';
import { withOccasional } from './world.ts';

/** States in which a primary that goes was asked to. */
const handsOver: ReadonlySet<string> = new Set(['Alive.Updating.switching', 'Alive.Scaling.handingOver']);

function begins({ conditions }: Memory, { signal, from, to }: Step): boolean {
  if (signal === 'ReplicasDegraded') return true;
  if (signal === 'PrimaryLost') return !handsOver.has(from);
  const isBegun = phaseOf(to) === 'Updating' || phaseOf(to) === 'Scaling';
  return from === 'Alive.Degraded' && isBegun && conditions['Degraded']?.reason === 'Degraded';
}

/** Members that are made and not ready. */
function away(facts: Facts): readonly string[] {
  const made = actualMembers(facts) ?? 0;
  const cluster = clusterName(facts);
  return membersOf(facts)
    .filter(({ name, ready }) => !ready && ordinalOf(cluster, name) < made)
    .map(({ name }) => name);
}

/** Memory with the members that are missed from this step on. */
export function missedFrom(facts: Facts, step: Step): Memory {
  const { memory } = facts;
  const { missed = [] } = memory;
  if (!begins(memory, step)) return memory;
  const more = away(facts).filter((name) => !missed.includes(name));
  return more.length === 0 ? memory : withOccasional(memory, 'missed', [...missed, ...more].toSorted());
}

/** Facts without members that are missed no more. */
export function withoutReturned(facts: Facts): Facts {
  const { missed = [] } = facts.memory;
  if (missed.length === 0 || knownFacts(facts).answer !== 'yes') return facts;
  const still = away(facts);
  const left = missed.filter((name) => still.includes(name));
  if (left.length === missed.length) return facts;
  return { ...facts, memory: withOccasional(facts.memory, 'missed', left) };
}

/** Whether members are missed while something is rolled out. */
export function isAnyMissed({ memory }: Facts, state: string): boolean {
  const phase = phaseOf(state);
  return memory.missed !== undefined && (phase === 'Updating' || phase === 'Scaling');
}
