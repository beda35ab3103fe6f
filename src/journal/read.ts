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
  readonly clusters: () => readonly ClusterSummary[];
  /** The last row of each cluster, in the same order, without a look at the others. */
  readonly heads: () => readonly (Head & { readonly uid: string })[];
  readonly rows: (filter: RowFilter) => readonly RecordRow[];
  readonly iterate: (filter: RowFilter) => IterableIterator<RecordRow>;
  readonly row: (uid: string, seq: number) => RecordRow | null;
  /** seq of the first row that there is, greater than 1 after a prune; null for a cluster without rows. */
  readonly firstSeq: (uid: string) => number | null;
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

const select = `SELECT ${columns} FROM record r JOIN cluster c ON c.id = r.cluster_id
  WHERE c.uid = @uid AND r.seq > @afterSeq AND r.seq <= @untilSeq AND r.at >= @fromMs AND r.at <= @untilMs
  ORDER BY r.seq LIMIT @limit`;

/** Makes the reader over an open database. */
export function makeReader(db: Db): JournalReader {
  const list = db.prepare(
    `SELECT c.uid, c.namespace, c.name, count(*) AS rows, min(r.seq) AS firstSeq, max(r.seq) AS seq FROM cluster c JOIN record r ON r.cluster_id = c.id GROUP BY c.id ORDER BY c.namespace, c.name, c.id`,
  );
  const lasts = db.prepare(
    `SELECT c.uid, r.epoch, r.seq, r.hash AS head FROM cluster c JOIN record r ON r.cluster_id = c.id
      WHERE r.seq = (SELECT max(seq) FROM record WHERE cluster_id = c.id) ORDER BY c.namespace, c.name, c.id`,
  );
  const one = db.prepare(
    `SELECT ${columns} FROM record r JOIN cluster c ON c.id = r.cluster_id WHERE c.uid = ? AND r.seq = ?`,
  );
  const many = db.prepare(select);
  const gaps = db.prepare(
    `SELECT ${columns} FROM record r JOIN cluster c ON c.id = r.cluster_id WHERE c.uid = ? AND r.kind = 'gap' ORDER BY r.seq`,
  );
  const first = db
    .prepare('SELECT min(r.seq) FROM record r JOIN cluster c ON c.id = r.cluster_id WHERE c.uid = ?')
    .pluck();
  const sealed = db.prepare(
    `WITH c AS (SELECT id FROM cluster WHERE uid = @uid),
      base AS (SELECT seq, at FROM record WHERE cluster_id = (SELECT id FROM c) AND kind = 'base' ORDER BY seq DESC LIMIT 1),
      head AS (SELECT seq FROM record WHERE cluster_id = (SELECT id FROM c) ORDER BY seq DESC LIMIT 1),
      first AS (SELECT seq, at FROM record WHERE cluster_id = (SELECT id FROM c) ORDER BY seq LIMIT 1)
    SELECT (SELECT seq FROM head) - coalesce((SELECT seq FROM base), (SELECT seq - 1 FROM first)) AS rows,
      coalesce((SELECT at FROM base), (SELECT at FROM first)) AS sinceMs`,
  );
  const bases = db
    .prepare(
      "SELECT r.body FROM record r JOIN cluster c ON c.id = r.cluster_id WHERE c.uid = ? AND r.kind = 'base' ORDER BY r.seq DESC",
    )
    .pluck();
  const tick = db.prepare('SELECT hash FROM tick WHERE seq = ?').pluck();
  const blob = db.prepare('SELECT bytes FROM blob WHERE hash = ?').pluck();
  const snapshot = db.prepare(
    'SELECT s.seq, s.build, s.bytes FROM snapshot s JOIN cluster c ON c.id = s.cluster_id WHERE c.uid = ?',
  );

  const bound = (filter: RowFilter): Record<string, string | number> => ({
    uid: filter.uid,
    afterSeq: filter.afterSeq ?? 0,
    untilSeq: filter.untilSeq ?? Number.MAX_SAFE_INTEGER,
    fromMs: filter.fromMs ?? 0,
    untilMs: filter.untilMs ?? Number.MAX_SAFE_INTEGER,
    limit: filter.limit ?? -1,
  });
  const row = (uid: string, seq: number): RecordRow | null => {
    const stored = one.get(uid, seq) as StoredRow | undefined;
    return stored === undefined ? null : rowOf(stored);
  };
  function* iterate(filter: RowFilter): IterableIterator<RecordRow> {
    for (const stored of many.iterate(bound(filter))) yield rowOf(stored as StoredRow);
  }
  return {
    clusters: () =>
      (list.all() as (ClusterIdentity & { rows: number; firstSeq: number; seq: number })[]).map(
        ({ uid, namespace, name, rows, firstSeq, seq }) => {
          const last = row(uid, seq);
          return {
            uid,
            namespace,
            name,
            rows,
            firstSeq,
            head: { epoch: last?.epoch ?? 0, seq, head: last?.hash ?? '' },
            lastAt: last?.at ?? 0,
          };
        },
      ),
    heads: () => lasts.all() as (Head & { readonly uid: string })[],
    rows: (filter) => (many.all(bound(filter)) as StoredRow[]).map(rowOf),
    iterate,
    row,
    firstSeq: (uid) => (first.get(uid) as number | null) ?? null,
    unsealed: (uid) => {
      const { rows, sinceMs } = sealed.get({ uid }) as { readonly rows: number | null; readonly sinceMs: number };
      return rows === null ? null : { rows, sinceMs };
    },
    remembers: ({ uid, epoch, seq, head }) => {
      for (const body of bases.iterate(uid)) {
        const told = anchorOfBase(String(body));
        if (told !== null && told.epoch === epoch && told.seq === seq && told.head === head) return true;
      }
      return false;
    },
    gaps: (uid) => (gaps.all(uid) as StoredRow[]).map(rowOf),
    operatorHeadAt: (seq) => (tick.get(seq) as string | undefined) ?? null,
    blob: (hash) => {
      const bytes = blob.get(hash) as string | undefined;
      if (bytes === undefined)
        throw new Error(`blob ${hash} is missing from the journal; run 'pgc journal verify' on it`);
      return bytes;
    },
    snapshot: (uid) => {
      const stored = snapshot.get(uid) as StoredSnapshot | undefined;
      if (stored === undefined) return null;
      const bytes = unsealSnapshot(uid, stored.seq, stored.bytes);
      return bytes === null ? null : { ...stored, bytes };
    },
    close: () => db.close(),
  };
}
