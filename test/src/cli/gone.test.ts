/**
 * Hazard: a cluster that was deleted to its end is told as one that is being deleted, with members that it stops and an effect under
 * way, for as long as its rows are kept: what its status said last is all that it could say.
 */
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { clusterOf, create, isRunning, name } from '#src/sim/acts.ts';
import { quiet } from '#src/sim/plan.ts';
import { openWorld, unheard } from '#src/sim/world.ts';
import { runPgc } from '#test/support/pgc-program.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let dir: string;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'gone-'));
  const plan = quiet('create', 1);
  const world = openWorld({
    plan,
    scratch: dir,
    operators: ['operator-0'],
    events: unheard,
    buildOf: () => 'simulated',
  });
  try {
    await world.schedule.run(1_000);
    if (clusterOf(world) === null) create({}).act(world);
    await world.schedule.run(300_000, () => isRunning(world));
    await world.schedule.run(20_000);
    const cluster = clusterOf(world);
    if (cluster !== null) world.user.remove(cluster);
    await world.schedule.run(120_000, () => clusterOf(world) === null);
    await world.schedule.run(30_000);
    const [seat] = world.operators;
    let over = false;
    const stopped = seat?.stop().then(() => (over = true));
    await world.schedule.run(60_000, () => over);
    await stopped;
    copyFileSync(seat?.path() ?? '', join(dir, 'gone.db'));
  } finally {
    world.close();
  }
});
afterAll(() => rmSync(dir, { recursive: true }));

async function pgc(...args: readonly string[]): Promise<string> {
  const { stdout, stderr } = await runPgc([...args, '--file', 'gone.db'], dir);
  expect(stderr.toString()).toBe('');
  return stdout.toString();
}

it.each<readonly [string, readonly string[], RegExp]>([
  ['top', ['top'], /^1 cluster: 1 Gone\n[^\n]*\nteam\/shop +Gone .* the PostgresCluster was deleted and is gone\n$/],
  ['status of all', ['status'], /\nteam\/shop +Gone /],
  [
    'status',
    ['status', name],
    /^team\/shop[^\n]*\n  phase     Gone: the PostgresCluster was deleted and is gone, since [^\n]*\n$/,
  ],
  [
    'why',
    ['why', name],
    /^It is over: the PostgresCluster was deleted\.\n[^]*\nnow       the PostgresCluster was deleted and is gone\n$/,
  ],
  [
    'why-not',
    ['why-not', name, 'running'],
    /^running: no way leads there from Deleting.releasing\n  now       the PostgresCluster was deleted and is gone\n  asked/,
  ],
  [
    'postmortem',
    ['postmortem', name],
    /\nThe PostgresCluster was deleted\. It ended with the cluster\.\n[^]*\nNow: the PostgresCluster was deleted and is gone\.\n/,
  ],
])('%s', async (_what, args, told) => {
  expect(await pgc(...args)).toMatch(told);
});
