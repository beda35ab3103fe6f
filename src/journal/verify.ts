/**
 * Owns: proving a journal: every hash, every link, no gap, every blob there and true to its name, the operator's chain,
 * and, with an anchor, that nothing at or below it is missing. SQLite's own checks see neither a flipped bit in a payload
 * nor a lost tail; the chain and the anchor do.
 */
import type { Db } from './database.ts';
import { genesis, recordHash, sha256, tickHash, type Head } from './record.ts';
import { makeReader, type ClusterSummary, type JournalReader } from './read.ts';

/** A place that a journal is known to have reached: from status, from the Lease, or noted by a human. */
export interface Anchor extends Head {
  readonly uid: string;
}

export interface Damage {
  readonly uid: string | null;
  readonly seq: number | null;
  readonly because: string;
}

export interface VerifyReport {
  readonly clusters: readonly (ClusterSummary & { readonly verified: number })[];
  readonly rows: number;
  readonly blobs: number;
  readonly ticks: number;
  /** Empty when everything holds. */
  readonly damage: readonly Damage[];
}

function blobReferences(body: string): readonly string[] {
  return [...body.matchAll(/"\$blob":"([0-9a-f]{64})"/g)].map((match) => match[1] ?? '');
}

function verifyCluster(
  reader: JournalReader,
  blobs: ReadonlySet<string>,
  cluster: ClusterSummary,
  report: (damage: Damage) => void,
): number {
  let verified = 0;
  let prev: string | null = null;
  let expected = cluster.firstSeq;
  for (const row of reader.iterate({ uid: cluster.uid })) {
    const damage = (because: string): void => report({ uid: cluster.uid, seq: row.seq, because });
    if (row.seq !== expected) damage(`rows ${expected} to ${row.seq - 1} are missing`);
    if (prev === null && row.seq === 1 && row.prev !== genesis) damage('the first row does not begin a chain');
    if (prev !== null && row.prev !== prev) damage('it is not linked to the row before it');
    if (recordHash(cluster.uid, row) !== row.hash) damage('its content does not match its hash');
    for (const hash of blobReferences(row.body)) if (!blobs.has(hash)) damage(`blob ${hash} is missing or altered`);
    prev = row.hash;
    expected = row.seq + 1;
    verified += 1;
  }
  return verified;
}

function verifyTicks(db: Db, report: (damage: Damage) => void): number {
  let prev: string | null = null;
  let count = 0;
  const rows = db.prepare('SELECT seq, at, heads, prev, hash FROM tick ORDER BY seq').iterate() as IterableIterator<{
    seq: number;
    at: number;
    heads: string;
    prev: string;
    hash: string;
  }>;
  let last: { readonly seq: number; readonly heads: string } | null = null;
  for (const tick of rows) {
    if (prev !== null && tick.prev !== prev)
      report({ uid: null, seq: tick.seq, because: 'the operator chain is broken here' });
    if (tickHash(tick) !== tick.hash)
      report({ uid: null, seq: tick.seq, because: 'a row of the operator chain does not match its hash' });
    prev = tick.hash;
    last = tick;
    count += 1;
  }
  if (last !== null) verifyLastHeads(db, last, report);
  return count;
}

/** The last tick names the heads that moved in it: a chain cut below them has lost its tail. */
function verifyLastHeads(
  db: Db,
  last: { readonly seq: number; readonly heads: string },
  report: (damage: Damage) => void,
): void {
  const heads = JSON.parse(last.heads) as Record<string, readonly [number, string]>;
  const find = db
    .prepare('SELECT r.hash FROM record r JOIN cluster c ON c.id = r.cluster_id WHERE c.uid = ? AND r.seq = ?')
    .pluck();
  for (const [uid, [seq, hash]] of Object.entries(heads)) {
    if (find.get(uid, seq) !== hash)
      report({ uid, seq, because: 'the operator chain names this row, but it is missing or another one' });
  }
}

function verifyAnchors(reader: JournalReader, anchors: readonly Anchor[], report: (damage: Damage) => void): void {
  for (const anchor of anchors) {
    const row = reader.row(anchor.uid, anchor.seq);
    if (row === null)
      report({
        uid: anchor.uid,
        seq: anchor.seq,
        because: `the anchor names row ${anchor.seq}, which is missing: the tail is lost or this is an older copy`,
      });
    else if (row.hash !== anchor.head)
      report({
        uid: anchor.uid,
        seq: anchor.seq,
        because: 'the row at the anchor is another one: this is not the same lineage',
      });
  }
}

function quickCheck(db: Db, report: (damage: Damage) => void): void {
  const result = String(db.pragma('quick_check(1)', { simple: true }));
  if (result !== 'ok') report({ uid: null, seq: null, because: `SQLite says: ${result}` });
}

function verifiedBlobs(db: Db, report: (damage: Damage) => void): ReadonlySet<string> {
  const sound = new Set<string>();
  for (const row of db.prepare('SELECT hash, bytes FROM blob').iterate() as IterableIterator<{
    hash: string;
    bytes: string;
  }>) {
    if (sha256(row.bytes) === row.hash) sound.add(row.hash);
    else report({ uid: null, seq: null, because: `blob ${row.hash} does not match its hash` });
  }
  return sound;
}

/**
 * Verifies a whole journal. Reads only.
 * @param anchors places that the journal must have reached
 * @returns counts and every damage found; a file that SQLite cannot read is damage too, never an exception
 */
export function verifyJournal(db: Db, anchors: readonly Anchor[] = []): VerifyReport {
  const damage: Damage[] = [];
  const report = (found: Damage): void => {
    if (damage.length < 1000) damage.push(found);
  };
  const counts = { blobs: 0, ticks: 0 };
  const clusters: (ClusterSummary & { readonly verified: number })[] = [];
  try {
    quickCheck(db, report);
    const reader = makeReader(db);
    const blobs = verifiedBlobs(db, report);
    counts.blobs = blobs.size;
    for (const cluster of reader.clusters())
      clusters.push({ ...cluster, verified: verifyCluster(reader, blobs, cluster, report) });
    counts.ticks = verifyTicks(db, report);
    verifyAnchors(reader, anchors, report);
  } catch (error) {
    report({
      uid: null,
      seq: null,
      because: `the file cannot be read to its end: ${error instanceof Error ? error.message : String(error)}`,
    });
  }
  return { clusters, rows: clusters.reduce((sum, cluster) => sum + cluster.verified, 0), ...counts, damage };
}
