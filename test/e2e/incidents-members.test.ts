/** Incidents of members, staged on the real cluster: what the journal answers about each of them. */
import { afterAll, beforeAll, describe, it } from 'vitest';
import type { Subject } from './support/database.ts';
import { answered } from './support/incident.ts';
import { healAll, kill, requireNodes, revive } from './support/nodes.ts';
import { allStreaming, createShop, primaryApartFromOperator, settingOfEnvironment } from './support/shop.ts';
import { eventually, openWorld, phase, statusOf, type World } from './world.ts';

const where = 'e2e-incidents-members';
let world: World;
let shop: Subject;

beforeAll(async () => {
  world = await openWorld();
  requireNodes(world, 3);
  shop = await createShop(world, where, settingOfEnvironment(), { replicas: 2, storage: { size: '300Mi' } });
  await allStreaming(world, shop, 1);
});

afterAll(async () => {
  await healAll(world);
});

describe('an incident of members is explained', () => {
  it('fail-over: the node of the primary dies', async () => {
    const primary = await primaryApartFromOperator(world, shop, 1);
    const since = Date.now();
    await kill(primary.node);
    await phase(world, where, shop.name, 'Recovering');
    await eventually('another primary', async () => (await primaryOf(world, shop)) !== primary.name);
    await phase(world, where, shop.name, 'Degraded');
    await answered(world, shop, { incident: 'fail-over', since });
    await revive(world, primary.node);
    await phase(world, where, shop.name, 'Running');
    await allStreaming(world, shop, 1);
  });
});

/** Who takes writes by the status. */
async function primaryOf(of: World, { namespace, name }: Subject): Promise<string> {
  return (await statusOf(of, namespace, name)).primaryPod;
}
