/**
 * Rows go when they are old: weeks of a cluster's life in virtual time, over the real journal and real actors, with an operator
 * that seals and prunes; and a prune that is killed, or loses its power, at every place where it can be.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { hydrate } from '#src/actor/hydrate.ts';
import { openForReading } from '#src/journal/database.ts';
import { openJournal, type Journal as JournalFile } from '#src/journal/journal.ts';
import type { KeepPolicy } from '#src/journal/retention.ts';
import type { Anchor } from '#src/journal/verify.ts';
import { startRetention } from '#src/operator/retention.ts';
import { gapsOf, ownAnchors } from '#src/operator/lineage.ts';
import type { CrashPoint } from '#src/ports.ts';
import { makeCore } from '#src/replay/core.ts';
import { verifyRows } from '#src/replay/verify.ts';
import { makeDisk, type Ending } from '#src/sim/disk.ts';
import { makeScratch } from '#src/sim/scratch.ts';
import { aCluster, aPod, clusterUid, reportOf302 } from '../stream/live-objects.ts';
import { virtualTime, type VirtualTime } from '../stream/virtual-time.ts';
import { aLine, gone, listed, seen, settings, type Line } from '../actor/line.ts';
import { memoryJournal } from '../actor/memory-journal.ts';
import { asPort, clusterOf, manualTicks, opened as plain } from './journals.ts';

// Weeks of virtual time are seconds of a machine that may be shared.
vi.setConfig({ testTimeout: 60_000 });

const scratch = makeScratch();
const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

function aFolder(): string {
  mkdirSync(scratch.folder, { recursive: true });
  const folder = mkdtempSync(join(scratch.folder, 'keep-'));
  folders.push(folder);
  return folder;
}

const dayMs = 86_400_000;
const keepDays = 3;
const policy: KeepPolicy = { ageMs: keepDays * dayMs, bytes: Infinity };
const nobody = { info: () => undefined, warn: () => undefined, error: () => undefined } as never;

interface Life {
  readonly time: VirtualTime;
  readonly file: JournalFile;
  readonly line: Line;
  /** What the cluster's status names. */
  anchor: Anchor | null;
  readonly stop: () => void;
}

function opened(path: string, time: VirtualTime, hit: (point: CrashPoint) => void = () => undefined): JournalFile {
  return openJournal({
    path,
    build: 'test-build',
    anchors: [],
    ports: { ...time, crash: { hit } },
    onWritable: () => undefined,
    onFatal: () => undefined,
    onCommit: () => undefined,
  }).journal;
}

/** A cluster with its operator, which seals and prunes. */
function alive(path: string, keep: KeepPolicy = policy, time = virtualTime()): Life {
  const file = opened(path, time);
  const line = aLine({ time, journal: { ...memoryJournal(), ...asPort(file) } });
  const life: Life = {
    time,
    file,
    line,
    anchor: null,
    stop: () => {
      stop();
      line.stop();
      file.writer.flush();
      file.close();
    },
  };
  const stop = startRetention({
    journal: file,
    actors: line.actors,
    keep,
    ...time,
    log: nobody,
    readAnchors: async () => ({
      anchors: life.anchor === null ? [] : [life.anchor],
      clusters: [],
      epoch: 1,
      unread: [],
    }),
    onPruned: () => undefined,
  });
  line.tell(settings, seen('PostgresCluster', aCluster()), listed);
  return life;
}

let timeline = 1;

/** Lets days go by: a pod changes every half hour, a status is written in the morning. */
async function live({ time, line, file }: Life, days: number, status?: (anchor: Anchor) => void): Promise<void> {
  for (let half = 0; half < days * 48; half += 1) {
    line.tell(seen('Pod', aPod({ ordinal: 0, report: reportOf302({ timeline: (timeline += 1) }) })));
    const head = file.writer.head(clusterUid);
    if (half % 48 === 0 && head !== null) status?.({ uid: clusterUid, ...head });
    for (let pass = 0; pass < 3; pass += 1) {
      time.advance(600_000);
      await turn();
      line.settle();
    }
  }
}

interface Measured {
  readonly firstSeq: number;
  readonly rows: number;
  readonly pages: number;
  readonly blobs: number;
  readonly ticks: number;
  readonly damage: readonly unknown[];
  readonly replayed: ReturnType<typeof verifyRows>;
}

function measured(path: string, anchors: readonly Anchor[] = []): Measured {
  const time = virtualTime();
  const db = openForReading(path);
  const pages = Number(db.pragma('page_count', { simple: true }));
  db.close();
  const file = opened(path, time);
  try {
    const { damage, blobs, ticks } = file.verify(anchors);
    const [cluster] = file.reader.clusters();
    const replayed = verifyRows(makeCore(), {
      rows: file.reader.iterate({ uid: clusterUid }),
      getBlob: file.reader.blob,
      from: null,
    });
    return { firstSeq: cluster?.firstSeq ?? 0, rows: cluster?.rows ?? 0, pages, blobs, ticks, damage, replayed };
  } finally {
    file.close();
  }
}

