/** What is asked for once, by an annotation, on a running cluster under a continuous writer: done once, and refused in words. */
import { afterAll, beforeAll, expect } from 'vitest';
import { change, condition, edit, startOrder } from './support/changes.ts';
import { openDayTwo } from './support/day-two.ts';
import type { Subject } from './support/database.ts';
import { total, type Run } from './support/run.ts';
import { longer, longerSuite } from './support/selection.ts';
import { allStreaming, placeOf, primaryPod } from './support/shop.ts';
import { eventually, phase, type World } from './world.ts';

const where = placeOf('e2e-day2-control');

let world: World;
let shop: Subject;
let run: Run;

const values = (each: Readonly<Record<string, unknown>>): readonly unknown[] => Object.values(each);
async function annotate(kind: string, token: string): Promise<void> {
  const annotation = `postgres.example.com/${kind}=${token}`;
  await world.kubectl('--namespace', where, 'annotate', 'postgrescluster', shop.name, '--overwrite', annotation);
}

async function handled(kind: string): Promise<string> {
  const path = `jsonpath={.status.handled.${kind}}`;
  return world.kubectl('--namespace', where, 'get', 'postgrescluster', shop.name, '--output', path);
}

/** Asks, and waits until the token is handled and the cluster runs as before. */
async function ask(kind: string, token: string): Promise<void> {
  await annotate(kind, token);
  await eventually(`${kind} ${token} being handled`, async () => (await handled(kind)) === token);
  await phase(world, where, shop.name, 'Running');
  await allStreaming(world, shop);
}

longerSuite('what is asked for once', () => {
  beforeAll(async () => {
    ({ world, shop, run } = await openDayTwo(where, 1));
  });

  afterAll(async () => {
    await run.close();
  });

  longer('a restart starts every PostgreSQL anew once, the primary last, in the same pods', async () => {
    const { name: primary } = await primaryPod(world, shop);
    const measured = await run.measure({ name: 'restart by annotation', isPlanned: true }, () =>
      ask('restart', 'first'),
    );
    expect(values(measured.starts)).toEqual([1, 1, 1]);
    expect(total(measured.recreations)).toBe(0);
    expect((await startOrder(world, shop)).at(-1)).toBe(primary);
    expect((await primaryPod(world, shop)).name).toBe(primary);
  });

  longer('a restart of one member leaves the others alone', async () => {
    const { name: primary } = await primaryPod(world, shop);
    const replica = ['shop-0', 'shop-1', 'shop-2'].find((each) => each !== primary) ?? '';
    const measured = await run.measure({ name: 'restart of one replica by annotation', isPlanned: true }, () =>
      ask('restart', `second ${replica}`),
    );
    expect(measured.starts[replica]).toBe(1);
    expect(total(measured.starts)).toBe(1);
  });

  longer('a switchover makes the member that is named the primary, and is done once', async () => {
    const { name: primary } = await primaryPod(world, shop);
    const target = ['shop-0', 'shop-1', 'shop-2'].find((each) => each !== primary) ?? '';
    const measured = await run.measure({ name: 'switchover by annotation', isPlanned: true }, () =>
      ask('switchover', `first ${target}`),
    );
    expect((await primaryPod(world, shop)).name).toBe(target);
    expect(total(measured.recreations)).toBe(0);
    const story = await world.pgc('timeline', shop.name, '--namespace', where);
    const handOvers = story.split('\n').filter((line) => line.includes('the leader key goes from'));
    expect(handOvers, story).toHaveLength(1);
  });

  longer('a switchover to the primary itself is refused in words, and nothing happens', async () => {
    const { name: primary } = await primaryPod(world, shop);
    const measured = await run.measure({ name: 'switchover that is refused', isPlanned: true }, async () => {
      await annotate('switchover', `second ${primary}`);
      const told = await eventually('the refusal', async () => {
        const each = await condition(world, shop, 'RequestRefused');
        return each?.status === 'True' ? each : null;
      });
      expect(told).toMatchObject({ reason: 'TargetLeads' });
      expect(told.message).toContain(`${primary} leads`);
    });
    expect((await primaryPod(world, shop)).name).toBe(primary);
    expect(total(measured.starts)).toBe(0);
  });

  longer('a reload starts nothing anew', async () => {
    const measured = await run.measure({ name: 'reload by annotation', isPlanned: true }, () => ask('reload', 'first'));
    expect(total(measured.starts)).toBe(0);
  });

  longer('reinit copies the data of one replica anew, and the others do not notice', async () => {
    const { name: primary } = await primaryPod(world, shop);
    const replica = ['shop-0', 'shop-1', 'shop-2'].find((each) => each !== primary) ?? '';
    const before = await world.kubectl('--namespace', where, 'exec', replica, '--', 'bash', '-c', inode);
    const measured = await run.measure({ name: 'reinit by annotation', isPlanned: true }, () =>
      ask('reinit', `first ${replica}`),
    );
    const after = await world.kubectl('--namespace', where, 'exec', replica, '--', 'bash', '-c', inode);
    expect(after).not.toBe(before);
    expect(total(measured.recreations)).toBe(0);
    expect((await primaryPod(world, shop)).name).toBe(primary);
  });
});

async function status(path: string): Promise<string> {
  const output = `jsonpath={.status.${path}}`;
  return world.kubectl('--namespace', shop.namespace, 'get', 'postgrescluster', shop.name, '--output', output);
}

