/**
 * Owns: opening a journal as the operator does: verify, compare with the anchors, quarantine what is damaged, begin anew.
 * Losing a journal never blocks operation: the API server stays the truth, and the gap is recorded.
 */
import { existsSync, renameSync } from 'node:fs';
import type { Clock, CrashPoints, Ticks } from '#src/ports.ts';
import { JournalRefused, openForReading, openForWriting, type Db } from './database.ts';
import { makeReader, type JournalReader } from './read.ts';
import { verifyJournal, type Anchor, type VerifyReport } from './verify.ts';
import { makeWriter, type JournalWriter } from './writer.ts';

export interface Journal {
  readonly writer: JournalWriter;
  readonly reader: JournalReader;
  readonly path: string;
  readonly verify: (anchors?: readonly Anchor[]) => VerifyReport;
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
}

export type JournalOpened =
  | { readonly type: 'opened'; readonly journal: Journal }
  /** The file was damaged, or not the one the anchors know: it was kept aside and a new one begun. */
  | { readonly type: 'quarantined'; readonly journal: Journal; readonly because: string; readonly movedTo: string };

function use(options: JournalOptions, db: Db): Journal {
  const { path, build, ports, onWritable, onFatal, onCommit } = options;
  const writer = makeWriter({ db, path, build, ports, onWritable, onFatal, onCommit });
  const second = openForReading(path);
  return {
    writer,
    reader: makeReader(second),
    path,
    verify: (anchors = []) => verifyJournal(second, anchors),
    close: () => {
      second.close();
      writer.close();
    },
  };
}

function damageOf(db: Db, options: JournalOptions): string | null {
  const { damage } = verifyJournal(db, options.anchors);
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

/**
 * Opens the operator's journal, new or not.
 * @throws JournalRefused when the file is another program's or of a newer format: nothing is changed then
 */
export function openJournal(options: JournalOptions): JournalOpened {
  const fresh = !existsSync(options.path);
  let db: Db;
  try {
    db = openForWriting(options.path);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    if (error instanceof JournalRefused || !/^SQLITE_(CORRUPT|NOTADB)/.test(code)) throw error;
    return quarantine(options, error instanceof Error ? error.message : String(error));
  }
  const damage = fresh ? null : damageOf(db, options);
  if (damage === null) return { type: 'opened', journal: use(options, db) };
  db.close();
  return quarantine(options, damage);
}