describe('an operator that runs for weeks', () => {
  it('keeps what its policy says, in a file that stops growing, and every row that is left verifies and replays', async () => {
    const path = join(aFolder(), 'journal.db');
    const life = alive(path);
    const seen: Measured[] = [];
    const name = (anchor: Anchor): void => void (life.anchor = anchor);
    for (let day = 0; day < 12; day += 1) {
      await live(life, 1, name);
      seen.push(measured(path));
    }
    const now = life.time.clock.nowMs();
    life.stop();
    for (const { damage, replayed } of seen) {
      expect(damage).toEqual([]);
      expect(replayed).toMatchObject({ firstDivergence: null, verified: replayed.rows });
    }
    const [third, last] = [seen[5], seen.at(-1)];
    expect(last?.firstSeq).toBeGreaterThan(third?.firstSeq ?? 0);
    // A row, a base row and a tick more or less; never a day's worth.
    for (const key of ['rows', 'blobs', 'ticks'] as const)
      expect(last?.[key], key).toBeLessThanOrEqual((third?.[key] ?? 0) + 40);
    expect(last?.pages).toBeLessThanOrEqual((third?.pages ?? 0) + 2);
    const file = opened(path, virtualTime());
    const [first] = file.reader.rows({ uid: clusterUid, limit: 1 });
    expect(first?.kind).toBe('base');
    // Nothing goes before its time.
    expect(now - (first?.at ?? 0)).toBeGreaterThanOrEqual(policy.ageMs);
    expect(now - (first?.at ?? 0)).toBeLessThan(policy.ageMs + 2 * dayMs);
    file.close();
  });

  it('comes back to life from the base row alone, without its snapshot, as it was', async () => {
    const path = join(aFolder(), 'journal.db');
    const life = alive(path);
    await live(life, 6);
    const before = JSON.stringify(life.line.actors.snapshotOf(clusterUid));
    life.stop();
    const file = opened(path, virtualTime());
    const journaled = { ...asPort(file).hydrate(clusterUid), snapshot: null };
    const { standing, divergedAt, writtenBy } = hydrate(makeCore(), journaled);
    expect(file.reader.firstSeq(clusterUid)).toBeGreaterThan(1);
    expect(divergedAt).toBeNull();
    expect(writtenBy).toBe('test-build');
    expect(JSON.stringify(standing?.snapshot)).toBe(before);
    file.close();
  });

  it('a status that is older than all that is kept is still proved: no quarantine, no gap', async () => {
    const path = join(aFolder(), 'journal.db');
    const life = alive(path);
    await live(life, 1, (anchor) => (life.anchor = anchor));
    // Nothing about it changes any more that a status would tell.
    await live(life, 9);
    const { anchor } = life;
    life.stop();
    if (anchor === null) throw new Error('no status was written');
    const file = opened(path, virtualTime());
    expect(file.reader.row(clusterUid, anchor.seq)).toBeNull();
    const cluster = { namespace: 'default', name: 'shop', journalIntact: true };
    expect(ownAnchors(file.reader, [anchor])).toEqual([anchor]);
    expect(file.verify([anchor]).damage).toEqual([]);
    expect(gapsOf(file.reader, [{ ...cluster, anchor }], null)).toEqual([]);
    expect(gapsOf(file.reader, [{ ...cluster, anchor: { ...anchor, seq: 0, head: '' } }], null)).toEqual([]);
    const other = { ...anchor, head: 'f'.repeat(64) };
    expect(file.verify([other]).damage).toMatchObject([{ because: expect.stringContaining('which was pruned') }]);
    file.close();
  });

  it('a hold keeps its rows, and everything after them, until it is released', async () => {
    const path = join(aFolder(), 'journal.db');
    const life = alive(path);
    await live(life, 2);
    const fromMs = life.time.clock.nowMs() - 3 * 3_600_000;
    const id = life.file.pruner.hold(clusterUid, { fromMs, untilMs: fromMs + 3_600_000, because: 'incident 7' });
    await live(life, 8);
    const [first] = life.file.reader.rows({ uid: clusterUid, limit: 1 });
    expect(first?.at).toBeLessThanOrEqual(fromMs);
    expect(life.file.pruner.plan(policy, life.time.clock.nowMs()).held).toMatchObject([{ because: 'incident 7' }]);
    expect(life.file.pruner.release(id ?? 0)).toBe(true);
    await live(life, 1);
    expect(life.file.reader.rows({ uid: clusterUid, limit: 1 })[0]?.at).toBeGreaterThan(fromMs + 4 * dayMs);
    expect(life.file.verify().damage).toEqual([]);
    life.stop();
  });

  it('a cluster that is gone goes as a whole in its time, and the operator’s chain says so', async () => {
    const path = join(aFolder(), 'journal.db');
    const life = alive(path);
    await live(life, 1);
    life.line.tell(gone('PostgresCluster', aCluster()));
    for (let pass = 0; pass < (keepDays + 1) * 144; pass += 1) {
      life.time.advance(600_000);
      await turn();
    }
    expect(life.file.reader.clusters()).toEqual([]);
    expect(life.file.verify().damage).toEqual([]);
    const { blobs } = life.file.verify();
    expect(blobs).toBe(0);
    life.stop();
    expect(measured(path).damage).toEqual([]);
  });

  it('a clock that is weeks ahead makes no row old, before a restart and after it', async () => {
    const path = join(aFolder(), 'journal.db');
    const time = virtualTime();
    let aheadMs = 0;
    const clock = { ...time.clock, nowMs: () => time.clock.nowMs() + aheadMs };
    const life = alive(path, policy, { ...time, clock });
    await live(life, 2);
    const rowsBefore = life.file.reader.clusters()[0]?.rows ?? 0;
    aheadMs = 35 * dayMs;
    // Nothing happens any more, but the journal is looked after.
    for (let pass = 0; pass < 6; pass += 1) {
      time.advance(600_000);
      await turn();
    }
    expect(life.file.reader.firstSeq(clusterUid)).toBe(1);
    expect(life.file.reader.clusters()[0]?.rows ?? 0).toBeGreaterThanOrEqual(rowsBefore);
    life.stop();
    const other = join(aFolder(), 'journal.db');
    aheadMs = 0;
    const earlier = alive(other, policy, { ...time, clock });
    await live(earlier, 2);
    earlier.stop();
    aheadMs = 35 * dayMs;
    const file = opened(other, { ...time, clock });
    expect(file.pruner.plan(policy, file.ageNowMs()).cuts).toEqual([]);
    expect(file.pruner.plan(policy, clock.nowMs()).cuts).toHaveLength(1);
    file.close();
  });

  it('too much of it goes before its time, down to the bytes that are allowed', async () => {
    const path = join(aFolder(), 'journal.db');
    const keep = { ageMs: Infinity, bytes: 250_000 };
    const life = alive(path, keep);
    await live(life, 8);
    const rows = life.file.reader.rows({ uid: clusterUid });
    const bytes = rows.reduce((sum, { body }) => sum + Buffer.byteLength(body), 0);
    expect(rows[0]?.kind).toBe('base');
    expect(bytes).toBeLessThan(450_000);
    expect(life.file.verify().damage).toEqual([]);
    life.stop();
  });

  it('of several busy clusters the file stays within its bound, and the quiet ones keep what they have', () => {
    const ticks = manualTicks();
    const { journal } = plain(join(aFolder(), 'journal.db'), ticks);
    const [shop, billing, quiet] = [0, 1, 2].map(clusterOf);
    const add = (cluster = clusterOf(0), bytes = 4000): void => {
      const seq = journal.writer.nextSeq(cluster.uid);
      const text = journal.writer.blob(`${cluster.uid} ${seq} ${'x'.repeat(bytes)}`);
      const kind = seq % 20 === 0 ? 'base' : 'observation';
      const body = JSON.stringify({ text: { $blob: text }, more: 'y'.repeat(bytes) });
      const rest = { epoch: 1, kind, type: 'PodSeen', typeVersion: 1, maskVersion: 1, causedBy: null } as const;
      journal.writer.append({ cluster, at: 1_700_000_000_000 + seq, body, ...rest });
      ticks.run();
    };
    const rowsOf = (uid = ''): number => journal.reader.clusters().find((each) => each.uid === uid)?.rows ?? 0;
    for (let count = 0; count < 60; count += 1) add(quiet, 100);
    const keep = { ageMs: Infinity, bytes: 100_000_000, fileBytes: 3_000_000 };
    const used: number[] = [];
    for (let pass = 0; pass < 12; pass += 1) {
      for (let count = 0; count < 60; count += 1) {
        add(shop);
        if (count % 2 === 0) add(billing);
      }
      for (const _ of journal.pruner.steps(keep, 1_700_000_000_000)) ticks.run();
      expect(journal.verify().damage).toEqual([]);
      const db = openForReading(journal.path);
      const pages = ['page_count', 'freelist_count'].map((name) => Number(db.pragma(name, { simple: true })));
      db.close();
      used.push(((pages[0] ?? 0) - (pages[1] ?? 0)) * 16_384);
    }
    // Rows go up to a base row: some twenty of a cluster more or less.
    for (const bytes of used) expect(bytes).toBeLessThan(keep.fileBytes + 400_000);
    expect(used.at(-1)).toBeGreaterThan(keep.fileBytes / 2);
    expect(rowsOf(quiet?.uid)).toBe(60);
    expect(rowsOf(shop?.uid)).toBeGreaterThan(20);
    expect(rowsOf(billing?.uid)).toBeGreaterThan(20);
    expect(Math.abs(rowsOf(shop?.uid) - rowsOf(billing?.uid))).toBeLessThan(40);
    journal.close();
  });
});

