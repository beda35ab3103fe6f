/** What stands behind the flags of pgc: times, numbers, addresses, files. What means nothing is refused, and never read as something else. */
import { spawn } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { instantOf } from '#src/cli/instant.ts';
import { quiet } from '#src/sim/plan.ts';
import { runPlan } from '#src/sim/run.ts';
import { pgcProgram, runPgc } from '#test/support/pgc-program.ts';

// Each is a process of its own.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 120_000 });

let dir: string;

/** @returns what pgc said and its exit code, as one text */
async function pgc(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<string> {
  const { code, stdout, stderr } = await runPgc(args, dir, env);
  return `${stdout.toString()}${stderr.toString()}exit ${code}`;
}

const file = ['--file', 'shop.db'];

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'arguments-'));
  await runPlan(quiet('create', 1), { scratch: dir, expected: null, keep: dir });
  copyFileSync(join(dir, 'operator-0.db'), join(dir, 'shop.db'));
});

afterAll(() => rmSync(dir, { recursive: true }));

describe('a time', () => {
  it.each([
    ['2026-01-01T00:00:54Z', '2026-01-01T00:00:54.000Z'],
    ['2026-01-01 00:00:54.910 UTC', '2026-01-01T00:00:54.910Z'],
    ['2026-01-01 00:00:54.910', '2026-01-01T00:00:54.910Z'],
    ['2026-01-01T00:00:54.9101234z', '2026-01-01T00:00:54.910Z'],
    ['2026-01-01T00:00', '2026-01-01T00:00:00.000Z'],
    ['2026-01-01T01:30:00+01:30', '2026-01-01T00:00:00.000Z'],
    ['2025-12-31T20:00:00-0400', '2026-01-01T00:00:00.000Z'],
  ])('%s is read as it is written, in UTC where it says nothing', (text, expected) => {
    expect(new Date(instantOf(text) ?? Number.NaN).toISOString()).toBe(expected);
  });

  it.each([
    '12',
    'row 77',
    '2026',
    '2026-01-01',
    'Jan 1 2026',
    '2026-02-30T00:00:00Z',
    '2026-01-01T24:00:00Z',
    '2026-01-01T00:00:00 CET',
    '2026-01-01T00:00:00+99:00',
    '',
  ])('“%s” is none', (text) => expect(instantOf(text)).toBeNull());

  it('without a zone is not the time of this machine’s zone', async () => {
    const asked = ['timeline', 'shop', '--since', '2026-01-01 00:00:05.000', ...file];
    expect(await pgc(asked, { TZ: 'America/New_York' })).toBe(await pgc(asked, { TZ: 'UTC' }));
    expect(await pgc(['timeline', 'shop', '--since', 'row 7', ...file])).toMatch(/row 7 is no time\n.*\nexit 64$/);
  });

  it('that no Date can hold is not written into a hold', async () => {
    const hold = ['journal', 'hold', 'shop', '--from', '99999999999d', '--because', 'x', ...file];
    expect(await pgc(hold)).toMatch(/--from: 99999999999d is farther away .*\n.*\nexit 64$/);
    expect(await pgc(['journal', 'holds', ...file])).toBe('nothing is held\nexit 0');
  });
});

it('a hold that is none, or for nothing, and a file that cannot be written are told as that', async () => {
  expect(await pgc(['journal', 'release', 'abc', ...file])).toMatch(
    /^read the hold: abc is no whole number\n.*journal holds.*\nexit 64$/,
  );
  expect(await pgc(['journal', 'release', '7', ...file])).toMatch(/^release 7: there is no such hold\n.*\nexit 2$/);
  const hold = ['journal', 'hold', 'shop', '--from', '1m', '--because', ' ', ...file];
  expect(await pgc(hold)).toMatch(/--because: it says nothing\n.*\nexit 64$/);
  expect(await pgc(['journal', 'export', 'shop', '--out', 'no/such/x', ...file])).toMatch(
    /^write no\/such\/x: it cannot be written: .*\n.*--out.*\nexit 2$/,
  );
});

it.each(['abc', '-3', '1.5', ''])('journal ls --limit “%s” does not list everything', async (limit) => {
  expect(await pgc(['journal', 'ls', 'shop', `--limit=${limit}`, ...file])).toMatch(/^error: .*limit.*\nexit 64$/);
});

describe('why-not', () => {
  it.each(['constructor', 'toString', '__proto__'])('does not take %s for an action', async (word) => {
    expect(await pgc(['why-not', 'shop', word, ...file])).toMatch(/is no action of the cluster machine\n.*\nexit 64$/);
  });

  it('does not say of an object that is nowhere that nothing is in its way', async () => {
    expect(await pgc(['why-not', 'shop', 'StatefulSet/nothing', ...file])).toMatch(
      /StatefulSet\/nothing was never seen, .*\nask for one of: StatefulSet\/shop\nexit 2$/,
    );
  });

  it('answers for an object before it is made, of any kind, and for what effects are for', async () => {
    for (const key of ['StatefulSet/shop', 'Service/shop-headless', 'Pod/shop-1', 'PersistentVolumeClaim/data-shop-0'])
      expect(await pgc(['why-not', 'shop', key, '--at', '2026-01-01T00:00:01.02Z', ...file]), key).toMatch(
        /exit [01]$/,
      );
  });
});

it('an address without http says how it is written', async () => {
  for (const [args, env] of [
    [['status', '--api', 'localhost:8081'], {}],
    [['status'], { PGC_API: '127.0.0.1:8081' }],
  ] as const)
    expect(await pgc(args, env)).toMatch(/8081 is no address .*\nwrite it as http:\/\/localhost:8081\nexit 64$/);
});

it('a directory is no damaged disk', async () => {
  expect(await pgc(['status', '--file', '.'])).toMatch(/read \.: it is a directory\n.*\nexit 2$/);
});

it('a reader that closes early, as head does, is no failure and no trace of a stack', async () => {
  const program = await pgcProgram();
  const child = spawn(process.execPath, [program, 'journal', 'export', 'shop', ...file], { cwd: dir });
  const ended = new Promise((resolve) => child.once('close', resolve));
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  child.stdout.once('data', () => child.stdout.destroy());
  expect(await ended).toBe(0);
  expect(said).toBe('');
});

it('an anchor is not left unasked by a running operator that would say all is well', async () => {
  const server = createServer((_, response) => {
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ clusters: [], rows: 2, blobs: 0, ticks: 1, damage: [] }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
  try {
    expect(await pgc(['journal', 'verify', '--api', url])).toMatch(/as they were written\nexit 0$/);
    expect(await pgc(['journal', 'verify', '--anchor', 'u:9:9:head', '--api', url])).toMatch(
      /verify http.*anchor.*\n.*journal export.*--file.*\nexit 2$/,
    );
  } finally {
    server.close();
  }
});