/** Edits the spec and waits until status says that it waits, and why. @returns the generation, and what it says */
async function held(spec: Readonly<Record<string, unknown>>, because: string): Promise<[number, string]> {
  const generation = await edit(world, shop, spec);
  const action = await eventually(`status saying ${because}`, async () => {
    const [seen, next] = [await status('observedGeneration'), await status('nextAction')];
    return Number(seen) === generation && next.includes(because) ? next : null;
  });
  return [generation, action];
}

/** Waits until what was held is true of every member. */
async function begunAndDone(generation: number): Promise<void> {
  await eventually(
    `generation ${generation} being rolled out`,
    async () => Number(await status('rolledOutGeneration')) === generation && (await status('phase')) === 'Running',
    400_000,
  );
  await allStreaming(world, shop);
}

const variable = (value: string): Readonly<Record<string, unknown>> => ({ env: [{ name: 'ROUND', value }] });

longerSuite('an edit that has to wait', () => {
  beforeAll(async () => {
    ({ world, shop, run } = await openDayTwo(`${where}-held`, 1));
  });

  afterAll(async () => {
    await run.close();
  });

  longer('in mode Observe is told and not begun, nor is drift put right, until the mode is Manage', async () => {
    const service = ['--namespace', shop.namespace, 'get', 'service', shop.name];
    const manager = async (): Promise<string> =>
      world.kubectl(...service, '--output', 'jsonpath={.metadata.labels.app\\.kubernetes\\.io/managed-by}');
    const measured = await run.measure({ name: 'edit in mode Observe', isPlanned: true }, async () => {
      await held({ mode: 'Observe', ...variable('one') }, 'mode is Observe');
      const changed = 'app.kubernetes.io/managed-by=somebody';
      await world.kubectl('--namespace', shop.namespace, 'label', 'service', shop.name, '--overwrite', changed);
      await eventually('what it would do first being told', async () =>
        (await status('nextAction')).includes(`Service/${shop.name}`),
      );
      expect(await status('rolledOutGeneration')).toBe('1');
    });
    expect(total(measured.starts)).toBe(0);
    expect(Object.keys(measured.apiWrites.operator)).toEqual(['patch postgresclusters/status']);
    expect(await manager()).toBe('somebody');
    const managed = await run.measure({ name: 'Observe ended', isPlanned: true }, () =>
      change(world, shop, { mode: 'Manage' }, 2),
    );
    expect(values(managed.recreations)).toEqual([1, 1, 1]);
    expect(await manager()).toBe('postgres-operator');
  });

  longer('for an approval begins when that names its generation, and not before', async () => {
    await change(world, shop, { maxDisruption: 'Reload' }, 2);
    const before = await status('rolledOutGeneration');
    let generation = 0;
    const asked = await run.measure({ name: 'edit that waits for an approval', isPlanned: true }, async () => {
      [generation] = await held(variable('two'), 'maxDisruption is Reload');
      expect(await condition(world, shop, 'PendingApproval')).toMatchObject({ status: 'True' });
      const old = `postgres.example.com/approve=${generation - 1}`;
      await world.kubectl('--namespace', shop.namespace, 'annotate', 'postgrescluster', shop.name, '--overwrite', old);
      expect(await status('rolledOutGeneration')).toBe(before);
    });
    expect(total(asked.starts)).toBe(0);
    const measured = await run.measure({ name: 'edit that is approved', isPlanned: true }, async () => {
      const approval = `postgres.example.com/approve=${generation}`;
      await world.kubectl(
        '--namespace',
        shop.namespace,
        'annotate',
        'postgrescluster',
        shop.name,
        '--overwrite',
        approval,
      );
      await begunAndDone(generation);
    });
    expect(values(measured.recreations)).toEqual([1, 1, 1]);
    expect(await condition(world, shop, 'PendingApproval')).toMatchObject({ status: 'False' });
  });

  longer('for a maintenance window begins when one opens', async () => {
    // The second minute from now: the next one may have begun before the edit is seen.
    const opens = new Date(Math.floor(Date.now() / 60_000) * 60_000 + 120_000);
    const schedule = `${opens.getUTCMinutes()} ${opens.getUTCHours()} * * *`;
    const windows = { maintenanceWindows: [{ schedule, duration: '1h' }], maxDisruption: null };
    const measured = await run.measure({ name: 'edit that waits for a window', isPlanned: true }, async () => {
      const [generation, action] = await held({ ...windows, ...variable('three') }, 'window');
      expect(action).toContain(`a window opens at ${opens.toISOString()}`);
      expect(Date.now()).toBeLessThan(opens.getTime());
      await begunAndDone(generation);
    });
    expect(values(measured.recreations)).toEqual([1, 1, 1]);
    const story = await world.pgc('timeline', shop.name, '--namespace', shop.namespace, '--output', 'ndjson');
    const deletions = story
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as { readonly at: number; readonly text: string })
      .filter(({ text }) => text.includes('DeleteObject Pod/'));
    expect(deletions.slice(-3).every(({ at }) => at >= opens.getTime())).toBe(true);
  });
});

/** Names the data directory's own file: another one after every copy. */
const inode = 'stat --format=%i "$PGDATA/PG_VERSION"';
