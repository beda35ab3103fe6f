/**
 * Owns: proving a journal: every hash, every link, no gap, every blob there and true to its name, the operator's chain,
 * and, with an anchor, that nothing at or below it is missing. SQLite's own checks see neither a flipped bit in a payload
 * nor a lost tail; the chain and the anchor do.
 */
import { messageOf } from '#src/errors.ts';
import { mentionedIn } from '#src/decision/codec.ts';
import { isPassing, JournalRefused, type Db } from './database.ts';
import type { PagesCheck } from './pages.ts';
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

/** How far a journal has been verified. */
export interface VerifyProgress {
  readonly part: 'pages' | 'texts' | 'rows' | 'ticks';
  /** 0: somebody else is at it, and there is nothing to do but wait. */
  readonly done: number;
  /** Null where nobody has counted them. */
  readonly of: number | null;
}

/** A chain begins at its first row ever, or at a base that a compaction has left. */
function beginsChain(row: RecordRow): boolean {
  return row.seq === 1 ? row.prev === genesis : row.kind === 'base';
}

/** Bytes that are read between two pauses: some milliseconds. */
const stepBytes = 1_048_576;
/** What a row costs beside its texts, in bytes of text. */
const rowBytes = 512;

/** Counts what is read. @returns whether it is time for a pause */
function pacing(): (bytes: number) => boolean {
  let left = stepBytes;
  return (bytes) => {
    left -= rowBytes + bytes;
    if (left > 0) return false;
    left = stepBytes;
    return true;
  };
}

/** Tells of damage, as far as anybody reads. */
type Report = (damage: Damage) => void;

/** What rows are held to. */
interface Proof {
  readonly reader: JournalReader;
  /** Hashes of the texts that are as they were written. */
  readonly blobs: ReadonlySet<string>;
  readonly report: Report;
  /** One for all clusters: many small ones take as long as a large one. */
  readonly isPause: ReturnType<typeof pacing>;
}

/** @param at how far one has come, with so many rows of this cluster */
function* verifyCluster(
  { reader, blobs, report, isPause }: Proof,
  cluster: ClusterSummary,
  at: (verified: number) => VerifyProgress,
): Generator<VerifyProgress, number> {
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
    for (const hash of mentionedIn(row.body)) if (!blobs.has(hash)) damage(`blob ${hash} is missing or altered`);
    prev = row.hash;
    expected = row.seq + 1;
    verified += 1;
    if (isPause(row.body.length)) yield at(verified);
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

interface Ticks {
  readonly count: number;
  /** Where the chain says that each cluster stands, by uid. */
  readonly named: Map<string, readonly [seq: number, hash: string]>;
  /** Namespace and name of each, as the chain says. */
  readonly called: ReadonlyMap<string, string>;
}

function* readTicks(db: Db, report: Report): Generator<VerifyProgress, Ticks> {
  const isPause = pacing();
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
    if (isPause(tick.heads.length)) yield { part: 'ticks', done: count, of: null };
  }
  return { count, named, called };
}

/** Every cluster must stand exactly where the last tick that moved it says. */
function compareHeads({ named, called }: Ticks, clusters: readonly ClusterSummary[], report: Report): void {
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
}

