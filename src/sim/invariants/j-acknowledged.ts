/**
 * J: no acknowledged row is lost: what the journal held when a process died is in the journal that the next one has open,
 * unless the plan took the journal away.
 */
import type { Journal } from '#src/journal/journal.ts';
import type { Invariant } from './invariant.ts';

interface Held {
  readonly seat: string;
  readonly uid: string;
  readonly seq: number;
  readonly head: string;
}

function headsOf(seat: string, journal: Journal | null): readonly Held[] {
  return (journal?.reader.heads() ?? []).map(({ uid, seq, head }) => ({ seat, uid, seq, head }));
}

export const acknowledged: Invariant = {
  name: 'J',
  says: 'no acknowledged row is lost',
  watch: (world, tell) => {
    const held: Held[] = [];
    const modes = world.plan.steps.flatMap((step) =>
      step.type === 'crash' || step.type === 'crash-at' ? [step.mode] : [],
    );
    const forgets = modes.some((mode) => mode === 'amnesia' || mode === 'rollback');
    const tears = modes.some((mode) => mode === 'power' || mode === 'torn');
    /** What was acknowledged before the commit that is being made. */
    let before: readonly Held[] = [];
    const journalOf = (seat: string): Journal | null =>
      world.operators.find(({ name }) => name === seat)?.journal() ?? null;
    return {
      onPassage: (seat, point) => {
        if (tears && point === 'after-append-before-fsync') before = headsOf(seat, journalOf(seat));
      },
      onDeath: (seat, journal, unfinished) => void held.push(...(unfinished ? before : headsOf(seat, journal))),
      atEnd: () => {
        if (forgets) return;
        for (const { seat, uid, seq, head } of held) {
          const journal = journalOf(seat);
          if (journal !== null && journal.reader.row(uid, seq)?.hash !== head)
            tell(`row ${seq} of ${uid} stood in the journal of ${seat} when it died and is not there any more`);
        }
      },
    };
  },
};
