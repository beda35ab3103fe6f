/**
 * Edits of a running cluster under a continuous writer: parameters, rolling update, scaling, and a spec that cannot become
 * true and is taken back.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  change as changed,
  condition,
  edit,
  imagesOf,
  rolledOut,
  secondName,
  shown,
  startOrder,
} from './support/changes.ts';
import { openDayTwo } from './support/day-two.ts';
import type { Subject } from './support/database.ts';
import { pgcHere } from './support/pgc.ts';
import { total, type Run } from './support/run.ts';
import { longer, longerSuite } from './support/selection.ts';
import { allStreaming, placeOf, primaryPod } from './support/shop.ts';
import { eventually, type World } from './world.ts';

const where = placeOf('e2e-day2-edits');
const absent = 'postgres-operator.local/spilo:does-not-exist';

let world: World;
let shop: Subject;
let run: Run;

const values = (each: Readonly<Record<string, unknown>>): readonly unknown[] => Object.values(each);
const change = (spec: Readonly<Record<string, unknown>>, replicas = 2): Promise<void> =>
  changed(world, shop, spec, replicas);

beforeAll(async () => {
  ({ world, shop, run } = await openDayTwo(where, 1));
});

afterAll(async () => {
  await run.close();
});

describe('pgc doctor', () => {
  it('finds no fault with a cluster that is well, and the budget of somebody else over its pods', async () => {
    // Kubernetes counts the members of a budget some time after they are ready.
    await eventually('nothing being found', async () => {
      const { code, output } = await pgcHere(world, where, 'doctor', shop.name);
      return code === 0 && output.endsWith('0 trouble, 0 warning, 0 unknown, 14 ok\n');
    });
    const metadata = { name: 'everything', namespace: where };
    const spec = { maxUnavailable: 1, selector: {} };
    await world.apply(JSON.stringify({ apiVersion: 'policy/v1', kind: 'PodDisruptionBudget', metadata, spec }));
    expect(await pgcHere(world, where, 'doctor', shop.name)).toMatchObject({
      code: 1,
      output: expect.stringMatching(
        /^trouble +budget .*PodDisruptionBudget everything counts its members too/m,
      ) as string,
    });
    await world.kubectl('--namespace', where, 'delete', 'poddisruptionbudget', 'everything');
  });
});

describe('parameters', () => {
  it('that need no restart are in force on every member, and nothing starts anew', async () => {
    const measured = await run.measure({ name: 'parameter by reload', isPlanned: true }, () =>
      change({ postgresqlParams: { work_mem: '7MB' } }),
    );
    expect(values(await shown(world, shop, 'work_mem'))).toEqual(['7MB', '7MB', '7MB']);
    expect(total(measured.starts)).toBe(0);
    expect(total(measured.recreations)).toBe(0);
  });

  longer('that need one are in force after one restart of each PostgreSQL in its pod', async () => {
    const { name: primary } = await primaryPod(world, shop);
    const measured = await run.measure({ name: 'parameter by restart', isPlanned: true }, () =>
      change({ postgresqlParams: { max_connections: '137' } }),
    );
    expect(values(await shown(world, shop, 'max_connections'))).toEqual(['137', '137', '137']);
    expect(values(measured.starts)).toEqual([1, 1, 1]);
    expect(total(measured.recreations)).toBe(0);
    expect((await startOrder(world, shop)).at(-1), 'what rises is in force on replicas first').toBe(primary);
    expect((await primaryPod(world, shop)).name).toBe(primary);
  });

  longer('one up and one down together are both in force, and the cluster writes on', async () => {
    const measured = await run.measure({ name: 'parameters up and down together', isPlanned: true }, () =>
      change({
        postgresqlParams: {
          max_connections: '151',
          max_worker_processes: '5',
        },
      }),
    );
    expect(values(await shown(world, shop, 'max_connections'))).toEqual(['151', '151', '151']);
    expect(values(await shown(world, shop, 'max_worker_processes'))).toEqual(['5', '5', '5']);
    expect(values(measured.starts), 'once for what rises, then once for what falls').toEqual([2, 2, 2]);
    expect(total(measured.recreations)).toBe(0);
  });

  longer('that leave the spec go back to what they are by themselves', async () => {
    const measured = await run.measure({ name: 'parameters removed', isPlanned: true }, () =>
      change({ postgresqlParams: null }),
    );
    expect(values(await shown(world, shop, 'max_connections'))).toEqual(['100', '100', '100']);
    expect(values(await shown(world, shop, 'max_worker_processes'))).toEqual(['8', '8', '8']);
    expect(values(await shown(world, shop, 'work_mem'))).toEqual(['4MB', '4MB', '4MB']);
    expect(values(measured.starts), 'one of them rises by leaving, the other one falls').toEqual([2, 2, 2]);
    expect(total(measured.recreations)).toBe(0);
  });
});

describe('an image', () => {
  it('that is another is rolled out: every pod anew once, one switchover, nothing lost', async () => {
    const before = await primaryPod(world, shop);
    const [reference = ''] = Object.values(await imagesOf(world, shop));
    const image = await secondName(reference);
    const measured = await run.measure({ name: 'rolling update', isPlanned: true }, () => change({ image }));
    expect(values(await imagesOf(world, shop))).toEqual([image, image, image]);
    expect(values(measured.recreations)).toEqual([1, 1, 1]);
    const after = await primaryPod(world, shop);
    expect(after.name).not.toBe(before.name);
    const story = await world.pgc('timeline', shop.name, '--namespace', where);
    const handOvers = story.split('\n').filter((line) => line.includes('the leader key goes from'));
    expect(handOvers, story).toHaveLength(1);
  });

  longer('that does not exist costs one replica for a while, and is taken back by itself', async () => {
    const [image = ''] = Object.values(await imagesOf(world, shop));
    const { name: primary } = await primaryPod(world, shop);
    const measured = await run.measure({ name: 'image that does not exist', isPlanned: true }, async () => {
      await edit(world, shop, { image: absent });
      await eventually(
        'the condition naming the field',
        async () => {
          const told = await condition(world, shop, 'ConfigurationValid');
          return told?.status === 'False' && told.reason === 'RolloutFailed' && told.message.includes('spec.image');
        },
        300_000,
      );
      await eventually(
        'every member running what ran before',
        async () => {
          const images = values(await imagesOf(world, shop));
          return images.length === 3 && images.every((each) => each === image);
        },
        300_000,
      );
      await allStreaming(world, shop);
    });
    expect(Object.entries(measured.recreations).filter(([, count]) => count > 0)).toHaveLength(1);
    expect(measured.recreations[primary]).toBe(0);
    expect((await primaryPod(world, shop)).name).toBe(primary);
  });

  longer('put back into the spec heals it', async () => {
    const [image = ''] = Object.values(await imagesOf(world, shop));
    const measured = await run.measure({ name: 'image put back', isPlanned: true }, () => change({ image }));
    expect((await condition(world, shop, 'ConfigurationValid'))?.status).toBe('True');
    expect(total(measured.recreations)).toBe(0);
  });
});

longerSuite('scaling', () => {
  it('up adds a member that streams', async () => {
    const measured = await run.measure({ name: 'scale 3 to 4', isPlanned: true }, () => change({ replicas: 4 }, 3));
    expect(Object.keys(await imagesOf(world, shop))).toHaveLength(4);
    expect(total(measured.recreations)).toBe(0);
  });

  it('down takes the primary along only after it has handed over to one that stays', async () => {
    const last = `${shop.name}-3`;
    await eventually('the member that is to go leading', async () => {
      const now = await primaryPod(world, shop);
      if (now.name === last) return true;
      await handOver(now.name, last);
      return null;
    });
    await rolledOut(world, shop);
    await allStreaming(world, shop, 3);
    await run.measure({ name: 'scale 4 to 2, the primary among them', isPlanned: true }, () =>
      change({ replicas: 2 }, 1),
    );
    expect(Object.keys(await imagesOf(world, shop)).sort()).toEqual([`${shop.name}-0`, `${shop.name}-1`]);
    expect([`${shop.name}-0`, `${shop.name}-1`]).toContain((await primaryPod(world, shop)).name);
  });
});

/** Somebody asks Patroni itself for a switchover. */
async function handOver(leader: string, candidate: string): Promise<void> {
  const command = ['patronictl', '-c', '/home/postgres/postgres.yml', 'switchover', shop.name];
  const named = ['--leader', leader, '--candidate', candidate, '--force'];
  const exec = ['--namespace', where, 'exec', leader, '--container', 'postgres', '--'];
  await world.kubectl(...exec, ...command, ...named);
  await eventually('the new leader', async () => (await primaryPod(world, shop)).name === candidate);
}

describe('the account', () => {
  it('holds: every row that was acknowledged is there, every row that is there was sent', async () => {
    expect(await run.writer.lost()).toEqual([]);
    expect(run.probes.twoPrimaries()).toEqual([]);
  });
});
