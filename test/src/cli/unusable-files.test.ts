/**
 * Every verb of pgc that reads a file, on every kind of file that it cannot use: a sentence that says which file and what is
 * wrong with it, exit code 2, and not a byte of the folder is another one afterwards.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { coreBundle } from '#src/dev/bundle.ts';
import { quiet } from '#src/sim/plan.ts';
import { runPlan } from '#src/sim/run.ts';
import { pgcProgram, runPgc } from '#test/support/pgc-program.ts';

// Processes of their own, hundreds of them.
vi.setConfig({ testTimeout: 300_000 });

let dir: string;

/** Verbs that read a journal or an export, before the file is named. */
const verbs: readonly (readonly string[])[] = [
  ['status', '--file'],
  ['status', 'shop', '--file'],
  ['top', '--file'],
  ['why', 'shop', '--file'],
  ['why-not', 'shop', 'running', '--file'],
  ['timeline', 'shop', '--file'],
  ['state', 'shop', '--file'],
  ['journal', 'ls', 'shop', '--file'],
  ['journal', 'show', 'shop', '3', '--file'],
  ['journal', 'verify', '--file'],
  ['journal', 'export', 'shop', '--out', 'out.ndjson', '--file'],
  ['journal', 'export', 'shop', '--redact', '--out', 'out.ndjson', '--file'],
  ['journal', 'prune', '--keep', '1d', '--file'],
  ['journal', 'prune', '--dry-run', '--keep', '1d', '--file'],
  ['journal', 'hold', 'shop', '--from', '1h', '--because', 'x', '--file'],
  ['journal', 'holds', '--file'],
  ['journal', 'release', '1', '--file'],
  ['journal', 'import', '--out', 'out.db'],
  ['replay', '--file'],
  ['replay', '--with', 'core.cjs', '--file'],
  ['replay', 'shop', '--until', '5', '--file'],
  ['replay', 'shop', '--bisect', 'true', '--file'],
  ['compare-versions', 'core.cjs'],
  ['postmortem', 'shop', '--file'],
  ['incident', 'to-test', '--out', 'incidents'],
  ['inspect', 'shop', '--print', '--file'],
  ['inspect', 'shop', '--file'],
  ['simulate', 'shop', '--kill-pod', 'shop-0', '--file'],
];

/** A journal is named where an export is due. */
const mistaken = 'no JSON|no header';

/** Files by name, and what is said of them beside their name. */
const files: Readonly<Record<string, RegExp>> = {
  'absent.db': /no such file/,
  'absent.ndjson': /no such file/,
  'notes.db': new RegExp(`not a SQLite database|${mistaken}`),
  'notes.ndjson': /line 1 is no JSON/,
  'empty.ndjson': /the first line is no header/,
  'foreign.db': new RegExp(`of another program|${mistaken}`),
  'foreign.ndjson': /the first line is no header/,
  'newer.db': new RegExp(`journal format 9, this build reads up to 1|${mistaken}`),
  'newer.ndjson': /format 9 is newer than 1/,
  'cut.db': new RegExp(`damaged|cannot be read to its end|SQLite says|${mistaken}`),
  'cut.ndjson': /the trailer is missing: the file was cut/,
  'tampered.db': new RegExp(`row \\d+: its content does not match its hash|${mistaken}`),
  'tampered.ndjson': /row \d+: its content does not match its hash/,
};

/** What an export is not for, whatever is in it. */
const notOfExports = /an export is not pruned/;

