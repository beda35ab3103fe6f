/**
 * What leaves a journal: an export, a part of one that still replays, a redacted one that tells
 * without names, and the test and report made of them.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildOf } from '#src/cli/build-file.ts';
import { readExport } from '#src/cli/export-file.ts';
import { sha256 } from '#src/decision/hash.ts';
import { exportLines } from '#src/export/ndjson.ts';
import { redactRows } from '#src/export/redact.ts';
import { openForReading } from '#src/journal/database.ts';
import { makeReader } from '#src/journal/read.ts';
import { quiet } from '#src/sim/plan.ts';
import { runPlan } from '#src/sim/run.ts';
import { incidentRow } from '#test/support/incident.ts';
import { mutants, openMutation } from '../replay/mutants.ts';

const root = new URL('../../../', import.meta.url).pathname;
let dir: string;
let lines: readonly string[];

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'exports-'));
  await runPlan(quiet('lose-leader', 1), { scratch: dir, expected: null, keep: dir });
  const reader = makeReader(openForReading(join(dir, 'operator-0.db')));
  const [cluster] = reader.clusters();
  if (cluster === undefined) throw new Error('the run left no cluster');
  const rows = reader.rows({ uid: cluster.uid });
  const { uid, namespace, name } = cluster;
  lines = [...exportLines({ cluster: { uid, namespace, name }, build: 'b', rows, blob: reader.blob, sha256 })];
  writeFileSync(join(dir, 'shop.ndjson'), `${lines.join('\n')}\n`);
  reader.close();
}, 60_000);

afterAll(() => rmSync(dir, { recursive: true }));

/** What reading says of a text: `sound`, or the first thing that is wrong. */
function verdict(text: string): string {
  try {
    return readExport(text).damage[0]?.because ?? 'sound';
  } catch (error) {
    return error instanceof Error ? `refused: ${error.message}` : 'refused';
  }
}

describe('an export', () => {
  it('is sound as it was written', () => expect(verdict(`${lines.join('\n')}\n`)).toBe('sound'));

  it.each<readonly [string, (all: readonly string[]) => readonly string[], RegExp]>([
    [
      'lost its first rows',
      (all) => all.filter((line) => !/"line":"record","seq":[123],/.test(line)),
      /does not begin a chain/,
    ],
    ['lost its trailer', (all) => all.slice(0, -1), /the file was cut/],
    ['goes on after its trailer', (all) => [...all, all[1] ?? ''], /stands after the trailer/],
    [
      'is of a newer format',
      ([first = '', ...all]) => [first.replace('"format":1', '"format":2'), ...all],
      /format 2 is newer than 1/,
    ],
    [
      'has a line that nobody knows',
      ([first = '', ...all]) => [first, '{"line":"surprise"}', ...all],
      /none that an export has/,
    ],
  ])('says so when it %s', (_, change, expected) => expect(verdict(change(lines).join('\n'))).toMatch(expected));
});

describe('a redacted export', () => {
  it('holds no name, address or text of the user, verifies by its own chain, and says what it is', () => {
    const read = readExport(`${lines.join('\n')}\n`);
    const { cluster, rows, blobs } = read;
    const made = redactRows({ cluster, rows, all: rows, from: null, blob: (hash) => blobs.get(hash) ?? '' });
    const redacted = {
      label: 'redacted: readable, not replayable' as const,
      original: { epoch: 1, seq: 1, head: 'h' },
      verified: true,
    };
    const blob = (): string => '';
    const text = [...exportLines({ ...made, build: 'b', blob, sha256, redacted }), ''].join('\n');
    expect(verdict(text)).toBe('sound');
    expect(readExport(text).redacted).toEqual(redacted);
    expect(text).not.toMatch(/\bshop\b|\bteam\b|\borders\b|\bclerk\b/);
    expect(text).not.toMatch(/ghcr\.io|\bspilo\b(?!-role)/);
    expect(text).not.toContain(read.cluster.uid);
    for (const [, address = ''] of lines.join('\n').matchAll(/"ip":"([^"]+)"/g)) expect(text).not.toContain(address);
    for (const [, node = ''] of lines.join('\n').matchAll(/"node":"([^"]+)"/g)) expect(text).not.toContain(`"${node}"`);
    expect(text).toContain('cluster-1-0');
    expect(text).toMatch(/database \w+-\d+ with owner \w+-\d+ is wanted/);
  });
});

