/** The operator whose journal's disk is full to the last byte: it says so, does nothing new, and goes on alone. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Operator } from '#src/operator/operator.ts';
import { run, waitFor } from '#test/cluster/shell.ts';
import { accepted, cluster, clustersOf } from './api-world.ts';
import { clusters, operatorChanges, phases, startLineWorld, type LineWorld } from './line-world.ts';

let world: LineWorld;
let operator: Operator;
let disk: string;

async function create(name: string): Promise<void> {
  const spec = { version: '17', replicas: 1, storage: { size: '1Gi' } };
  accepted(await clustersOf(world.api.kube).create(cluster(name, spec)));
}

async function isRunning(name: string): Promise<boolean> {
  return (await phases(world.api)).get(name) === 'Running';
}

async function readyz(): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${operator.http.httpPort}/readyz`);
  return `${response.status} ${await response.text()}`;
}

function fillDisk(filler: string): void {
  for (const size of [1024 * 1024, 4096])
    for (;;)
      try {
        writeFileSync(filler, Buffer.alloc(size, 1), { flag: 'a' });
      } catch {
        break;
      }
}

/** Status and reason of the condition that speaks of the journal. */
async function journalIntact(name: string): Promise<string> {
  const found = (await clusters(world.api)).get(name)?.['status'] as
    | { readonly conditions?: readonly { readonly type: string; readonly status: string; readonly reason: string }[] }
    | undefined;
  const condition = found?.conditions?.find(({ type }) => type === 'JournalIntact');
  return `${condition?.status ?? ''} ${condition?.reason ?? ''}`;
}

beforeAll(async () => {
  world = await startLineWorld('full');
  disk = `${world.api.dir}/disk`;
  mkdirSync(disk);
  await run('mount', ['-t', 'tmpfs', '-o', 'size=32m', 'tmpfs', disk]);
  operator = await world.operator('disk/journal.db');
});

afterAll(async () => {
  await operator.stop();
  world.keep('disk/journal.db');
  await run('umount', [disk]);
  await world.stop();
});

describe('a full disk under the journal', () => {
  it('nothing new is done, readyz says why and HTTP answers; with room again all goes on alone', async () => {
    await create('before');
    await waitFor('the first cluster running', () => isRunning('before'), 60_000);
    fillDisk(`${disk}/filler`);
    await create('meanwhile');
    await waitFor('readyz says it', async () => (await readyz()).includes('the journal cannot be written'), 30_000);
    expect(await readyz()).toMatch(/^503 /);
    await waitFor(
      'the status says it',
      async () => (await journalIntact('before')).startsWith('False NotWritable'),
      30_000,
    );
    const answer = await fetch(`http://127.0.0.1:${operator.http.apiPort}/api/clusters`);
    expect(answer.status).toBe(200);
    expect(JSON.stringify(await answer.json())).toContain('before');
    // What was decided before is still carried out; then nothing more, however much there is to do.
    let last = -1;
    await waitFor(
      'two seconds without a change',
      async () => {
        const same = operatorChanges(world.api).length === last;
        last = operatorChanges(world.api).length;
        await new Promise((resolve) => setTimeout(resolve, 2000));
        return same && operatorChanges(world.api).length === last;
      },
      30_000,
    );
    await create('later');
    await new Promise((resolve) => setTimeout(resolve, 2000));
    expect(operatorChanges(world.api)).toHaveLength(last);
    expect(await readyz()).toContain('the journal cannot be written');
    rmSync(`${disk}/filler`);
    await waitFor('all running', async () => (await isRunning('meanwhile')) && isRunning('later'), 60_000);
    expect(await readyz()).toMatch(/^200 /);
    for (const name of ['before', 'meanwhile', 'later'])
      await waitFor(
        `${name} says it is over`,
        async () => (await journalIntact(name)).startsWith('True Recording'),
        30_000,
      );
    expect(operator.journal().verify().damage).toEqual([]);
  });
});
