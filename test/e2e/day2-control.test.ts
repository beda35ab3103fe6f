/** What is asked for once, by an annotation, on a running cluster under a continuous writer: done once, and refused in words. */
import { afterAll, beforeAll, expect } from 'vitest';
import { condition, startOrder } from './support/changes.ts';
import { openDayTwo } from './support/day-two.ts';
import type { Subject } from './support/database.ts';
import { total, type Run } from './support/run.ts';
import { longer, longerSuite } from './support/selection.ts';
import { allStreaming, primaryPod } from './support/shop.ts';
import { eventually, phase, type World } from './world.ts';

const where = 'e2e-day2-control';

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

/** Names the data directory's own file: another one after every copy. */
const inode = 'stat --format=%i "$PGDATA/PG_VERSION"';
