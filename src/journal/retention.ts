/**
 * Owns: how long rows are kept, and what may go: a plan over what a file holds, made without changing it.
 *
 * A base row holds how its cluster stood, so that nothing before it is needed to read what comes after. Rows go from the front,
 * up to a base row, which then begins the chain: its `prev` is the hash of the last row that went, so that an export of what
 * went can be held against it.
 *
 * I1. Nothing younger than the policy allows to be kept goes, nothing in a hold, and never the newest base row.
 * I2. A base row that does not match its hash is no place to cut at.
 * Does not own: writing base rows (`src/actor`), the cut itself (`prune.ts`).
 */
import type { Clock } from '#src/ports.ts';
import type { Db } from './database.ts';
import { recordHash, type ChainedColumns, type Head } from './record.ts';

/** Key in `heads` of a tick that names every cluster that there is. */
export const allKey = '$all';
/** How the text of such `heads` begins. */
export const allMark = `{"${allKey}":`;

export interface KeepPolicy {
  /** Rows younger than this are kept, milliseconds. */
  readonly ageMs: number;
  /** Beyond this, rows of a cluster go before their age, the oldest first: bytes of their bodies, without shared texts. */
  readonly bytes: number;
  /** Beyond this, clusters with the most rows lose their oldest: bytes of the file that are in use, of all clusters together. */
  readonly fileBytes?: number;
}

/** What is not to be pruned, whatever its age. */
export interface Hold {
  readonly id: number;
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  /** Stamps of the first and the last row that are held, milliseconds since 1970. */
  readonly fromMs: number;
  readonly untilMs: number;
  readonly because: string;
}

/** What a prune does to one cluster. */
export interface ClusterCut {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  /** Rows from this seq on stay; null when the cluster is gone and all of its rows go. */
  readonly keepFrom: number | null;
  /** Base rows up to `keepFrom`, in order: each is a place where the chain can begin. */
  readonly steps: readonly number[];
  /** Rows that go, their bytes, and the stamp of the last of them, milliseconds since 1970. */
  readonly rows: number;
  readonly bytes: number;
  readonly untilMs: number;
}

export interface PrunePlan {
  readonly cuts: readonly ClusterCut[];
  /** Clusters of which something would go but for a hold. */
  readonly held: readonly Hold[];
  /** Ticks before this one go; null when none do. */
  readonly ticksFrom: number | null;
}

/** The place that the status named when a base row was written; null when none was known. */
export function anchorOfBase(body: string): Head | null {
  try {
    const { base } = JSON.parse(body) as { readonly base?: { readonly anchor?: Head | null } };
    return base?.anchor ?? null;
  } catch {
    return null;
  }
}

interface Cluster {
  readonly id: number;
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
}

interface Base {
  readonly seq: number;
  readonly at: number;
}

/** Questions to a file, prepared once. */
interface Asking {
  readonly clusters: () => readonly Cluster[];
  /** Base rows of a cluster that match their hash, in order. */
  readonly bases: (cluster: Cluster) => readonly Base[];
  readonly span: (
    id: number,
    belowSeq: number,
  ) => { readonly rows: number; readonly bytes: number; readonly untilMs: number };
  /** Bytes of the rows from one seq on, up to another. */
  readonly bytesBetween: (id: number, seq: number, belowSeq: number) => number;
  readonly last: (id: number) => { readonly seq: number; readonly at: number; readonly type: string };
  readonly fileBytes: () => number;
  /** Bytes of the file that hold something. */
  readonly usedBytes: () => number;
}

