/**
 * Synchronous replication that is required, under a continuous writer: switched on and off without a restart, a primary that
 * dies without a word and loses nothing, and a cluster that writes on while it is rolled and scaled down.
 */
import { afterAll, beforeAll, expect } from 'vitest';
import { change as changed, condition, edit } from './support/changes.ts';
import { openDayTwo } from './support/day-two.ts';
import type { Subject } from './support/database.ts';
import { healAll, kill, revive } from './support/nodes.ts';
import { podsOf } from './support/pods.ts';
import { total, type Run } from './support/run.ts';
import { longer, longerSuite } from './support/selection.ts';
import { allStreaming, placeOf, primaryApartFromOperator, primaryPod } from './support/shop.ts';
import { eventually, phase, psql, type World } from './world.ts';

const where = placeOf('e2e-day2-sync');
const required = { mode: 'Required', count: 1 };

let world: World;
let shop: Subject;
let run: Run;

/** Members that status names as confirming commits. */
async function confirming(): Promise<readonly string[]> {
  const path = 'jsonpath={.status.members[?(@.role=="sync_standby")].name}';
  const names = await world.kubectl('--namespace', where, 'get', 'postgrescluster', shop.name, '--output', path);
  return names.split(' ').filter((name) => name !== '');
}

/** Members for which the primary's PostgreSQL itself waits. */
async function waitedFor(): Promise<readonly string[]> {
  const { name } = await primaryPod(world, shop);
  const statement =
    "SELECT application_name FROM pg_stat_replication WHERE sync_state IN ('sync', 'quorum') ORDER BY 1";
  return (await psql(world, where, name, statement)).split('\n').filter((each) => each !== '');
}

/** How long the primary waits for a replica that says nothing. */
async function patience(): Promise<string> {
  return (await psql(world, where, (await primaryPod(world, shop)).name, 'SHOW wal_sender_timeout')).trim();
}

/** How often the leader key has gone from one member to another, as the journal tells. */
async function handOvers(): Promise<number> {
  const story = await world.pgc('timeline', shop.name, '--namespace', where);
  return story.split('\n').filter((line) => line.includes('the leader key goes from')).length;
}

const change = (spec: Readonly<Record<string, unknown>>, replicas = 2): Promise<void> =>
  changed(world, shop, spec, replicas);

longerSuite('synchronous replication', () => {
  beforeAll(async () => {
    ({ world, shop, run } = await openDayTwo(where, 3));
  });

  afterAll(async () => {
    await healAll(world);
    await run.close();
  });

  longer('is switched on without a restart, and is in force once it is rolled out', async () => {
    const measured = await run.measure({ name: 'synchronous replication required', isPlanned: true }, () =>
      change({ synchronous: required }),
    );
    expect(total(measured.starts)).toBe(0);
    expect(total(measured.recreations)).toBe(0);
    const names = await confirming();
    expect(names).toHaveLength(1);
    expect(await waitedFor()).toEqual(names);
    expect((await condition(world, shop, 'WritesBlocked'))?.message).toContain(`${names[0] ?? ''} confirms commits`);
    expect(await patience()).toBe('15s');
  });

  longer(
    'writes on when the node of the member that confirms dies: another one confirms, long before the node is back',
    async () => {
      await primaryApartFromOperator(world, shop);
      const [standby = ''] = await eventually('somebody confirming', async () => {
        const names = await confirming();
        return names.length === 1 && names;
      });
      const node = (await podsOf(world, shop))?.find(({ name }) => name === standby)?.node ?? '';
      const measured = await run.measure(
        { name: 'node of who confirms killed, Required', isPlanned: false },
        async () => {
          await kill(node);
          await eventually('another one waited for', async () => {
            const names = await waitedFor();
            return names.length === 1 && names[0] !== standby;
          });
          await run.writer.writesAgain();
          await revive(world, node);
          await allStreaming(world, shop);
        },
      );
      expect(measured.lost).toBe(0);
      await eventually('somebody confirming again', async () => (await confirming()).length === 1);
    },
  );

  longer('loses no acknowledged row when the node of the primary dies: who confirmed takes over', async () => {
    const before = await primaryApartFromOperator(world, shop);
    const [standby = ''] = await eventually('somebody confirming', async () => {
      const names = await confirming();
      return names.length === 1 && names[0] !== before.name && names;
    });
    const measured = await run.measure({ name: 'node of the primary killed, Required', isPlanned: false }, async () => {
      await kill(before.node);
      await eventually('the successor', async () => (await run.probes.primary()) === standby, 180_000);
      await run.writer.writesAgain();
      await revive(world, before.node);
      await allStreaming(world, shop);
    });
    expect(measured.lost).toBe(0);
    expect((await primaryPod(world, shop)).name).toBe(standby);
    await eventually('somebody confirming again', async () => (await confirming()).length === 1);
  });

  longer('loses none when the primary’s pod is taken away by force', async () => {
    const { name } = await primaryPod(world, shop);
    const measured = await run.measure(
      { name: 'primary killed with its pod, Required', isPlanned: false },
      async () => {
        await world.kubectl('--namespace', where, 'delete', 'pod', name, '--grace-period=0', '--force');
        await run.writer.writesAgain();
        await allStreaming(world, shop);
      },
    );
    expect(measured.lost).toBe(0);
    await eventually('somebody confirming again', async () => (await confirming()).length === 1);
  });

  longer('writes on while every pod is made anew, and hands over to a member that confirms', async () => {
    const before = await handOvers();
    const measured = await run.measure({ name: 'rolling update, Required', isPlanned: true }, () =>
      change({ env: [{ name: 'TEAM', value: 'blue' }] }),
    );
    expect(Object.values(measured.recreations)).toEqual([1, 1, 1]);
    expect((await handOvers()) - before).toBe(1);
    await eventually('somebody confirming again', async () => (await confirming()).length === 1);
  });

  longer('does not let go of a member that it needs', async () => {
    await expect(edit(world, shop, { replicas: 1 })).rejects.toThrow(
      'spec.synchronous.count must be below spec.replicas',
    );
    await run.measure({ name: 'scale 3 to 2, Required', isPlanned: true }, () => change({ replicas: 2 }, 1));
    await eventually('the member that is left confirming', async () => (await confirming()).length === 1);
  });

  longer('makes writes wait, and says so, while nobody can confirm; they go on with the replica', async () => {
    const [standby = ''] = await confirming();
    await run.measure({ name: 'the only replica lost, Required', isPlanned: false }, async () => {
      await world.kubectl('--namespace', where, 'delete', 'pod', standby, '--grace-period=0', '--force');
      await eventually('the condition naming why', async () => {
        const told = await condition(world, shop, 'WritesBlocked');
        return told?.status === 'True' && told.reason === 'NoSyncStandby' && told.message.includes(standby);
      });
      await phase(world, where, shop.name, 'Running');
      await run.writer.writesAgain();
    });
    expect((await condition(world, shop, 'WritesBlocked'))?.status).toBe('False');
  });

  longer('is switched off without a restart', async () => {
    const measured = await run.measure({ name: 'synchronous replication off', isPlanned: true }, () =>
      change({ synchronous: null }, 1),
    );
    expect(total(measured.starts)).toBe(0);
    expect(total(measured.recreations)).toBe(0);
    expect(await confirming()).toEqual([]);
    expect(await waitedFor()).toEqual([]);
    expect(await patience()).toBe('1min');
  });

  longer('has lost no row that was acknowledged, and has had no two primaries', async () => {
    expect(await run.writer.lost()).toEqual([]);
    expect(run.probes.twoPrimaries()).toEqual([]);
  });
});
