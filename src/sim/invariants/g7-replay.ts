/** G7: deciding the journal again gives the same bytes, and its chains hold. */
import type { Journal } from '#src/journal/journal.ts';
import { makeCore } from '#src/replay/core.ts';
import type { JournalRow } from '#src/replay/redecide.ts';
import type { Standing } from '#src/replay/snapshot-text.ts';
import { divergenceOf, type Divergence } from '#src/replay/verify.ts';
import { walk } from '#src/replay/walk.ts';
import type { Invariant } from './invariant.ts';

const core = makeCore();

/**
 * Standings after rows that were decided again before with the same bytes, by the row's hash, which names all rows before it
 * too: what a run shares with one before it, up to its first fault or to its second, is not decided over and over.
 */
const known = new Map<string, Standing>();
const mostKnown = 20_000;

type Row = JournalRow & { readonly hash: string };

function remember(hash: string, standing: Standing): void {
  known.set(hash, standing);
  if (known.size <= mostKnown) return;
  const [oldest] = known.keys();
  if (oldest !== undefined) known.delete(oldest);
}

/** Where the rows of a cluster first come out otherwise than they were written; null when they do not. */
function parting(rows: readonly Row[], getBlob: (hash: string) => string): Divergence | null {
  const last = rows.findLastIndex(({ hash }) => known.has(hash));
  const from = known.get(rows[last]?.hash ?? '') ?? null;
  const steps = walk(core, { rows: rows.slice(last + 1), getBlob, from });
  for (const step of steps) {
    const divergence = divergenceOf(step);
    if (divergence !== null) return divergence;
    if (step.again !== null && step.after !== null) remember(step.row.hash, step.after);
  }
  return null;
}

/** What is wrong with a journal; empty when nothing is. */
function damages(journal: Journal): readonly string[] {
  const { damage } = journal.verify();
  const { reader } = journal;
  const divergences = reader.clusters().flatMap(({ uid, name }) => {
    const divergence = parting(reader.rows({ uid }), reader.blob);
    return divergence === null ? [] : [`${name}: row ${divergence.seq} at ${divergence.pointer}`];
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
        for (const damage of damages(journal)) tell(`journal of ${seat.name}: ${damage}`);
      }
    },
  }),
};
