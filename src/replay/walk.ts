/**
 * Owns: going through the rows of a cluster with the actor's standing before and after each: what `verify`, `state`,
 * `why-not`, `--until` and `--bisect` are made of. Pure: rows and blobs are handed in.
 */
import { sha256 } from '#src/decision/hash.ts';
import type { GetBlob } from '#src/decision/codec.ts';
import type { Decision } from '#src/decision/record.ts';
import { contentOf, type Core, type JournalRow, redecide, standingOf } from './redecide.ts';
import type { Standing } from './snapshot-text.ts';

export interface WalkInput<Row extends JournalRow = JournalRow> {
  /** Rows of one cluster in seq order, from its first row or from a `base` row. */
  readonly rows: Iterable<Row>;
  readonly getBlob: GetBlob;
  /** Standing before the first of the rows; null when they begin with the cluster's first or with a `base`. */
  readonly from: Standing | null;
}

/** One row, gone over. */
export interface WalkStep<Row extends JournalRow = JournalRow> {
  readonly row: Row;
  /** Null before the first row and after a gap. */
  readonly before: Standing | null;
  readonly after: Standing | null;
  /** What was decided again; null for rows that hold no decision, and where deciding threw. */
  readonly again: { readonly decision: Decision; readonly body: string } | null;
  /** What deciding threw; the standing stays as it was then. */
  readonly failed: { readonly cause: unknown } | null;
}

/** Goes over the rows; after a difference from what is recorded it goes on from what it computed. */
export function* walk<Row extends JournalRow>(
  core: Core,
  { rows, getBlob, from }: WalkInput<Row>,
): IterableIterator<WalkStep<Row>> {
  let standing = from;
  for (const row of rows) {
    const before = standing;
    const content = contentOf(row.kind);
    if (content === 'standing') standing = standingOf(row);
    if (content === 'gap') standing = null;
    if (content !== 'decision') {
      yield { row, before, after: standing, again: null, failed: null };
      continue;
    }
    let step: WalkStep<Row>;
    try {
      const { decision, standing: after } = redecide(core, before, { row, getBlob });
      standing = after;
      step = { row, before, after, again: { decision, body: core.encodeBody(decision, sha256) }, failed: null };
    } catch (cause) {
      step = { row, before, after: before, again: null, failed: { cause } };
    }
    yield step;
  }
}

/** How a cluster stood at a point, and whether this build vouches for it. */
export interface StoodAt {
  readonly standing: Standing;
  readonly seq: number;
  readonly at: number;
  /** seq of the first row that came out otherwise than recorded: from there the facts are this build's opinion. */
  readonly divergedAt: number | null;
}

/** How a cluster stood after the last of the rows; null when none of them holds anything. */
export function standAt(core: Core, input: WalkInput): StoodAt | null {
  let found: StoodAt | null = null;
  let divergedAt: number | null = null;
  for (const { row, after, again, failed } of walk(core, input)) {
    if (divergedAt === null && (failed !== null || (again !== null && again.body !== row.body))) divergedAt = row.seq;
    if (after !== null) found = { standing: after, seq: row.seq, at: row.at, divergedAt };
    else if (contentOf(row.kind) === 'gap') [found, divergedAt] = [null, null];
  }
  return found === null ? null : { ...found, divergedAt };
}
