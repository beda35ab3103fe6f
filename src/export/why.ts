/**
 * Owns: the causal chain of an incident or a decision: what was seen and what that came from, what was asked and answered,
 * what was done and how it ended, what is awaited now. Values first, lines from them. Pure.
 */
import type { Facts } from '#machines/cluster/facts.ts';
import type { ClusterProjection } from '#machines/cluster/observations.ts';
import type { Asked } from '#src/decision/record.ts';
import { causesOf, trailOf } from './causes.ts';
import { effectsOf, gone, goneRow, outcomesOf, type DecidedRow, type Effect } from './decided.ts';
import { causeOf, entersRest, incidentRows } from './incident.ts';
import { evidenceOf } from './evidence.ts';
import { nextStepLines, nextSteps, type NextStep } from './next-steps.ts';
import { prunedWords, type Sealed } from './sealed.ts';
import { editsTeller } from './spec-edits.ts';
import { durationWords, timeWords } from './time.ts';
import { troublesOf, type TroubleTold } from './troubles.ts';
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

/** Why a cluster is as it is. */
export interface Why {
  /** The times of an incident; null when the cluster never left Running. */
  readonly incident: {
    readonly over: boolean;
    /** The gravest thing that went wrong; what began it where nothing did. */
    readonly because: string;
    /** Whether it began with the loss of the primary. */
    readonly primaryLost: boolean;
    /** When Running was left. */
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
  /** What a person does next. */
  readonly steps: readonly NextStep[];
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

/** Edits of the spec by the row that saw them. */
function editsBySeq(all: readonly DecidedRow[], before: ClusterProjection | null): ReadonlyMap<number, string> {
  const edits = editsTeller(before);
  return new Map(
    all.flatMap(({ row, decision: { observation } }) => {
      const fields = observation.type === 'ClusterSeen' ? edits(observation.cluster) : [];
      return fields.length === 0 ? [] : [[row.seq, `: ${fields.join('; ')}`] as const];
    }),
  );
}

/**
 * Tells decisions of one cluster.
 * @param all every decided row of it
 * @param clusterUid its uid
 * @param before the PostgresCluster as it was seen before the first of the rows
 */
export function tellerOf(
  all: readonly DecidedRow[],
  clusterUid: string,
  before: ClusterProjection | null = null,
): (each: DecidedRow) => DecisionTold {
  const edits = editsBySeq(all, before);
  const bySeq = new Map(all.map((each) => [each.row.seq, each]));
  const find = causesOf(all, clusterUid);
  const outcomes = outcomesOf(all);
  return (each) => ({
    seq: each.row.seq,
    at: each.row.at,
    saw: `${observationWords(each.decision.observation)}${edits.get(each.row.seq) ?? ''}`,
    causes: trailOf(each, bySeq, find).map(({ cause, row: { row, decision } }) => ({
      seq: row.seq,
      at: row.at,
      by: cause.by,
      saw: `${observationWords(decision.observation)}${edits.get(row.seq) ?? ''}`,
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

function incidentOf(rows: readonly DecidedRow[]): Why['incident'] {
  const moved = rows.filter((each) => each.decision.moves.length > 0);
  const [first, last, cause] = [moved[0], moved.at(-1), causeOf(moved)];
  if (first === undefined || last === undefined || cause === null) return null;
  const recovered = entersRest(last);
  const elected = moved.find((each) => each.decision.moves.some((move) => move.signal === 'PrimaryElected'));
  return {
    over: recovered || goneRow(rows) !== null,
    because: cause,
    primaryLost: first.decision.moves.some(({ signal }) => signal === 'PrimaryLost'),
    lostAt: first.row.at,
    writableAt: elected?.row.at ?? null,
    leader: elected?.decision.moves[0]?.answers.at(-1)?.because ?? null,
    recoveredAt: recovered ? last.row.at : null,
  };
}

/** What changed the state, or took something away. */
function isTold({ decision: { moves, intents } }: DecidedRow): boolean {
  return moves.length > 0 || intents.some((intent) => intent.class === 'D');
}

export interface WhyAsked {
  /** Every decided row of the cluster. */
  readonly all: readonly DecidedRow[];
  readonly clusterUid: string;
  /** Whose decision in force is told; null tells the last incident. */
  readonly atMs?: number | null;
  /** How it stood before the rows, where older ones were pruned. */
  readonly sealed?: Sealed | null;
  /** What was known before the rows, where they do not begin with the cluster's first. */
  readonly before?: Facts['world'] | null;
}

/** Why the cluster is as it is: the last incident, else every move so far; or the decision in force at a moment. */
export function whyOf({ all, clusterUid, atMs = null, sealed = null, before = null }: WhyAsked): Why {
  const pruned = sealed === null ? null : { seq: sealed.seq, at: sealed.at };
  const tell = tellerOf(all, clusterUid, before?.cluster?.seen ?? null);
  const then = atMs === null ? all : all.filter((each) => each.row.at <= atMs);
  const told = evidenceOf(then, before);
  const status = told.status ?? sealed?.status ?? null;
  const common = {
    pruned,
    troubles: status?.phase === gone ? [] : troublesOf(then),
    next: status?.reason ?? null,
    steps: nextSteps({ ...told, status }),
  };
  if (atMs !== null) {
    const found = then.findLast((each) => each.decision.moves.length > 0);
    return { incident: null, decisions: found === undefined ? [] : [tell(found)], ...common };
  }
  const rows = incidentRows(all);
  return {
    incident: rows === null ? null : incidentOf(rows),
    decisions: (rows ?? all).filter(isTold).map(tell),
    ...common,
  };
}

function incidentLines(incident: NonNullable<Why['incident']>): readonly string[] {
  const { over, because, primaryLost, lostAt, writableAt, leader, recoveredAt } = incident;
  return [
    `${over ? 'It is over' : 'It goes on'}: ${because}.`,
    `  ${primaryLost ? 'lost     ' : 'began    '}  ${timeWords(lostAt)}`,
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
export function whyLines({ incident, pruned, decisions, troubles, next, steps }: Why): readonly string[] {
  if (decisions.length === 0 && next === null) return ['nothing had been decided by then'];
  return [
    ...(pruned === null ? [] : [prunedWords(pruned)]),
    ...(incident === null ? [] : incidentLines(incident)),
    ...decisions.flatMap(decisionLines),
    ...troubles.map(({ seq, at, what, because }) => `trouble   ${what}: ${because} (${timeWords(at)}, row ${seq})`),
    ...(next === null ? [] : [`now       ${next}`]),
    ...nextStepLines(steps),
  ];
}
