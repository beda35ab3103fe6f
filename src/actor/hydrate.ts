/**
 * Owns: bringing an actor back to life: the cached snapshot, then the rows after it decided again.
 *
 * I1. Rows are decided again by the function that `replay --verify` proves.
 * I2. A snapshot this build cannot use costs time, not truth: all rows are decided again.
 * I3. On rows of a newer build nothing is decided: reading them throws, and the cluster is left alone.
 */
import type { OpenIntent } from '#machines/cluster/facts.ts';
import type { ClusterObservation } from '#machines/cluster/observations.ts';
import { sha256 } from '#src/decision/hash.ts';
import { contentOf, type Core, redecide, standingOf } from '#src/replay/redecide.ts';
import { buildOfBase, decodeStanding, type Standing } from '#src/replay/snapshot-text.ts';
import type { JournaledCluster } from './ports.ts';

type OutcomeArrived = Extract<ClusterObservation, { readonly type: 'OutcomeArrived' }>;

export interface Hydrated {
  /** Null for a cluster the journal does not know. */
  readonly standing: Standing | null;
  /** Rows decided again. */
  readonly rows: number;
  /** seq of the first row that came out otherwise; null when all are as recorded. */
  readonly divergedAt: number | null;
  /** Build that wrote last; null when nothing says which. */
  readonly writtenBy: string | null;
}

/** The actor as it stood after its last row. @throws when rows are damaged, or `decide` does on one of them */
export function hydrate(core: Core, journaled: JournaledCluster): Hydrated {
  const { snapshot } = journaled;
  const cached = snapshot === null ? null : decodeStanding(snapshot.bytes);
  let standing = cached;
  let rows = 0;
  let divergedAt: number | null = null;
  let writtenBy = snapshot?.build ?? null;
  for (const row of journaled.rows(cached === null || snapshot === null ? 0 : snapshot.seq)) {
    const content = contentOf(row.kind);
    if (content === 'standing') standing = standingOf(row);
    if (row.kind === 'base') writtenBy = buildOfBase(row.body) ?? writtenBy;
    if (content === 'gap') standing = null;
    if (content !== 'decision') continue;
    const again = redecide(core, standing, { row, getBlob: journaled.getBlob });
    standing = again.standing;
    rows += 1;
    const { observation } = again.decision;
    if (observation.type === 'ProcessStarted') writtenBy = observation.build;
    if (divergedAt === null && core.encodeBody(again.decision, sha256) !== row.body) divergedAt = row.seq;
  }
  return { standing, rows, divergedAt, writtenBy };
}

/** Told of every intent that was open when the process ended: it may have been sent, and its answer was lost. */
export function lostOutcomes(open: Readonly<Record<string, OpenIntent>>): readonly OutcomeArrived[] {
  return Object.values(open)
    .toSorted((left, right) => left.seq - right.seq || left.ordinal - right.ordinal)
    .map(({ seq, ordinal, type, target }) => ({
      type: 'OutcomeArrived',
      seq,
      ordinal,
      intent: type,
      target,
      outcome: { type: 'unknown', reason: 'the operator restarted before an answer came' },
    }));
}
