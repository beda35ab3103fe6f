/**
 * Owns: what a row came from, as far back as the journal tells: the row that armed the timer, the row whose effect was
 * answered, the row whose effect shows on an object. Pure.
 */
import type { ObjectProjection } from '#machines/cluster/observations.ts';
import type { DecidedRow } from './decided.ts';

/** One step back. */
export interface Cause {
  readonly seq: number;
  /** How the later row came from it. */
  readonly by: 'a timer it armed' | 'the answer to its effect' | 'its effect, seen on the object';
}

/** Place of an effect key `<uid>-<epoch>-<seq>-<ordinal>`; null when it is none of this cluster. */
function placeOf(effect: string | null, clusterUid: string): number | null {
  if (effect === null || !effect.startsWith(`${clusterUid}-`)) return null;
  const [, seq] = effect.slice(clusterUid.length + 1).split('-');
  return seq === undefined || !/^\d+$/.test(seq) ? null : Number(seq);
}

/** Finds the cause of any row of a cluster. */
export type FindCause = (each: DecidedRow) => Cause | null;

/**
 * Makes the finder over all rows of one cluster.
 * @param clusterUid uid of the PostgresCluster: effects of a predecessor of the same name are no causes here
 */
export function causesOf(all: readonly DecidedRow[], clusterUid: string): FindCause {
  const seen = new Map<string, string | null>();
  const landed = new Map<number, number>();
  for (const { row, decision } of all) {
    if (decision.observation.type !== 'ObjectSeen') continue;
    const { object }: { readonly object: ObjectProjection } = decision.observation;
    const key = `${object.kind}/${object.name}/${object.uid}`;
    const before = seen.get(key);
    seen.set(key, object.effect);
    const place = before === object.effect ? null : placeOf(object.effect, clusterUid);
    if (place !== null && place < row.seq) landed.set(row.seq, place);
  }
  return ({ row, decision }) => {
    if (row.causedBy !== null)
      return {
        seq: row.causedBy,
        by: decision.observation.type === 'TimerFired' ? 'a timer it armed' : 'the answer to its effect',
      };
    const place = landed.get(row.seq);
    return place === undefined ? null : { seq: place, by: 'its effect, seen on the object' };
  };
}

/** Longest trail that is told: beyond it stands what everybody knows, such as the start. */
const trailMax = 12;

/** A row, and what it came from, nearest first. Ends where nothing earlier is recorded. */
export function trailOf(
  each: DecidedRow,
  bySeq: ReadonlyMap<number, DecidedRow>,
  find: FindCause,
): readonly { readonly cause: Cause; readonly row: DecidedRow }[] {
  const trail: { readonly cause: Cause; readonly row: DecidedRow }[] = [];
  let now = each;
  while (trail.length < trailMax) {
    const cause = find(now);
    const before = cause === null || cause.seq >= now.row.seq ? undefined : bySeq.get(cause.seq);
    if (cause === null || before === undefined) break;
    trail.push({ cause, row: before });
    now = before;
  }
  return trail;
}