class Killed extends Error {}

describe('a prune that ends in the midst', () => {
  it.each<Ending>(['kill', 'power', 'torn'])(
    'by %s loses nothing that is to be kept, wherever it is',
    async (ending) => {
      const folder = aFolder();
      const disk = makeDisk(folder);
      disk.pass(0, 'amnesia');
      const forever = { ageMs: Infinity, bytes: Infinity };
      const life = alive(disk.pathOf(1), forever);
      await live(life, 8);
      const nowMs = life.time.clock.nowMs();
      const head = life.file.writer.head(clusterUid);
      life.stop();
      if (head === null) throw new Error('there are no rows');
      const before = rowsOf(disk.pathOf(1));
      let endings = 0;
      let finished = false;
      for (let place = 0; !finished; place += 1) {
        // Every life begins with the whole file and dies one place further on.
        disk.pass(0, 'amnesia');
        makeDisk(folder).pass(1, 'kill');
        let passed = 0;
        const file = opened(disk.pathOf(2), virtualTime(), (point) => {
          if (point !== 'mid-compaction' && point !== 'after-commit') return;
          passed += 1;
          if (passed <= place) return;
          disk.pass(2, point === 'mid-compaction' && ending !== 'kill' ? 'kill' : ending, place);
          throw new Killed(point);
        });
        try {
          finished = [...file.pruner.steps(policy, nowMs)].length > 0;
        } catch (error) {
          if (!(error instanceof Killed)) throw error;
          endings += 1;
          const left = measured(disk.pathOf(3), [{ uid: clusterUid, ...head }]);
          expect(left.damage, `place ${place}`).toEqual([]);
          expect(left.replayed).toMatchObject({ firstDivergence: null, verified: left.replayed.rows });
          // What is left is the end of what was there, and begins not later than the policy says.
          const rows = rowsOf(disk.pathOf(3));
          expect(before.slice(-rows.length)).toEqual(rows);
          expect(rows[0]?.at).toBeLessThanOrEqual(Math.max(nowMs - policy.ageMs, before[0]?.at ?? 0));
        } finally {
          file.close();
        }
      }
      expect(endings).toBeGreaterThan(5);
      expect(rowsOf(disk.pathOf(2)).length).toBeLessThan(before.length / 2);
    },
  );
});

