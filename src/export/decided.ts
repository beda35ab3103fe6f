/** Owns: rows with what they hold, decoded: what every answer about a cluster is made from. Pure. */
import type { Decision, IntentRecord } from '#src/decision/record.ts';
import { phaseOf } from '#machines/cluster/chart.ts';
import type { Snapshot } from '#machines/cluster/facts.ts';
import type { Outcome } from '#machines/cluster/observations.ts';
import type { RecordRow } from '#src/journal/record.ts';
import { contentOf, decisionOf } from '#src/replay/redecide.ts';

/** A row with its decision. */
export interface DecidedRow {
  readonly row: RecordRow;
  readonly decision: Decision;
}

/** Rows that hold a decision, decoded. @throws when a blob is missing from `blobs` */
export function decidedRows(rows: readonly RecordRow[], blobs: ReadonlyMap<string, string>): readonly DecidedRow[] {
  const get = (hash: string): string => {
    const bytes = blobs.get(hash);
    if (bytes === undefined) throw new Error(`blob ${hash} is missing; run 'pgc journal verify'`);
    return bytes;
  };
  return rows
    .filter((row) => contentOf(row.kind) === 'decision')
    .map((row) => ({ row, decision: decisionOf(row, get) }));
}

/** An effect with the answer that came for it. */
export interface Effect {
  readonly seq: number;
  readonly at: number;
  readonly intent: IntentRecord;
  /** Null while no answer is recorded. */
  readonly ended: { readonly seq: number; readonly at: number; readonly outcome: Outcome } | null;
}

/** Answers by the place of their intent: `<seq>-<ordinal>`. */
export function outcomesOf(all: readonly DecidedRow[]): ReadonlyMap<string, NonNullable<Effect['ended']>> {
  const found = new Map<string, NonNullable<Effect['ended']>>();
  for (const { row, decision } of all) {
    const { observation } = decision;
    if (observation.type !== 'OutcomeArrived') continue;
    found.set(`${observation.seq}-${observation.ordinal}`, { seq: row.seq, at: row.at, outcome: observation.outcome });
  }
  return found;
}

/** Effects of a row, each with its answer. */
export function effectsOf({ row, decision }: DecidedRow, outcomes: ReturnType<typeof outcomesOf>): readonly Effect[] {
  return decision.intents.map((intent) => ({
    seq: row.seq,
    at: row.at,
    intent,
    ended: outcomes.get(`${row.seq}-${intent.ordinal}`) ?? null,
  }));
}

/** What the status said, as far as answers need it. */
export interface ToldStatus {
  readonly at: number;
  readonly phase: string;
  /** What is being done or awaited, in one sentence. */
  readonly reason: string;
  /** What waits, and what for; null when nothing does. */
  readonly nextAction: string | null;
  readonly readyReplicas: number;
  readonly primaryPod: string | null;
  readonly conditions: readonly {
    readonly type: string;
    readonly status: string;
    readonly reason: string;
    readonly message: string;
  }[];
}

/** What is told as the phase of a cluster that was deleted, and is no more: no status can say so. */
export const gone = 'Gone';

/** Of a cluster that was deleted to its end: nothing is awaited of it. */
export const goneStatus: Omit<ToldStatus, 'at'> = {
  phase: gone,
  reason: 'the PostgresCluster was deleted and is gone',
  nextAction: null,
  readyReplicas: 0,
  primaryPod: null,
  conditions: [],
};

/** Whether an observation says that the PostgresCluster is there, or is not. */
export function isSight(type: string): boolean {
  return type === 'ClusterSeen' || type === 'ClusterGone';
}

/** The row in which the PostgresCluster was seen to be gone, where it was not seen again; null while it is there. */
export function goneRow(all: readonly DecidedRow[]): RecordRow | null {
  const last = all.findLast(({ decision }) => isSight(decision.observation.type));
  return last?.decision.observation.type === 'ClusterGone' ? last.row : null;
}

/** Whether a standing is that of a cluster that is gone. */
export function isGone({ state, facts }: Snapshot): boolean {
  return facts.world.cluster === null && phaseOf(state) === 'Deleting';
}

/** The newest status among the rows, from the request that published it; null when none was. */
export function toldStatus(all: readonly DecidedRow[]): ToldStatus | null {
  const went = goneRow(all);
  if (went !== null) return { at: went.at, ...goneStatus };
  for (const { row, decision } of all.toReversed()) {
    const request = decision.intents.find((intent) => intent.type === 'PublishStatus')?.request;
    if (request?.type !== 'api' || request.body === null) continue;
    const { status } = JSON.parse(request.body) as { readonly status: Partial<ToldStatus> };
    const {
      phase = 'Unknown',
      reason = '',
      nextAction = null,
      readyReplicas = 0,
      primaryPod = null,
      conditions = [],
    } = status;
    return { at: row.at, phase, reason, nextAction, readyReplicas, primaryPod, conditions };
  }
  return null;
}
