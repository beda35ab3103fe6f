/**
 * Files that were changed behind the operator's back: flipped bits, overwritten and cut pieces, in the closed file and in a
 * write-ahead log that a kill has left. ABUSE and SEED as environment for other and longer runs.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { JournalRefused, openForReading } from '#src/journal/database.ts';
import { verifyJournal, type Anchor, type Damage } from '#src/journal/verify.ts';
import { seeded } from '#test/support/seeded.ts';
import { anchorsOf, dumpOf, dumpOfFile, fillLikeAnOperator, manualTicks, opened } from './journals.ts';

const trials = Number(process.env['ABUSE'] ?? '1000');
const seed = Number(process.env['SEED'] ?? '1');

interface Original {
  readonly file: Buffer;
  readonly wal: Buffer;
  readonly dump: string;
  readonly anchors: readonly Anchor[];
}

let folder: string;
let path: string;
let closed: Original;
let killed: Original;

/** A journal, either closed in order, or as a kill leaves it: with the newest rows in the log alone. */
function written(name: string, isClosed: boolean): Original {
  const at = join(folder, name);
  const ticks = manualTicks();
  const first = opened(at, ticks);
  fillLikeAnOperator(first.journal, ticks, 60);
  first.journal.close();
  const { journal } = opened(at, ticks);
  fillLikeAnOperator(journal, ticks, 60);
  const anchors = anchorsOf(journal);
  const dump = dumpOfFile(at);
  if (isClosed) journal.close();
  const wal = isClosed ? Buffer.alloc(0) : readFileSync(`${at}-wal`);
  const file = readFileSync(at);
  if (!isClosed) journal.close();
  return { file, wal, dump, anchors };
}

beforeAll(() => {
  folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'journal-'));
  path = join(folder, 'abused.db');
  closed = written('closed.db', true);
  killed = written('killed.db', false);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A copy with one piece of damage, and its name. */
function abused(bytes: Buffer, random: () => number): { readonly bytes: Buffer; readonly how: string } {
  const copy = Buffer.from(bytes);
  const at = Math.floor(random() * copy.length);
  const length = 1 + Math.floor(random() ** 3 * 40_000);
  const kind = Math.floor(random() * 5);
  if (kind <= 1) {
    const bit = Math.floor(random() * 8);
    copy[at] = (copy[at] ?? 0) ^ (1 << bit);
    return { bytes: copy, how: `bit ${bit} of byte ${at} flipped` };
  }
  if (kind === 2) return { bytes: copy.subarray(0, at), how: `truncated to ${at} bytes` };
  if (kind === 3)
    return {
      bytes: Buffer.concat([copy.subarray(0, at), copy.subarray(at + length)]),
      how: `${length} bytes cut out at ${at}`,
    };
  copy.fill(random() < 0.5 ? 0 : Math.floor(random() * 256), at, Math.min(copy.length, at + length));
  return { bytes: copy, how: `${length} bytes overwritten at ${at}` };
}

function put(file: Buffer, wal: Buffer): void {
  for (const suffix of ['', '-wal', '-shm']) rmSync(path + suffix, { force: true });
  writeFileSync(path, file);
  if (wal.length > 0) writeFileSync(`${path}-wal`, wal);
}

/** What `verify` says of the file, and its dump where nothing is reported. */
function verdict(anchors: readonly Anchor[]): { readonly damage: readonly Damage[]; readonly dump: string } {
  try {
    const db = openForReading(path);
    try {
      const { damage } = verifyJournal(db, anchors);
      return { damage, dump: damage.length > 0 ? '' : dumpOf(db) };
    } finally {
      db.close();
    }
  } catch (error) {
    return { damage: [{ uid: null, seq: null, because: String(error) }], dump: '' };
  }
}

interface Tally {
  readonly wrong: readonly string[];
  readonly reported: number;
  readonly identical: number;
}

/** Abuses one of the two files `count` times and judges each. */
function tally(count: number, salt: number, judge: () => string, make: (random: () => number) => string): Tally {
  const wrong: string[] = [];
  const counts = { reported: 0, identical: 0 };
  for (let index = 0; index < count; index += 1) {
    const random = seeded(seed * 1_000_003 + salt + index);
    const how = make(random);
    const found = judge();
    if (found === 'reported' || found === 'identical') counts[found] += 1;
    else wrong.push(`trial ${index}: ${how}: ${found}`);
  }
  return { wrong, ...counts };
}

describe(`${trials} abused journals (seed ${seed})`, () => {
  it('a closed file: verify reports it, or every record is as it was', { timeout: 60_000 + trials * 100 }, () => {
    const found = tally(
      trials,
      0,
      () => {
        const { damage, dump } = verdict([]);
        if (damage.length > 0) return 'reported';
        return dump === closed.dump ? 'identical' : 'other records, and nothing reported';
      },
      (random) => {
        const { bytes, how } = abused(closed.file, random);
        put(bytes, Buffer.alloc(0));
        return how;
      },
    );
    expect(found.wrong).toEqual([]);
    expect(found.reported).toBeGreaterThan(trials * 0.5);
  });

  it(
    'a log that a kill left: with the anchors, verify reports it or nothing is lost',
    { timeout: 60_000 + trials * 100 },
    () => {
      const found = tally(
        trials / 4,
        1e8,
        () => {
          const { damage, dump } = verdict(killed.anchors);
          if (damage.length > 0) return 'reported';
          return dump === killed.dump ? 'identical' : 'other records, and nothing reported';
        },
        (random) => {
          const { bytes, how } = abused(killed.wal, random);
          put(killed.file, bytes);
          return how;
        },
      );
      expect(found.wrong).toEqual([]);
      expect(found.reported).toBeGreaterThan(trials / 8);
    },
  );

  it(
    'start puts each aside, refuses it, or goes on with every record up to the anchors',
    { timeout: 60_000 + trials * 100 },
    () => {
      const found = tally(
        trials / 4,
        2e8,
        () => {
          try {
            const start = opened(path, manualTicks(), { anchors: killed.anchors });
            if (start.type === 'quarantined') {
              const isNew = start.journal.reader.clusters().length === 0 && existsSync(start.movedTo);
              start.journal.close();
              for (const suffix of ['', '-wal', '-shm']) rmSync(start.movedTo + suffix, { force: true });
              return isNew ? 'reported' : 'quarantined, but neither kept nor new';
            }
            const dump = dumpOfFile(path);
            start.journal.close();
            return dump === killed.dump ? 'identical' : 'other records are used';
          } catch (error) {
            return error instanceof JournalRefused ? 'reported' : `thrown: ${String(error)}`;
          }
        },
        (random) => {
          const which = random() < 0.5 ? 'file' : 'wal';
          const { bytes, how } = abused(killed[which], random);
          put(which === 'file' ? bytes : killed.file, which === 'wal' ? bytes : killed.wal);
          return `${which}: ${how}`;
        },
      );
      expect(found.wrong).toEqual([]);
      expect(found.reported).toBeGreaterThan(trials / 10);
    },
  );

  it('without a change nothing is reported', () => {
    put(closed.file, Buffer.alloc(0));
    expect(verdict(closed.anchors)).toEqual({ damage: [], dump: closed.dump });
    put(killed.file, killed.wal);
    expect(verdict(killed.anchors)).toEqual({ damage: [], dump: killed.dump });
  });
});