function rowsOf(path: string): readonly { readonly seq: number; readonly hash: string; readonly at: number }[] {
  const file = opened(path, virtualTime());
  try {
    return file.reader.rows({ uid: clusterUid }).map(({ seq, hash, at }) => ({ seq, hash, at }));
  } finally {
    file.close();
  }
}

describe('the texts of rows that went', () => {
  it('stay where another row mentions them, also one that is written between the asking and the deletion', () => {
    const ticks = manualTicks();
    const { journal } = plain(join(aFolder(), 'journal.db'), ticks);
    const append = (kind: 'observation' | 'base', text?: string): void => {
      const body = text === undefined ? '{}' : `{"b":{"$blob":"${journal.writer.blob(text)}"}}`;
      const { uid, namespace, name } = clusterOf(0);
      const stamp = { epoch: 1, at: 1, type: 'T', typeVersion: 1, maskVersion: 1, causedBy: null };
      journal.writer.append({ cluster: { uid, namespace, name }, kind, body, ...stamp });
      ticks.run();
    };
    for (const text of ['gone', 'shared', 'asked for again']) append('observation', text);
    append('base');
    append('observation', 'shared');
    append('base');
    const steps = journal.pruner.steps({ ageMs: 1, bytes: Infinity }, 10);
    // The cut, the ticks, then a scan of what there is.
    for (let step = 0; step < 3; step += 1) expect(steps.next().done).toBe(false);
    append('observation', 'asked for again');
    // The row that came is asked too, then what is left goes.
    expect([...steps]).toHaveLength(2);
    const { damage, blobs, rows } = journal.verify();
    expect(damage).toEqual([]);
    expect({ blobs, rows }).toEqual({ blobs: 2, rows: 4 });
    journal.close();
  });
});
