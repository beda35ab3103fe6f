/** Owns: the causal chain of an incident or a decision, from rows to lines. Pure. */
import { phaseOf } from '#machines/cluster/chart.ts';
import { decodeBody } from '#src/decision/codec.ts';
import type { Asked, Decision } from '#src/decision/record.ts';
import { observationWords, outcomeWords } from '#src/export/words.ts';
import type { RecordRow } from '#src/journal/record.ts';

/** A row with its decision. */
export interface DecidedRow {
  readonly row: RecordRow;
  readonly decision: Decision;
}

/** Rows that hold a decision, decoded. */
export function decidedRows(rows: readonly RecordRow[], blobs: ReadonlyMap<string, string>): readonly DecidedRow[] {
  const get = (hash: string): string => {
    const bytes = blobs.get(hash);
    if (bytes === undefined) throw new Error(`blob ${hash} is missing; run 'pgc journal verify'`);
    return bytes;
  };
  return rows
    .filter((row) => row.kind !== 'gap' && row.kind !== 'base' && row.kind !== 'machine-upgrade')
    .map((row) => ({ row, decision: decodeBody(row.body, get) }));
}

/** UTC with milliseconds: what happened within a second matters here. */
export function timeWords(ms: number): string {
  return new Date(ms).toISOString().replace('T', ' ').replace('Z', ' UTC');
}

/** A duration for a human: `2.9 s`, `3 min 20 s`. */
export function durationWords(ms: number): string {
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  const minutes = Math.floor(ms / 60_000);
  return `${minutes} min ${Math.round((ms % 60_000) / 1000)} s`;
}

function valueWords(asked: Asked): string {
  const values = Object.entries(asked.values).map(([key, value]) => `${key} ${String(value)}`);
  return values.length === 0 ? '' : ` [${values.join(', ')}]`;
}

function effectLines(each: DecidedRow, all: readonly DecidedRow[]): readonly string[] {
  const { row, decision } = each;
  return decision.intents
    .filter((intent) => intent.type !== 'EmitEvent')
    .map((intent) => {
      const ended = all.find(
        ({ decision: later }) =>
          later.observation.type === 'OutcomeArrived' &&
          later.observation.seq === row.seq &&
          later.observation.ordinal === intent.ordinal,
      );
      const outcome =
        ended?.decision.observation.type === 'OutcomeArrived'
          ? `${outcomeWords(ended.decision.observation.outcome)} after ${durationWords(ended.row.at - row.at)}`
          : 'no answer recorded yet';
      return `    effect  ${intent.type} ${intent.target.kind}/${intent.target.name}: ${intent.because} (${outcome})`;
    });
}

function moveLines(each: DecidedRow): readonly string[] {
  return each.decision.moves.flatMap((move) => {
    const asked = move.answers.at(-1);
    const before = move.answers
      .slice(0, -1)
      .map((answer) => `    asked   ${answer.guard}: ${answer.answer}, ${answer.because}${valueWords(answer)}`);
    const why = asked === undefined ? '' : `: ${asked.because}${valueWords(asked)}`;
    return [...before, `    moved   ${phaseOf(move.from)} → ${phaseOf(move.to)} by ${move.signal}${why}`];
  });
}

/** One decision as lines. */
export function decisionLines(each: DecidedRow, all: readonly DecidedRow[]): readonly string[] {
  const { row, decision } = each;
  const cause = row.causedBy === null ? '' : `, caused by row ${row.causedBy}`;
  return [
    `${timeWords(row.at)}  row ${row.seq}${cause}`,
    `    saw     ${observationWords(decision.observation)}`,
    ...moveLines(each),
    ...effectLines(each, all),
  ];
}

function leavesRest(each: DecidedRow): boolean {
  return each.decision.moves.some((move) => phaseOf(move.from) === 'Running' && phaseOf(move.to) !== 'Running');
}

function entersRest(each: DecidedRow): boolean {
  return each.decision.moves.some((move) => phaseOf(move.to) === 'Running');
}

/** The last incident: from the last time Running was left until it was reached again, or now. Else the last move at all. */
export function incident(all: readonly DecidedRow[]): readonly DecidedRow[] {
  const start = all.findLastIndex(leavesRest);
  const moved = all.filter((each) => each.decision.moves.length > 0);
  if (start < 0) return moved;
  const end = all.findIndex((each, index) => index > start && entersRest(each));
  return all.slice(start, end < 0 ? undefined : end + 1).filter((each) => each.decision.moves.length > 0);
}

function summary(chain: readonly DecidedRow[]): readonly string[] {
  const first = chain[0];
  const last = chain.at(-1);
  if (first === undefined || last === undefined || !leavesRest(first)) return [];
  const cause = first.decision.moves[0]?.answers.at(-1)?.because ?? '';
  const back = entersRest(last);
  const elected = chain.find((each) => each.decision.moves.some((move) => move.signal === 'PrimaryElected'));
  const leader = elected?.decision.moves[0]?.answers.at(-1)?.because;
  return [
    `${back ? 'It is over' : 'It goes on'}: ${cause}.`,
    `  lost       ${timeWords(first.row.at)}`,
    ...(elected === undefined
      ? []
      : [
          `  writable   ${timeWords(elected.row.at)}  after ${durationWords(elected.row.at - first.row.at)}: ${leader ?? ''}`,
        ]),
    ...(back ? [`  recovered  ${timeWords(last.row.at)}  after ${durationWords(last.row.at - first.row.at)}`] : []),
    '',
  ];
}

/** Why the cluster is as it is: the chain of the last incident, or of the decision at or before `atMs`. */
export function whyLines(all: readonly DecidedRow[], atMs: number | null): readonly string[] {
  if (atMs === null) {
    const chain = incident(all);
    return [...summary(chain), ...chain.flatMap((each) => decisionLines(each, all))];
  }
  const found = all.findLast((each) => each.row.at <= atMs && each.decision.moves.length > 0);
  return found === undefined ? ['nothing had been decided by then'] : decisionLines(found, all);
}
