/** The journal keeps what it acknowledged, finds every damage, and refuses what is not its own. */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { readExport } from '#src/cli/export-file.ts';
import { sha256 } from '#src/decision/hash.ts';
import { exportLines } from '#src/export/ndjson.ts';
import { JournalRefused, openForReading, openForWriting } from '#src/journal/database.ts';
import { openJournal, type Journal, type JournalOpened } from '#src/journal/journal.ts';
import { verifyJournal } from '#src/journal/verify.ts';
import type { Ticks } from '#src/ports.ts';

const cluster = { uid: 'u-1', namespace: 'default', name: 'shop' };
let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'journal-'));
  path = join(folder, 'journal.db');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Ticks that run only when the test says so. */
function manualTicks(): Ticks & { readonly run: () => void } {
  let due: (() => void)[] = [];
  const arm = (run: () => void): { readonly cancel: () => void } => {
    due.push(run);
    return { cancel: () => void (due = due.filter((each) => each !== run)) };
  };
  return {
    after: (_, run) => arm(run),
    soon: arm,
    run: () => {
      const now = due;
      due = [];
      for (const each of now) each();
    },
  };
}

const ticks = manualTicks();

function open(options: Partial<Parameters<typeof openJournal>[0]> = {}): JournalOpened {
  return openJournal({
    path,
    build: 'b',
    anchors: [],
    ports: { clock: { nowMs: () => 1, monotonicMs: () => 1 }, ticks, crash: { hit: () => undefined } },
    onWritable: () => undefined,
    onFatal: () => undefined,
    onCommit: () => undefined,
    ...options,
  });
}

function fill(journal: Journal, rows: number, onDurable: () => void = () => undefined): void {
  for (let index = 0; index < rows; index += 1) {
    const hash = journal.writer.blob(`blob ${index % 3}`);
    journal.writer.append({
      cluster,
      epoch: 1,
      at: index,
      kind: 'observation',
      type: 'T',
      typeVersion: 1,
      maskVersion: 1,
      causedBy: null,
      body: `{"n":${index},"b":{"$blob":"${hash}"}}`,
      onDurable,
    });
    if (index % 4 === 3) ticks.run();
  }
  ticks.run();
}

function written(rows = 20): void {
  const { journal } = open();
  fill(journal, rows);
  journal.close();
}

