/**
 * Owns: the one writer. Rows are appended to the tick's buffer at once, with seq and hash, and committed together at the
 * end of the event-loop turn; `onDurable` runs after the commit, in order.
 * I1. Rows of a cluster are committed in seq order, observation, decision and intents in the same transaction.
 * I2. A failed commit keeps the batch and retries the same batch; nothing newer is committed before it.
 * I3. An fsync or I/O error is fatal: a repeated fsync may report success over lost pages.
 */
import { rmSync, writeFileSync, existsSync } from 'node:fs';
import type { CrashPoints, Clock, Ticks } from '#src/ports.ts';
import type { Db } from './database.ts';
import {
  genesis,
  recordHash,
  sha256,
  tickHash,
  type ClusterIdentity,
  type Head,
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
  readonly isWritable: () => boolean;
  readonly close: () => void;
}

/** Freed when the disk is full, so that what was decided can still be written. */
const ballastBytes = 1024 * 1024;
const retryMs = 1000;

interface Chain {
  readonly id: number;
  readonly buffered: Head;
  readonly durable: Head | null;
}

interface Buffered {
  readonly record: PendingRecord;
  readonly row: Omit<RecordRow, 'rowid'>;
  readonly clusterId: number;
}

function isFull(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'SQLITE_FULL';
}

function isFatal(error: unknown): boolean {
  return (
    error instanceof Error &&
    'code' in error &&
    typeof error.code === 'string' &&
    /^SQLITE_(IOERR|CORRUPT|NOTADB|READONLY_DBMOVED)/.test(error.code)
  );
}

/** Makes the writer over an open database. */
export function makeWriter(options: WriterOptions): JournalWriter {
  const { db, ports, path } = options;
  const ballast = `${path}.ballast`;
  const statements = {
    cluster: db.prepare('SELECT id FROM cluster WHERE uid = ?').pluck(),
    addCluster: db.prepare('INSERT INTO cluster (uid, namespace, name) VALUES (?, ?, ?)'),
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
  };
  const chains = new Map<string, Chain>();
  const lastTick = statements.lastTick.get() as { seq: number; hash: string } | undefined;
  let operator = { seq: lastTick?.seq ?? 0, head: lastTick?.hash ?? genesis };
  let rows: Buffered[] = [];
  let blobs = new Map<string, string>();
  let snapshots = new Map<string, { readonly seq: number; readonly bytes: string }>();
  let scheduled = false;
  let writable = true;

  function keepBallast(): void {
    if (!existsSync(ballast)) writeFileSync(ballast, Buffer.alloc(ballastBytes));
  }

  function chainOf(uid: string): Chain | null {
    const known = chains.get(uid);
    if (known !== undefined) return known;
    const id = statements.cluster.get(uid) as number | undefined;
    if (id === undefined) return null;
    const last = statements.last.get(id) as { seq: number; epoch: number; hash: string } | undefined;
    const durable = last === undefined ? null : { seq: last.seq, epoch: last.epoch, head: last.hash };
    const chain = { id, durable, buffered: durable ?? { seq: 0, epoch: 0, head: genesis } };
    chains.set(uid, chain);
    return chain;
  }

  function openChain(cluster: ClusterIdentity): Chain {
    const known = chainOf(cluster.uid);
    if (known !== null) return known;
    statements.addCluster.run(cluster.uid, cluster.namespace, cluster.name);
    const id = statements.cluster.get(cluster.uid) as number;
    const chain = { id, durable: null, buffered: { seq: 0, epoch: 0, head: genesis } };
    chains.set(cluster.uid, chain);
    return chain;
  }

  function write(): { readonly seq: number; readonly head: string } | null {
    for (const [hash, text] of blobs) statements.blob.run(hash, text);
    for (const { row, clusterId } of rows) {
      statements.insert.run(
        clusterId,
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
      const chain = chainOf(uid);
      if (chain !== null) statements.snapshot.run(chain.id, snapshot.seq, options.build, snapshot.bytes);
    }
    if (rows.length === 0) return null;
    const heads = JSON.stringify(
      Object.fromEntries(rows.map(({ record, row }) => [record.cluster.uid, [row.seq, row.hash]])),
    );
    const tick = { seq: operator.seq + 1, at: ports.clock.nowMs(), heads, prev: operator.head };
    const hash = tickHash(tick);
    statements.tick.run(tick.seq, tick.at, tick.heads, tick.prev, hash);
    return { seq: tick.seq, head: hash };
  }

  function committed(batch: readonly Buffered[]): void {
    for (const { record, row } of batch) {
      const chain = chains.get(record.cluster.uid);
      if (chain !== undefined)
        chains.set(record.cluster.uid, { ...chain, durable: { epoch: row.epoch, seq: row.seq, head: row.hash } });
    }
  }

  /** Commits the batch. @returns what to tell now that it is durable */
  function commit(): readonly Buffered[] {
    if (rows.length === 0 && blobs.size === 0 && snapshots.size === 0) return [];
    const started = ports.clock.monotonicMs();
    ports.crash.hit('after-append-before-fsync');
    const tick = db.transaction(write).immediate();
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

  function recovered(): void {
    if (writable) return;
    writable = true;
    keepBallast();
    options.onWritable(true, 'commits work again');
  }

  function run(): void {
    scheduled = false;
    let batch: readonly Buffered[] = [];
    try {
      batch = commit();
      recovered();
    } catch (error) {
      const cause = error instanceof Error ? error : new Error(String(error));
      if (isFatal(error)) {
        options.onFatal(cause);
        return;
      }
      if (isFull(error)) rmSync(ballast, { force: true });
      if (writable) options.onWritable(false, cause.message);
      writable = false;
      scheduled = true;
      ports.ticks.after(retryMs, run);
    }
    // Outside: what a listener throws is no failed commit.
    tell(batch);
  }

  function schedule(): void {
    if (scheduled) return;
    scheduled = true;
    ports.ticks.soon(run);
  }

  keepBallast();
  return {
    nextSeq: (uid) => (chainOf(uid)?.buffered.seq ?? 0) + 1,
    append: (record) => {
      ports.crash.hit('before-append');
      const chain = openChain(record.cluster);
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
      rows.push({ record, row, clusterId: chain.id });
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
    isWritable: () => writable,
    close: () => {
      ports.crash.hit('before-checkpoint');
      db.pragma('wal_checkpoint(TRUNCATE)');
      ports.crash.hit('after-checkpoint');
      db.close();
    },
  };
}
