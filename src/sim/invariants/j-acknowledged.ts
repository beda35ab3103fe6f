/**
 * J: no acknowledged row is lost: what the journal held when a process died is in the journal that the next one has open,
 * unless the plan took the journal away.
 */
import type { Invariant } from './invariant.ts';

interface Held {
  readonly seat: string;
  readonly uid: string;
  readonly seq: number;
  readonly head: string;
}

export const acknowledged: Invariant = {
  name: 'J',
  says: 'no acknowledged row is lost',
  watch: (world, tell) => {
    const held: Held[] = [];
    const forgets = world.plan.steps.some((step) => step.type === 'crash' && step.mode === 'amnesia');
    return {
      onDeath: (seat, journal) => {
        for (const { uid, head } of journal?.reader.clusters() ?? [])
          held.push({ seat, uid, seq: head.seq, head: head.head });
      },
      atEnd: () => {
        if (forgets) return;
        for (const { seat, uid, seq, head } of held) {
          const journal = world.operators.find(({ name }) => name === seat)?.journal() ?? null;
          if (journal !== null && journal.reader.row(uid, seq)?.hash !== head)
            tell(`row ${seq} of ${uid} stood in the journal of ${seat} when it died and is not there any more`);
        }
      },
    };
  },
};
