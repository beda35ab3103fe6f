/** G7: deciding the journal again gives the same bytes, and its chains hold. */
import { makeCore } from '#src/replay/core.ts';
import { verifyRows } from '#src/replay/verify.ts';
import type { Journal } from '#src/journal/journal.ts';
import type { Invariant } from './invariant.ts';

/** What is wrong with a journal; empty when nothing is. */
function damages(journal: Journal): readonly string[] {
  const { damage } = journal.verify();
  const core = makeCore();
  const divergences = journal.reader.clusters().flatMap(({ uid, name }) => {
    const { firstDivergence } = verifyRows(core, {
      rows: journal.reader.iterate({ uid }),
      getBlob: journal.reader.blob,
      from: null,
    });
    return firstDivergence === null ? [] : [`${name}: row ${firstDivergence.seq} at ${firstDivergence.pointer}`];
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
        if (journal !== null) for (const damage of damages(journal)) tell(`journal of ${seat.name}: ${damage}`);
      }
    },
  }),
};
