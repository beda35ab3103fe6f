/** Owns: a journal in which a cluster was sealed twice, as an operator does after a day each: before its primary died, and after. */
import { copyFileSync } from 'node:fs';
import { quiet } from '#src/sim/plan.ts';
import { scenarioOf } from '#src/sim/scenarios.ts';
import { openWorld } from '#src/sim/world.ts';

const nothing = (): void => undefined;

/**
 * Writes the journal.
 * @param scratch folder for the world's own files
 * @param build what the operator says it is
 */
export async function sealedJournal(scratch: string, out: string, build = 'simulated'): Promise<void> {
  const plan = quiet('lose-leader', 1);
  const { acts, operators } = scenarioOf(plan.scenario);
  const events = { onLeaving: nothing, onHandled: nothing, onDeath: nothing, onFatal: nothing, onPassage: nothing };
  const world = openWorld({ plan, scratch, operators, events: { ...events, log: nothing }, buildOf: () => build });
  try {
    const [seat] = world.operators;
    for (const { act, until } of acts) {
      await world.schedule.run(1_000);
      act(world);
      await world.schedule.run(120_000, () => until(world));
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
