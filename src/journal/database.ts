/**
 * Owns: opening the SQLite file: what it must be, every pragma at every open, migrations. The only importer of
 * better-sqlite3.
 * I1. synchronous=FULL is set at every open and read back after the first write: the library comes back with NORMAL.
 * I2. A file of a newer format, or of another program, is refused untouched.
 */
import { codeOf } from '#src/errors.ts';
import { statSync } from 'node:fs';
import Database from 'better-sqlite3';
import { records } from './migrations/0001-records.ts';

/** 'PGOJ': says whose file this is. */
export const applicationId = 0x50474f4a;

const migrations: readonly string[] = [records];
/** Format this build writes. */
export const formatVersion = migrations.length;
/** Below this, two connections could corrupt a WAL that is being reset. */
const libraryMin = [3, 51, 3] as const;

export type Db = Database.Database;

/** Whether a call failed for want of room on the disk. */
export function isFull(error: unknown): boolean {
  return codeOf(error) === 'SQLITE_FULL';
}

/**
 * Whether a call failed by the disk or the machine, which may pass: it says nothing about the file. What is cut short is the file's
 * own fault.
 */
export function isPassing(error: unknown): boolean {
  const code = codeOf(error);
  return (
    /^SQLITE_(IOERR|NOMEM|BUSY|LOCKED|CANTOPEN|PROTOCOL|INTERRUPT)/.test(code) && code !== 'SQLITE_IOERR_SHORT_READ'
  );
}

/** Which files a path and its write-ahead log are now: changes when one is moved, replaced or deleted. */
export function identityOf(path: string): string {
  return [path, `${path}-wal`]
    .map((file) => {
      const found = statSync(file, { throwIfNoEntry: false });
      return found === undefined ? 'none' : `${found.dev}:${found.ino}`;
    })
    .join(' ');
}

/** Why a file cannot be used as it is. */
export class JournalRefused extends Error {
  readonly hint: string;
  constructor(message: string, hint: string) {
    super(message);
    this.name = 'JournalRefused';
    this.hint = hint;
  }
}

/** The file holds no journal yet: made, and then its writer died. */
export class JournalEmpty extends JournalRefused {}

function checkLibrary(db: Db): void {
  const version = String(db.prepare('SELECT sqlite_version()').pluck().get());
  const parts = version.split('.').map(Number);
  const older = libraryMin.findIndex((least, index) => (parts[index] ?? 0) !== least);
  if (older >= 0 && (parts[older] ?? 0) < (libraryMin[older] ?? 0)) {
    throw new JournalRefused(
      `SQLite ${version} is older than ${libraryMin.join('.')}`,
      'install the better-sqlite3 version that package.json pins',
    );
  }
}

function setPragmas(db: Db): void {
  db.pragma('journal_mode = WAL');
  db.pragma('synchronous = FULL');
  db.pragma('foreign_keys = ON');
  db.pragma('secure_delete = ON');
  db.pragma('trusted_schema = OFF');
  // The writer does it, and sees its errors.
  db.pragma('wal_autocheckpoint = 0');
  db.pragma('journal_size_limit = 67108864');
  db.pragma('busy_timeout = 0');
}

function isEmpty(db: Db): boolean {
  return Number(db.prepare('SELECT count(*) FROM sqlite_schema').pluck().get()) === 0;
}

function identify(db: Db, path: string): 'new' | 'ours' {
  if (isEmpty(db)) return 'new';
  const id = Number(db.pragma('application_id', { simple: true }));
  if (id !== applicationId)
    throw new JournalRefused(
      `${path} is a SQLite file of another program (application id ${id})`,
      'name another path for the journal',
    );
  const version = Number(db.pragma('user_version', { simple: true }));
  if (version > formatVersion) {
    throw new JournalRefused(
      `${path} has journal format ${version}, this build reads up to ${formatVersion}`,
      'run a build at least as new as the one that wrote it',
    );
  }
  return 'ours';
}

function migrate(db: Db): void {
  const from = Number(db.pragma('user_version', { simple: true }));
  for (let version = from; version < formatVersion; version += 1) {
    db.transaction(() => {
      db.exec(migrations[version] ?? '');
      db.pragma(`user_version = ${version + 1}`);
    })();
  }
}

/** Opens for writing; makes the file when there is none. @throws JournalRefused, or SQLite's error for a damaged file */
export function openForWriting(path: string): Db {
  const db = new Database(path, { timeout: 0 });
  try {
    checkLibrary(db);
    if (identify(db, path) === 'new') {
      db.pragma('page_size = 16384');
      db.pragma(`application_id = ${applicationId}`);
    }
    setPragmas(db);
    migrate(db);
    db.prepare(
      "INSERT INTO meta (key, value) VALUES ('opened', '1') ON CONFLICT (key) DO UPDATE SET value = CAST(value AS INTEGER) + 1",
    ).run();
    const level = Number(db.pragma('synchronous', { simple: true }));
    if (level !== 2)
      throw new JournalRefused(
        `synchronous is ${level} after opening ${path}, not FULL (2)`,
        'this is a bug: acknowledged records could be lost in a power cut',
      );
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/**
 * Opens an existing journal that nobody else has open, for pruning it; nobody else can open it meanwhile.
 * @throws JournalRefused when it is in use, or no journal of ours
 */
export function openAlone(path: string): Db {
  openForReading(path).close();
  const db = new Database(path, { timeout: 0, fileMustExist: true });
  try {
    checkLibrary(db);
    db.pragma('locking_mode = EXCLUSIVE');
    setPragmas(db);
    db.exec('BEGIN IMMEDIATE; COMMIT');
    return db;
  } catch (error) {
    db.close();
    if (!codeOf(error).startsWith('SQLITE_BUSY')) throw error;
    throw new JournalRefused(
      `${path} is in use`,
      'an operator prunes its journal by itself, by --journal-keep and --journal-keep-bytes; stop it, or prune a copy',
    );
  }
}

/** Opens an existing journal for reading only. @throws JournalRefused when it is no journal of ours */
export function openForReading(path: string): Db {
  const db = new Database(path, { readonly: true, fileMustExist: true, timeout: 2000 });
  try {
    if (identify(db, path) === 'new')
      throw new JournalEmpty(`${path} is empty`, 'name a file that an operator has written');
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}
