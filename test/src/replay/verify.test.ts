import { describe, expect, it } from 'vitest';
import type { JournalRow } from '#src/replay/redecide.ts';
import { makeCore } from '#src/replay/core.ts';
import { encodeStanding } from '#src/replay/snapshot-text.ts';
import { verifyRows, type VerifyReport } from '#src/replay/verify.ts';
import { hydrate } from '#src/actor/hydrate.ts';
import { aLine, listed, obliging, seen, settings, type Line } from '../actor/line.ts';
import { aCluster, aPod, clusterUid, reportOf302 } from '../stream/live-objects.ts';

function recorded(): Line {
  const line = aLine({ answer: obliging });
  line.tell(settings, seen('PostgresCluster', aCluster()), listed);
  for (let timeline = 1; timeline < 6; timeline += 1)
    line.tell(seen('Pod', aPod({ ordinal: 0, report: reportOf302({ timeline }) })));
  return line;
}

function verify(
  line: Line,
  change: (rows: readonly JournalRow[]) => readonly JournalRow[] = (rows) => rows,
): VerifyReport {
  return verifyRows(makeCore(), {
    rows: change(line.journal.rowsOf(clusterUid)),
    getBlob: line.journal.blobOf,
    from: null,
  });
}

describe('replay', () => {
  it('proves every row of what this build recorded', () => {
    const line = recorded();
    const rows = line.journal.rowsOf(clusterUid).length;
    expect(rows).toBeGreaterThan(20);
    expect(verify(line)).toEqual({ rows, verified: rows, firstDivergence: null });
  });

  it('names the first row, the place and both sides of a difference', () => {
    const changed = verify(recorded(), (rows) =>
      rows.map((row) =>
        row.seq === 7 ? { ...row, body: row.body.replace('"reads":[]', '"reads":[{"kind":"Pod"}]') } : row,
      ),
    );
    expect(changed.firstDivergence).toEqual({
      seq: 7,
      pointer: '/reads/0',
      recorded: '{"kind":"Pod"}',
      computed: null,
    });
    expect(changed.verified).toBe(changed.rows - 1);
  });

  it('sees a stamp that was changed, in the due times it goes into', () => {
    const line = recorded();
    const setting = line.journal.rowsOf(clusterUid).find(({ body }) => body.includes('"dueAt"'))?.seq;
    const changed = verify(line, (rows) => rows.map((row) => (row.seq === setting ? { ...row, at: row.at + 1 } : row)));
    expect(changed.firstDivergence).toMatchObject({ seq: setting });
    expect(changed.firstDivergence?.pointer).toMatch(/^\/timers\/set\/0\/dueAt$/);
  });

  it('compares bytes, not values: another order of keys is a difference', () => {
    const changed = verify(recorded(), (rows) =>
      rows.map((row) => (row.seq === 6 ? { ...row, body: ` ${row.body}` } : row)),
    );
    expect(changed.firstDivergence).toMatchObject({ seq: 6, pointer: '' });
  });

  it('goes on over a row it cannot read', () => {
    const changed = verify(recorded(), (rows) => rows.map((row) => (row.seq === 8 ? { ...row, body: '{' } : row)));
    expect(changed).toMatchObject({ firstDivergence: { seq: 8, pointer: '' } });
  });

  it('begins at a base row as well as at the first', () => {
    const line = recorded();
    const rows = line.journal.rowsOf(clusterUid);
    const middle = 6;
    const early = hydrate(makeCore(), {
      snapshot: null,
      rows: () => rows.slice(0, middle),
      getBlob: line.journal.blobOf,
    });
    if (early.standing === null) throw new Error('nothing was hydrated');
    const base: JournalRow = {
      seq: 7,
      epoch: 1,
      at: early.standing.at,
      kind: 'base',
      type: 'Base',
      typeVersion: 1,
      body: encodeStanding(early.standing),
    };
    const note: JournalRow = { ...base, kind: 'machine-upgrade', type: 'MachineUpgraded' };
    expect(verify(line, () => [base, note, ...rows.slice(middle)])).toMatchObject({
      rows: rows.length - 6,
      verified: rows.length - 6,
    });
    expect(verify(line, () => rows.slice(middle)).firstDivergence).not.toBeNull();
  });

  // Hazard: what a base row says is believed, and proves itself: rows before it came to something else.
  it('holds a base row to the rows before it', () => {
    const line = recorded();
    line.actors.seal(clusterUid, null);
    line.settle();
    line.tell(seen('Pod', aPod({ ordinal: 0, report: reportOf302({ timeline: 7 }) })));
    expect(verify(line).firstDivergence).toBeNull();
    const base = line.journal.rowsOf(clusterUid).find(({ kind }) => kind === 'base');
    const changed = verify(line, (rows) =>
      rows.map((row) =>
        row.seq === base?.seq ? { ...row, body: row.body.replaceAll('"timeline":5', '"timeline":4') } : row,
      ),
    );
    expect(changed.firstDivergence).toMatchObject({ seq: base?.seq, recorded: '4', computed: '5' });
    expect(changed.firstDivergence?.pointer).toMatch(/^\/snapshot\/facts\/.*timeline$/);
  });

  it('knows nothing after a gap: what others decided in between is not in these rows', () => {
    const first = recorded().journal.rowsOf(clusterUid);
    const last = first.at(-1)?.seq ?? 0;
    const gap: JournalRow = {
      seq: last + 1,
      epoch: 1,
      at: 0,
      kind: 'gap',
      type: 'JournalLost',
      typeVersion: 1,
      body: '{}',
    };
    const line = recorded();
    const again = first.map((row) => ({ ...row }));
    const all = verifyRows(makeCore(), { rows: [...again, gap, ...again], getBlob: line.journal.blobOf, from: null });
    expect(all).toEqual({ rows: 2 * first.length, verified: 2 * first.length, firstDivergence: null });
    const without = verifyRows(makeCore(), { rows: [...again, ...again], getBlob: line.journal.blobOf, from: null });
    expect(without.firstDivergence).not.toBeNull();
    const { standing, rows } = hydrate(makeCore(), {
      snapshot: null,
      rows: () => [...again, gap],
      getBlob: line.journal.blobOf,
    });
    expect([standing, rows]).toEqual([null, first.length]);
  });
});
