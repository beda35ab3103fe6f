/**
 * Owns: the causal chain of an incident or a decision: what was seen and what that came from, what was asked and answered,
 * what was done and how it ended, what is awaited now. Values first, lines from them. Pure.
 */
import { phaseOf } from '#machines/cluster/chart.ts';
import type { Asked } from '#src/decision/record.ts';
import { causesOf, trailOf } from './causes.ts';
import { effectsOf, outcomesOf, toldStatus, type DecidedRow, type Effect } from './decided.ts';
import { prunedWords, type Sealed } from './sealed.ts';
import { durationWords, timeWords } from './time.ts';
import { arrowWords, observationWords, outcomeWords } from './words.ts';

/** An earlier row that led to one. */
export interface CauseTold {
  readonly seq: number;
  readonly at: number;
  readonly by: string;
  readonly saw: string;
  /** Arrows it took, `Running → Degraded by ReplicasDegraded`. */
  readonly moves: readonly string[];
}

export interface EffectTold {
  readonly type: string;
  readonly target: string;
  readonly because: string;
  /** Null while no answer is recorded. */
  readonly outcome: string | null;
  readonly tookMs: number | null;
}

/** One decision, told. */
export interface DecisionTold {
  readonly seq: number;
  readonly at: number;
  readonly saw: string;
  /** Nearest first. */
  readonly causes: readonly CauseTold[];
  readonly moves: readonly {
    readonly signal: string;
    readonly from: string;
    readonly to: string;
    readonly asked: readonly Asked[];
  }[];
  readonly effects: readonly EffectTold[];
}

/** What went wrong last and has not been put right since. */
export interface TroubleTold {
  readonly seq: number;
  readonly at: number;
  /** A target of effects, or a source that is not heard. */
  readonly what: string;
  readonly because: string;
}

/** Why a cluster is as it is. */
export interface Why {
  /** The times of an incident; null when the cluster never left Running. */
  readonly incident: {
    readonly over: boolean;
    readonly because: string;
    readonly lostAt: number;
    readonly writableAt: number | null;
    readonly leader: string | null;
    readonly recoveredAt: number | null;
  } | null;
  readonly decisions: readonly DecisionTold[];
  readonly troubles: readonly TroubleTold[];
  /** Where the rows begin, when older ones were pruned. */
  readonly pruned: { readonly seq: number; readonly at: number } | null;
  /** What is being done or awaited, as the newest status says it; null when none was published. */
  readonly next: string | null;
}

function effectTold({ at, intent, ended }: Effect): EffectTold {
  return {
    type: intent.type,
    target: `${intent.target.kind}/${intent.target.name}`,
    because: intent.because,
    outcome: ended === null ? null : outcomeWords(ended.outcome),
    tookMs: ended === null ? null : ended.at - at,
  };
}

/** Tells decisions of one cluster. @param all every decided row of it; @param clusterUid its uid */
export function tellerOf(all: readonly DecidedRow[], clusterUid: string): (each: DecidedRow) => DecisionTold {
  const bySeq = new Map(all.map((each) => [each.row.seq, each]));
  const find = causesOf(all, clusterUid);
  const outcomes = outcomesOf(all);
  return (each) => ({
    seq: each.row.seq,
    at: each.row.at,
    saw: observationWords(each.decision.observation),
    causes: trailOf(each, bySeq, find).map(({ cause, row: { row, decision } }) => ({
      seq: row.seq,
      at: row.at,
      by: cause.by,
      saw: observationWords(decision.observation),
      moves: decision.moves.map((move) => `${arrowWords(move.from, move.to)} by ${move.signal}`),
    })),
    moves: each.decision.moves.map(({ signal, from, to, answers }) => ({ signal, from, to, asked: answers })),
    effects: effectsOf(each, outcomes)
      .filter(({ intent }) => intent.type !== 'EmitEvent')
      .map(effectTold),
  });
}

function valueWords(asked: Asked): string {
  const values = Object.entries(asked.values).map(([key, value]) => `${key} ${String(value)}`);
  return values.length === 0 ? '' : ` [${values.join(', ')}]`;
}

function moveLines({ moves }: DecisionTold): readonly string[] {
  return moves.flatMap(({ signal, from, to, asked }) => {
    const last = asked.at(-1);
    const before = asked
      .slice(0, -1)
      .map((answer) => `    asked   ${answer.guard}: ${answer.answer}, ${answer.because}${valueWords(answer)}`);
    const why = last === undefined ? '' : `: ${last.because}${valueWords(last)}`;
    return [...before, `    moved   ${arrowWords(from, to)} by ${signal}${why}`];
  });
}

/** A decision as lines. */
export function decisionLines(told: DecisionTold): readonly string[] {
  return [
    `${timeWords(told.at)}  row ${told.seq}`,
    `    saw     ${told.saw}`,
    ...told.causes.map(
      ({ seq, by, saw, moves }) =>
        `    cause   row ${seq}, by ${by}: ${saw}${moves.map((move) => `; ${move}`).join('')}`,
    ),
    ...moveLines(told),
    ...told.effects.map(({ type, target, because, outcome, tookMs }) => {
      const ended = outcome === null ? 'no answer recorded yet' : `${outcome} after ${durationWords(tookMs ?? 0)}`;
      return `    effect  ${type} ${target}: ${because} (${ended})`;
    }),
  ];
}

