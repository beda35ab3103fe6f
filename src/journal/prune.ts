/**
 * Owns: pruning a journal, in steps between which it can be left at any time: each is one commit, and after each the file
 * verifies. Rows go from one base row to the next; then ticks; then the texts that nothing mentions any more.
 *
 * I1. A step is whole or has not happened.
 * I2. A cluster that goes as a whole is named in the operator's chain as dropped, in the same commit.
 * I3. A text goes only after every row that there is has been asked, those written meanwhile too.
 */
import type { Db } from './database.ts';
import {
  allKey,
  holdsOf,
  isNamingDue,
  planPrune,
  type ClusterCut,
  type KeepPolicy,
  type PrunePlan,
} from './retention.ts';
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
  /** Keeps rows of a time from being pruned. @returns the hold's id; null when there is no such cluster */
  readonly hold: (
    uid: string,
    range: { readonly fromMs: number; readonly untilMs: number; readonly because: string },
  ) => number | null;
  /** @returns whether there was such a hold */
  readonly release: (id: number) => boolean;
}

/** Rows asked for texts in one turn: some milliseconds. */
const scanRows = 2000;
const mention = /"\$blob":"([0-9a-f]{64})"/g;

function deleting(db: Db, change: () => void): void {
  db.prepare("INSERT INTO meta (key, value) VALUES ('compacting', '1')").run();
  change();
  db.prepare("DELETE FROM meta WHERE key = 'compacting'").run();
}

/** Makes the pruner of an open journal. @param db the writer's own connection */
export function makePruner(db: Db, writer: Pick<JournalWriter, 'amend'>): Pruner {
  const idOf = db.prepare('SELECT id FROM cluster WHERE uid = ?').pluck();
  const bodies = db.prepare('SELECT body FROM record WHERE cluster_id = ? AND seq < ?').pluck();
  const removeRows = db.prepare('DELETE FROM record WHERE cluster_id = ? AND seq < ?');
  const note = db.prepare('INSERT OR IGNORE INTO unmentioned (hash) VALUES (?)');
  const unnote = db.prepare('DELETE FROM unmentioned WHERE hash = ?');

  function removeBelow(id: number, seq: number): number {
    // Read first: a connection that is reading cannot write.
    for (const body of bodies.all(id, seq)) for (const [, hash] of String(body).matchAll(mention)) note.run(hash);
    return removeRows.run(id, seq).changes;
  }

  function cutTo(id: number, seq: number): number {
    let rows = 0;
    writer.amend(() => {
      deleting(db, () => (rows = removeBelow(id, seq)));
      return null;
    });
    return rows;
  }

  function drop(uid: string, id: number): number {
    let rows = 0;
    writer.amend(() => {
      deleting(db, () => (rows = removeBelow(id, Number.MAX_SAFE_INTEGER)));
      db.prepare('DELETE FROM snapshot WHERE cluster_id = ?').run(id);
      db.prepare('DELETE FROM hold WHERE cluster_id = ?').run(id);
      db.prepare('DELETE FROM cluster WHERE id = ?').run(id);
      return { [uid]: null };
    });
    return rows;
  }

  function* cut({ uid, keepFrom, steps }: ClusterCut): Generator<void, number> {
    const id = idOf.get(uid) as number;
    let rows = 0;
    for (const seq of steps) {
      rows += cutTo(id, seq);
      yield;
    }
    if (keepFrom !== null) return rows;
    rows += drop(uid, id);
    yield;
    return rows;
  }

  function cutTicks(seq: number): number {
    let ticks = 0;
    writer.amend(() => {
      deleting(db, () => (ticks = db.prepare('DELETE FROM tick WHERE seq < ?').run(seq).changes));
      return null;
    });
    return ticks;
  }

  /** Takes out of `left` what rows after `rowid` mention. @returns the last rowid that was asked */
  function ask(left: Set<string>, rowid: number, limit: number): number {
    let last = rowid;
    const rows = db
      .prepare('SELECT rowid, body FROM record WHERE rowid > ? ORDER BY rowid LIMIT ?')
      .iterate(rowid, limit);
    for (const row of rows as IterableIterator<{ readonly rowid: number; readonly body: string }>) {
      for (const [, hash = ''] of row.body.matchAll(mention)) left.delete(hash);
      last = row.rowid;
    }
    return last;
  }

  function* sweep(): Generator<void, number> {
    const noted = db.prepare('SELECT hash FROM unmentioned').pluck().all() as string[];
    if (noted.length === 0) return 0;
    const left = new Set(noted);
    let asked = 0;
    for (let last = ask(left, 0, scanRows); last > asked; last = ask(left, asked, scanRows)) {
      asked = last;
      yield;
    }
    // In the turn in which nothing new was found: no row can come between.
    const remove = db.prepare('DELETE FROM blob WHERE hash = ?');
    writer.amend(() => {
      for (const hash of left) remove.run(hash);
      for (const hash of noted) unnote.run(hash);
      return null;
    });
    yield;
    return left.size;
  }

  return {
    plan: (policy, nowMs) => planPrune(db, policy, nowMs),
    *steps(policy, nowMs) {
      const { cuts, ticksFrom } = planPrune(db, policy, nowMs);
      let rows = 0;
      for (const each of cuts) rows += yield* cut(each);
      const ticks = ticksFrom === null ? 0 : cutTicks(ticksFrom);
      yield;
      const blobs = yield* sweep();
      return { rows, clusters: cuts.filter(({ keepFrom }) => keepFrom === null).length, ticks, blobs };
    },
    nameAll: (nowMs) => {
      if (!isNamingDue(db, nowMs)) return;
      writer.amend(() => {
        const heads = db
          .prepare(
            'SELECT c.uid, c.namespace, c.name, r.seq, r.hash FROM cluster c JOIN record r ON r.cluster_id = c.id WHERE r.seq = (SELECT max(seq) FROM record WHERE cluster_id = c.id) ORDER BY c.id',
          )
          .all() as { uid: string; namespace: string; name: string; seq: number; hash: string }[];
        const named = heads.map(({ uid, namespace, name, seq, hash }) => [uid, [seq, hash, namespace, name]] as const);
        return { [allKey]: [0, ''], ...Object.fromEntries(named) };
      });
    },
    holds: () => holdsOf(db),
    hold: (uid, { fromMs, untilMs, because }) => {
      const id = idOf.get(uid) as number | undefined;
      if (id === undefined) return null;
      let hold = 0;
      writer.amend(() => {
        hold = Number(
          db
            .prepare('INSERT INTO hold (cluster_id, from_at, until_at, because) VALUES (?, ?, ?, ?)')
            .run(id, fromMs, untilMs, because).lastInsertRowid,
        );
        return null;
      });
      return hold;
    },
    release: (id) => {
      let changes = 0;
      writer.amend(() => {
        changes = db.prepare('DELETE FROM hold WHERE id = ?').run(id).changes;
        return null;
      });
      return changes > 0;
    },
  };
}
