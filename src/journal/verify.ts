/**
 * Owns: proving a journal: every hash, every link, no gap, every blob there and true to its name, the operator's chain,
 * and, with an anchor, that nothing at or below it is missing. SQLite's own checks see neither a flipped bit in a payload
 * nor a lost tail; the chain and the anchor do.
 */
import type { Db } from './database.ts';
import { genesis, recordHash, sha256, tickHash, type Head, type Heads, type RecordRow } from './record.ts';
import { allKey, allMark } from './retention.ts';
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

/** A chain begins at its first row ever, or at a base that a compaction has left. */
function beginsChain(row: RecordRow): boolean {
  return row.seq === 1 ? row.prev === genesis : row.kind === 'base';
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
    if (prev === null && !beginsChain(row))
      damage('the first row does not begin a chain: what was before it is missing');
    if (prev !== null && row.prev !== prev) damage('it is not linked to the row before it');
    if (recordHash(cluster.uid, row) !== row.hash) damage('its content does not match its hash');
    for (const hash of blobReferences(row.body)) if (!blobs.has(hash)) damage(`blob ${hash} is missing or altered`);
    prev = row.hash;
    expected = row.seq + 1;
    verified += 1;
  }
  return verified;
}

interface StoredTick {
  readonly seq: number;
  readonly at: number;
  readonly heads: string;
  readonly prev: string;
  readonly hash: string;
}

/** @returns number of ticks; every cluster must stand exactly where the last tick that moved it says */
function verifyTicks(db: Db, clusters: readonly ClusterSummary[], report: (damage: Damage) => void): number {
  const named = new Map<string, readonly [number, string]>();
  const called = new Map<string, string>();
  let prev: string | null = null;
  let last = 0;
  let count = 0;
  const ticks = db.prepare('SELECT seq, at, heads, prev, hash FROM tick ORDER BY seq').iterate();
  for (const tick of ticks as IterableIterator<StoredTick>) {
    const begins = prev === null && (tick.seq === 1 ? tick.prev === genesis : tick.heads.startsWith(allMark));
    if (!begins && (tick.prev !== prev || tick.seq !== last + 1))
      report({ uid: null, seq: tick.seq, because: 'the operator chain is broken here' });
    if (tickHash(tick) !== tick.hash)
      report({ uid: null, seq: tick.seq, because: 'a row of the operator chain does not match its hash' });
    else
      for (const [uid, head] of Object.entries(JSON.parse(tick.heads) as Heads)) {
        if (head === null) {
          named.delete(uid);
          called.delete(uid);
        } else if (uid !== allKey) {
          const [seq, hash, namespace, name] = head;
          named.set(uid, [seq, hash]);
          if (name !== undefined) called.set(uid, `${namespace}/${name}`);
        }
      }
    prev = tick.hash;
    last = tick.seq;
    count += 1;
  }
  for (const { uid, head, namespace, name } of clusters) {
    if (called.get(uid) !== `${namespace}/${name}`)
      report({ uid, seq: null, because: `it is not called ${namespace}/${name} in the operator chain` });
    const told = named.get(uid);
    named.delete(uid);
    if (told === undefined || told[0] !== head.seq || told[1] !== head.head)
      report({
        uid,
        seq: head.seq,
        because: `the operator chain ends this cluster at row ${told?.[0] ?? 0}, which is not its last row`,
      });
  }
  for (const [uid, [seq]] of named)
    report({ uid, seq, because: 'the operator chain names this row, but the whole cluster is missing' });
  return count;
}

function verifyAnchors(reader: JournalReader, anchors: readonly Anchor[], report: (damage: Damage) => void): void {
  for (const anchor of anchors) {
    const row = reader.row(anchor.uid, anchor.seq);
    if (row === null && reader.remembers(anchor)) continue;
    if (row === null && anchor.seq < (reader.firstSeq(anchor.uid) ?? 0))
      report({
        uid: anchor.uid,
        seq: anchor.seq,
        because: `the anchor names row ${anchor.seq}, which was pruned, and no base row remembers that it was an anchor`,
      });
    else if (row === null)
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

/** The whole check, not the quick one: a row that an index no longer finds is lost to every reader. */
function checkPages(db: Db, report: (damage: Damage) => void): void {
  const result = String(db.pragma('integrity_check(1)', { simple: true }));
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
  /** In one transaction: of a journal that is written meanwhile all is read as of one moment. */
  const verifyAll = db.transaction(() => {
    checkPages(db, report);
    const reader = makeReader(db);
    const blobs = verifiedBlobs(db, report);
    counts.blobs = blobs.size;
    for (const cluster of reader.clusters())
      clusters.push({ ...cluster, verified: verifyCluster(reader, blobs, cluster, report) });
    counts.ticks = verifyTicks(db, clusters, report);
    verifyAnchors(reader, anchors, report);
  });
  try {
    verifyAll();
  } catch (error) {
    report({
      uid: null,
      seq: null,
      because: `the file cannot be read to its end: ${error instanceof Error ? error.message : String(error)}`,
    });
  }
  return { clusters, rows: clusters.reduce((sum, cluster) => sum + cluster.verified, 0), ...counts, damage };
}
