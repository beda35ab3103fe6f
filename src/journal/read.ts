/** Owns: reading a journal: clusters with their heads, rows by place or time, blobs, snapshots. Never writes. */
import type { Db } from './database.ts';
import { anchorOfBase, type Unsealed } from './retention.ts';
import { unsealSnapshot, type ClusterIdentity, type Head, type RecordKind, type RecordRow } from './record.ts';

export interface ClusterSummary extends ClusterIdentity {
  readonly rows: number;
  readonly firstSeq: number;
  readonly head: Head;
  /** Stamp of the last row, milliseconds: of two clusters of one name the later is meant. */
  readonly lastAt: number;
}

export interface RowFilter {
  readonly uid: string;
  /** Only rows with seq greater than this. */
  readonly afterSeq?: number;
  readonly untilSeq?: number;
  /** Milliseconds since the Unix epoch, inclusive. */
  readonly fromMs?: number;
  readonly untilMs?: number;
  readonly limit?: number;
}

export interface StoredSnapshot {
  readonly seq: number;
  /** Build that wrote it: another build does not trust it. */
  readonly build: string;
  readonly bytes: string;
}

export interface JournalReader {
  /** Counts all rows: for whoever wants their number. */
  readonly clusters: () => readonly ClusterSummary[];
  /** The last row of each cluster, in the same order, without a look at the others. */
  readonly heads: () => readonly (Head & ClusterIdentity)[];
  readonly rows: (filter: RowFilter) => readonly RecordRow[];
  readonly iterate: (filter: RowFilter) => IterableIterator<RecordRow>;
  readonly row: (uid: string, seq: number) => RecordRow | null;
  /** seq of the first row that there is, greater than 1 after a prune; null for a cluster without rows. */
  readonly firstSeq: (uid: string) => number | null;
  readonly lastSeq: (uid: string) => number | null;
  /** How much of a cluster's chain no base row has sealed yet; null for a cluster without rows. */
  readonly unsealed: (uid: string) => Unsealed | null;
  /** Whether a base row says that the status named this place when it was written: the row itself may be pruned. */
  readonly remembers: (anchor: Head & { readonly uid: string }) => boolean;
  /** Rows of kind `gap` of a cluster, in order. */
  readonly gaps: (uid: string) => readonly RecordRow[];
  /** Hash of a row of the operator chain; null when there is no such row. */
  readonly operatorHeadAt: (seq: number) => string | null;
  /** @throws when the blob is missing: the journal is damaged */
  readonly blob: (hash: string) => string;
  /** Null when there is none of that hash. */
  readonly findBlob: (hash: string) => string | null;
  /** Null when there is none, or it is not as it was written: it is only a cache. */
  readonly snapshot: (uid: string) => StoredSnapshot | null;
  readonly close: () => void;
}

interface StoredRow {
  readonly rowid: number;
  readonly seq: number;
  readonly epoch: number;
  readonly at: number;
  readonly kind: string;
  readonly type: string;
  readonly type_version: number;
  readonly mask_version: number;
  readonly caused_by: number | null;
  readonly body: string;
  readonly prev: string;
  readonly hash: string;
}

function rowOf(stored: StoredRow): RecordRow {
  const { rowid, seq, epoch, at, type, body, prev, hash } = stored;
  const kind = stored.kind as RecordKind;
  return {
    rowid,
    seq,
    epoch,
    at,
    kind,
    type,
    typeVersion: stored.type_version,
    maskVersion: stored.mask_version,
    causedBy: stored.caused_by,
    body,
    prev,
    hash,
  };
}

const columns =
  'r.rowid, r.seq, r.epoch, r.at, r.kind, r.type, r.type_version, r.mask_version, r.caused_by, r.body, r.prev, r.hash';
const recordOfCluster = 'record r JOIN cluster c ON c.id = r.cluster_id';

/** Every question that is put to the file. */
const sql = {
  clusters: `SELECT c.uid, c.namespace, c.name, count(*) AS rows, min(r.seq) AS firstSeq, max(r.seq) AS seq
    FROM ${recordOfCluster} GROUP BY c.id ORDER BY c.namespace, c.name, c.id`,
  // CROSS: clusters first, else every row is looked at.
  heads: `SELECT c.uid, c.namespace, c.name, r.epoch, r.seq, r.hash AS head FROM cluster c CROSS JOIN record r
    WHERE r.cluster_id = c.id AND r.seq = (SELECT max(seq) FROM record WHERE cluster_id = c.id)
    ORDER BY c.namespace, c.name, c.id`,
  row: `SELECT ${columns} FROM ${recordOfCluster} WHERE c.uid = ? AND r.seq = ?`,
  rows: `SELECT ${columns} FROM ${recordOfCluster}
    WHERE c.uid = @uid AND r.seq > @afterSeq AND r.seq <= @untilSeq AND r.at >= @fromMs AND r.at <= @untilMs
    ORDER BY r.seq LIMIT @limit`,
  gaps: `SELECT ${columns} FROM ${recordOfCluster} WHERE c.uid = ? AND r.kind = 'gap' ORDER BY r.seq`,
  firstSeq: 'SELECT min(seq) FROM record WHERE cluster_id = (SELECT id FROM cluster WHERE uid = ?)',
  lastSeq: 'SELECT max(seq) FROM record WHERE cluster_id = (SELECT id FROM cluster WHERE uid = ?)',
  unsealed: `WITH c AS (SELECT id FROM cluster WHERE uid = ?),
      base AS (SELECT seq, at FROM record WHERE cluster_id = (SELECT id FROM c) AND kind = 'base' ORDER BY seq DESC LIMIT 1),
      head AS (SELECT seq FROM record WHERE cluster_id = (SELECT id FROM c) ORDER BY seq DESC LIMIT 1),
      first AS (SELECT seq, at FROM record WHERE cluster_id = (SELECT id FROM c) ORDER BY seq LIMIT 1)
    SELECT (SELECT seq FROM head) - coalesce((SELECT seq FROM base), (SELECT seq - 1 FROM first)) AS rows,
      coalesce((SELECT at FROM base), (SELECT at FROM first)) AS sinceMs`,
  bases: `SELECT r.body FROM ${recordOfCluster} WHERE c.uid = ? AND r.kind = 'base' ORDER BY r.seq DESC`,
  tick: 'SELECT hash FROM tick WHERE seq = ?',
  blob: 'SELECT bytes FROM blob WHERE hash = ?',
  snapshot: 'SELECT s.seq, s.build, s.bytes FROM snapshot s JOIN cluster c ON c.id = s.cluster_id WHERE c.uid = ?',
} as const;

