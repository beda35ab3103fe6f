/**
 * Owns: what one commit puts into the file: texts, rows, snapshots, and the operator's row that names the heads they moved.
 * Does not own: when that happens, or the transaction: whoever calls has one open.
 * I1. A cluster's name stands in the operator's chain beside its first row.
 */
import type { Db } from './database.ts';
import { sealSnapshot, tickHash, type ClusterIdentity, type Heads, type RecordRow } from './record.ts';

/** A row with its place, before it is in the file. */
export interface BufferedRow {
  readonly cluster: ClusterIdentity;
  readonly row: Omit<RecordRow, 'rowid'>;
  /** Runs once the row is durable. */
  readonly onDurable: (() => void) | undefined;
}

/** What is committed together: the rows of one turn of the event loop, in order. */
export interface Batch {
  readonly rows: BufferedRow[];
  /** Texts by hash. */
  readonly blobs: Map<string, string>;
  /** The last snapshot of each cluster, by uid. */
  readonly snapshots: Map<string, { readonly seq: number; readonly bytes: string }>;
}

/** Where the operator's own chain stands. */
export interface OperatorPlace {
  readonly seq: number;
  readonly head: string;
}

export interface Inserts {
  /** Puts a batch in. @returns where the operator's chain stands then: where it stood, when the batch has no rows */
  readonly batch: (batch: Batch, after: OperatorPlace) => OperatorPlace;
  /** Adds a row to the operator's chain. */
  readonly tick: (heads: Heads, after: OperatorPlace) => OperatorPlace;
}

export function emptyBatch(): Batch {
  return { rows: [], blobs: new Map(), snapshots: new Map() };
}

export function isEmptyBatch({ rows, blobs, snapshots }: Batch): boolean {
  return rows.length === 0 && blobs.size === 0 && snapshots.size === 0;
}

/** The last head of each cluster that the rows moved; with its name where they begin its chain. */
function headsOf(rows: readonly BufferedRow[]): Heads {
  const begun = new Set(rows.filter(({ row }) => row.seq === 1).map(({ cluster }) => cluster.uid));
  return Object.fromEntries(
    rows.map(({ cluster: { uid, namespace, name }, row }) => [
      uid,
      begun.has(uid) ? [row.seq, row.hash, namespace, name] : [row.seq, row.hash],
    ]),
  );
}

/** The inserts of an open journal. @param given `build`: who writes; `nowMs`: stamp of the operator's rows */
export function insertsOf(db: Db, given: { readonly build: string; readonly nowMs: () => number }): Inserts {
  const clusterId = db.prepare<[uid: string], number>('SELECT id FROM cluster WHERE uid = ?').pluck();
  const addCluster = db.prepare('INSERT OR IGNORE INTO cluster (uid, namespace, name) VALUES (?, ?, ?)');
  const addRow = db.prepare(
    'INSERT INTO record (cluster_id, seq, epoch, at, kind, type, type_version, mask_version, caused_by, body, prev, hash) VALUES (@id, @seq, @epoch, @at, @kind, @type, @typeVersion, @maskVersion, @causedBy, @body, @prev, @hash)',
  );
  const addBlob = db.prepare('INSERT OR IGNORE INTO blob (hash, bytes) VALUES (?, ?)');
  const putSnapshot = db.prepare(
    'INSERT INTO snapshot (cluster_id, seq, build, bytes) VALUES (?, ?, ?, ?) ON CONFLICT (cluster_id) DO UPDATE SET seq = excluded.seq, build = excluded.build, bytes = excluded.bytes',
  );
  const addTick = db.prepare('INSERT INTO tick (seq, at, heads, prev, hash) VALUES (@seq, @at, @heads, @prev, @hash)');

  function tick(heads: Heads, after: OperatorPlace): OperatorPlace {
    const columns = { seq: after.seq + 1, at: given.nowMs(), heads: JSON.stringify(heads), prev: after.head };
    const hash = tickHash(columns);
    addTick.run({ ...columns, hash });
    return { seq: columns.seq, head: hash };
  }

  function addRows(rows: readonly BufferedRow[]): void {
    const ids = new Map<string, number>();
    const idOf = ({ uid, namespace, name }: ClusterIdentity): number => {
      addCluster.run(uid, namespace, name);
      return clusterId.get(uid) as number;
    };
    for (const { cluster, row } of rows) {
      const id = ids.get(cluster.uid) ?? idOf(cluster);
      ids.set(cluster.uid, id);
      addRow.run({ ...row, id });
    }
  }

  return {
    tick,
    batch: ({ rows, blobs, snapshots }, after) => {
      for (const [hash, text] of blobs) addBlob.run(hash, text);
      addRows(rows);
      for (const [uid, { seq, bytes }] of snapshots) {
        const id = clusterId.get(uid);
        if (id !== undefined) putSnapshot.run(id, seq, given.build, sealSnapshot(uid, seq, bytes));
      }
      return rows.length === 0 ? after : tick(headsOf(rows), after);
    },
  };
}
