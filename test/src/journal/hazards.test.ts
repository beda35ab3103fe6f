/** What befalls a journal's file while it is open or before it is opened; each hazard by name. */
import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openForReading } from '#src/journal/database.ts';
import { records } from '#src/journal/migrations/0001-records.ts';
import { sha256 } from '#src/journal/record.ts';
import { verifyJournal } from '#src/journal/verify.ts';
import type { Journal } from '#src/journal/journal.ts';
import {
  anchorsOf,
  clusterOf,
  dumpOfFile,
  fillLikeAnOperator,
  manualTicks,
  opened,
  type ManualTicks,
} from './journals.ts';

let folder: string;
let path: string;
let ticks: ManualTicks;
const told: string[] = [];
const fatal: string[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'journal-'));
  path = join(folder, 'journal.db');
  ticks = manualTicks();
  told.length = 0;
  fatal.length = 0;
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function open(options: Parameters<typeof opened>[2] = {}): ReturnType<typeof opened> {
  return opened(path, ticks, { onFatal: (error) => void fatal.push(error.message), ...options });
}

function append(journal: Journal, name: string): void {
  const body = JSON.stringify({ name });
  const shape = { kind: 'observation', type: 'T', typeVersion: 1, maskVersion: 1, causedBy: null } as const;
  journal.writer.append({
    cluster: clusterOf(1),
    epoch: 1,
    at: 1,
    ...shape,
    body,
    onDurable: () => void told.push(name),
  });
}

function damageOf(file: string): readonly string[] {
  const db = openForReading(file);
  try {
    return verifyJournal(db).damage.map(({ because }) => because);
  } finally {
    db.close();
  }
}

it('a journal that is written to while it is verified is not taken for damaged', () => {
  const { journal } = open();
  append(journal, 'before');
  ticks.run();
  const db = openForReading(path);
  const prepare = db.prepare.bind(db);
  let writes = 0;
  db.prepare = ((source: string) => {
    // Between its parts another process commits.
    writes += 1;
    append(journal, `meanwhile ${writes}`);
    ticks.run();
    return prepare(source);
  }) as typeof db.prepare;
  expect(verifyJournal(db).damage).toEqual([]);
  expect(writes).toBeGreaterThan(3);
  db.close();
  expect(damageOf(path)).toEqual([]);
  journal.close();
});

/** A sound journal that is changed by SQL behind its triggers. */
function forged(sql: string): void {
  const { journal } = open();
  fillLikeAnOperator(journal, ticks, 40);
  journal.close();
  const db = new Database(path);
  db.exec(`INSERT INTO meta VALUES ('compacting', '1'); ${sql}; DELETE FROM meta WHERE key = 'compacting'`);
  db.close();
}

describe('a file that changes under an open journal', () => {
  it.each([
    ['is deleted', () => rmSync(path)],
    ['loses its write-ahead log', () => rmSync(`${path}-wal`)],
    ['is moved', () => renameSync(path, `${path}.moved`)],
    ['is replaced by an older copy', () => (copyFileSync(path, `${path}.older`), renameSync(`${path}.older`, path))],
  ])('%s: nothing more is acknowledged, and the process ends', (_, change) => {
    const { journal } = open();
    append(journal, 'before');
    ticks.run();
    change();
    append(journal, 'after');
    ticks.run();
    append(journal, 'much later');
    ticks.run();
    expect(told).toEqual(['before']);
    expect(fatal).toHaveLength(1);
    expect(fatal[0]).toContain('moved, replaced or deleted');
    expect(() => journal.writer.flush()).toThrow('moved, replaced or deleted');
    journal.close();
  });

  it('is written by a second process: the second row of one place is refused, and the process ends', () => {
    const { journal } = open();
    append(journal, 'first');
    ticks.run();
    const otherTicks = manualTicks();
    const other = opened(path, otherTicks).journal;
    append(other, 'by another');
    otherTicks.run();
    append(journal, 'second');
    ticks.run();
    expect(told).toEqual(['first', 'by another']);
    expect(fatal).toHaveLength(1);
    other.close();
    journal.close();
    expect(damageOf(path)).toEqual([]);
  });
});

