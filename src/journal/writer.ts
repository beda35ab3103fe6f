/**
 * Owns: the one writer. Rows are appended to the tick's buffer at once, with seq and hash, and committed together at the
 * end of the event-loop turn; `onDurable` runs after the commit, in order.
 * I1. Rows of a cluster are committed in seq order, observation, decision and intents in the same transaction.
 * I2. A failed commit keeps the batch and retries the same batch; nothing newer is committed before it.
 * I3. Only what can heal by itself is retried. An fsync or I/O error is fatal, for a repeated fsync may report success over
 *     lost pages; so is a row that is already there, for then another process writes. Nothing is committed after that.
 * I4. `append` touches no disk: it works while the disk is full.
 * I5. Nothing is acknowledged that a restart could not find: a file that was moved or deleted under us is fatal too.
 */
import { codeOf } from '#src/errors.ts';
import type { ArmedTick, CrashPoint, CrashPoints, Clock, Ticks } from '#src/ports.ts';
import { ballastOf } from './ballast.ts';
import { chainsOf, endOf } from './chains.ts';
import { identityOf, isFull, JournalRefused, type Db } from './database.ts';
import { emptyBatch, insertsOf, isEmptyBatch, type BufferedRow, type OperatorPlace } from './inserts.ts';
import { checkRecord, genesis, recordHash, sha256, type Head, type Heads, type PlacelessRecord } from './record.ts';

/** A row to be written; `body` is JSON text with blob references already in place. */
export interface PendingRecord extends PlacelessRecord {
  /** Runs once the row is durable. */
  readonly onDurable?: () => void;
}

export interface WriterOptions {
  readonly db: Db;
  readonly path: string;
  readonly build: string;
  readonly ports: { readonly clock: Clock; readonly ticks: Ticks; readonly crash: CrashPoints };
  /** Told when commits begin to fail, and when they work again. */
  readonly onWritable: (writable: boolean, because: string) => void;
  /** Told when the file can no longer be trusted to keep what it says it kept; the process must end. */
  readonly onFatal: (error: Error) => void;
  /** Told after each commit: rows and milliseconds. */
  readonly onCommit: (rows: number, ms: number) => void;
  /** Pages in the write-ahead log from which it is moved into the file; other than the usual for tests. */
  readonly walPagesMax?: number;
}

export interface JournalWriter {
  /** seq the next row of this cluster will get. */
  readonly nextSeq: (uid: string) => number;
  /** Appends a row to this turn's commit. @returns its seq and hash */
  readonly append: (record: PendingRecord) => { readonly seq: number; readonly hash: string };
  /** Stores a text once, in this turn's commit. @returns its hash */
  readonly blob: (text: string) => string;
  /** Replaces the cluster's snapshot, in this turn's commit. */
  readonly saveSnapshot: (uid: string, seq: number, bytes: string) => void;
  /** Head of what is durable; null for a cluster without rows. */
  readonly head: (uid: string) => Head | null;
  readonly operatorHead: () => OperatorPlace;
  /** Commits what is buffered now. @throws when the commit fails */
  readonly flush: () => void;
  /** The same before the end: what there is no room for is dropped, as a crash would drop it, for nothing has followed from it. */
  readonly settle: () => void;
  /**
   * Changes the file itself, in a commit of its own between those of rows: what retention does.
   * @param change runs inside the transaction; what it returns is noted in the operator's chain, null notes nothing
   * @throws what the change throws, and SQLite; nothing has changed then
   */
  readonly amend: (change: () => Heads | null) => void;
  readonly isWritable: () => boolean;
  /** Drops what is not committed: flush first. */
  readonly close: () => void;
}

const retryMs = 1000;
/** 4 MiB: moving them takes a few writes and one fsync, about as long as two commits. */
const walPagesUsual = 256;

/** What SQLite says of its log: pages in it, and how many of them are in the file. */
interface LogState {
  readonly log: number;
  readonly checkpointed: number;
}

