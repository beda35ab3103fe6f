/**
 * Hazard: an export for strangers that nobody can read. Where a spec says `Running` or `done` somewhere, or a cluster is called `db` or
 * `primary`, stand-ins took the place of states, types and roles, or of nothing.
 */
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it, vi } from 'vitest';
import type { RecordRow } from '#src/journal/record.ts';
import { redactRows } from '#src/export/redact.ts';
import { at, text } from '#src/sim/json.ts';
import { quiet } from '#src/sim/plan.ts';
import { openWorld, unheard } from '#src/sim/world.ts';
import { runPgc } from '#test/support/pgc-program.ts';

vi.setConfig({ testTimeout: 120_000 });

const dir = mkdtempSync(join(tmpdir(), 'strangers-words-'));
afterAll(() => rmSync(dir, { recursive: true }));

/** A cluster that is made and loses its leader’s pod; its journal. */
async function journalOf(name: string, namespace: string, values: readonly string[]): Promise<string> {
  const scratch = join(dir, name);
  mkdirSync(scratch);
  const plan = quiet('create', 1);
  const world = openWorld({ plan, scratch, operators: ['operator-0'], events: unheard, buildOf: () => 'simulated' });
  try {
    await world.schedule.run(1_000);
    const env = values.map((value, index) => ({ name: `WORD_${index}`, value }));
    const spec = { version: '17', replicas: 2, storage: { size: '10Gi' }, env };
    const kind = { apiVersion: 'postgres.example.com/v1alpha1', kind: 'PostgresCluster' };
    world.user.create('PostgresCluster', { ...kind, metadata: { name, namespace }, spec });
    const isRunning = (): boolean =>
      text(world.user.get('PostgresCluster', namespace, name), 'status', 'phase') === 'Running';
    await world.schedule.run(300_000, isRunning);
    await world.schedule.run(20_000);
    const [leader = ''] = [...world.kubelets.members()].find(([, member]) => member.isWritable()) ?? [];
    world.user.remove(at(world.user.get('Pod', namespace, leader.replace(/^.*\//, ''))));
    await world.schedule.run(60_000);
    await world.schedule.run(300_000, isRunning);
    const [seat] = world.operators;
    let over = false;
    const stopped = seat?.stop().then(() => (over = true));
    await world.schedule.run(60_000, () => over);
    await stopped;
    const out = join(dir, `${name}.db`);
    copyFileSync(seat?.path() ?? '', out);
    return out;
  } finally {
    world.close();
  }
}

async function pgc(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await runPgc(args, dir);
  expect(`${code} ${stderr.toString()}`).toBe('0 ');
  return stdout.toString();
}

/** What every reader needs as it is: types, kinds, states, what Patroni says. */
const words = [
  'Running',
  'Pod',
  'StatefulSet',
  'ClusterSeen',
  'done',
  'applied',
  'running',
  'streaming',
  'leader',
  '100',
];

describe.each<readonly [string, string, readonly string[]]>([
  ['db', 'qa', words],
  ['primary', 'running', []],
])('a redacted export of %s in %s', (name, namespace, values) => {
  it('is read as the whole one, but for names', async () => {
    const file = await journalOf(name, namespace, values);
    const out = join(dir, `${name}.ndjson`);
    await pgc('journal', 'export', name, '--file', file, '--redact', '--out', out);
    for (const verb of ['why', 'timeline']) {
      const [whole, redacted] = [
        await pgc(verb, name, '--file', file),
        await pgc(verb, 'cluster-1', '--file', out),
      ].map((told) => told.replaceAll(/\b(?:app\/app|database-\d+)\b|\d{19}|system-1| +/g, ' '));
      const named = (redacted ?? '').replaceAll(/cluster-1/gi, name).replaceAll('namespace-1', namespace);
      expect(named.toLowerCase()).toBe((whole ?? '').toLowerCase());
    }
    const text = readFileSync(out, 'utf8');
    expect(text.match(new RegExp(`(?<![\\w-])${name}-\\d|namespaces/${namespace}\\b`, 'g')) ?? []).toEqual([]);
  });
});

it('tells of no other cluster whose turn it was', () => {
  const because = 'the same change does not go well on acme/billing: billing-1 is refused by "policy.acme.example"';
  const body = JSON.stringify({
    observation: { type: 'TurnTold', subject: 'generation 2', answer: 'stopped', because },
    moves: [{ answers: [{ because: `it waits: ${because}` }] }],
    intents: [],
  });
  const types = { kind: 'observation', type: 'TurnTold', typeVersion: 1, maskVersion: 1 } as const;
  const row: RecordRow = { rowid: 1, seq: 1, epoch: 1, at: 0, ...types, causedBy: null, body, prev: '', hash: '' };
  const rows = [row];
  const cluster = { uid: 'uid', namespace: 'team', name: 'shop' };
  const { rows: shown } = redactRows({ cluster, rows, all: rows, from: null, blob: () => '' });
  expect(shown[0]?.body).not.toMatch(/acme|billing/);
  expect(shown[0]?.body).toContain('the same change does not go well on namespace-2/cluster-2');
});
