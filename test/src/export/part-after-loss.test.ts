/**
 * Hazard: a part of a journal that nobody can read. After a row that says others are lost nothing stands, so a part that would
 * begin right behind it has to begin with it; and a part of which an export is made is still one.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { readExportFile, type ReadExport } from '#src/cli/export-file.ts';
import { sha256 } from '#src/decision/hash.ts';
import { exportLines } from '#src/export/ndjson.ts';
import { recordHash, type RecordRow } from '#src/journal/record.ts';
import { create, name } from '#src/sim/acts.ts';
import { actedJournal } from '#test/support/acted-journal.ts';
import { runPgc } from '#test/support/pgc-program.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const released = new URL('../../golden/journals/v0.1.0/journal-lost.ndjson.gz', import.meta.url);
let dir: string;

async function pgc(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await runPgc(args, dir);
  return `${code} ${stdout.toString()}${stderr.toString()}`;
}

/** Makes a part that begins at a moment. @returns its rows, and what is told of it */
async function part(file: string, since: number): Promise<{ readonly read: ReadExport; readonly said: string }> {
  const made = await pgc('journal', 'export', name, '--file', file, '--since', at(since), '--out', 'part.ndjson');
  expect(made).toBe('0 ');
  return { read: readExportFile(join(dir, 'part.ndjson')), said: await pgc('timeline', name, '--file', 'part.ndjson') };
}

function at(ms: number): string {
  return new Date(ms).toISOString();
}

/** The journal of an operator that was given an older copy of its file: its rows, a gap, and what came after that. */
function withGap({ cluster, rows, blobs }: ReadExport): string {
  const [first] = rows;
  const last = rows.at(-1);
  if (first === undefined || last === undefined) throw new Error('there are no rows');
  const after = (before: RecordRow, of: RecordRow): RecordRow => {
    const columns = { ...of, rowid: before.rowid + 1, seq: before.seq + 1, epoch: 2, prev: before.hash };
    return { ...columns, hash: recordHash(cluster.uid, columns) };
  };
  const body = JSON.stringify({
    because: 'the file is an older copy',
    anchor: { uid: cluster.uid, epoch: 1, seq: 999 },
  });
  const lost = { kind: 'gap' as const, type: 'JournalLost', at: last.at + 1_000, causedBy: null, body };
  const gap = after(last, { ...last, ...lost });
  const next = after(gap, { ...first, at: last.at + 2_000 });
  const source = {
    cluster,
    build: 'b',
    rows: [...rows, gap, next],
    blob: (hash: string) => blobs.get(hash) ?? '',
    sha256,
  };
  return `${[...exportLines(source)].join('\n')}\n`;
}

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'after-loss-'));
  writeFileSync(join(dir, 'begins-lost.ndjson'), gunzipSync(readFileSync(released)));
  await actedJournal({ acts: [create({})], operators: ['operator-0'], scratch: dir, out: join(dir, 'whole.db') });
  await pgc('journal', 'export', name, '--file', 'whole.db', '--out', 'whole.ndjson');
  writeFileSync(join(dir, 'lost.ndjson'), withGap(readExportFile(join(dir, 'whole.ndjson'))));
});
afterAll(() => rmSync(dir, { recursive: true }));

describe('a part that would begin behind lost rows begins with the row that says so', () => {
  it.each(['begins-lost.ndjson', 'lost.ndjson'])('%s', async (file) => {
    const { rows } = readExportFile(join(dir, file));
    const gap = rows.find(({ kind }) => kind === 'gap');
    const next = rows.find(({ seq }) => seq === (gap?.seq ?? 0) + 1);
    const { read, said } = await part(file, next?.at ?? 0);
    expect(read.damage).toEqual([]);
    expect(read.rows[0]).toEqual({ ...gap, rowid: expect.any(Number) });
    expect(read.standing?.seq ?? 0).toBe((gap?.seq ?? 0) - 1);
    expect(said).toMatch(/^0 .*rows are lost here/);
  });
});

it('an export of a part is that part', async () => {
  const { rows } = readExportFile(join(dir, 'whole.ndjson'));
  await part('whole.ndjson', rows[40]?.at ?? 0);
  expect(await pgc('journal', 'export', name, '--file', 'part.ndjson', '--out', 'again.ndjson')).toBe('0 ');
  expect(await pgc('journal', 'verify', '--file', 'again.ndjson')).toMatch(/^0 /);
  expect(readFileSync(join(dir, 'again.ndjson'), 'utf8')).toBe(readFileSync(join(dir, 'part.ndjson'), 'utf8'));
});