function asking(db: Db): Asking {
  const clusters = db.prepare(
    'SELECT id, uid, namespace, name FROM cluster WHERE EXISTS (SELECT 1 FROM record WHERE cluster_id = cluster.id) ORDER BY id',
  );
  const bases = db.prepare(
    "SELECT seq, epoch, at, kind, type, type_version AS typeVersion, mask_version AS maskVersion, caused_by AS causedBy, body, prev, hash FROM record WHERE cluster_id = ? AND kind = 'base' ORDER BY seq",
  );
  const span = db.prepare(
    'SELECT count(*) AS rows, coalesce(sum(octet_length(body)), 0) AS bytes, coalesce(max(at), 0) AS untilMs FROM record WHERE cluster_id = ? AND seq < ?',
  );
  const between = db
    .prepare('SELECT coalesce(sum(octet_length(body)), 0) FROM record WHERE cluster_id = ? AND seq >= ? AND seq < ?')
    .pluck();
  const last = db.prepare('SELECT seq, at, type FROM record WHERE cluster_id = ? ORDER BY seq DESC LIMIT 1');
  const pragma = (name: string): number => Number(db.pragma(name, { simple: true }));
  return {
    clusters: () => clusters.all() as Cluster[],
    bases: ({ id, uid }) =>
      (bases.all(id) as (ChainedColumns & { readonly hash: string })[])
        .filter((row) => recordHash(uid, row) === row.hash)
        .map(({ seq, at }) => ({ seq, at })),
    span: (id, belowSeq) => span.get(id, belowSeq) as ReturnType<Asking['span']>,
    bytesBetween: (id, seq, belowSeq) => between.get(id, seq, belowSeq) as number,
    last: (id) => last.get(id) as ReturnType<Asking['last']>,
    fileBytes: () => pragma('page_count') * pragma('page_size'),
    usedBytes: () => (pragma('page_count') - pragma('freelist_count')) * pragma('page_size'),
  };
}

/** Whether a date can name this moment, milliseconds since 1970: any other can neither be printed nor come. */
export function isMoment(value: unknown): value is number {
  return Number.isSafeInteger(value) && !Number.isNaN(new Date(Number(value)).getTime());
}

/** Holds of a file, the oldest first. */
export function holdsOf(db: Db): readonly Hold[] {
  return db
    .prepare(
      'SELECT h.id, c.uid, c.namespace, c.name, h.from_at AS fromMs, h.until_at AS untilMs, h.because FROM hold h JOIN cluster c ON c.id = h.cluster_id ORDER BY h.id',
    )
    .all() as Hold[];
}

/**
 * How many bytes of rows a cluster may have, so that all of them fit into the file together: who has less keeps what it has, and
 * those that have more share what is left. Texts and indexes come and go with rows.
 */
function bytesOfEach(ask: Asking, { bytes, fileBytes = Infinity }: KeepPolicy): number {
  const used = ask.usedBytes();
  if (used <= fileBytes) return bytes;
  const sizes = ask
    .clusters()
    .map(({ id }) => ask.span(id, Number.MAX_SAFE_INTEGER).bytes)
    .toSorted((one, other) => one - other);
  let left = sizes.reduce((sum, size) => sum + size, 0) * (fileBytes / used);
  for (const [index, size] of sizes.entries()) {
    const share = left / (sizes.length - index);
    if (size > share) return Math.min(bytes, share);
    left -= size;
  }
  return bytes;
}

/** How far the policy lets a cluster be cut, holds aside: a base row, and there is always a later one. */
function placeOf(
  ask: Asking,
  cluster: Cluster,
  when: { readonly policy: KeepPolicy; readonly nowMs: number },
): number | null {
  const { policy, nowMs } = when;
  // What the status names may be older than the newest base row, and only the next one will remember it.
  const places = ask.bases(cluster).slice(0, -1);
  const old = places.findLast(({ at }) => at <= nowMs - policy.ageMs)?.seq ?? null;
  if (ask.fileBytes() <= policy.bytes) return old;
  let [bytes, below] = [0, Number.MAX_SAFE_INTEGER];
  let fits: number | null = null;
  for (const { seq } of places.toReversed()) {
    bytes += ask.bytesBetween(cluster.id, seq, below);
    if (bytes > policy.bytes) return Math.max(old ?? 0, fits ?? seq);
    [fits, below] = [seq, seq];
  }
  const rest = ask.bytesBetween(cluster.id, 0, below);
  return bytes + rest > policy.bytes && fits !== null ? Math.max(old ?? 0, fits) : old;
}

function cutOf(ask: Asking, cluster: Cluster, keepFrom: number | null): ClusterCut | null {
  const span = ask.span(cluster.id, keepFrom ?? Number.MAX_SAFE_INTEGER);
  if (span.rows === 0) return null;
  const { uid, namespace, name } = cluster;
  const steps = ask.bases(cluster).flatMap(({ seq }) => (keepFrom === null || seq <= keepFrom ? [seq] : []));
  return { uid, namespace, name, keepFrom, steps, ...span };
}

