/** Incidents of members, staged on the real cluster: what the journal answers about each of them. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { condition } from './support/changes.ts';
import type { Subject } from './support/database.ts';
import { answered } from './support/incident.ts';
import { emptyVolume, fillVolume } from './support/members.ts';
import { healAll, kill, requireNodes, revive } from './support/nodes.ts';
import { pgcHere } from './support/pgc.ts';
import {
  allStreaming,
  createShop,
  primaryApartFromOperator,
  primaryPod,
  settingOfEnvironment,
} from './support/shop.ts';
import { eventually, openWorld, phase, psql, statusOf, type World } from './world.ts';

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

  it('disk full: PostgreSQL of the primary ends for want of room, and cannot start', async () => {
    const { name } = await primaryPod(world, shop);
    const since = Date.now();
    expect(await fillVolume(world, shop, name)).toBeLessThan(16 * 1024 * 1024);
    // A transaction without rows: its log of changes alone needs the room.
    const messages = "SELECT pg_logical_emit_message(true, 'room', repeat('x', 1000000)) FROM generate_series(1, 300)";
    await expect(psql(world, where, name, messages)).rejects.toThrow();
    await eventually('another primary', async () => (await primaryOf(world, shop)) !== name, 300_000);
    await phase(world, where, shop.name, 'Degraded');
    // Asked by df, since nothing that is watched says so.
    await eventually('the volume being found full', async () => {
      const { status = '', message = '' } = (await condition(world, shop, 'StorageReady')) ?? {};
      return status === 'False' && message.includes(`volume of ${name}: `);
    });
    await answered(world, shop, { incident: 'disk-full', since });
    await emptyVolume(world, shop, name);
    // The way out that is suggested: what it was writing when there was no room is half there.
    expect(await pgcHere(world, where, 'reinit', shop.name, name, '--wait')).toMatchObject({ code: 0 });
    await phase(world, where, shop.name, 'Running');
    await allStreaming(world, shop, 1);
  });
});

/** Who takes writes by the status. */
async function primaryOf(of: World, { namespace, name }: Subject): Promise<string> {
  return (await statusOf(of, namespace, name)).primaryPod;
}
