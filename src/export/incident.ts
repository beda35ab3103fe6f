/** Owns: which rows are those of an incident: from when a cluster left Running until it was Running again. Pure. */
import { phaseOf } from '#machines/cluster/chart.ts';
import { goneRow, type DecidedRow } from './decided.ts';

function leavesRest(each: DecidedRow): boolean {
  return each.decision.moves.some((move) => phaseOf(move.from) === 'Running' && phaseOf(move.to) !== 'Running');
}

/** Whether the row brought the cluster to Running. */
export function entersRest(each: DecidedRow): boolean {
  return each.decision.moves.some((move) => phaseOf(move.to) === 'Running');
}

/** Rows of the last incident: from the last time Running was left until it was reached again, or the cluster was gone, or now; null when there is none. */
export function incidentRows(all: readonly DecidedRow[]): readonly DecidedRow[] | null {
  const start = all.findLastIndex(leavesRest);
  if (start < 0) return null;
  const end = all.findIndex((each, index) => index > start && (entersRest(each) || goneRow([each]) !== null));
  return all.slice(start, end < 0 ? undefined : end + 1);
}

/** Signals of what went wrong, the gravest first; others tell of an edit or of what is done about it. */
const troubled: readonly string[] = ['PrimaryLost', 'RolloutFailed', 'ReconcileError', 'ReplicasDegraded'];

/** What it is all about: the gravest thing that went wrong within an incident, else what began it; null without a move. */
export function causeOf(rows: readonly DecidedRow[]): string | null {
  const moves = rows.flatMap(({ decision }) => decision.moves);
  const grave = troubled.map((each) => moves.find(({ signal }) => signal === each)).find((each) => each !== undefined);
  return (grave ?? moves[0])?.answers.at(-1)?.because ?? null;
}