/** Values of the filter's question; what is not said bounds nothing. */
function bound({ uid, afterSeq, untilSeq, fromMs, untilMs, limit }: RowFilter): Record<string, string | number> {
  return {
    uid,
    afterSeq: afterSeq ?? 0,
    untilSeq: untilSeq ?? Number.MAX_SAFE_INTEGER,
    fromMs: fromMs ?? 0,
    untilMs: untilMs ?? Number.MAX_SAFE_INTEGER,
    limit: limit ?? -1,
  };
}

interface ListedCluster extends ClusterIdentity {
  readonly rows: number;
  readonly firstSeq: number;
  readonly seq: number;
}

function prepared(db: Db) {
  return {
    clusters: db.prepare<[], ListedCluster>(sql.clusters),
    heads: db.prepare<[], Head & ClusterIdentity>(sql.heads),
    row: db.prepare<[uid: string, seq: number], StoredRow>(sql.row),
    rows: db.prepare<[ReturnType<typeof bound>], StoredRow>(sql.rows),
    gaps: db.prepare<[uid: string], StoredRow>(sql.gaps),
    firstSeq: db.prepare<[uid: string], number | null>(sql.firstSeq).pluck(),
    lastSeq: db.prepare<[uid: string], number | null>(sql.lastSeq).pluck(),
    unsealed: db.prepare<[uid: string], Unsealed | { readonly rows: null }>(sql.unsealed),
    bases: db.prepare<[uid: string], string>(sql.bases).pluck(),
    tick: db.prepare<[seq: number], string>(sql.tick).pluck(),
    blob: db.prepare<[hash: string], string>(sql.blob).pluck(),
    snapshot: db.prepare<[uid: string], StoredSnapshot>(sql.snapshot),
  } as const;
}

/** Makes the reader over an open database. */
export function makeReader(db: Db): JournalReader {
  const ask = prepared(db);
  const row = (uid: string, seq: number): RecordRow | null => {
    const stored = ask.row.get(uid, seq);
    return stored === undefined ? null : rowOf(stored);
  };
  return {
    clusters: () =>
      ask.clusters.all().map(({ seq, ...listed }) => {
        const last = row(listed.uid, seq);
        return {
          ...listed,
          head: { epoch: last?.epoch ?? 0, seq, head: last?.hash ?? '' },
          lastAt: last?.at ?? 0,
        };
      }),
    heads: () => ask.heads.all(),
    rows: (filter) => ask.rows.all(bound(filter)).map(rowOf),
    *iterate(filter) {
      for (const stored of ask.rows.iterate(bound(filter))) yield rowOf(stored);
    },
    row,
    firstSeq: (uid) => ask.firstSeq.get(uid) ?? null,
    lastSeq: (uid) => ask.lastSeq.get(uid) ?? null,
    unsealed: (uid) => {
      const found = ask.unsealed.get(uid);
      return found === undefined || found.rows === null ? null : found;
    },
    remembers: ({ uid, epoch, seq, head }) => {
      for (const body of ask.bases.iterate(uid)) {
        const told = anchorOfBase(body);
        if (told !== null && told.epoch === epoch && told.seq === seq && told.head === head) return true;
      }
      return false;
    },
    gaps: (uid) => ask.gaps.all(uid).map(rowOf),
    operatorHeadAt: (seq) => ask.tick.get(seq) ?? null,
    blob: (hash) => {
      const text = ask.blob.get(hash);
      if (text === undefined)
        throw new Error(`blob ${hash} is missing from the journal; run 'pgc journal verify' on it`);
      return text;
    },
    findBlob: (hash) => ask.blob.get(hash) ?? null,
    snapshot: (uid) => {
      const stored = ask.snapshot.get(uid);
      if (stored === undefined) return null;
      const bytes = unsealSnapshot(uid, stored.seq, stored.bytes);
      return bytes === null ? null : { ...stored, bytes };
    },
    close: () => void db.close(),
  };
}
