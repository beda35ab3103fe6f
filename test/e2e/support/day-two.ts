/** Owns: how a test of day two begins: a cluster in the setting of the environment, its replicas streaming, under watch. */
import { openWorld, type World } from '../world.ts';
import type { Subject } from './database.ts';
import { requireNodes } from './nodes.ts';
import { openRun, type Run } from './run.ts';
import { allStreaming, createShop, settingName, settingOfEnvironment } from './shop.ts';

export interface DayTwo {
  readonly world: World;
  readonly shop: Subject;
  readonly run: Run;
}

/**
 * A cluster in a fresh namespace, under a writer and probes.
 * @param nodes that the test needs
 * @param members of the cluster
 */
export async function openDayTwo(where: string, nodes: number, members = 3): Promise<DayTwo> {
  const world = await openWorld();
  requireNodes(world, nodes);
  const setting = settingOfEnvironment();
  const shop = await createShop(world, where, setting, { replicas: members });
  await allStreaming(world, shop, members - 1);
  return { world, shop, run: await openRun(world, shop, settingName(setting, members)) };
}