/** What a human or time may put right while the process lives: no room, another lock, a volume mounted read-only. */
function isTransient(error: unknown): boolean {
  if (isFull(error)) return true;
  const code = codeOf(error);
  return /^SQLITE_(BUSY|LOCKED|CANTOPEN|NOMEM|READONLY)/.test(code) && code !== 'SQLITE_READONLY_DBMOVED';
}

/** Its public members are fields, since the line takes them off one by one. */
class Writer implements JournalWriter {
  readonly #options: WriterOptions;
  readonly #chains: ReturnType<typeof chainsOf>;
  readonly #inserts: ReturnType<typeof insertsOf>;
  readonly #ballast: ReturnType<typeof ballastOf>;
  /** Which file it was when it was opened. */
  readonly #identity: string;
  readonly #logState: () => LogState | undefined;
  /** What is not committed yet. */
  #batch = emptyBatch();
  #operator: OperatorPlace;
  /** The next commit, while one is due. */
  #armed: ArmedTick | null = null;
  #writable = true;
  /** Why nothing is committed any more. */
  #ended: Error | null = null;

  constructor(options: WriterOptions) {
    const { db, path, build, ports } = options;
    this.#options = options;
    this.#chains = chainsOf(db);
    this.#inserts = insertsOf(db, { build, nowMs: ports.clock.nowMs });
    this.#ballast = ballastOf(path);
    this.#identity = identityOf(path);
    const logState = db.prepare<[], LogState>('PRAGMA wal_checkpoint(NOOP)');
    this.#logState = () => logState.get();
    const last = db.prepare<[], OperatorPlace>('SELECT seq, hash AS head FROM tick ORDER BY seq DESC LIMIT 1').get();
    this.#operator = last ?? { seq: 0, head: genesis };
    if (this.#ballast.keep()) return;
    this.#setWritable(false, 'the disk has no room for the ballast');
    this.#retry();
  }

  readonly nextSeq = (uid: string): number => endOf(this.#chains.of(uid)).seq + 1;

  readonly head = (uid: string): Head | null => this.#chains.of(uid)?.durable ?? null;

  readonly operatorHead = (): OperatorPlace => this.#operator;

  readonly isWritable = (): boolean => this.#writable;

  readonly append = (record: PendingRecord): { readonly seq: number; readonly hash: string } => {
    this.#hit('before-append');
    checkRecord(record);
    const { cluster, onDurable, ...said } = record;
    const end = endOf(this.#chains.of(cluster.uid));
    const columns = { ...said, seq: end.seq + 1, prev: end.head };
    const row = { ...columns, hash: recordHash(cluster.uid, columns) };
    this.#batch.rows.push({ cluster, row, onDurable });
    this.#chains.append(cluster.uid, { epoch: row.epoch, seq: row.seq, head: row.hash });
    this.#schedule();
    return { seq: row.seq, hash: row.hash };
  };

  readonly blob = (text: string): string => {
    const hash = sha256(text);
    this.#batch.blobs.set(hash, text);
    this.#schedule();
    return hash;
  };

  readonly saveSnapshot = (uid: string, seq: number, bytes: string): void => {
    this.#hit('before-snapshot');
    this.#batch.snapshots.set(uid, { seq, bytes });
    this.#schedule();
    this.#hit('after-snapshot');
  };

  readonly flush = (): void => this.#tell(this.#commit());

  readonly settle = (): void => {
    try {
      this.flush();
    } catch (error) {
      if (!isTransient(error)) throw error;
      this.#ballast.free();
      try {
        this.flush();
      } catch (again) {
        if (!isTransient(again)) throw again;
      }
    }
  };

  readonly amend = (change: () => Heads | null): void => {
    if (this.#ended !== null) throw this.#ended;
    let amended: { readonly heads: Heads | null; readonly operator: OperatorPlace };
    try {
      amended = this.#transaction(() => {
        const heads = change();
        this.#hit('mid-compaction');
        return { heads, operator: heads === null ? this.#operator : this.#inserts.tick(heads, this.#operator) };
      });
    } catch (error) {
      if (!(error instanceof JournalRefused) && !isTransient(error)) this.#failed(error);
      throw error;
    }
    this.#operator = amended.operator;
    for (const [uid, head] of Object.entries(amended.heads ?? {})) if (head === null) this.#chains.drop(uid);
    this.#hit('after-commit');
    this.#moveLog();
  };

  readonly close = (): void => {
    const { db } = this.#options;
    this.#armed?.cancel();
    try {
      this.#hit('before-checkpoint');
      db.pragma('wal_checkpoint(TRUNCATE)');
      this.#hit('after-checkpoint');
    } catch (error) {
      // On a full disk the rows stay in the log, where they are just as durable.
      if (!isFull(error)) throw error;
    } finally {
      db.close();
    }
  };

  #hit(point: CrashPoint): void {
    this.#options.ports.crash.hit(point);
  }

  /**
   * Changes the file in one transaction. SQLite goes on writing a file that has lost its name, and whoever starts next would
   * not find what it was told: that counts as failed.
   */
  #transaction<T>(change: () => T): T {
    const { db, path } = this.#options;
    const changed = db.transaction(change).immediate();
    if (identityOf(path) !== this.#identity)
      throw new Error(`${path} was moved, replaced or deleted while it was open; a restart opens what is there`);
    return changed;
  }

  #schedule(): void {
    if (this.#ended === null) this.#armed ??= this.#options.ports.ticks.soon(() => this.#run());
  }

  #retry(): void {
    this.#armed?.cancel();
    this.#armed = this.#options.ports.ticks.after(retryMs, () => this.#run());
  }

  /** One commit. Commits count as working again only when the ballast stands too: else the next one may fail at once. */
  #run(): void {
    this.#armed = null;
    let rows: readonly BufferedRow[];
    try {
      rows = this.#commit();
    } catch (error) {
      this.#failed(error);
      return;
    }
    if (!this.#writable) {
      if (this.#ballast.keep()) this.#setWritable(true, 'commits work again');
      else this.#retry();
    }
    this.#tell(rows);
    try {
      this.#moveLog();
    } catch (error) {
      this.#failed(error);
    }
  }

  /** Commits the batch. @returns the rows to tell of, now that they are durable */
  #commit(): readonly BufferedRow[] {
    if (this.#ended !== null) throw this.#ended;
    const batch = this.#batch;
    if (isEmptyBatch(batch)) return [];
    const { clock } = this.#options.ports;
    const started = clock.monotonicMs();
    this.#hit('after-append-before-fsync');
    this.#operator = this.#transaction(() => this.#inserts.batch(batch, this.#operator));
    this.#batch = emptyBatch();
    for (const { cluster, row } of batch.rows)
      this.#chains.commit(cluster.uid, { epoch: row.epoch, seq: row.seq, head: row.hash });
    this.#hit('after-commit');
    this.#options.onCommit(batch.rows.length, clock.monotonicMs() - started);
    return batch.rows;
  }

  #tell(rows: readonly BufferedRow[]): void {
    for (const { onDurable } of rows) onDurable?.();
  }

  #failed(error: unknown): void {
    const cause = error instanceof Error ? error : new Error(String(error));
    if (!isTransient(error)) {
      this.#ended = cause;
      this.#options.onFatal(cause);
      return;
    }
    if (isFull(error)) this.#ballast.free();
    this.#setWritable(false, cause.message);
    this.#retry();
  }

  #setWritable(now: boolean, because: string): void {
    if (this.#writable === now) return;
    this.#writable = now;
    this.#options.onWritable(now, because);
  }

  /**
   * Moves the log into the file where it has grown long: after the turn's rows were told, so that nobody waits for it. Not
   * left to SQLite, which does it inside a commit and keeps its fsync errors to itself.
   */
  #moveLog(): void {
    const { db, walPagesMax = walPagesUsual } = this.#options;
    const state = this.#logState();
    if (state === undefined || state.log - state.checkpointed < walPagesMax) return;
    this.#hit('before-checkpoint');
    db.pragma('wal_checkpoint(PASSIVE)');
    this.#hit('after-checkpoint');
  }
}

/** Makes the writer over an open database. */
export function makeWriter(options: WriterOptions): JournalWriter {
  return new Writer(options);
}
