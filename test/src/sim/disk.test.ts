/** What a torn log is cut to, on a log that SQLite wrote. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openForWriting } from '#src/journal/database.ts';
import { lastTransaction } from '#src/sim/disk.ts';

it('finds the last transaction of a log, and none of an earlier round of it', () => {
  const folder = mkdtempSync(join(tmpdir(), 'disk-'));
  const path = join(folder, 'journal.db');
  const db = openForWriting(path);
  const log = (): Buffer => readFileSync(`${path}-wal`);
  try {
    const before = lastTransaction(log());
    db.exec("INSERT INTO meta (key, value) VALUES ('a', '1')");
    const one = lastTransaction(log());
    expect(one?.begin).toBe(before?.end);
    expect(one?.end).toBe(log().length);
    expect(((one?.end ?? 0) - (one?.begin ?? 0)) % (one?.frameBytes ?? 1)).toBe(0);
    db.pragma('wal_checkpoint(PASSIVE)');
    db.exec("INSERT INTO meta (key, value) VALUES ('b', '1')");
    const again = lastTransaction(log());
    expect(again?.begin).toBe(32);
    expect(again?.end).toBeLessThan(log().length);
  } finally {
    db.close();
    rmSync(folder, { recursive: true, force: true });
  }
});

it('finds none in a file that is no log', () => {
  expect(lastTransaction(Buffer.alloc(0))).toBeNull();
  expect(lastTransaction(Buffer.alloc(32))).toBeNull();
});
