/**
 * A: after every commit, whoever would be brought back to life from the journal now is who lives. Costs a whole hydration
 * for every commit, so that it is no part of every run.
 */
import { hydrate } from '#src/actor/hydrate.ts';
import type { Journal } from '#src/journal/journal.ts';
import { makeCore } from '#src/replay/core.ts';
import { same } from '../json.ts';
import type { Invariant } from './invariant.ts';

const core = makeCore();

function revived({ reader }: Journal, uid: string): unknown {
  const { standing } = hydrate(core, {
    snapshot: reader.snapshot(uid),
    rows: (afterSeq) => reader.rows({ uid, afterSeq }),
    getBlob: reader.blob,
  });
  // Through text and back, as the journal would bring it.
  return standing === null ? null : JSON.parse(JSON.stringify(standing.snapshot));
}

export const alwaysReplay: Invariant = {
  name: 'A',
  says: 'an actor rebuilt from the journal is the actor that lives',
  watch: (world, tell) => ({
    onPassage: (name, point) => {
      if (point !== 'after-commit') return;
      const seat = world.operators.find((each) => each.name === name);
      const journal = seat?.journal() ?? null;
      const actors = seat?.actors() ?? null;
      if (journal === null || actors === null) return;
      for (const { uid } of actors.clusters()) {
        const alive = actors.snapshotOf(uid);
        if (alive === null) continue;
        if (!same(revived(journal, uid), JSON.parse(JSON.stringify(alive))))
          tell(`${name}: the actor of ${uid} is another one when it is rebuilt from the journal`);
      }
    },
  }),
};