function verifyAnchors(reader: JournalReader, anchors: readonly Anchor[], report: Report): void {
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

/**
 * What SQLite checks: everything, pages that nothing uses too; or the tables with their indexes, one after the other. Whoever has
 * everything checked elsewhere is waited for in the end.
 */
export type Checked = 'whole' | 'tables' | PagesCheck;

/** What is thrown when a file could not be read, and may be as it should. */
function unread(db: Db, said: string): JournalRefused {
  return new JournalRefused(
    `${db.name} could not be read to its end: ${said}`,
    'nothing is known to be wrong with the journal, and nothing was changed: look at its disk, and how much memory there is, and try again; an operator begins a new journal once this one is moved elsewhere',
  );
}

/** SQLite's low byte of what the disk, or memory, failed by; and what a file that was cut short fails by. */
const [ioError, noMemory, shortRead] = [10, 7, 522] as const;

/** What SQLite's check said. It answers with words also where it could not read. @throws JournalRefused then */
function judge(db: Db, words: string, report: Report): void {
  const code = Number(/error code=(\d+)/.exec(words)?.[1] ?? '0');
  if (((code & 255) === ioError && code !== shortRead) || (code & 255) === noMemory) throw unread(db, words);
  if (words !== 'ok') report({ uid: null, seq: null, because: `SQLite says: ${words}` });
}

/** The whole check, not the quick one: a row that an index no longer finds is lost to every reader. */
function* checkPages(db: Db, checked: 'whole' | 'tables', report: Report): Generator<VerifyProgress, void> {
  const tables = db.prepare<[], string>("SELECT name FROM sqlite_schema WHERE type = 'table'").pluck();
  const all = checked === 'whole' ? ['1'] : tables.all();
  for (const [done, what] of all.entries()) {
    judge(db, String(db.pragma(`integrity_check(${what})`, { simple: true })), report);
    yield { part: 'pages', done: done + 1, of: all.length };
  }
}

function* checkedElsewhere(db: Db, check: PagesCheck, report: Report): Generator<VerifyProgress, void> {
  let verdict = check.verdict();
  for (; verdict.type === 'pending'; verdict = check.verdict()) yield { part: 'pages', done: 0, of: 1 };
  if (verdict.type === 'failed') yield* checkPages(db, 'whole', report);
  else judge(db, verdict.words, report);
}

function* verifiedBlobs(db: Db, report: Report): Generator<VerifyProgress, ReadonlySet<string>> {
  const isPause = pacing();
  const sound = new Set<string>();
  let done = 0;
  for (const row of db.prepare('SELECT hash, bytes FROM blob').iterate() as IterableIterator<{
    hash: string;
    bytes: string;
  }>) {
    if (sha256(row.bytes) === row.hash) sound.add(row.hash);
    else report({ uid: null, seq: null, because: `blob ${row.hash} does not match its hash` });
    done += 1;
    if (isPause(row.bytes.length)) yield { part: 'texts', done, of: null };
  }
  return sound;
}

type Counted = ClusterSummary & { readonly verified: number };

/**
 * Verifies a whole journal, some milliseconds at a time. Reads only, all as of one moment: in one transaction, so that between two
 * steps nobody else may begin one on this connection.
 * @param anchors places that the journal must have reached
 * @returns counts and every damage found; a file that SQLite cannot read is damage too
 * @throws JournalRefused when the disk or the machine failed while it was read: what the file is was not found out
 */
export function* verifySteps(
  db: Db,
  anchors: readonly Anchor[],
  checked: Checked,
): Generator<VerifyProgress, VerifyReport> {
  const damage: Damage[] = [];
  const report: Report = (found) => {
    if (damage.length < 1000) damage.push(found);
  };
  const counts = { blobs: 0, ticks: 0 };
  const clusters: Counted[] = [];
  try {
    db.exec('BEGIN');
    if (typeof checked === 'string') yield* checkPages(db, checked, report);
    const reader = makeReader(db);
    const blobs = yield* verifiedBlobs(db, report);
    counts.blobs = blobs.size;
    const proof: Proof = { reader, blobs, report, isPause: pacing() };
    const listed = reader.clusters();
    const of = listed.reduce((sum, { rows }) => sum + rows, 0);
    let before = 0;
    for (const cluster of listed) {
      const at = (verified: number): VerifyProgress => ({ part: 'rows', done: before + verified, of });
      const verified: number = yield* verifyCluster(proof, cluster, at);
      clusters.push({ ...cluster, verified });
      before += verified;
    }
    const ticks = yield* readTicks(db, report);
    counts.ticks = ticks.count;
    compareHeads(ticks, clusters, report);
    verifyAnchors(reader, anchors, report);
    if (typeof checked !== 'string') yield* checkedElsewhere(db, checked, report);
  } catch (error) {
    if (error instanceof JournalRefused) throw error;
    if (isPassing(error)) throw unread(db, messageOf(error));
    report({
      uid: null,
      seq: null,
      because: `the file cannot be read to its end: ${messageOf(error)}`,
    });
  } finally {
    if (db.inTransaction) db.exec('ROLLBACK');
  }
  return { clusters, rows: clusters.reduce((sum, cluster) => sum + cluster.verified, 0), ...counts, damage };
}

/** Goes through steps in one go. @returns what they end with */
export function inOneGo<T>(steps: Generator<VerifyProgress, T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

/** Verifies a whole journal in one go, as `verifySteps` does. */
export function verifyJournal(db: Db, anchors: readonly Anchor[] = []): VerifyReport {
  return inOneGo(verifySteps(db, anchors, 'whole'));
}