/** The newest tick that names all clusters and is old enough: a chain can begin there. */
function ticksFrom(db: Db, before: number): number | null {
  const found = db
    .prepare('SELECT max(seq) FROM tick WHERE at <= ? AND substr(heads, 1, ?) = ?')
    .pluck()
    .get(before, allMark.length, allMark) as number | null;
  const first = db.prepare('SELECT min(seq) FROM tick').pluck().get() as number | null;
  return found !== null && first !== null && found > first ? found : null;
}

/**
 * What a prune would do now. Reads only.
 * @param nowMs milliseconds since 1970
 */
export function planPrune(db: Db, given: KeepPolicy, nowMs: number): PrunePlan {
  const ask = asking(db);
  const policy = { ...given, bytes: bytesOfEach(ask, given) };
  const all = holdsOf(db);
  const cuts: ClusterCut[] = [];
  const held: Hold[] = [];
  for (const cluster of ask.clusters()) {
    const last = ask.last(cluster.id);
    const own = all.filter(({ uid }) => uid === cluster.uid);
    const isOver = last.type === 'ClusterGone' && last.at <= nowMs - policy.ageMs;
    const wanted = isOver ? null : placeOf(ask, cluster, { policy, nowMs });
    if (wanted === null && !isOver) continue;
    const heldFromMs = Math.min(...own.map(({ fromMs }) => fromMs));
    const free =
      own.length === 0
        ? wanted
        : (ask.bases(cluster).findLast(({ at, seq }) => at <= heldFromMs && seq <= (wanted ?? seq))?.seq ?? 0);
    if (free !== wanted) held.push(...own);
    const cut = cutOf(ask, cluster, free);
    if (cut !== null) cuts.push(cut);
  }
  return { cuts, held, ticksFrom: ticksFrom(db, nowMs - policy.ageMs) };
}

/**
 * The time by which rows are judged to be old. A clock that is weeks ahead would make all of them old at once: no more time counts
 * than has passed by the monotonic clock since the journal was opened, after the last moment that its own chain names.
 * @returns milliseconds since 1970, never later than the clock says
 */
export function ageClock(db: Db, clock: Clock): () => number {
  const last = db.prepare<[], number>('SELECT at FROM tick ORDER BY seq DESC LIMIT 1').pluck().get();
  const [fromMs, sinceMs] = [last ?? clock.nowMs(), clock.monotonicMs()];
  return () => Math.min(clock.nowMs(), fromMs + Math.floor(clock.monotonicMs() - sinceMs));
}

/** Rows after which a cluster's standing is written down again: as much is read to answer about its present. */
const sealRows = 1024;
/** A cluster in which something happened is sealed at least so often, so that its rows can go by their age. */
const sealMs = 86_400_000;
const nameAllTicks = 16_384;

/** How much of a chain is not sealed by a base row yet. */
export interface Unsealed {
  readonly rows: number;
  /** Stamp of the newest base row, or of the first row when there is none; milliseconds since 1970. */
  readonly sinceMs: number;
}

/** Whether a base row is to be written. */
export function isSealDue({ rows, sinceMs }: Unsealed, nowMs: number): boolean {
  return rows >= sealRows || (rows > 0 && nowMs - sinceMs >= sealMs);
}

/** Whether the operator's chain is to name every cluster again. */
export function isNamingDue(db: Db, nowMs: number): boolean {
  const found = db
    .prepare('SELECT seq, at FROM tick WHERE substr(heads, 1, ?) = ? ORDER BY seq DESC LIMIT 1')
    .get(allMark.length, allMark) as { readonly seq: number; readonly at: number } | undefined;
  const [first, last] = (['ASC', 'DESC'] as const).map(
    (order) =>
      db.prepare(`SELECT seq, at FROM tick ORDER BY seq ${order} LIMIT 1`).get() as
        | { readonly seq: number; readonly at: number }
        | undefined,
  );
  const since = found ?? first;
  if (since === undefined || last === undefined || last.seq === since.seq) return false;
  return last.seq - since.seq >= nameAllTicks || nowMs - since.at >= sealMs;
}
