/**
 * Owns: whose turn it is among all clusters of an operator. Pure: from what each cluster's facts say to what each that waits is told.
 *
 *   asked in this order                                             else told
 *   the same change is not going badly, and did not, anywhere       stopped; an approval of this generation overrules that
 *   the same change went well somewhere, or is tried nowhere now    queued: one cluster goes first
 *   fewer than `most` clusters are at work                          queued
 *
 * I1. While the picture of any cluster is not whole nobody's turn comes: it may be at work.
 * I2. At most `most` clusters are at work by a turn, those included that were told and have not begun.
 */
import { phaseOf } from '../cluster/chart.ts';
import type { Snapshot } from '../cluster/facts.ts';
import { failedRolloutToken } from '../cluster/tables/blame.ts';
import { isUnderWay, waitingTurn } from '../cluster/tables/turns.ts';

/** What the fleet sees of one cluster. */
export interface FleetMember {
  readonly uid: string;
  /** `namespace/name`. */
  readonly name: string;
  /** Its picture is whole. */
  readonly isKnown: boolean;
  /** Users may notice what is done to it now. */
  readonly isAtWork: boolean;
  readonly waiting: { readonly subject: string; readonly change: string | null; readonly isApproved: boolean } | null;
  /** What it was told last of what waits; null when nothing. */
  readonly told: Pick<TurnAnswer, 'answer' | 'because'> | null;
  /** The change that it has, or had last, its turn for, and how that goes. */
  readonly turn: {
    readonly change: string;
    readonly goes: 'on' | 'well' | 'badly';
    readonly because: string;
  } | null;
}

export interface TurnAnswer {
  readonly uid: string;
  readonly subject: string;
  readonly answer: 'granted' | 'queued' | 'stopped';
  readonly because: string;
}

/** Phases in which a change that was begun is no good example. A lone member that starts anew is Recovering each time. */
const troubled: ReadonlySet<string> = new Set(['Degraded', 'Failed']);

/** Asked for once, and no disruption: what they mend was down before. */
const harmless: ReadonlySet<string> = new Set(['reload', 'reinit', 'replace']);

function turnOf({ state, facts }: Snapshot): FleetMember['turn'] {
  const { turn } = facts.memory;
  if (turn === undefined || turn.change === null) return null;
  const { change, because } = turn;
  const phase = phaseOf(state);
  switch (turn.state) {
    case 'granted':
      return troubled.has(phase)
        ? { change, goes: 'badly', because: `the cluster is ${phase}` }
        : { change, goes: 'on', because };
    case 'went-well':
      return { change, goes: 'well', because };
    case 'went-badly':
      return { change, goes: 'badly', because };
    case 'queued':
    case 'stopped':
      return null;
  }
}

/** What was begun and is not over yet; whoever has lost the journal has to take for that what is not rolled out. */
function isHalfDone({ state, facts: { memory } }: Snapshot): boolean {
  const { turn, amnesia, handled } = memory;
  // Status tells of a rollout that failed, whoever was the operator then: until the cluster runs again it is being taken back.
  if (turn?.state === 'went-badly' || failedRolloutToken in handled) return phaseOf(state) !== 'Running';
  return (turn?.state === 'granted' || amnesia) && isUnderWay(memory);
}

/** A cluster as its actor stands. */
export function fleetMember(name: string, snapshot: Snapshot): FleetMember {
  const { state, facts } = snapshot;
  const { memory, world } = facts;
  const { turn, request } = memory;
  const waiting = waitingTurn(memory);
  const isAsked = request !== null && !harmless.has(request.kind);
  const isWorking = phaseOf(state) === 'Updating' && (request === null || isAsked);
  const isAlive = phaseOf(state) !== 'Deleting';
  return {
    uid: world.cluster?.seen.uid ?? '',
    name,
    isKnown: world.knowledge.type === 'known' || !isAlive,
    isAtWork: isAlive && (isWorking || isHalfDone(snapshot)),
    waiting: isAlive ? waiting : null,
    told:
      (turn?.state === 'queued' || turn?.state === 'stopped') && turn.subject === waiting?.subject
        ? { answer: turn.state, because: turn.because }
        : null,
    turn: turnOf(snapshot),
  };
}

interface Board {
  readonly most: number;
  atWork: number;
  /** Changes by the name of a cluster where they go badly, go on, or went well. */
  readonly badly: Map<string, string>;
  readonly tried: Map<string, string>;
  readonly proven: Set<string>;
}

function boardOf(members: readonly FleetMember[], most: number): Board {
  const board: Board = { most, atWork: 0, badly: new Map(), tried: new Map(), proven: new Set() };
  for (const { name, isAtWork, turn } of members) {
    if (isAtWork) board.atWork += 1;
    if (turn?.goes === 'badly') board.badly.set(turn.change, `${name}: ${turn.because}`);
    if (turn?.goes === 'on') board.tried.set(turn.change, name);
    if (turn?.goes === 'well') board.proven.add(turn.change);
  }
  return board;
}

function answerTo(board: Board, member: FleetMember, waiting: NonNullable<FleetMember['waiting']>): TurnAnswer {
  const { uid } = member;
  const { subject, change, isApproved } = waiting;
  const say = (answer: TurnAnswer['answer'], because: string): TurnAnswer => ({ uid, subject, answer, because });
  const bad = change === null || isApproved ? undefined : board.badly.get(change);
  if (bad !== undefined) return say('stopped', `the same change does not go well on ${bad}`);
  const first = change === null || board.proven.has(change) ? undefined : board.tried.get(change);
  if (first !== undefined) return say('queued', `the same change is tried on ${first} first`);
  if (board.atWork >= board.most)
    return say('queued', `at most ${board.most} clusters are changed at a time (--max-disruptions)`);
  board.atWork += 1;
  if (change !== null) board.tried.set(change, member.name);
  return say('granted', 'it is its turn');
}

/** What those that wait are to be told now, in the order given; nothing to whom it was told already. */
export function turns(members: readonly FleetMember[], most: number): readonly TurnAnswer[] {
  if (members.some(({ isKnown }) => !isKnown)) return [];
  const board = boardOf(members, most);
  return members.flatMap((member) => {
    if (member.waiting === null) return [];
    const answer = answerTo(board, member, member.waiting);
    const isTold = member.told?.answer === answer.answer && member.told.because === answer.because;
    return isTold ? [] : [answer];
  });
}
