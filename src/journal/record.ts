/**
 * Owns: the row of a journal and its place in the chain. `hash` is SHA-256 over the exact stored column values, each
 * framed by its length, so verification needs no canonical form of anything.
 */
import { hash as digest } from 'node:crypto';

export const recordKinds = ['observation', 'base', 'synced', 'config', 'gap', 'machine-upgrade', 'process'] as const;
export type RecordKind = (typeof recordKinds)[number];

/** A PostgresCluster as the journal knows it: a re-created one has another uid, hence another chain. */
export interface ClusterIdentity {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
}

/** Columns of one row of `record`, as stored. */
export interface RecordRow {
  /** Commit order of the file; cursor of feeds. */
  readonly rowid: number;
  readonly seq: number;
  readonly epoch: number;
  /** Milliseconds since the Unix epoch, stamped once at the door. */
  readonly at: number;
  readonly kind: RecordKind;
  readonly type: string;
  readonly typeVersion: number;
  readonly maskVersion: number;
  /** seq of the row whose outcome or timer this is. */
  readonly causedBy: number | null;
  readonly body: string;
  readonly prev: string;
  readonly hash: string;
}

export type ChainedColumns = Omit<RecordRow, 'rowid' | 'hash'>;

/** What a row says, before it has a place in its cluster's chain. */
export interface PlacelessRecord extends Omit<ChainedColumns, 'seq' | 'prev'> {
  readonly cluster: ClusterIdentity;
}

/** First `prev` of every chain. */
export const genesis = '0'.repeat(64);

function framed(values: readonly (string | number | null)[]): string {
  return values
    .map((value) => {
      const text = value === null ? '' : String(value);
      const mark = value === null ? '-' : String(Buffer.byteLength(text));
      return `${mark}:${text}`;
    })
    .join('');
}

/** SHA-256, lower-case hex. */
export function sha256(text: string): string {
  return digest('sha256', text, 'hex');
}

/** Hash of a record: over the cluster's uid and every stored column but rowid and hash. */
export function recordHash(clusterUid: string, row: ChainedColumns): string {
  const { seq, epoch, at, kind, type, typeVersion, maskVersion, causedBy, body, prev } = row;
  return sha256(framed([clusterUid, seq, epoch, at, kind, type, typeVersion, maskVersion, causedBy, body, prev]));
}

/** Hash of a row of the operator's chain. */
export function tickHash(row: {
  readonly seq: number;
  readonly at: number;
  readonly heads: string;
  readonly prev: string;
}): string {
  return sha256(framed([row.seq, row.at, row.heads, row.prev]));
}

/**
 * What a row of the operator's chain says: of each cluster that moved its head, and what it is called where this is the commit
 * of its first row; null for a cluster that was dropped. With `$all` every cluster is named, and the chain can begin here.
 */
export type Heads = Readonly<
  Record<string, readonly [seq: number, hash: string, namespace?: string, name?: string] | null>
>;

/** Where a chain stands. */
export interface Head {
  readonly epoch: number;
  readonly seq: number;
  readonly head: string;
}

/**
 * Refuses what a row could not keep: it would fail every commit from then on, of all clusters.
 * @throws Error naming the field; only the caller's cluster is concerned
 */
export function checkRecord(record: PlacelessRecord): void {
  const { cluster, epoch, at, kind, type, typeVersion, maskVersion, causedBy, body } = record;
  const refuse = (field: string, value: unknown): never => {
    throw new Error(
      `a record of ${cluster.namespace}/${cluster.name} has ${field} ${String(value)}; this is a bug of its writer`,
    );
  };
  for (const [field, value] of Object.entries({ epoch, at, typeVersion, maskVersion, causedBy: causedBy ?? 0 }))
    if (!Number.isSafeInteger(value)) refuse(field, value);
  if (!recordKinds.some((each) => each === kind)) refuse('kind', kind);
  for (const [field, value] of Object.entries({ uid: cluster.uid, type, body }))
    if (typeof value !== 'string' || value === '') refuse(field, value);
}

/** Text of a snapshot as stored: a line with the hash of cluster, place and text, then the text. */
export function sealSnapshot(clusterUid: string, seq: number, text: string): string {
  return `${sha256(framed([clusterUid, seq, text]))}\n${text}`;
}

/** The text of a stored snapshot, or null when it is not as it was written: then the rows are read instead. */
export function unsealSnapshot(clusterUid: string, seq: number, sealed: string): string | null {
  const text = sealed.slice(65);
  return sealSnapshot(clusterUid, seq, text) === sealed ? text : null;
}