describe('a test made of an incident', () => {
  /** The row in which the primary counted as lost. */
  const lost = (): number =>
    readExport(`${lines.join('\n')}\n`).rows.find(({ body }) => body.includes('"signal":"PrimaryLost"'))?.seq ?? 0;

  function made(): string {
    const out = join(root, '.run/incidents', String(process.pid));
    mkdirSync(out, { recursive: true });
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      ['src/cli/main.ts', 'incident', 'to-test', join(dir, 'shop.ndjson'), '--row', String(lost()), '--out', out],
      { cwd: root, encoding: 'utf8' },
    );
    expect(`${status} ${stdout}${stderr}`).toMatch(/^0 .*is red until row \d+ is decided otherwise/s);
    return out;
  }

  it('is red as it is made', () => {
    const out = made();
    try {
      const { status, stdout } = spawnSync(process.execPath, ['node_modules/vitest/vitest.mjs', 'run', '--root', out], {
        cwd: root,
        encoding: 'utf8',
      });
      expect(stdout).toContain('is decided otherwise than at the incident');
      expect(stdout).toMatch(/1 failed/);
      expect(status).toBe(1);
    } finally {
      rmSync(out, { recursive: true });
    }
  }, 60_000);

  it('is green once the decision is another one', async () => {
    const path = join(dir, 'shop.ndjson');
    const same = incidentRow(path, lost());
    expect(same.decided).toEqual(same.recorded);
    const mutant = mutants.find(({ change }) => change === 'primaryLost never says yes');
    if (mutant === undefined) throw new Error('the mutant is gone');
    const mutation = await openMutation();
    const { core } = buildOf('core.cjs', await mutation.mutated(mutant));
    await mutation.close();
    const other = incidentRow(path, lost(), core);
    expect(other.decided).not.toEqual(other.recorded);
  });

  it('refuses to be written over', () => {
    const out = made();
    try {
      const { status, stderr } = spawnSync(
        process.execPath,
        ['src/cli/main.ts', 'incident', 'to-test', join(dir, 'shop.ndjson'), '--row', String(lost()), '--out', out],
        { cwd: root, encoding: 'utf8' },
      );
      expect(status).toBe(2);
      expect(stderr).toMatch(/it is there already/);
      expect(readFileSync(join(out, 'shop.test.ts'), 'utf8')).toContain(`row ${lost()}`);
    } finally {
      rmSync(out, { recursive: true });
    }
  });
});

describe('the reader in another language (docs/journal-reader.py)', () => {
  function read(path: string): { readonly status: number | null; readonly stdout: string } {
    const { status, stdout, error, stderr } = spawnSync('python3', [join(root, 'docs/journal-reader.py'), path], {
      encoding: 'utf8',
    });
    if (error !== undefined) throw new Error(`python3 is needed for this test and cannot be run: ${error.message}`);
    return { status, stdout: `${stdout}${stderr}` };
  }

  function head(): string {
    return readExport(`${lines.join('\n')}\n`).rows.at(-1)?.hash ?? '';
  }

  it('verifies a journal file and its export to the same head', () => {
    const said = `team/shop: ${readExport(`${lines.join('\n')}\n`).rows.length} rows, head ${head()}\n`;
    expect(read(join(dir, 'operator-0.db'))).toEqual({ status: 0, stdout: said });
    expect(read(join(dir, 'shop.ndjson'))).toEqual({ status: 0, stdout: said });
  });

  it.each<readonly [string, (text: string) => string, RegExp]>([
    ['a changed body', (text) => text.replace('the leader', 'no leader'), /does not match/],
    ['a missing row', (text) => text.replace(/^\{"line":"record","seq":40,.*\n/m, ''), /row 41 is not linked/],
    [
      'a changed blob',
      (text) => text.replace(/("line":"blob","hash":"\w+","bytes":")/, '$1x'),
      /damage|cannot be read/,
    ],
    ['a cut end', (text) => text.slice(0, text.length / 2), /cannot be read|does not match/],
  ])('finds %s', (_, change, expected) => {
    const path = join(dir, 'changed.ndjson');
    writeFileSync(path, change(readFileSync(join(dir, 'shop.ndjson'), 'utf8')));
    const { status, stdout } = read(path);
    expect(stdout).toMatch(expected);
    expect(status).toBe(2);
  });

  it('refuses what is no journal', () => {
    writeFileSync(join(dir, 'notes.txt'), 'nothing');
    expect(read(join(dir, 'notes.txt')).status).toBe(2);
  });
});