function leavesRest(each: DecidedRow): boolean {
  return each.decision.moves.some((move) => phaseOf(move.from) === 'Running' && phaseOf(move.to) !== 'Running');
}

function entersRest(each: DecidedRow): boolean {
  return each.decision.moves.some((move) => phaseOf(move.to) === 'Running');
}

/** Rows of the last incident: from the last time Running was left until it was reached again, or now; null when there is none. */
export function incidentRows(all: readonly DecidedRow[]): readonly DecidedRow[] | null {
  const start = all.findLastIndex(leavesRest);
  if (start < 0) return null;
  const end = all.findIndex((each, index) => index > start && entersRest(each));
  return all.slice(start, end < 0 ? undefined : end + 1);
}

const endings: ReadonlySet<string> = new Set(['conflict', 'refused', 'transient', 'unknown', 'withheld']);

/** Effects whose last answer was none to be happy with, and sources that went stale and are not fresh again. */
export function troublesOf(all: readonly DecidedRow[]): readonly TroubleTold[] {
  const open = new Map<string, TroubleTold>();
  for (const { row, decision } of all) {
    const { observation } = decision;
    const { seq, at } = row;
    if (observation.type === 'ProcessStarted') open.clear();
    if (observation.type === 'SourceFresh') open.delete(observation.source);
    if (observation.type === 'SourceWentStale')
      open.set(observation.source, { seq, at, what: observation.source, because: observation.because });
    if (observation.type !== 'OutcomeArrived') continue;
    const { intent, target, outcome } = observation;
    const what = `${intent} ${target.kind}/${target.name}`;
    if (endings.has(outcome.type)) open.set(what, { seq, at, what, because: outcomeWords(outcome) });
    else for (const key of open.keys()) if (key.endsWith(` ${target.kind}/${target.name}`)) open.delete(key);
  }
  return [...open.values()];
}

function incidentOf(rows: readonly DecidedRow[]): Why['incident'] {
  const moved = rows.filter((each) => each.decision.moves.length > 0);
  const [first, last] = [moved[0], moved.at(-1)];
  if (first === undefined || last === undefined) return null;
  const over = entersRest(last);
  const elected = moved.find((each) => each.decision.moves.some((move) => move.signal === 'PrimaryElected'));
  return {
    over,
    because: first.decision.moves[0]?.answers.at(-1)?.because ?? '',
    lostAt: first.row.at,
    writableAt: elected?.row.at ?? null,
    leader: elected?.decision.moves[0]?.answers.at(-1)?.because ?? null,
    recoveredAt: over ? last.row.at : null,
  };
}

/**
 * Why the cluster is as it is: the last incident, else every move so far; or the decision in force at `atMs`.
 * @param all every decided row of the cluster
 * @param sealed how it stood before them, where older ones were pruned
 */
export function whyOf(
  all: readonly DecidedRow[],
  clusterUid: string,
  atMs: number | null,
  sealed: Sealed | null = null,
): Why {
  const pruned = sealed === null ? null : { seq: sealed.seq, at: sealed.at };
  const tell = tellerOf(all, clusterUid);
  if (atMs !== null) {
    const then = all.filter((each) => each.row.at <= atMs);
    const found = then.findLast((each) => each.decision.moves.length > 0);
    return {
      incident: null,
      pruned,
      decisions: found === undefined ? [] : [tell(found)],
      troubles: troublesOf(then),
      next: (toldStatus(then) ?? sealed?.status)?.reason ?? null,
    };
  }
  const rows = incidentRows(all);
  return {
    incident: rows === null ? null : incidentOf(rows),
    pruned,
    decisions: (rows ?? all).filter((each) => each.decision.moves.length > 0).map(tell),
    troubles: troublesOf(all),
    next: (toldStatus(all) ?? sealed?.status)?.reason ?? null,
  };
}

function incidentLines(incident: NonNullable<Why['incident']>): readonly string[] {
  const { over, because, lostAt, writableAt, leader, recoveredAt } = incident;
  return [
    `${over ? 'It is over' : 'It goes on'}: ${because}.`,
    `  lost       ${timeWords(lostAt)}`,
    ...(writableAt === null
      ? []
      : [`  writable   ${timeWords(writableAt)}  after ${durationWords(writableAt - lostAt)}: ${leader ?? ''}`]),
    ...(recoveredAt === null
      ? []
      : [`  recovered  ${timeWords(recoveredAt)}  after ${durationWords(recoveredAt - lostAt)}`]),
    '',
  ];
}

/** The answer as lines. */
export function whyLines({ incident, pruned, decisions, troubles, next }: Why): readonly string[] {
  if (decisions.length === 0 && next === null) return ['nothing had been decided by then'];
  return [
    ...(pruned === null ? [] : [prunedWords(pruned)]),
    ...(incident === null ? [] : incidentLines(incident)),
    ...decisions.flatMap(decisionLines),
    ...troubles.map(({ seq, at, what, because }) => `trouble   ${what}: ${because} (${timeWords(at)}, row ${seq})`),
    ...(next === null ? [] : [`now       ${next}`]),
  ];
}
