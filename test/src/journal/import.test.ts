/** An export becomes a journal again only if it is as it was written. */
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readExport } from '#src/cli/export-file.ts';
import { sha256 } from '#src/decision/hash.ts';
import { exportLines } from '#src/export/ndjson.ts';
import { openForReading } from '#src/journal/database.ts';
import { importJournal } from '#src/journal/import.ts';
import { makeReader } from '#src/journal/read.ts';
import { verifyJournal } from '#src/journal/verify.ts';
import { clusterOf, fillLikeAnOperator, manualTicks, opened } from './journals.ts';

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'journal-'))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function exported(): readonly string[] {
  const ticks = manualTicks();
  const { journal } = opened(join(folder, 'from.db'), ticks);
  fillLikeAnOperator(journal, ticks, 60);
  const cluster = clusterOf(1);
  const { reader } = journal;
  const rows = reader.rows({ uid: cluster.uid });
  const lines = [...exportLines({ cluster, build: 'b', rows, blob: reader.blob, sha256 })];
  journal.close();
  return lines;
}

describe('importing an export', () => {
  it('gives the same rows, hashes and blobs, and verifies up to the head of the original', () => {
    const lines = exported();
    const out = join(folder, 'to.db');
    const count = importJournal(readExport(`${lines.join('\n')}\n`), out);
    const db = openForReading(out);
    const [summary] = makeReader(db).clusters();
    expect(count).toBe(summary?.rows);
    const anchor = { uid: clusterOf(1).uid, epoch: 0, seq: 0, head: '', ...summary?.head };
    expect(verifyJournal(db, [anchor])).toMatchObject({ rows: count, damage: [] });
    const original = readExport(`${lines.join('\n')}\n`).rows.map(({ hash }) => hash);
    expect(
      makeReader(db)
        .rows({ uid: clusterOf(1).uid })
        .map(({ hash }) => hash),
    ).toEqual(original);
    db.close();
  });

  it.each<readonly [string, (lines: readonly string[]) => readonly string[], RegExp]>([
    ['a changed body', (lines) => lines.map((line) => line.replace('PodSeen', 'PodGone')), /not as it was written/],
    ['a cut end', (lines) => lines.slice(0, -3), /not as it was written/],
    [
      'a missing row',
      (lines) =>
        lines.toSpliced(
          lines.findIndex((line) => line.startsWith('{"line":"record"')),
          1,
        ),
      /not as it was written/,
    ],
    ['a newer format', (lines) => lines.map((line) => line.replace('"format":1', '"format":99')), /format 99 is newer/],
  ])('with %s is refused, and no file is left', (_, change, because) => {
    const text = change(exported()).join('\n');
    const out = join(folder, 'to.db');
    expect(() => importJournal(readExport(text), out)).toThrow(because);
    expect(readdirSync(folder).filter((file) => file.startsWith('to.db'))).toEqual([]);
  });

  it('never writes over a file that is there', () => {
    const out = join(folder, 'to.db');
    writeFileSync(out, 'theirs');
    expect(() => importJournal(readExport(`${exported().join('\n')}\n`), out)).toThrow(/there already/);
    expect(existsSync(`${out}.new`)).toBe(false);
  });
});
