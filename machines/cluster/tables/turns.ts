/**
 * Owns: a cluster's turn: what users would notice (more than a reload) begins only when the fleet allows it, so that what goes wrong everywhere
 * goes wrong in few places first. The fleet's answer is an observation; here is what it changes, and when a turn is over.
 * Does not own: which cluster's turn it is (`machines/fleet/turns.ts`).
 *
 *   turn         from                         until
 *   queued       the fleet says wait          the fleet says otherwise, or nothing waits any more
 *   stopped      the same change went badly   the same
 *                somewhere else
 *   granted      the fleet says begin         nothing is under way any more
 *   went-well    it is true of every member   another turn
 *   went-badly   it was taken back            the spec is edited, or it is to be tried again
 *
 * I1. A rollout that has begun keeps its turn, whatever is edited meanwhile: half of it is worse.
 */
import { annotations } from '../../shared/names.ts';
import type { Facts, HeldEdit, Memory, Turn, WaitingTurn } from '../facts.ts';
import type { ClusterObservation } from '../observations.ts';
import { isRolloutAgainDue } from './taken-back.ts';
import { withOccasional } from '../world.ts';

type TurnTold = Extract<ClusterObservation, { readonly type: 'TurnTold' }>;

/** Name of an edit's turn. */
export function turnOfGeneration(generation: number): string {
  return `generation ${generation}`;
}

/** What is planned and not over: a spec that is not true of every member yet, or passwords that are made anew unasked. */
export function isUnderWay({ accepted, rolledOutGeneration, request }: Memory): boolean {
  const isRollingOut = accepted !== null && rolledOutGeneration !== null && accepted.generation > rolledOutGeneration;
  return isRollingOut || request?.unasked === true;
}

/** It has its turn already; whoever has lost the journal knows that by the StatefulSet, which names two specs meanwhile. */
export function hasBegun({ memory, world }: Facts): boolean {
  const set = world.objects[`StatefulSet/${world.cluster?.seen.name ?? ''}`]?.object;
  const isHalf = memory.amnesia && set?.annotations[annotations.rolledOutSpec] !== undefined;
  return memory.turn?.state === 'granted' || isHalf;
}

/** What waits for its turn; null when nothing does. */
export function waitingTurn({ held }: Memory): WaitingTurn | null {
  return held?.turn ?? null;
}

/** Why the turn of what waits has not come, as a clause; null while the fleet has not said. */
export function turnRefusal(memory: Memory, subject: string): string | null {
  const { turn } = memory;
  const isTold = turn?.subject === subject && (turn.state === 'queued' || turn.state === 'stopped');
  return isTold ? turn.because : null;
}

/** The fleet was asked and has yet to answer, which it does at once: meanwhile nothing is made of what waits, or written of it. */
export function isAskingTurn(memory: Memory): boolean {
  const { held } = memory;
  return held?.turn !== undefined && turnRefusal(memory, held.turn.subject) === null;
}

/** The hold that people are told of. */
export function shownHold(memory: Memory): HeldEdit | null {
  return isAskingTurn(memory) ? null : memory.held;
}

function withTurnOf(facts: Facts, turn: Turn | null): Facts {
  return { ...facts, memory: withOccasional(facts.memory, 'turn', turn ?? undefined) };
}

/** The fleet has answered. An answer to what waits no more changes nothing. */
export function turnTold(facts: Facts, { subject, answer, because }: TurnTold): Facts {
  const waiting = waitingTurn(facts.memory);
  if (waiting === null || waiting.subject !== subject) return facts;
  return withTurnOf(facts, { subject, change: waiting.change, state: answer, because });
}

function generationOf({ subject }: Turn): number | null {
  const [, digits] = /^generation (\d+)$/.exec(subject) ?? [];
  return digits === undefined ? null : Number(digits);
}

/** What becomes of a turn once nothing is under way. */
function endOf({ memory }: Facts, turn: Turn): Turn | null {
  const generation = generationOf(turn);
  if (generation === null) return null;
  const { failedRollout, rolledOutGeneration } = memory;
  if (failedRollout !== null && failedRollout.generation >= generation) {
    const { field, rule } = failedRollout.problem;
    return { ...turn, state: 'went-badly', because: `${field} ${rule}` };
  }
  return (rolledOutGeneration ?? 0) >= generation ? { ...turn, state: 'went-well', because: 'it is rolled out' } : null;
}

/** The turn as it is on these facts. */
function turnNow(facts: Facts, turn: Turn): Turn | null {
  const { memory, world } = facts;
  switch (turn.state) {
    case 'granted':
      return isUnderWay(memory) ? turn : endOf(facts, turn);
    case 'queued':
    case 'stopped':
      return waitingTurn(memory)?.subject === turn.subject ? turn : null;
    case 'went-badly':
      return memory.failedRollout !== null &&
        memory.failedRollout.generation === world.cluster?.seen.generation &&
        !isRolloutAgainDue(facts)
        ? turn
        : null;
    case 'went-well':
      return turn;
  }
}

/** Facts with a turn that is over taken for what it was. */
export function withTurn(facts: Facts): Facts {
  const { turn } = facts.memory;
  if (turn === undefined) return facts;
  const now = turnNow(facts, turn);
  return now === turn ? facts : withTurnOf(facts, now);
}
