/** A new build takes over a journal by a row of its own; an old one leaves alone what a newer one wrote. */
import { describe, expect, it } from 'vitest';
import { adopt, history, type History } from '#machines/cluster/history.ts';
import { upcast } from '#machines/cluster/upcasters.ts';
import { hydrate } from '#src/actor/hydrate.ts';
import { makeCore } from '#src/replay/core.ts';
import { verifyRows } from '#src/replay/verify.ts';
import { aCluster, clusterUid } from '../stream/live-objects.ts';
import { aLine, listed, obliging, seen, settings, type Line } from './line.ts';

/** A line whose operator made a cluster, and its successor of another build on the same journal. */
function succeeded(): { readonly first: Line; readonly second: Line; readonly rowsBefore: number } {
  const first = aLine({ answer: obliging });
  first.tell(settings, seen('PostgresCluster', aCluster()), listed);
  const rowsBefore = first.journal.rowsOf(clusterUid).length;
  const { journal, time } = first;
  const second = aLine({ journal, time, build: 'next-build', epoch: 2, answer: obliging });
  second.tell(settings, seen('PostgresCluster', aCluster()), listed);
  return { first, second, rowsBefore };
}

describe('an upgrade', () => {
  it('is a row with what the new build goes on from, before anything it decides', () => {
    const { second, rowsBefore } = succeeded();
    const rows = second.journal.rowsOf(clusterUid);
    const row = rows[rowsBefore];
    expect(row).toMatchObject({ kind: 'machine-upgrade', type: 'MachineUpgraded', epoch: 2, causedBy: null });
    const body = JSON.parse(row?.body ?? '') as { upgrade: unknown; snapshot: { state: string } };
    expect(body.upgrade).toEqual({ from: 'test-build', to: 'next-build' });
    expect(body.snapshot.state).toBe('Alive.Pending');
    expect(rows[rowsBefore + 1]?.type).toBe('ProcessStarted');
    expect(second.troubles).toEqual([]);
  });

  it('is not written by a build that only restarts', () => {
    const first = aLine({ answer: obliging });
    first.tell(settings, seen('PostgresCluster', aCluster()), listed);
    const { journal, time } = first;
    aLine({ journal, time, epoch: 2 }).tell(settings, seen('PostgresCluster', aCluster()), listed);
    expect(journal.rowsOf(clusterUid).map(({ kind }) => kind)).not.toContain('machine-upgrade');
  });

  it('replays: rows before it and rows after it are byte-identical', () => {
    const { second } = succeeded();
    const rows = second.journal.rowsOf(clusterUid);
    const report = verifyRows(makeCore(), { rows, getBlob: second.journal.blobOf, from: null });
    expect(report).toEqual({ rows: rows.length - 1, verified: rows.length - 1, firstDivergence: null });
  });

  it('lets rows after it be read without those before it', () => {
    const { second, rowsBefore } = succeeded();
    const rows = second.journal.rowsOf(clusterUid).slice(rowsBefore);
    const report = verifyRows(makeCore(), { rows, getBlob: second.journal.blobOf, from: null });
    expect(report.verified).toBe(rows.length - 1);
  });
});

describe('an older build on the journal of a newer one', () => {
  it.each<readonly [string, (line: Line) => void, RegExp]>([
    [
      'whose memory is newer',
      ({ journal }) => {
        const rows = journal.rowsOf(clusterUid);
        const row = rows.find(({ kind }) => kind === 'machine-upgrade');
        journal.damage(clusterUid, row?.seq ?? 0, (row?.body ?? '').replace('"version":1', '"version":99'));
      },
      /row \d+ was written by a newer build: its memory has version 99, newer than this build knows/,
    ],
    [
      'whose observations are newer',
      ({ journal }) => {
        const rows = journal.rowsOf(clusterUid) as unknown as { typeVersion: number }[];
        const last = rows.at(-1);
        if (last !== undefined) rows[rows.length - 1] = { ...last, typeVersion: 7 };
      },
      /in version 7, this build knows versions up to 1/,
    ],
  ])('leaves a cluster alone %s, and says so', (_, change, expected) => {
    const { second } = succeeded();
    change(second);
    const { journal, time } = second;
    journal.snapshots.clear();
    const before = journal.rowsOf(clusterUid).length;
    const third = aLine({ journal, time, epoch: 3, answer: obliging });
    third.tell(settings, seen('PostgresCluster', aCluster()), listed);
    expect(third.troubles).toMatchObject([{ type: 'cluster-parked' }]);
    expect(String((third.troubles[0] as { readonly cause: unknown }).cause)).toMatch(expected);
    expect(third.decisions).toEqual([]);
    expect(journal.rowsOf(clusterUid)).toHaveLength(before);
  });
});

describe('a migration', () => {
  const { second } = succeeded();
  const { standing } = hydrate(makeCore(), second.journal.hydrate(clusterUid));
  const snapshot = standing?.snapshot;
  const later: History = {
    ...history,
    version: 3,
    steps: {
      1: (memory) => ({ ...memory, added: 'in 2' }),
      2: ({ added, ...memory }) => ({ ...memory, renamed: added }),
    },
    states: { 'Alive.Pending': 'Alive.Creating.bootstrapping' },
  };

  it('goes step by step over memory and state path, and leaves the world alone', () => {
    const adopted = adopt(snapshot, later);
    expect(adopted).toMatchObject({
      type: 'migrated',
      from: 1,
      snapshot: { facts: { memory: { version: 3, renamed: 'in 2' }, world: snapshot?.facts.world } },
    });
    expect(JSON.stringify(adopted)).not.toContain('"added"');
    expect(adopt({ ...snapshot, state: 'Alive.Pending' }, later)).toMatchObject({
      snapshot: { state: 'Alive.Creating.bootstrapping' },
    });
  });

  it('gives the same snapshot where there is nothing to migrate', () =>
    expect(adopt(snapshot)).toEqual({ type: 'present', snapshot }));

  it.each([
    ['a step is missing', { ...later, steps: {} }, 'foreign'],
    ['a state is gone', { ...later, isState: () => false }, 'foreign'],
    ['it is newer', { ...later, version: 0 }, 'newer'],
  ] as const)('refuses when %s', (_, changed, type) => expect(adopt(snapshot, changed).type).toBe(type));

  it('upcasts an observation step by step, and refuses a newer one', () => {
    const steps = {
      1: (each: Readonly<Record<string, unknown>>) => ({ ...each, more: 1 }),
      2: (each: Readonly<Record<string, unknown>>) => ({ ...each, most: 2 }),
    };
    const observation = { type: 'LeaderHeard' } as const;
    expect(upcast(1, observation, { version: 3, steps })).toEqual({ type: 'LeaderHeard', more: 1, most: 2 });
    expect(upcast(1, observation)).toBe(observation);
    expect(() => upcast(4, observation, { version: 3, steps })).toThrow(/version 4, this build knows versions up to 3/);
    expect(() => upcast(1, observation, { version: 3, steps: {} })).toThrow(/no step leads from version 1/);
  });
});
