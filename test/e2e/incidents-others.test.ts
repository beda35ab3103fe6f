/** Incidents that others make, staged on the real cluster: what the journal answers about each of them. */
import { setTimeout as pause } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { condition } from './support/changes.ts';
import type { Subject } from './support/database.ts';
import { answered } from './support/incident.ts';
import { allStreaming, createShop, settingOfEnvironment } from './support/shop.ts';
import { eventually, openWorld, phase, statusOf, type World } from './world.ts';

const where = 'e2e-incidents-others';
let world: World;
let shop: Subject;

const kubectl = (...args: readonly string[]): Promise<string> => world.kubectl('--namespace', where, ...args);

beforeAll(async () => {
  world = await openWorld();
  shop = await createShop(world, where, settingOfEnvironment(), { replicas: 2, storage: { size: '300Mi' } });
  await allStreaming(world, shop, 1);
});

/** Another controller, that wants a Service to be of its type whatever others say. @returns how to end it */
function stubborn(service: string, type: string): () => Promise<void> {
  let goesOn = true;
  const patch = JSON.stringify({ spec: { type } });
  const loop = (async () => {
    while (goesOn) {
      const now = await kubectl('get', 'service', service, '--output', 'jsonpath={.spec.type}');
      if (now !== type)
        await kubectl('patch', 'service', service, '--type=merge', '--field-manager=gateway-controller', '-p', patch);
      await pause(100);
    }
  })();
  return async () => {
    goesOn = false;
    await loop;
  };
}

describe('an incident that others make is explained', () => {
  it('drift: another controller wants a Service otherwise, and writes it back whenever we do', async () => {
    const since = Date.now();
    const end = stubborn('shop-repl', 'NodePort');
    await eventually(
      'it being a trouble',
      async () => (await condition(world, shop, 'ReconcileFailing'))?.status === 'True',
    );
    try {
      await answered(world, shop, { incident: 'drift', since });
    } finally {
      await end();
    }
    await eventually(
      'it being put right for good',
      async () => (await condition(world, shop, 'ReconcileFailing'))?.status === 'False',
      300_000,
    );
    expect(await kubectl('get', 'service', 'shop-repl', '--output', 'jsonpath={.spec.type}')).toBe('ClusterIP');
  });

  it('deletion blocked: a pod bears the finalizer of somebody who does not come', async () => {
    const finalizers = (list: readonly string[]): Promise<string> =>
      kubectl('patch', 'pod', 'shop-1', '--type=merge', '-p', JSON.stringify({ metadata: { finalizers: list } }));
    await finalizers(['backup.example.com/not-before-a-copy']);
    const since = Date.now();
    await kubectl('delete', 'postgrescluster', 'shop', '--wait=false');
    await phase(world, where, shop.name, 'Deleting');
    await eventually('only that pod being left', async () =>
      (await statusOf(world, where, shop.name)).reason.includes('1 still there: Pod/shop-1'),
    );
    try {
      await answered(world, shop, { incident: 'deletion-blocked', since });
    } finally {
      await finalizers([]);
    }
    await eventually(
      'the cluster being gone',
      async () => (await kubectl('get', 'postgrescluster', '--output', 'name')) === '',
    );
  });
});
