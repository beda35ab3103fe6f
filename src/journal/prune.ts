/**
 * Owns: pruning a journal, in steps between which it can be left at any time: each is one commit, and after each the file
 * verifies. Rows go from one base row to the next; then ticks; then the texts that nothing mentions any more.
 *
 * I1. A step is whole or has not happened.
 * I2. A cluster that goes as a whole is named in the operator's chain as dropped, in the same commit.
 */
import type { Db } from './database.ts';
import {
  allKey,
  holdsOf,
  isMoment,
  isNamingDue,
  planPrune,
  type ClusterCut,
  type KeepPolicy,
  type PrunePlan,
} from './retention.ts';
import { noteTexts, sweepTexts } from './texts.ts';
import type { Heads } from './record.ts';
import type { JournalWriter } from './writer.ts';

/** What went. */
export interface Pruned {
  readonly rows: number;
  readonly clusters: number;
  readonly ticks: number;
  readonly blobs: number;
}

export interface Pruner {
  readonly plan: (policy: KeepPolicy, nowMs: number) => PrunePlan;
  /** Does what the plan says, a commit at each step; whoever drives it may leave time between two. @returns what went */
  readonly steps: (policy: KeepPolicy, nowMs: number) => Generator<void, Pruned>;
  /** Notes in the operator's chain where every cluster stands, where that is due, so that the chain can begin there one day. */
  readonly nameAll: (nowMs: number) => void;
  readonly holds: () => ReturnType<typeof holdsOf>;
  /** Keeps rows of a time from being pruned. @returns the hold's id; null when there is no such cluster @throws when no date can name the time */
  readonly hold: (
    uid: string,
    range: { readonly fromMs: number; readonly untilMs: number; readonly because: string },
  ) => number | null;
  /** @returns whether there was such a hold */
  readonly release: (id: number) => boolean;
}

/** What a pruner works with: the writer's own connection, and the writer, which opens the transactions on it. */
interface Hands {
  readonly db: Db;
  readonly amend: JournalWriter['amend'];
}

/** One commit of which the operator's chain says nothing. @returns what the change returned */
function quietly<T>({ amend }: Hands, change: () => T): T {
  let changed!: T;
  amend(() => {
    changed = change();
    return null;
  });
  return changed;
}

/** Lets records and ticks go, in the running transaction: the schema refuses any other deletion of them. */
function deleting<T>(db: Db, change: () => T): T {
  db.prepare("INSERT INTO meta (key, value) VALUES ('compacting', '1')").run();
  const changed = change();
  db.prepare("DELETE FROM meta WHERE key = 'compacting'").run();
  return changed;
}

function idOf(db: Db, uid: string): number | undefined {
  return db.prepare<[uid: string], number>('SELECT id FROM cluster WHERE uid = ?').pluck().get(uid);
}

/** Removes a cluster's rows below a seq, in the running transaction. @returns how many */
function removeBelow(db: Db, id: number, seq: number): number {
  // Read first: a connection that is reading cannot write.
  const bodies = db.prepare('SELECT body FROM record WHERE cluster_id = ? AND seq < ?').pluck().all(id, seq);
  noteTexts(db, bodies.map(String));
  return deleting(db, () => db.prepare('DELETE FROM record WHERE cluster_id = ? AND seq < ?').run(id, seq).changes);
}

/** Removes a cluster with all that is its own. @returns rows that went */
function drop({ db, amend }: Hands, uid: string, id: number): number {
  let rows = 0;
  amend(() => {
    rows = removeBelow(db, id, Number.MAX_SAFE_INTEGER);
    db.prepare('DELETE FROM snapshot WHERE cluster_id = ?').run(id);
    db.prepare('DELETE FROM hold WHERE cluster_id = ?').run(id);
    db.prepare('DELETE FROM cluster WHERE id = ?').run(id);
    return { [uid]: null };
  });
  return rows;
}

function* cut(hands: Hands, { uid, keepFrom, steps }: ClusterCut): Generator<void, number> {
  const id = idOf(hands.db, uid) as number;
  let rows = 0;
  for (const seq of steps) {
    rows += quietly(hands, () => removeBelow(hands.db, id, seq));
    yield;
  }
  if (keepFrom !== null) return rows;
  rows += drop(hands, uid, id);
  yield;
  return rows;
}

function* prune(hands: Hands, { cuts, ticksFrom }: PrunePlan): Generator<void, Pruned> {
  const { db } = hands;
  let rows = 0;
  for (const each of cuts) rows += yield* cut(hands, each);
  const removeTicks = (seq: number): number => db.prepare('DELETE FROM tick WHERE seq < ?').run(seq).changes;
  const ticks = ticksFrom === null ? 0 : quietly(hands, () => deleting(db, () => removeTicks(ticksFrom)));
  yield;
  const blobs = yield* sweepTexts(db, (change) => quietly(hands, change));
  return { rows, clusters: cuts.filter(({ keepFrom }) => keepFrom === null).length, ticks, blobs };
}

/** Where every cluster stands, with its name, as the operator's chain says it where it can begin. */
function everyHead(db: Db): Heads {
  const heads = db
    .prepare(
      'SELECT c.uid, c.namespace, c.name, r.seq, r.hash FROM cluster c CROSS JOIN record r WHERE r.cluster_id = c.id AND r.seq = (SELECT max(seq) FROM record WHERE cluster_id = c.id) ORDER BY c.id',
    )
    .all() as { uid: string; namespace: string; name: string; seq: number; hash: string }[];
  const named = heads.map(({ uid, namespace, name, seq, hash }) => [uid, [seq, hash, namespace, name]] as const);
  return { [allKey]: [0, ''], ...Object.fromEntries(named) };
}

/** Makes the pruner of an open journal. @param db the writer's own connection */
export function makePruner(db: Db, writer: Pick<JournalWriter, 'amend'>): Pruner {
  const hands: Hands = { db, amend: writer.amend };
  return {
    plan: (policy, nowMs) => planPrune(db, policy, nowMs),
    *steps(policy, nowMs) {
      return yield* prune(hands, planPrune(db, policy, nowMs));
    },
    nameAll: (nowMs) => {
      if (isNamingDue(db, nowMs)) writer.amend(() => everyHead(db));
    },
    holds: () => holdsOf(db),
    hold: (uid, { fromMs, untilMs, because }) => {
      const odd = [fromMs, untilMs].find((moment) => !isMoment(moment));
      if (odd !== undefined) throw new RangeError(`${odd}: no date can name this moment, so nothing is held`);
      const id = idOf(db, uid);
      if (id === undefined) return null;
      const add = db.prepare('INSERT INTO hold (cluster_id, from_at, until_at, because) VALUES (?, ?, ?, ?)');
      return quietly(hands, () => Number(add.run(id, fromMs, untilMs, because).lastInsertRowid));
    },
    release: (id) => quietly(hands, () => db.prepare('DELETE FROM hold WHERE id = ?').run(id).changes > 0),
  };
}
