/** Owns: the journal of what people do in a simulated world, sealed after each act, as an operator does after a day. */
import { copyFileSync } from 'node:fs';
import type { Act } from '#src/sim/acts.ts';
import { quiet } from '#src/sim/plan.ts';
import { openWorld, unheard } from '#src/sim/world.ts';

export interface Acted {
  readonly acts: readonly Act[];
  readonly operators: readonly string[];
  /** Folder for the world's own files. */
  readonly scratch: string;
  /** File to write. */
  readonly out: string;
  /** What the operator says it is. */
  readonly build?: string;
}

/** Writes the journal. */
export async function actedJournal({ acts, operators, scratch, out, build = 'simulated' }: Acted): Promise<void> {
  const plan = quiet('lose-leader', 1);
  const world = openWorld({ plan, scratch, operators, events: unheard, buildOf: () => build });
  try {
    const [seat] = world.operators;
    for (const { act, until, what } of acts) {
      await world.schedule.run(1_000);
      act(world);
      await world.schedule.run(120_000, () => until(world));
      if (!until(world)) throw new Error(`${what} did not come to its end`);
      await world.schedule.run(30_000);
      const [cluster] = seat?.journal()?.reader.clusters() ?? [];
      if (cluster === undefined) throw new Error('the journal knows no cluster');
      seat?.actors()?.seal(cluster.uid, cluster.head);
      await world.schedule.run(1_000);
    }
    let over = false;
    const stopped = seat?.stop().then(() => (over = true));
    await world.schedule.run(60_000, () => over);
    await stopped;
    copyFileSync(seat?.path() ?? '', out);
  } finally {
    world.close();
  }
}
