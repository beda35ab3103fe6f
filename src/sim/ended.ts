/** Owns: the end of a world: operators stopped in order, as on SIGTERM, and what their journals hold then. */
import { copyFileSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { sha256 } from '#src/decision/hash.ts';
import type { World } from './world.ts';

const stopMs = 60_000;

/**
 * Stops every operator.
 * @param keep folder that the journals are copied to, each named like its operator; nowhere when it is left out
 * @returns hash over the bytes of all journals
 */
export async function stopAll(world: World, keep?: string): Promise<string> {
  for (const seat of world.operators) {
    let over = false;
    const stopped = seat.stop().then(() => {
      over = true;
    });
    await world.schedule.run(stopMs, () => over);
    if (over) await stopped;
  }
  const left = world.operators.filter((each) => existsSync(each.path()));
  if (keep !== undefined) for (const seat of left) copyFileSync(seat.path(), join(keep, `${seat.name}.db`));
  return sha256(left.map((seat) => sha256(readFileSync(seat.path()).toString('latin1'))).join());
}
