/**
 * Owns: opening a journal as the operator does: verify, compare with the anchors, quarantine what is damaged, begin anew.
 * Losing a journal never blocks operation: the API server stays the truth, and the gap is recorded.
 */
import { codeOf, messageOf } from '#src/errors.ts';
import { accessSync, constants, renameSync, statSync, existsSync } from 'node:fs';
import type { Clock, CrashPoints, Ticks } from '#src/ports.ts';
import { ballastOf } from './ballast.ts';
import { isFull, JournalRefused, openForReading, openForWriting, type Db } from './database.ts';
import type { CheckPages } from './pages.ts';
import { makePruner, type Pruner } from './prune.ts';
import { makeReader, type JournalReader } from './read.ts';
import { inOneGo, verifyJournal, verifySteps, type Anchor, type VerifyProgress, type VerifyReport } from './verify.ts';
import { ageClock } from './retention.ts';
import { makeWriter, type JournalWriter } from './writer.ts';

export interface Journal {
  readonly writer: JournalWriter;
  readonly reader: JournalReader;
  readonly pruner: Pruner;
  /** The time by which its rows are judged to be old: behind the clock where that has run ahead. */
  readonly ageNowMs: () => number;
  readonly path: string;
  readonly verify: (anchors?: readonly Anchor[]) => VerifyReport;
  /** The same, some milliseconds at a time, and on a connection of its own; pages that nothing uses were checked at opening. */
  readonly verifyInSteps: () => Generator<VerifyProgress, VerifyReport>;
  readonly close: () => void;
}

export interface JournalOptions {
  readonly path: string;
  /** codeHash of the running build. */
  readonly build: string;
  readonly anchors: readonly Anchor[];
  readonly ports: { readonly clock: Clock; readonly ticks: Ticks; readonly crash: CrashPoints };
  readonly onWritable: (writable: boolean, because: string) => void;
  readonly onFatal: (error: Error) => void;
  readonly onCommit: (rows: number, ms: number) => void;
  readonly walPagesMax?: number;
  /** Has SQLite check the pages where that keeps nobody from his turn; it is done in one step where nobody does. */
  readonly checkPages?: CheckPages | undefined;
}

export type JournalOpened =
  | { readonly type: 'opened'; readonly journal: Journal }
  /** The file was damaged, or not the one the anchors know: it was kept aside and a new one begun. */
  | { readonly type: 'quarantined'; readonly journal: Journal; readonly because: string; readonly movedTo: string };

function use(options: JournalOptions, db: Db): Journal {
  const writer = makeWriter({ ...options, db });
  const { path } = options;
  const second = openForReading(path);
  return {
    writer,
    reader: makeReader(second),
    pruner: makePruner(db, writer),
    ageNowMs: ageClock(db, options.ports.clock),
    path,
    verify: (anchors = []) => verifyJournal(second, anchors),
    *verifyInSteps() {
      const own = openForReading(path);
      try {
        return yield* verifySteps(own, [], 'tables');
      } finally {
        own.close();
      }
    },
    close: () => {
      second.close();
      writer.close();
    },
  };
}

function* verified(db: Db, { path, anchors, checkPages }: JournalOptions): Generator<VerifyProgress, VerifyReport> {
  const pages = checkPages?.(path) ?? null;
  try {
    return yield* verifySteps(db, anchors, pages ?? 'whole');
  } finally {
    pages?.stop();
  }
}

function* damageOf(db: Db, options: JournalOptions): Generator<VerifyProgress, string | null> {
  const { damage } = yield* verified(db, options);
  const first = damage[0];
  if (first === undefined) return null;
  const where = first.uid === null ? '' : ` (cluster ${first.uid}, row ${first.seq ?? '?'})`;
  return `${first.because}${where}${damage.length > 1 ? ` and ${damage.length - 1} more` : ''}`;
}

function quarantine(options: JournalOptions, because: string): JournalOpened {
  const movedTo = `${options.path}.quarantined-${options.ports.clock.nowMs()}`;
  for (const suffix of ['', '-wal', '-shm']) {
    if (existsSync(options.path + suffix)) renameSync(options.path + suffix, movedTo + suffix);
  }
  return { type: 'quarantined', journal: use(options, openForWriting(options.path)), because, movedTo };
}

function bytesOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

/** What opening failed by is the file's own fault, not the disk's, and no human has to move anything first. */
function isDamage(error: unknown, path: string): boolean {
  const code = codeOf(error);
  if (error instanceof JournalRefused || !/^SQLITE_(CORRUPT|NOTADB|ERROR|READONLY|MISMATCH|CONSTRAINT)/.test(code))
    return false;
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** Opens the file, if need be in the room that the ballast gives up. */
function openWithRoom(path: string): Db {
  try {
    return openForWriting(path);
  } catch (error) {
    const code = codeOf(error);
    // Without a page of room SQLite cannot even make its shared memory, and calls that an I/O error.
    if (!isFull(error) && !code.startsWith('SQLITE_IOERR_SHM')) throw error;
    ballastOf(path).free();
    return openForWriting(path);
  }
}

function refusal(error: unknown, path: string): unknown {
  const code = codeOf(error);
  const said = messageOf(error);
  if (code.startsWith('SQLITE_READONLY') || code === 'SQLITE_CANTOPEN')
    return new JournalRefused(
      `${path} cannot be written: ${said}`,
      'give this user the right to write the file and its folder, and mount the volume for writing',
    );
  if (isFull(error))
    return new JournalRefused(
      `${path} cannot be opened: ${said}`,
      'make room on its volume, or make the volume bigger',
    );
  return error;
}

/** Verifies a journal that is open for writing, and makes it the operator's; it is closed where that is broken off. */
function* proved(options: JournalOptions, db: Db): Generator<VerifyProgress, JournalOpened> {
  let damage: string | null | undefined;
  try {
    damage = yield* damageOf(db, options);
  } finally {
    if (damage !== null) db.close();
  }
  if (damage !== null) return quarantine(options, damage);
  try {
    // After an fsync error memory may hold pages that the disk never got, and say that they are clean: written anew, and the
    // log begun anew, nothing rests on them.
    db.pragma('wal_checkpoint(TRUNCATE)');
  } catch (error) {
    // On a full disk the rows stay in the log, where they are just as durable; the writer waits for room.
    if (isFull(error)) return { type: 'opened', journal: use(options, db) };
    db.close();
    throw error;
  }
  return { type: 'opened', journal: use(options, db) };
}

/**
 * Opens the operator's journal, new or not, some milliseconds at a time: it is verified first, and a long one takes longer than
 * anybody may wait. Whoever breaks off has changed nothing.
 * @throws JournalRefused when the file is another program's, of a newer format, read-only, or the disk is full to its last
 *   byte: nothing is changed then
 */
export function* openInSteps(options: JournalOptions): Generator<VerifyProgress, JournalOpened> {
  const { path } = options;
  const fresh = !existsSync(path);
  if (bytesOf(path) === 0 && bytesOf(`${path}-wal`) > 0)
    return quarantine(options, 'the file is missing or empty, but its write-ahead log is not');
  let db: Db;
  try {
    db = openWithRoom(path);
  } catch (error) {
    if (!isDamage(error, path)) throw refusal(error, path);
    return quarantine(options, messageOf(error));
  }
  return fresh ? { type: 'opened', journal: use(options, db) } : yield* proved(options, db);
}

/** Opens the operator's journal in one go, as `openInSteps` does. @throws as that */
export function openJournal(options: Omit<JournalOptions, 'checkPages'>): JournalOpened {
  return inOneGo(openInSteps(options));
}