/** All verbs on all files by ALL_FILES=1; of each file every seventh, other ones for each, in every test run. */
function verbsFor(index: number): readonly (readonly string[])[] {
  return process.env['ALL_FILES'] === undefined ? verbs.filter((_, each) => each % 7 === index % 7) : verbs;
}

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'unusable-'));
  const made = join(dir, 'made');
  mkdirSync(made);
  const folder = join(dir, 'files');
  mkdirSync(folder);
  writeFileSync(join(folder, 'core.cjs'), await coreBundle());
  await runPlan(quiet('create', 1), { scratch: made, expected: null, keep: made });
  const whole = readFileSync(join(made, 'operator-0.db'));
  await pgc(['journal', 'export', 'shop', '--file', join(made, 'operator-0.db'), '--out', join(made, 'shop.ndjson')]);
  const text = readFileSync(join(made, 'shop.ndjson'), 'utf8');
  /** The file with one number of SQLite's header changed. */
  const headed = (place: number, value: number): Buffer => {
    const changed = Buffer.from(whole);
    changed.writeUInt32BE(value, place);
    return changed;
  };
  const changedText = (all: string): string => all.replace('"type":"Synced"', '"type":"Sinced"');
  const contents: Readonly<Record<string, string | Buffer>> = {
    'notes.db': 'no journal of anybody\n',
    'notes.ndjson': 'no journal of anybody\n',
    'empty.ndjson': '',
    'foreign.db': headed(68, 42),
    'foreign.ndjson': '{"level":30,"msg":"a log of somebody"}\n',
    'newer.db': headed(60, 9),
    'newer.ndjson': text.replace('"format":1', '"format":9'),
    'cut.db': whole.subarray(0, 100_000),
    'cut.ndjson': text.slice(0, text.length / 2).replace(/[^\n]*$/, ''),
    'tampered.db': Buffer.from(changedText(whole.toString('latin1')), 'latin1'),
    'tampered.ndjson': changedText(text),
  };
  for (const [name, content] of Object.entries(contents)) writeFileSync(join(folder, name), content);
}, 120_000);

afterAll(() => rmSync(dir, { recursive: true }));

interface Ended {
  readonly code: number | string;
  readonly said: string;
}

async function pgc(args: readonly string[]): Promise<Ended> {
  const { code, stdout, stderr } = await runPgc(args, join(dir, 'files'));
  return { code, said: `${stdout.toString()}${stderr.toString()}` };
}

/**
 * Every file of the folder with the hash of its bytes; but for what SQLite lays beside a file in WAL mode that it reads and, having
 * no right to write there, does not take away: an index of no worth, and a log in which nothing stands.
 */
function standing(): Readonly<Record<string, string>> {
  const folder = join(dir, 'files');
  return Object.fromEntries(
    readdirSync(folder)
      .sort()
      .filter((name) => !name.endsWith('-shm') && (!name.endsWith('-wal') || statSync(join(folder, name)).size > 0))
      .map((name) => [
        name,
        createHash('sha256')
          .update(readFileSync(join(folder, name)))
          .digest('hex'),
      ]),
  );
}

describe.each(Object.entries(files).map(([file, expected], index) => ({ file, expected, index })))('$file', (each) => {
  const { file, expected, index } = each;
  it('is refused by every verb, and nothing is changed', async () => {
    const before = standing();
    const wrong: string[] = [];
    for (const verb of verbsFor(index)) {
      const { code, said } = await pgc([...verb, file]);
      // Verifying answers for the one file that was named.
      const named = said.includes(file) || verb[1] === 'verify';
      const right = expected.test(said) || (file.endsWith('.ndjson') && notOfExports.test(said));
      if (code !== 2 || !named || !right || / at .*:\d+:\d+/.test(said))
        wrong.push(`pgc ${verb.join(' ')} ${file}: exit ${code}: ${said.slice(0, 400)}`);
    }
    expect(wrong).toEqual([]);
    expect(standing()).toEqual(before);
  });
});

describe('pgc under a Node that is too old', () => {
  it('says so, and does not die by a signal in what was built for another one', async () => {
    writeFileSync(join(dir, 'old.cjs'), "Object.defineProperty(process.versions, 'node', { value: '20.11.1' });\n");
    const program = await pgcProgram();
    const { code, said } = await new Promise<Ended>((resolve) => {
      execFile(process.execPath, ['--require', join(dir, 'old.cjs'), program, 'top'], (error, stdout, stderr) =>
        resolve({ code: error?.code ?? 0, said: `${stdout}${stderr}` }),
      );
    });
    expect(code).toBe(64);
    expect(said).toMatch(/^Node 20\.11\.1 is too old: 22\.19 or later is needed\./);
  });
});
