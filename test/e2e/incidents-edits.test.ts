/** Incidents of edits, staged on the real cluster: what the journal answers about each of them. */
import { beforeAll, describe, it } from 'vitest';
import { condition, edit, rolledOut } from './support/changes.ts';
import { secretValue, type Subject } from './support/database.ts';
import { answered } from './support/incident.ts';
import { allStreaming, createShop, settingOfEnvironment } from './support/shop.ts';
import { eventually, openWorld, phase, statusOf, type World } from './world.ts';

const where = 'e2e-incidents-edits';
let world: World;
let shop: Subject;

beforeAll(async () => {
  world = await openWorld();
  shop = await createShop(world, where, settingOfEnvironment(), { replicas: 2, storage: { size: '300Mi' } });
  await allStreaming(world, shop, 1);
});

/** The spec that nobody complains of again, true of every member. */
async function mended(spec: Readonly<Record<string, unknown>>): Promise<void> {
  await edit(world, shop, spec);
  await rolledOut(world, shop);
  await allStreaming(world, shop, 1);
}

describe('an incident of edits is explained', () => {
  it('bad image: no node has it, and what ran before was put back', async () => {
    const since = Date.now();
    await edit(world, shop, { image: 'postgres-operator.local/spilo:does-not-exist' });
    await eventually(
      'the rollout being given up',
      async () => (await condition(world, shop, 'ConfigurationValid'))?.reason === 'RolloutFailed',
      300_000,
    );
    await phase(world, where, shop.name, 'Running');
    await answered(world, shop, { incident: 'bad-image', since });
    await mended({ image: null });
  });

  it('stuck rollout: no node has room for the member that was made anew', async () => {
    const since = Date.now();
    await edit(world, shop, { resources: { requests: { memory: '500Gi' } } });
    await eventually('the scheduler having said so', async () =>
      (await statusOf(world, where, shop.name)).reason.includes('nodes are available'),
    );
    await answered(world, shop, { incident: 'stuck-rollout', since });
    await mended({ resources: null });
  });

  it('maintenance window: an edit waits for the night of the new year', async () => {
    const since = Date.now();
    const maintenanceWindows = [{ schedule: '0 2 1 1 *', duration: '1h' }];
    await edit(world, shop, { maintenanceWindows, postgresqlParams: { max_connections: '137' } });
    await held();
    await answered(world, shop, { incident: 'maintenance-window', since });
    await mended({ maintenanceWindows: null, postgresqlParams: null });
  });

  it('credentials: somebody writes another password of the superuser into the Secret', async () => {
    const since = Date.now();
    await setPassword('shop-credentials', 'POSTGRES_PASSWORD', 'written-by-hand-1');
    await phase(world, where, shop.name, 'Updating');
    await answered(world, shop, { incident: 'credentials-by-hand', since });
    await phase(world, where, shop.name, 'Running');
    await allStreaming(world, shop, 1);
  });

  it('credentials: what somebody writes into the Secret can be no password', async () => {
    const since = Date.now();
    const before = await secretValue(world, shop, 'shop-app', 'password');
    await setPassword('shop-app', 'password', 'short');
    await eventually('the refusal', async () => (await condition(world, shop, 'RequestRefused'))?.status === 'True');
    await answered(world, shop, { incident: 'credentials-refused', since });
    await setPassword('shop-app', 'password', before);
    await eventually(
      'it being taken',
      async () => (await condition(world, shop, 'RequestRefused'))?.status === 'False',
    );
  });
});

/** The edit waits, and status says what for. */
async function held(): Promise<void> {
  await eventually(
    'the edit being held',
    async () => (await condition(world, shop, 'ConfigurationValid'))?.reason === 'Held',
  );
}

/** Writes a value into a Secret, as people do. */
async function setPassword(secret: string, key: string, value: string): Promise<void> {
  const patch = JSON.stringify({ stringData: { [key]: value } });
  await world.kubectl('--namespace', where, 'patch', 'secret', secret, '--type=merge', '--patch', patch);
}
