/** G7: deciding the journal again gives the same bytes, and its chains hold. */
import type { Journal } from '#src/journal/journal.ts';
import { makeCore } from '#src/replay/core.ts';
import { contentOf, redecide, standingOf, type JournalRow } from '#src/replay/redecide.ts';
import type { Standing } from '#src/replay/snapshot-text.ts';
import { verifyRows } from '#src/replay/verify.ts';
import type { Invariant } from './invariant.ts';

const core = makeCore();

/**
 * Standings after rows that were decided again before, by the row's hash, which names all rows before it too: what a plan
 * with faults shares with the run without them is not decided over and over.
 */
const known = new Map<string, Standing>();
const mostKnown = 2_000;

type Row = JournalRow & { readonly hash: string };

function remember(rows: readonly Row[], getBlob: (hash: string) => string): void {
  if (known.size + rows.length > mostKnown) known.clear();
  let standing: Standing | null = null;
  for (const row of rows) {
    const content = contentOf(row.kind);
    if (content === 'standing') standing = standingOf(row);
    if (content === 'gap') standing = null;
    if (content !== 'decision') continue;
    ({ standing } = redecide(core, standing, { row, getBlob }));
    known.set(row.hash, standing);
  }
}

/** What is wrong with a journal; empty when nothing is. */
function damages(journal: Journal, isCalm: boolean): readonly string[] {
  const { damage } = journal.verify();
  const { reader } = journal;
  const divergences = reader.clusters().flatMap(({ uid, name }) => {
    const rows = reader.rows({ uid });
    const last = rows.findLastIndex(({ hash }) => known.has(hash));
    const from = known.get(rows[last]?.hash ?? '') ?? null;
    const { firstDivergence } = verifyRows(core, { rows: rows.slice(last + 1), getBlob: reader.blob, from });
    if (firstDivergence !== null) return [`${name}: row ${firstDivergence.seq} at ${firstDivergence.pointer}`];
    if (isCalm && last < 0) remember(rows, reader.blob);
    return [];
  });
  return [...damage.map(({ because }) => because), ...divergences];
}

export const g7: Invariant = {
  name: 'G7',
  says: 'replaying the journal reproduces every decision',
  watch: (world, tell) => ({
    atEnd: () => {
      for (const seat of world.operators) {
        const journal = seat.journal();
        if (journal === null) continue;
        for (const damage of damages(journal, world.plan.steps.length === 0))
          tell(`journal of ${seat.name}: ${damage}`);
      }
    },
  }),
};