describe('a file that is not the one the anchors know', () => {
  it('an older copy put in place is put aside at start, unchanged', () => {
    const first = open();
    fillLikeAnOperator(first.journal, ticks, 30);
    first.journal.close();
    const older = readFileSync(path);
    const olderDump = dumpOfFile(path);
    const second = open();
    fillLikeAnOperator(second.journal, ticks, 30);
    const anchors = anchorsOf(second.journal);
    second.journal.close();
    writeFileSync(path, older);
    const third = open({ anchors });
    expect(third).toMatchObject({ type: 'quarantined', because: expect.stringContaining('older copy') });
    if (third.type === 'quarantined') expect(dumpOfFile(third.movedTo)).toBe(olderDump);
    expect(third.journal.reader.clusters()).toEqual([]);
    third.journal.close();
  });

  it('another operator’s file is put aside at start', () => {
    const ours = open();
    append(ours.journal, 'ours');
    ticks.run();
    const anchors = anchorsOf(ours.journal);
    ours.journal.close();
    rmSync(path);
    const theirs = open();
    append(theirs.journal, 'theirs');
    ticks.run();
    theirs.journal.close();
    const start = open({ anchors });
    expect(start).toMatchObject({ type: 'quarantined', because: expect.stringContaining('not the same lineage') });
    start.journal.close();
  });

  it.each([
    ['truncated to nothing beside its log', () => truncateSync(path, 0)],
    ['deleted beside its log', () => rmSync(path)],
  ])('%s: it is not taken for a new one', (_, change) => {
    const { journal } = open();
    append(journal, 'before');
    ticks.run();
    copyFileSync(`${path}-wal`, `${path}.kept`);
    journal.close();
    change();
    renameSync(`${path}.kept`, `${path}-wal`);
    const start = open();
    expect(start.type).toBe('quarantined');
    expect(readdirSync(folder).some((file) => /quarantined-\d+-wal$/.test(file))).toBe(true);
    start.journal.close();
  });

  it('no file at all is a new journal: amnesia, told by the anchors that the caller holds', () => {
    const start = open({ anchors: [{ uid: 'u', epoch: 3, seq: 7, head: 'h' }] });
    expect(start.type).toBe('opened');
    expect(start.journal.writer.head('u')).toBeNull();
    start.journal.close();
  });
});

describe('damage that one chain alone would not show', () => {
  it('a lost tail of a cluster that did not move in the last commit', () => {
    forged('DELETE FROM record WHERE cluster_id = 1 AND seq = (SELECT max(seq) FROM record WHERE cluster_id = 1)');
    expect(damageOf(path).join()).toContain('is not its last row');
  });

  it('a lost head of a chain', () => {
    forged('DELETE FROM record WHERE cluster_id = 2 AND seq < 3');
    expect(damageOf(path).join()).toContain('what was before it is missing');
  });

  it('a whole cluster gone', () => {
    forged(
      'DELETE FROM record WHERE cluster_id = 3; DELETE FROM snapshot WHERE cluster_id = 3; DELETE FROM cluster WHERE id = 3',
    );
    expect(damageOf(path).join()).toContain('the whole cluster is missing');
  });

  it('a cluster under another name', () => {
    forged("UPDATE cluster SET name = 'other' WHERE id = 1");
    expect(damageOf(path).join()).toContain('not called default/other');
  });

  it('a snapshot that was changed is not used, and a sound one is', () => {
    forged("UPDATE snapshot SET bytes = replace(bytes, 'Running', 'Deleted') WHERE cluster_id = 1");
    const { journal } = open();
    const [changed, ...others] = journal.reader
      .clusters()
      .map(({ uid }) => uid)
      .toSorted();
    const all = [changed, ...others].map((uid) => journal.reader.snapshot(uid ?? ''));
    expect(all.some((snapshot) => snapshot === null)).toBe(true);
    for (const snapshot of all) if (snapshot !== null) expect(snapshot.bytes).toContain('Alive.Running');
    journal.close();
  });
});

describe('a record that could never be stored', () => {
  it.each([
    ['a stamp that is no number', { at: Number.NaN }],
    ['a kind that is none', { kind: 'other' as 'observation' }],
    ['an empty body', { body: '' }],
  ])('%s is refused to its own cluster, and the others go on', (_, wrong) => {
    const { journal } = open();
    const shape = { kind: 'observation', type: 'T', typeVersion: 1, maskVersion: 1, causedBy: null } as const;
    const record = { cluster: clusterOf(2), epoch: 1, at: 1, ...shape, body: '{}' };
    expect(() => journal.writer.append({ ...record, ...wrong })).toThrow(/is a bug of its writer/);
    append(journal, 'another');
    ticks.run();
    expect(told).toEqual(['another']);
    expect(fatal).toEqual([]);
    journal.close();
  });
});

describe('the format', () => {
  it('of a released migration is never edited: it is told apart by its hash', () => {
    expect(sha256(records)).toBe('2623f2dd41c228ec76650ca7273af57134c5dd44b6e9cc3cc7714b241e4f3078');
  });

  it('leaves beside the file only the ballast when it is closed', () => {
    const { journal } = open();
    append(journal, 'one');
    ticks.run();
    journal.close();
    expect(readdirSync(folder).toSorted()).toEqual(['journal.db', 'journal.db.ballast']);
    expect(existsSync(`${path}.ballast.new`)).toBe(false);
  });
});
