/** Disks that say no: full to the last byte (a small file system of its own), read-only, and failing their syncs. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openForReading } from '#src/journal/database.ts';
import { verifyJournal } from '#src/journal/verify.ts';
import type { Journal } from '#src/journal/journal.ts';
import { ensurePrerequisites } from '#test/cluster/prerequisites.ts';
import { run } from '#test/cluster/shell.ts';
import { clusterOf, manualTicks, opened, type ManualTicks } from '#test/src/journal/journals.ts';

const writerProcess = new URL('../support/journal-process.ts', import.meta.url).pathname;

let folder: string;
let path: string;
let ticks: ManualTicks;
let durable = 0;
const said: string[] = [];

beforeAll(() => ensurePrerequisites('tracing', () => undefined));
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'journal-'));
  mkdirSync(join(folder, 'disk'));
  await run('mount', ['-t', 'tmpfs', '-o', 'size=12m', 'tmpfs', join(folder, 'disk')]);
  path = join(folder, 'disk', 'journal.db');
  ticks = manualTicks();
  durable = 0;
  said.length = 0;
});
afterEach(async () => {
  await run('umount', [join(folder, 'disk')]);
  rmSync(folder, { recursive: true });
});

function open(): Journal {
  const tell = (line: string): void => void said.push(line);
  const { journal, type } = opened(path, ticks, {
    onWritable: (writable) => tell(writable ? 'writable' : 'not writable'),
    onFatal: (error) => tell(`fatal: ${error.message}`),
  });
  expect(type).toBe('opened');
  return journal;
}

function append(journal: Journal, rows: number): void {
  const shape = { kind: 'observation', type: 'T', typeVersion: 1, maskVersion: 1, causedBy: null } as const;
  for (let row = 0; row < rows; row += 1) {
    const body = JSON.stringify({ row, text: 'x'.repeat(20_000) });
    journal.writer.append({ cluster: clusterOf(1), epoch: 1, at: 1, ...shape, body, onDurable: () => (durable += 1) });
  }
}

function fillDisk(): string {
  const filler = join(folder, 'disk', 'filler');
  for (const size of [1024 * 1024, 4096])
    for (;;)
      try {
        writeFileSync(filler, Buffer.alloc(size, 1), { flag: 'a' });
      } catch {
        break;
      }
  return filler;
}

describe('a full disk', () => {
  it('gives up the ballast for what was decided, says so, and recovers alone when there is room again', () => {
    const journal = open();
    append(journal, 3);
    ticks.run();
    const filler = fillDisk();
    append(journal, 10);
    ticks.run();
    expect(said).toEqual(['not writable']);
    expect(existsSync(`${path}.ballast`)).toBe(false);
    ticks.run();
    // Committed in the ballast's room; but nothing new is invited until the ballast stands again.
    expect(durable).toBe(13);
    expect(journal.writer.isWritable()).toBe(false);
    rmSync(filler);
    ticks.run();
    expect(said).toEqual(['not writable', 'writable']);
    expect(existsSync(`${path}.ballast`)).toBe(true);
    expect(journal.verify()).toMatchObject({ rows: 13, damage: [] });
    journal.close();
  });

  it('keeps what even the ballast has no room for, in order, until there is', () => {
    const journal = open();
    append(journal, 1);
    ticks.run();
    const filler = fillDisk();
    append(journal, 400);
    for (let retry = 0; retry < 4; retry += 1) ticks.run();
    expect(durable).toBe(1);
    expect(journal.writer.head(clusterOf(1).uid)?.seq).toBe(1);
    expect(said).toEqual(['not writable']);
    rmSync(filler);
    for (let retry = 0; retry < 4; retry += 1) ticks.run();
    expect(durable).toBe(401);
    // The rows took the room that the ballast needs: closed in order all the same, with the rows in the log.
    expect(said).toEqual(['not writable']);
    journal.close();
    const db = openForReading(path);
    expect(verifyJournal(db)).toMatchObject({ rows: 401, damage: [] });
    db.close();
  });

  it('does not keep an operator from ending in order: what there is no room for is dropped, all else is there', () => {
    const journal = open();
    append(journal, 3);
    ticks.run();
    const filler = fillDisk();
    append(journal, 10);
    journal.writer.settle();
    // In the ballast's room.
    expect(durable).toBe(13);
    append(journal, 400);
    expect(() => journal.writer.flush()).toThrow(/full/);
    journal.writer.settle();
    journal.close();
    rmSync(filler);
    const again = open();
    expect(again.verify()).toMatchObject({ rows: 13, damage: [] });
    again.close();
  });

  it('does not keep a journal from opening whose rows there is no room for in the file: they stay in the log', () => {
    const spare = join(folder, 'disk', 'spare');
    writeFileSync(spare, Buffer.alloc(200_000, 1));
    const before = open();
    append(before, 1);
    ticks.run();
    const filler = fillDisk();
    append(before, 400);
    for (let retry = 0; retry < 4; retry += 1) ticks.run();
    rmSync(filler);
    for (let retry = 0; retry < 4; retry += 1) ticks.run();
    expect(durable).toBe(401);
    before.close();
    // What a start writes itself fits, and no more.
    rmSync(spare);
    said.length = 0;
    const journal = open();
    expect(said).toEqual(['not writable']);
    expect(journal.verify()).toMatchObject({ rows: 401, damage: [] });
    journal.close();
  });

  it('does not keep a journal from opening: it opens in the ballast’s room and waits', () => {
    const before = open();
    append(before, 3);
    ticks.run();
    before.close();
    const filler = fillDisk();
    const journal = open();
    expect(said).toEqual(['not writable']);
    expect(journal.verify()).toMatchObject({ rows: 3, damage: [] });
    rmSync(filler);
    ticks.run();
    expect(said).toEqual(['not writable', 'writable']);
    journal.close();
  });
});

describe('a disk that is mounted read-only', () => {
  it('is refused at start with what to do, and nothing is changed', async () => {
    const before = open();
    append(before, 3);
    ticks.run();
    before.close();
    const bytes = readFileSync(path);
    await run('mount', ['-o', 'remount,ro', join(folder, 'disk')]);
    expect(() => open()).toThrow(/cannot be written/);
    expect(readFileSync(path).equals(bytes)).toBe(true);
  });
});

describe('an error of fsync', () => {
  it.each([
    ['of the log', '-wal', 30],
    ['of the file, while the log is moved into it', '', 6],
  ])('%s ends the process; what was acknowledged is there, and it goes on after a restart', async (_, suffix, when) => {
    const acks = join(folder, 'acks');
    const at = join(folder, 'journal.db');
    const filter = ['-f', '-q', '-P', at + suffix, '-e', 'trace=fsync,fdatasync', '-e', 'signal=none'];
    const inject = `inject=fsync,fdatasync:error=EIO:when=${when}+`;
    const command = [...filter, '-e', inject, '-o', join(folder, 'trace')];
    const child = run('strace', [...command, process.execPath, writerProcess, at, acks, '3000', 'close']);
    await expect(child).rejects.toThrow(/fatal: disk I\/O error/);
    const acknowledged = readFileSync(acks, 'utf8').trim().split('\n');
    expect(acknowledged.length).toBeGreaterThan(20);
    const again = await run(process.execPath, [writerProcess, at, acks, '5', 'close']);
    expect(again).toContain('opened');
    const db = openForReading(at);
    const kept = new Set(db.prepare('SELECT hash FROM record').pluck().all());
    expect(acknowledged.filter((line) => !kept.has(line.split(' ')[2]))).toEqual([]);
    expect(verifyJournal(db).damage).toEqual([]);
    db.close();
  });
});

describe('an error of the disk while the journal is read at a start', () => {
  it('is refused with what to do: the journal is put aside for damage alone, and the next start finds it whole', async () => {
    const acks = join(folder, 'acks');
    const at = join(folder, 'journal.db');
    await run(process.execPath, [writerProcess, at, acks, '600', 'close']);
    const filter = ['-f', '-q', '-P', at, '-e', 'trace=pread64', '-e', 'signal=none'];
    // After what opening takes; what is read twice comes from SQLite's memory.
    const command = [...filter, '-e', 'inject=pread64:error=EIO:when=60+', '-o', join(folder, 'trace')];
    const child = run('strace', [...command, process.execPath, writerProcess, at, acks, '5', 'close']);
    await expect(child).rejects.toThrow(/could not be read to its end: /);
    expect(readdirSync(folder).filter((name) => name.includes('quarantined'))).toEqual([]);
    expect(await run(process.execPath, [writerProcess, at, acks, '5', 'close'])).toContain('opened');
  });
});
