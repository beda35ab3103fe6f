/**
 * Hazard: a password leaves with an incident. Every value that any Secret of a simulated world ever held is looked for in everything
 * that pgc makes of the journals of clusters whose passwords are made, rotated, chosen by hand and lost.
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Invariant } from '#src/sim/invariants/invariant.ts';
import { quiet } from '#src/sim/plan.ts';
import { runPlan } from '#src/sim/run.ts';
import { runPgc } from '#test/support/pgc-program.ts';
import { journalBytes, leaks, secretValues, type SecretValue } from '#test/support/canary.ts';

vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });

const scenarios = ['rotate', 'rotate-by-hand', 'lose-secrets', 'lose-leader'] as const;
let dir: string;
const held = new Map<string, readonly SecretValue[]>();

/** Notes every value that a Secret gets, whoever writes it and however soon it is replaced. */
function watcher(values: SecretValue[]): Invariant {
  return {
    name: 'canary',
    says: 'nothing: it listens',
    watch: ({ api }) => {
      api.store.onChange(({ kind, object }) => {
        if (kind.kind === 'Secret') values.push(...secretValues({ items: [object] }));
      });
      return {};
    },
  };
}

function folderOf(scenario: string): string {
  return join(dir, scenario);
}

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'canary-'));
  for (const scenario of scenarios) {
    const values: SecretValue[] = [];
    mkdirSync(folderOf(scenario));
    const options = { scratch: join(dir, 'scratch'), expected: null, keep: folderOf(scenario) };
    await runPlan(quiet(scenario, 1), { ...options, also: [watcher(values)] });
    held.set(scenario, values);
  }
});
afterAll(() => rmSync(dir, { recursive: true }));

interface Said {
  readonly code: number | string;
  readonly bytes: Buffer;
}

async function pgc(scenario: string, args: readonly string[]): Promise<Said> {
  const { code, stdout, stderr } = await runPgc(args, folderOf(scenario));
  return { code, bytes: Buffer.concat([stdout, stderr]) };
}

/** Every file of a folder, at any depth. */
function filesIn(folder: string): Readonly<Record<string, Buffer>> {
  const names = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((each) => each.isFile());
  return Object.fromEntries(names.map((each) => [each.name, readFileSync(join(each.parentPath, each.name))]));
}

const file = ['--file', 'operator-0.db'];

describe.each(scenarios)('after %s', (scenario) => {
  const values = (): readonly SecretValue[] => held.get(scenario) ?? [];

  it('no export holds a secret: whole, part, redacted, nor the journal itself', async () => {
    const exports = ['journal', 'export', 'shop', ...file];
    expect((await pgc(scenario, [...exports, '--out', 'whole.ndjson'])).code).toBe(0);
    expect((await pgc(scenario, [...exports, '--since', '2m', '--out', 'part.ndjson'])).code).toBe(0);
    expect((await pgc(scenario, [...exports, '--redact', '--out', 'redacted.ndjson'])).code).toBe(0);
    const places = { journal: journalBytes(join(folderOf(scenario), 'operator-0.db')), ...filesIn(folderOf(scenario)) };
    expect(leaks(values(), places)).toEqual([]);
    expect(Object.keys(places)).toEqual(expect.arrayContaining(['whole.ndjson', 'part.ndjson', 'redacted.ndjson']));
    // The canary sings: a value that stood there would be found.
    const [one] = values();
    expect(leaks(values(), { planted: Buffer.from(`{"password":"${one?.value}"}`) })).toHaveLength(
      values().filter(({ value }) => value === one?.value).length,
    );
    expect(new Set(values().map(({ value }) => value)).size).toBeGreaterThan(4);
  });
});

describe('what is made of an incident holds no secret', () => {
  const scenario = 'lose-leader';

  it.each<readonly [string, readonly string[]]>([
    ['the report', ['postmortem', 'shop', ...file]],
    ['the inspector’s feed', ['inspect', 'shop', '--print', ...file]],
    ['why', ['why', 'shop', '-o', 'json', ...file]],
    ['the timeline', ['timeline', 'shop', '-o', 'json', ...file]],
    ['all that is known', ['replay', 'shop', '--until', '2027-01-01T00:00:00Z', '-o', 'json', ...file]],
    ['the test', ['incident', 'to-test', 'whole.ndjson', '--out', 'incidents']],
  ])('%s', async (_, args) => {
    const { code, bytes } = await pgc(scenario, args);
    expect(`${code} ${code === 0 ? '' : bytes.toString('utf8')}`).toBe('0 ');
    expect(bytes.length).toBeGreaterThan(20);
    expect(leaks(held.get(scenario) ?? [], { said: bytes, ...filesIn(folderOf(scenario)) })).toEqual([]);
  });

  it('and the test is two files, of which one is the export to the byte', () => {
    const made = filesIn(join(folderOf(scenario), 'incidents'));
    expect(Object.keys(made).toSorted()).toEqual(['whole.ndjson', 'whole.test.ts']);
    expect(made['whole.ndjson']?.equals(readFileSync(join(folderOf(scenario), 'whole.ndjson')))).toBe(true);
  });
});
