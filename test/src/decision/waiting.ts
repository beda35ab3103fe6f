/** Owns: for each type of intent a world in which one waits for its answer, found on the way of whole lives. */
import { answered, failed } from './answers.ts';
import {
  addedByHand,
  changedByHand,
  deletedByHand,
  deletedByUser,
  fair,
  leaderElected,
  orphaned,
  podsGone,
  podsMade,
  timerFires,
} from './happenings.ts';
import { created, faulted, hand, namesake, row, running, start } from './scripts.ts';
import { amnesiac, newWorld, twoMembers, type Asked, type SmallWorld } from './small-world.ts';

/** A world in which an intent waits for its answer. */
export interface Waiting {
  readonly world: SmallWorld;
  readonly asked: Asked;
}

function beginnings(): readonly SmallWorld[] {
  const kept = row(running(), (world) => deletedByUser(world), fair);
  const cluster = newWorld(twoMembers, { uid: 'uid-of-namesake' }).cluster;
  const doubt = row(
    newWorld(),
    start,
    faulted('unknown', (type) => type === 'AddFinalizer', true),
  );
  return [
    row(newWorld(), start),
    row(created(), podsMade, leaderElected),
    row(running(), hand(changedByHand, 'StatefulSet/shop')),
    row(running(), hand(changedByHand, 'Service/shop-repl')),
    row(running(), hand(addedByHand, 'Service/shop')),
    row(running(), hand(deletedByHand, 'Service/shop-headless')),
    row(running(), (world) => deletedByUser(world)),
    row(running(), (world) => deletedByUser(world, true)),
    amnesiac(running()),
    amnesiac({ ...kept, cluster, published: null, decisions: [] }),
    namesake(),
    row(doubt, (world) => fair(world)),
  ];
}

/** The first time each type of intent is asked, on the way from each beginning to rest. */
export function firstOfEachType(): ReadonlyMap<string, Waiting> {
  const found = new Map<string, Waiting>();
  for (const beginning of beginnings()) {
    let world = beginning;
    for (let count = 0; count < 300; count += 1) {
      for (const asked of world.asked)
        if (!found.has(asked.intent.type)) found.set(asked.intent.type, { world, asked });
      const next = world.asked[0] ?? null;
      const moved = next === null ? (podsGone(world) ?? orphaned(world) ?? timerFires(world)) : answered(world, next);
      if (moved === null) break;
      world = moved;
    }
  }
  const [asked] = [...found.values()].flatMap(({ world }) => {
    const doubtful = world.asked.find(({ intent }) => intent.type === 'CreateObject');
    if (doubtful === undefined) return [];
    const after = timerFires(failed(world, doubtful, 'unknown'), (id) => id.startsWith('retry/'));
    const read = after?.asked.find(({ intent }) => intent.type === 'ReadObject');
    return after === null || read === undefined ? [] : [{ world: after, asked: read }];
  });
  if (asked !== undefined) found.set('ReadObject', asked);
  return found;
}
