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
import type { ArmedTick, CrashPoints, Clock, Ticks } from '#src/ports.ts';
import { ballastOf } from './ballast.ts';
import { identityOf, isFull, JournalRefused, type Db } from './database.ts';
import {
  checkRecord,
  genesis,
  recordHash,
  sealSnapshot,
  sha256,
  tickHash,
  type ClusterIdentity,
  type Head,
  type Heads,
  type RecordKind,
  type RecordRow,
} from './record.ts';

/** A row to be written; `body` is JSON text with blob references already in place. */
export interface PendingRecord {
  readonly cluster: ClusterIdentity;
  readonly epoch: number;
  readonly at: number;
  readonly kind: RecordKind;
  readonly type: string;
  readonly typeVersion: number;
  readonly maskVersion: number;
  readonly causedBy: number | null;
  readonly body: string;
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
  readonly operatorHead: () => { readonly seq: number; readonly head: string };
  /** Commits what is buffered now. @throws when the commit fails */
  readonly flush: () => void;
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

interface Chain {
  readonly buffered: Head;
  readonly durable: Head | null;
}

/** What SQLite says of its log: pages in it, and how many of them are in the file. */
interface LogState {
  readonly log: number;
  readonly checkpointed: number;
}

interface Buffered {
  readonly record: PendingRecord;
  readonly row: Omit<RecordRow, 'rowid'>;
}

/** What a human or time may put right while the process lives: no room, another lock, a volume mounted read-only. */
function isTransient(error: unknown): boolean {
  if (isFull(error)) return true;
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return /^SQLITE_(BUSY|LOCKED|CANTOPEN|NOMEM|READONLY)/.test(code) && code !== 'SQLITE_READONLY_DBMOVED';
}

/** Makes the writer over an open database. */
export function makeWriter(options: WriterOptions): JournalWriter {
  const { db, ports } = options;
  const ballast = ballastOf(options.path);
  const statements = {
    cluster: db.prepare('SELECT id FROM cluster WHERE uid = ?').pluck(),
    addCluster: db.prepare('INSERT OR IGNORE INTO cluster (uid, namespace, name) VALUES (?, ?, ?)'),
    last: db.prepare('SELECT seq, epoch, hash FROM record WHERE cluster_id = ? ORDER BY seq DESC LIMIT 1'),
    lastTick: db.prepare('SELECT seq, hash FROM tick ORDER BY seq DESC LIMIT 1'),
    insert: db.prepare(
      'INSERT INTO record (cluster_id, seq, epoch, at, kind, type, type_version, mask_version, caused_by, body, prev, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
    ),
    blob: db.prepare('INSERT OR IGNORE INTO blob (hash, bytes) VALUES (?, ?)'),
    snapshot: db.prepare(
      'INSERT INTO snapshot (cluster_id, seq, build, bytes) VALUES (?, ?, ?, ?) ON CONFLICT (cluster_id) DO UPDATE SET seq = excluded.seq, build = excluded.build, bytes = excluded.bytes',
    ),
    tick: db.prepare('INSERT INTO tick (seq, at, heads, prev, hash) VALUES (?, ?, ?, ?, ?)'),
    logState: db.prepare('PRAGMA wal_checkpoint(NOOP)'),
  };
  const writeAll = db.transaction(write);
  const chains = new Map<string, Chain>();
  const lastTick = statements.lastTick.get() as { seq: number; hash: string } | undefined;
  let operator = { seq: lastTick?.seq ?? 0, head: lastTick?.hash ?? genesis };
  let rows: Buffered[] = [];
  let blobs = new Map<string, string>();
  let snapshots = new Map<string, { readonly seq: number; readonly bytes: string }>();
  let armed: ArmedTick | null = null;
  let writable = true;
  let ended: Error | null = null;
  const identity = identityOf(options.path);

  function chainOf(uid: string): Chain | null {
    const known = chains.get(uid);
    if (known !== undefined) return known;
    const id = statements.cluster.get(uid) as number | undefined;
    if (id === undefined) return null;
    const last = statements.last.get(id) as { seq: number; epoch: number; hash: string } | undefined;
    const durable = last === undefined ? null : { seq: last.seq, epoch: last.epoch, head: last.hash };
    const chain = { durable, buffered: durable ?? { seq: 0, epoch: 0, head: genesis } };
    chains.set(uid, chain);
    return chain;
  }

  /** Row number of a cluster, made in the running transaction where it is new. */
  function idOf({ uid, namespace, name }: ClusterIdentity): number {
    statements.addCluster.run(uid, namespace, name);
    return statements.cluster.get(uid) as number;
  }

  function write(): { readonly seq: number; readonly head: string } | null {
    for (const [hash, text] of blobs) statements.blob.run(hash, text);
    const ids = new Map<string, number>();
    for (const { record, row } of rows) {
      const id = ids.get(record.cluster.uid) ?? idOf(record.cluster);
      ids.set(record.cluster.uid, id);
      statements.insert.run(
        id,
        row.seq,
        row.epoch,
        row.at,
        row.kind,
        row.type,
        row.typeVersion,
        row.maskVersion,
        row.causedBy,
        row.body,
        row.prev,
        row.hash,
      );
    }
    for (const [uid, snapshot] of snapshots) {
      const id = statements.cluster.get(uid) as number | undefined;
      if (id !== undefined)
        statements.snapshot.run(id, snapshot.seq, options.build, sealSnapshot(uid, snapshot.seq, snapshot.bytes));
    }
    if (rows.length === 0) return null;
    const added = new Set(rows.filter(({ row }) => row.seq === 1).map(({ record }) => record.cluster.uid));
    const heads = JSON.stringify(
      Object.fromEntries(
        rows.map(({ record: { cluster }, row }) => [
          cluster.uid,
          added.has(cluster.uid) ? [row.seq, row.hash, cluster.namespace, cluster.name] : [row.seq, row.hash],
        ]),
      ),
    );
    return addTick(heads);
  }

  /** Adds a row to the operator's chain, in the running transaction. */
  function addTick(heads: string): { readonly seq: number; readonly head: string } {
    const tick = { seq: operator.seq + 1, at: ports.clock.nowMs(), heads, prev: operator.head };
    const hash = tickHash(tick);
    statements.tick.run(tick.seq, tick.at, tick.heads, tick.prev, hash);
    return { seq: tick.seq, head: hash };
  }

  function amend(change: () => Heads | null): void {
    if (ended !== null) throw ended;
    const amended = db.transaction(() => {
      const heads = change();
      ports.crash.hit('mid-compaction');
      return heads === null ? null : { heads, tick: addTick(JSON.stringify(heads)) };
    });
    let noted: ReturnType<typeof amended>;
    try {
      noted = amended.immediate();
      checkFile();
    } catch (error) {
      if (!(error instanceof JournalRefused) && !isTransient(error)) failed(error);
      throw error;
    }
    if (noted !== null) operator = noted.tick;
    for (const [uid, head] of Object.entries(noted?.heads ?? {})) if (head === null) chains.delete(uid);
    ports.crash.hit('after-commit');
    moveLog();
  }

  function committed(batch: readonly Buffered[]): void {
    for (const { record, row } of batch) {
      const chain = chains.get(record.cluster.uid);
      if (chain !== undefined)
        chains.set(record.cluster.uid, { ...chain, durable: { epoch: row.epoch, seq: row.seq, head: row.hash } });
    }
  }

  /** SQLite goes on writing a file that has lost its name; whoever starts next would not find what it was told. */
  function checkFile(): void {
    if (identityOf(options.path) !== identity)
      throw new Error(
        `${options.path} was moved, replaced or deleted while it was open; a restart opens what is there`,
      );
  }

  /** Commits the batch. @returns what to tell now that it is durable */
  function commit(): readonly Buffered[] {
    if (ended !== null) throw ended;
    if (rows.length === 0 && blobs.size === 0 && snapshots.size === 0) return [];
    const started = ports.clock.monotonicMs();
    ports.crash.hit('after-append-before-fsync');
    const tick = writeAll.immediate();
    checkFile();
    if (tick !== null) operator = tick;
    const batch = rows;
    rows = [];
    blobs = new Map();
    snapshots = new Map();
    committed(batch);
    ports.crash.hit('after-commit');
    options.onCommit(batch.length, ports.clock.monotonicMs() - started);
    return batch;
  }

  function tell(batch: readonly Buffered[]): void {
    for (const { record } of batch) record.onDurable?.();
  }

  function setWritable(now: boolean, because: string): void {
    if (writable === now) return;
    writable = now;
    options.onWritable(now, because);
  }

  function failed(error: unknown): void {
    const cause = error instanceof Error ? error : new Error(String(error));
    if (!isTransient(error)) {
      ended = cause;
      options.onFatal(cause);
      return;
    }
    if (isFull(error)) ballast.free();
    setWritable(false, cause.message);
    retry();
  }

  /** One commit. Commits count as working again only when the ballast stands too: else the next one may fail at once. */
  function run(): void {
    armed = null;
    let batch: readonly Buffered[];
    try {
      batch = commit();
    } catch (error) {
      failed(error);
      return;
    }
    if (!writable) {
      if (ballast.keep()) setWritable(true, 'commits work again');
      else retry();
    }
    tell(batch);
    try {
      moveLog();
    } catch (error) {
      failed(error);
    }
  }

  /**
   * Moves the log into the file where it has grown long: after the turn's rows were told, so that nobody waits for it. Not
   * left to SQLite, which does it inside a commit and keeps its fsync errors to itself.
   */
  function moveLog(): void {
    const state = statements.logState.get() as LogState | undefined;
    if (state === undefined || state.log - state.checkpointed < (options.walPagesMax ?? walPagesUsual)) return;
    ports.crash.hit('before-checkpoint');
    db.pragma('wal_checkpoint(PASSIVE)');
    ports.crash.hit('after-checkpoint');
  }

  function retry(): void {
    armed?.cancel();
    armed = ports.ticks.after(retryMs, run);
  }

  function schedule(): void {
    if (ended !== null) return;
    armed ??= ports.ticks.soon(run);
  }

  if (!ballast.keep()) {
    setWritable(false, 'the disk has no room for the ballast');
    retry();
  }
  return {
    nextSeq: (uid) => (chainOf(uid)?.buffered.seq ?? 0) + 1,
    append: (record) => {
      ports.crash.hit('before-append');
      checkRecord(record);
      const chain = chainOf(record.cluster.uid) ?? {
        durable: null,
        buffered: { seq: 0, epoch: 0, head: genesis },
      };
      const { epoch, at, kind, type, typeVersion, maskVersion, causedBy, body } = record;
      const columns = {
        seq: chain.buffered.seq + 1,
        epoch,
        at,
        kind,
        type,
        typeVersion,
        maskVersion,
        causedBy,
        body,
        prev: chain.buffered.head,
      };
      const row = { ...columns, hash: recordHash(record.cluster.uid, columns) };
      rows.push({ record, row });
      chains.set(record.cluster.uid, { ...chain, buffered: { epoch, seq: row.seq, head: row.hash } });
      schedule();
      return { seq: row.seq, hash: row.hash };
    },
    blob: (text) => {
      const hash = sha256(text);
      if (!blobs.has(hash)) blobs.set(hash, text);
      schedule();
      return hash;
    },
    saveSnapshot: (uid, seq, bytes) => {
      ports.crash.hit('before-snapshot');
      snapshots.set(uid, { seq, bytes });
      schedule();
      ports.crash.hit('after-snapshot');
    },
    head: (uid) => chainOf(uid)?.durable ?? null,
    operatorHead: () => operator,
    flush: () => tell(commit()),
    amend,
    isWritable: () => writable,
    close: () => {
      armed?.cancel();
      try {
        ports.crash.hit('before-checkpoint');
        db.pragma('wal_checkpoint(TRUNCATE)');
        ports.crash.hit('after-checkpoint');
      } catch (error) {
        // On a full disk the rows stay in the log, where they are just as durable.
        if (!isFull(error)) throw error;
      } finally {
        db.close();
      }
    },
  };
}