describe('writing', () => {
  it('tells of a row only after its commit, in order', () => {
    const { journal } = open();
    const told: number[] = [];
    for (let index = 1; index <= 3; index += 1) {
      journal.writer.append({
        cluster,
        epoch: 1,
        at: 0,
        kind: 'observation',
        type: 'T',
        typeVersion: 1,
        maskVersion: 1,
        causedBy: null,
        body: '{}',
        onDurable: () => told.push(index),
      });
    }
    expect(told).toEqual([]);
    expect(journal.writer.head(cluster.uid)).toBeNull();
    ticks.run();
    expect(told).toEqual([1, 2, 3]);
    expect(journal.writer.head(cluster.uid)?.seq).toBe(3);
    journal.close();
  });

  it('is FULL again at every open, though the library would make it NORMAL', () => {
    written();
    const db = openForWriting(path);
    expect(db.pragma('synchronous', { simple: true })).toBe(2);
    expect(db.pragma('journal_mode', { simple: true })).toBe('wal');
    db.close();
  });

  it('refuses to change or delete a record', () => {
    written();
    const db = new Database(path);
    expect(() => db.exec("UPDATE record SET body = 'x'")).toThrow('append-only');
    expect(() => db.exec('DELETE FROM record')).toThrow('append-only');
    db.close();
  });

  it('loses no acknowledged record when it is killed, ten times', async () => {
    const script = `
      const { openJournal } = await import(${JSON.stringify(new URL('../../../src/journal/journal.ts', import.meta.url).href)});
      const { systemPorts } = await import(${JSON.stringify(new URL('../../../src/system-ports.ts', import.meta.url).href)});
      const { journal } = openJournal({ path: process.argv[1], build: 'b', anchors: [], ports: systemPorts(), onWritable() {}, onFatal() {}, onCommit() {} });
      const next = () => {
        for (let i = 0; i < 5; i += 1) {
          const { seq } = journal.writer.append({ cluster: { uid: 'u-1', namespace: 'default', name: 'shop' }, epoch: 1, at: 1, kind: 'observation', type: 'T', typeVersion: 1, maskVersion: 1, causedBy: null, body: '{}', onDurable: () => process.stdout.write(seq + '\\n') });
        }
        setImmediate(next);
      };
      next();`;
    let acknowledged = 0;
    for (let round = 0; round < 10; round += 1) {
      const child = spawn(process.execPath, ['--input-type=module', '-e', script, path], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      // It writes until it is killed: also when this test has run out of its time.
      onTestFinished(() => void child.kill('SIGKILL'));
      const goal = acknowledged + 20 + round * 7;
      await new Promise<void>((resolve) => {
        child.stdout.on('data', (chunk: Buffer) => {
          acknowledged = Number(chunk.toString().trim().split('\n').at(-1));
          if (acknowledged >= goal) child.kill('SIGKILL');
        });
        child.once('exit', () => resolve());
      });
    }
    const db = openForReading(path);
    const report = verifyJournal(db);
    db.close();
    expect(report.damage).toEqual([]);
    expect(report.rows).toBeGreaterThanOrEqual(acknowledged);
  });
});

describe('verifying', () => {
  it('says how many rows and blobs are as they were written', () => {
    written();
    const db = openForReading(path);
    expect(verifyJournal(db)).toMatchObject({ rows: 20, blobs: 3, damage: [] });
    db.close();
  });

  it.each([
    ['a changed body', "UPDATE record SET body = replace(body, '7', '8') WHERE seq = 8"],
    ['a changed stamp', 'UPDATE record SET at = 99 WHERE seq = 3'],
    ['a missing row', 'DELETE FROM record WHERE seq = 5'],
    ['a lost tail', 'DELETE FROM record WHERE seq > 15'],
    ['a changed blob', "UPDATE blob SET bytes = 'other' WHERE bytes = 'blob 1'"],
    ['a missing blob', "DELETE FROM blob WHERE bytes = 'blob 2'"],
    ['a changed operator chain', 'UPDATE tick SET at = 77 WHERE seq = 2'],
  ])('finds %s', (_, sql) => {
    written();
    const db = new Database(path);
    db.exec(`INSERT INTO meta VALUES ('compacting', '1'); ${sql}; DELETE FROM meta WHERE key = 'compacting'`);
    expect(verifyJournal(db).damage.length).toBeGreaterThan(0);
    db.close();
  });

  it('finds an older copy by an anchor, which nothing inside the file could tell', () => {
    written(8);
    const older = readFileSync(path);
    const first = open();
    fill(first.journal, 4);
    const head = first.journal.writer.head(cluster.uid);
    first.journal.close();
    writeFileSync(path, older);
    const db = openForReading(path);
    expect(verifyJournal(db).damage).toEqual([]);
    expect(
      verifyJournal(db, [{ uid: cluster.uid, epoch: 1, seq: head?.seq ?? 0, head: head?.head ?? '' }]).damage[0]
        ?.because,
    ).toContain('missing');
    db.close();
  });

  it('puts a damaged file aside at start and begins anew', () => {
    written();
    const db = new Database(path);
    db.exec(
      "INSERT INTO meta VALUES ('compacting', '1'); UPDATE record SET body = '{}' WHERE seq = 2; DELETE FROM meta WHERE key = 'compacting'",
    );
    db.close();
    const opened = open();
    expect(opened.type).toBe('quarantined');
    if (opened.type === 'quarantined') expect(existsSync(opened.movedTo)).toBe(true);
    expect(opened.journal.reader.clusters()).toEqual([]);
    opened.journal.close();
  });
});

describe('refusing', () => {
  it('a file of another program, untouched', () => {
    const db = new Database(path);
    db.exec('CREATE TABLE theirs (a)');
    db.close();
    const before = readFileSync(path);
    expect(() => open()).toThrow(JournalRefused);
    expect(readFileSync(path).equals(before)).toBe(true);
  });

  it('a newer format, naming both versions', () => {
    written();
    const db = new Database(path);
    db.pragma('user_version = 99');
    db.close();
    expect(() => open()).toThrow(/format 99, this build reads up to 1/);
  });
});

describe('exporting', () => {
  function lines(): string[] {
    written();
    const { journal } = open();
    const { reader } = journal;
    const text = [
      ...exportLines({ cluster, build: 'b', rows: reader.rows({ uid: cluster.uid }), blob: reader.blob, sha256 }),
    ];
    journal.close();
    return text;
  }

  it('verifies on a machine that has no database', () => {
    const read = readExport(`${lines().join('\n')}\n`);
    expect(read.damage).toEqual([]);
    expect(read.rows).toHaveLength(20);
  });

  it.each(['header', 'blob', 'record'])('finds a changed byte in a %s', (kind) => {
    const text = lines().map((line) =>
      line.startsWith(`{"line":"${kind}"`) ? line.replace(/[0-8](?=[^0-9]*$)/, '9') : line,
    );
    expect(readExport(`${text.join('\n')}\n`).damage.length).toBeGreaterThan(0);
  });

  it('finds a cut end', () => {
    expect(readExport(`${lines().slice(0, -1).join('\n')}\n`).damage[0]?.because).toContain('cut');
  });
});
