/**
 * The rest of an edited spec under a continuous writer: what is put onto live pods, what makes them anew, and volumes that
 * grow, or cannot.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { change as changed, condition, edit, rolledOut } from './support/changes.ts';
import { openDayTwo } from './support/day-two.ts';
import type { Subject } from './support/database.ts';
import { pgcHere } from './support/pgc.ts';
import { total, type Run } from './support/run.ts';
import { longerSuite } from './support/selection.ts';
import { createShop, placeOf, primaryPod, settingOfEnvironment } from './support/shop.ts';
import { eventually, psql, type World } from './world.ts';

const where = placeOf('e2e-day2-volumes');

let world: World;
let shop: Subject;
let run: Run;

const get = (...args: readonly string[]): Promise<string> => world.kubectl('--namespace', where, 'get', ...args);

async function words(...args: readonly string[]): Promise<readonly string[]> {
  return (await get(...args)).split(' ').filter((word) => word !== '');
}

function capacities(): Promise<readonly string[]> {
  return words('pvc', '--output', 'jsonpath={.items[*].status.capacity.storage}');
}

const change = (spec: Readonly<Record<string, unknown>>): Promise<void> => changed(world, shop, spec, 1);

longerSuite('a cluster of two members', () => {
  beforeAll(async () => {
    ({ world, shop, run } = await openDayTwo(where, 1, 2));
  });

  afterAll(async () => {
    await run.close();
  });

  it('gets larger volumes without a restart, also inside the container', async () => {
    const measured = await run.measure({ name: 'volumes grow', isPlanned: true }, () =>
      change({ storage: { size: '900Mi' } }),
    );
    expect(await capacities()).toEqual(['900Mi', '900Mi']);
    expect(total(measured.starts)).toBe(0);
    expect(total(measured.recreations)).toBe(0);
    const { name } = await primaryPod(world, shop);
    const container = ['exec', name, '--container', 'postgres', '--'];
    const megabytes = await world.kubectl(
      '--namespace',
      where,
      ...container,
      'df',
      '-BM',
      '--output=size',
      '/home/postgres/pgdata',
    );
    expect(Number(/^\s*(\d+)M$/m.exec(megabytes)?.[1])).toBeGreaterThan(700);
  });

  it('gets labels, an annotation and Patroni’s timing without a restart', async () => {
    const measured = await run.measure({ name: 'labels and timing', isPlanned: true }, () =>
      change({ podMetadata: { labels: { team: 'blue' } }, patroni: { ttl: 40 } }),
    );
    expect(
      await words('pods', '--selector', 'team=blue', '--output', 'jsonpath={.items[*].metadata.name}'),
    ).toHaveLength(2);
    expect(total(measured.starts)).toBe(0);
    expect(total(measured.recreations)).toBe(0);
  });

  it('gets another environment and access rules: every pod anew, once', async () => {
    const measured = await run.measure({ name: 'environment and access rules', isPlanned: true }, () =>
      change({
        env: [{ name: 'TEAM', value: 'blue' }],
        pgHba: ['hostssl all app 10.255.0.0/16 reject'],
        placement: { tolerations: [{ key: 'db', operator: 'Exists' }] },
      }),
    );
    expect(Object.values(measured.recreations)).toEqual([1, 1]);
    const { name } = await primaryPod(world, shop);
    const container = ['exec', name, '--container', 'postgres', '--'];
    expect((await world.kubectl('--namespace', where, ...container, 'printenv', 'TEAM')).trim()).toBe('blue');
    const rules = await world.kubectl(
      '--namespace',
      where,
      ...container,
      'cat',
      '/home/postgres/pgdata/pgroot/data/pg_hba.conf',
    );
    expect(rules).toContain('hostssl all app 10.255.0.0/16 reject');
  });

  it('prints PostgreSQL’s log as its container’s output, when that is asked for, and pgc shows it without', async () => {
    const measured = await run.measure({ name: 'log on the output', isPlanned: true }, () =>
      change({ logs: { stdout: true } }),
    );
    expect(Object.values(measured.recreations)).toEqual([1, 1]);
    const { name } = await primaryPod(world, shop);
    // It stands in the log because it is refused, and nowhere else is such a table spoken of.
    await expect(psql(world, where, name, 'select * from spoken_of_in_the_log')).rejects.toThrow('does not exist');
    const spoken = /ERROR.*relation ""spoken_of_in_the_log"" does not exist/;
    await eventually('the refusal in the container’s output', async () =>
      spoken.test(await world.kubectl('--namespace', where, 'logs', name, '--container', 'postgres-log')),
    );
    const { output } = await pgcHere(world, where, 'logs', shop.name, '--member', name, '--postgres');
    expect(output).toMatch(spoken);
  });

  it('loses no row that was acknowledged, and has no two primaries', async () => {
    expect(await run.writer.lost()).toEqual([]);
    expect(run.probes.twoPrimaries()).toEqual([]);
  });
});

longerSuite('a cluster whose class cannot grow', () => {
  it('says so, stays as it is, and heals when the size is put back', async () => {
    const fixed = { size: '600Mi', storageClass: 'local-fixed' };
    const small = await createShop(world, `${where}-fixed`, settingOfEnvironment(), { replicas: 1, storage: fixed });
    await edit(world, small, { storage: { ...fixed, size: '900Mi' } });
    await eventually('the condition naming the field', async () => {
      const told = await condition(world, small, 'ConfigurationValid');
      return told?.status === 'False' && told.message.includes('spec.storage.size') && told.message.includes('resize');
    });
    await edit(world, small, { storage: fixed });
    await rolledOut(world, small);
    expect((await condition(world, small, 'ConfigurationValid'))?.status).toBe('True');
  });
});
