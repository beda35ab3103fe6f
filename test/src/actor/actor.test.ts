import { describe, expect, it } from 'vitest';
import type { Memory } from '#machines/cluster/facts.ts';
import type { Outcome } from '#machines/cluster/observations.ts';
import { hydrate } from '#src/actor/hydrate.ts';
import { snapshotRows } from '#src/actor/actor.ts';
import { makeCore } from '#src/replay/core.ts';
import type { Core } from '#src/replay/redecide.ts';
import { encodeStanding } from '#src/replay/snapshot-text.ts';
import { verifyRows } from '#src/replay/verify.ts';
import { aCluster, aPod, clusterUid, leaderEndpoints, reportOf302 } from '../stream/live-objects.ts';
import { aLine, gone, type Line, listed, obliging, seen, settings } from './line.ts';

const shop = { uid: clusterUid, namespace: 'team-a', name: 'shop' };

function pod(ordinal: number, timeline = 1): unknown {
  return aPod({ ordinal, report: reportOf302({ timeline, role: ordinal === 0 ? 'master' : 'replica' }) });
}

function introduced(line: Line): Line {
  line.tell(settings, seen('PostgresCluster', aCluster()), listed);
  return line;
}

function typesOf(line: Line): readonly string[] {
  return line.journal.rowsOf(clusterUid).map(({ type }) => type);
}

function verified(line: Line): string {
  const {
    rows,
    verified: same,
    firstDivergence,
  } = verifyRows(makeCore(), { rows: line.journal.rowsOf(clusterUid), getBlob: line.journal.blobOf, from: null });
  return firstDivergence === null ? `${same} of ${rows}` : JSON.stringify(firstDivergence);
}

describe('an actor', () => {
  it('records ProcessStarted first, then what it hears, each with its kind', () => {
    const line = introduced(aLine());
    expect(
      line.journal
        .rowsOf(clusterUid)
        .slice(0, 5)
        .map(({ seq, kind, type }) => `${seq} ${kind} ${type}`),
    ).toEqual([
      '1 process ProcessStarted',
      '2 config OperatorConfigSeen',
      '3 observation ClusterSeen',
      '4 observation PublishedStatusSeen',
      '5 synced Synced',
    ]);
  });

  it('hands nothing over before the row is durable', () => {
    const line = aLine({ answer: obliging });
    line.tellUncommitted(settings, seen('PostgresCluster', aCluster()), listed);
    expect(line.journal.rowsOf(clusterUid).length).toBeGreaterThan(0);
    expect(line.decisions).toEqual([]);
    line.journal.commit();
    const wished = line.decisions.flatMap(({ decision }) => decision.intents);
    expect(wished.length).toBeGreaterThan(0);
  });

  it('hands decisions over in the order of rows when every intent is answered at once', () => {
    const line = introduced(aLine({ answer: obliging }));
    const seqs = line.decisions.map(({ stamp }) => stamp.seq);
    expect(seqs.length).toBeGreaterThan(20);
    expect(seqs).toEqual(seqs.map((_, index) => index + 1));
    const rows = line.journal.rowsOf(clusterUid);
    const outcomes = rows.filter(({ type }) => type === 'OutcomeArrived');
    expect(outcomes.length).toBe(line.decisions.flatMap(({ decision }) => decision.intents).length);
    expect(outcomes.every(({ causedBy, seq }) => causedBy !== null && causedBy < seq)).toBe(true);
    expect(line.troubles).toEqual([]);
  });

  it('never stamps a row earlier than the row before, whatever the wall clock does', () => {
    const line = introduced(aLine());
    const last = line.journal.rowsOf(clusterUid).at(-1)?.at ?? 0;
    line.time.setWall(1000);
    line.tell(seen('Pod', pod(0)));
    expect(line.journal.rowsOf(clusterUid).at(-1)).toMatchObject({ type: 'ObjectSeen', at: last });
  });

  it('ends with its cluster, and what comes later is nobody’s', () => {
    const line = introduced(aLine());
    line.tell(gone('PostgresCluster', aCluster()));
    expect(typesOf(line).at(-1)).toBe('ClusterGone');
    expect(line.actors.clusters()).toEqual([]);
    const rows = typesOf(line).length;
    line.tell({
      type: 'feedback',
      cluster: shop,
      causedBy: 1,
      observation: { type: 'TimerFired', id: 'status', dueAt: 1 },
    });
    line.time.advance(10 * 60_000);
    expect(typesOf(line)).toHaveLength(rows);
  });

  it('takes its finalizer off once, and writes no status after it, while the watch is behind', () => {
    const line = aLine({ answer: obliging });
    line.tell(settings, seen('PostgresCluster', aCluster({ deleting: true })), listed);
    const wished = line.decisions
      .map(({ decision }) => decision.intents.map(({ type }) => type))
      .filter((types) => types.length > 0);
    expect(wished.flat().filter((type) => type === 'ReleaseFinalizer')).toHaveLength(1);
    expect(wished.at(-1)).toContain('ReleaseFinalizer');
  });

  it('keeps every row decidable again, byte for byte', () => {
    const line = introduced(aLine({ answer: obliging }));
    line.tell(seen('Pod', pod(0)), seen('Endpoints', leaderEndpoints()));
    line.tell(seen('Pod', pod(1)), gone('Pod', pod(0)));
    line.time.advance(60_000);
    line.settle();
    expect(verified(line)).toBe(`${typesOf(line).length} of ${typesOf(line).length}`);
  });
});

describe('what goes wrong', () => {
  function failing(when: (type: string, uid: string) => boolean): Core {
    const core = makeCore();
    return {
      ...core,
      decide: (input) => {
        const uid =
          input.observation.type === 'ClusterSeen'
            ? input.observation.cluster.uid
            : (input.snapshot.facts.world.cluster?.seen.uid ?? '');
        if (when(input.observation.type, uid)) throw new Error('a bug');
        return core.decide(input);
      },
    };
  }

  it('with one observation costs that observation, not its cluster', () => {
    let broken = true;
    const line = introduced(aLine({ core: failing((type) => type === 'ObjectSeen' && broken) }));
    line.tell(seen('Pod', pod(0)));
    expect(line.troubles).toMatchObject([{ type: 'observation-parked', cluster: shop, observation: 'ObjectSeen' }]);
    broken = false;
    line.tell(seen('Pod', pod(0, 2)));
    expect(typesOf(line).at(-1)).toBe('ObjectSeen');
    expect(verified(line)).toBe(`${typesOf(line).length} of ${typesOf(line).length}`);
  });

  it('with one cluster costs no other', () => {
    const line = aLine({ core: failing((_, uid) => uid === 'bad') });
    line.tell(
      settings,
      seen('PostgresCluster', aCluster({ uid: 'bad', name: 'bad' })),
      seen('PostgresCluster', aCluster()),
      listed,
    );
    expect(line.troubles.every(({ cluster }) => cluster.name === 'bad')).toBe(true);
    expect(line.troubles.length).toBeGreaterThan(0);
    expect(line.actors.snapshotOf(clusterUid)?.facts.world.knowledge.type).toBe('known');
  });

  it('with a journal of one cluster leaves that cluster alone', () => {
    const first = introduced(aLine());
    first.journal.damage(clusterUid, 3, '{"observation":');
    first.journal.snapshots.clear();
    const line = aLine({ journal: first.journal, epoch: 2 });
    line.tell(
      settings,
      seen('PostgresCluster', aCluster()),
      seen('PostgresCluster', aCluster({ uid: 'other', name: 'other' })),
      listed,
    );
    expect(line.troubles).toMatchObject([{ type: 'cluster-parked', cluster: shop }]);
    expect(line.actors.clusters().map(({ name }) => name)).toEqual(['other']);
  });

  it('with appending a row ends the line: nothing may be done that is not recorded', () => {
    const line = aLine();
    const refusing = { ...line.journal, append: () => ({ seq: 999 }) };
    const broken = aLine({ journal: refusing });
    let failed = '';
    // The line subscribes without an error handler, so the error surfaces as an uncaught one.
    const listener = (cause: Error): void => void (failed = cause.message);
    process.once('uncaughtException', listener);
    broken.tell(settings, seen('PostgresCluster', aCluster()));
    return new Promise<void>((done) => {
      setTimeout(() => {
        process.removeListener('uncaughtException', listener);
        expect(failed).toMatch(/decided as seq 1 and appended as 999/);
        expect(broken.decisions).toEqual([]);
        done();
      }, 0);
    });
  });
});

describe('a restart', () => {
  it('brings the actor back with the same bytes, from rows alone and from any snapshot', () => {
    const line = introduced(aLine({ answer: obliging }));
    line.tell(seen('Pod', pod(0)), seen('Endpoints', leaderEndpoints()));
    for (let timeline = 2; timeline < 130; timeline += 1) line.tell(seen('Pod', pod(1, timeline)));
    const snapshot = line.actors.snapshotOf(clusterUid);
    expect(typesOf(line).length).toBeGreaterThan(2 * snapshotRows);
    const cached = line.journal.snapshots.get(clusterUid);
    expect(cached?.seq).toBe(typesOf(line).length - (typesOf(line).length % snapshotRows));
    const fromSnapshot = hydrate(makeCore(), line.journal.hydrate(clusterUid));
    const fromRows = hydrate(makeCore(), { ...line.journal.hydrate(clusterUid), snapshot: null });
    expect(fromSnapshot.rows).toBe(typesOf(line).length % snapshotRows);
    expect(fromRows.rows).toBe(typesOf(line).length);
    expect([fromSnapshot.divergedAt, fromRows.divergedAt]).toEqual([null, null]);
    expect(fromSnapshot.standing === null ? '' : encodeStanding(fromSnapshot.standing)).toBe(
      fromRows.standing === null ? '' : encodeStanding(fromRows.standing),
    );
    expect(JSON.stringify(fromRows.standing?.snapshot)).toBe(JSON.stringify(snapshot));
  });

  it('takes a snapshot when it stops, so that nothing has to be decided again', () => {
    const line = introduced(aLine());
    expect(line.journal.snapshots.size).toBe(0);
    line.stop();
    expect(hydrate(makeCore(), line.journal.hydrate(clusterUid))).toMatchObject({ rows: 0, divergedAt: null });
  });

  it('does not believe a snapshot of another format or a damaged one', () => {
    const line = introduced(aLine());
    line.stop();
    const { seq, bytes } = line.journal.snapshots.get(clusterUid) ?? { seq: 0, bytes: '' };
    for (const other of [
      bytes.replace('"format":1', '"format":2'),
      bytes.slice(0, -9),
      bytes.replace('Alive.', 'Undead.'),
      '',
    ]) {
      line.journal.snapshots.set(clusterUid, { seq, build: 'test-build', bytes: other });
      expect(hydrate(makeCore(), line.journal.hydrate(clusterUid)).rows).toBe(seq);
    }
  });

  it('says when rows come out otherwise than recorded', () => {
    const line = introduced(aLine());
    const body = line.journal.rowsOf(clusterUid)[4]?.body ?? '';
    line.journal.damage(clusterUid, 5, body.replace(/"to":"[^"]+"/, '"to":"Alive.Running"'));
    const next = introduced(aLine({ journal: line.journal, epoch: 2 }));
    expect(next.troubles).toEqual([{ type: 'hydration-diverged', cluster: shop, seq: 5 }]);
    expect(JSON.parse(verified(line))).toMatchObject({ seq: 5, pointer: '/to', recorded: '"Alive.Running"' });
  });

  it('counts every intent without an answer as unknown, before anything new is decided', () => {
    const first = introduced(aLine());
    const open = Object.values(first.actors.snapshotOf(clusterUid)?.facts.memory.open ?? {});
    expect(open.length).toBeGreaterThan(0);
    const rowsBefore = typesOf(first).length;
    const line = aLine({ journal: first.journal, time: first.time, epoch: 2 });
    line.tell(settings, seen('PostgresCluster', aCluster()));
    const rows = line.journal.rowsOf(clusterUid).slice(rowsBefore);
    expect(rows.map(({ type }) => type)).toEqual([
      'ProcessStarted',
      ...open.map(() => 'OutcomeArrived'),
      'OperatorConfigSeen',
      'ClusterSeen',
      'PublishedStatusSeen',
    ]);
    const lost = rows.slice(1, 1 + open.length);
    expect(lost.map(({ causedBy }) => causedBy)).toEqual(
      open.map(({ seq }) => seq).toSorted((left, right) => left - right),
    );
    expect(lost.map(({ body }) => JSON.parse(body).observation.outcome)).toEqual(
      open.map(() => ({ type: 'unknown', reason: 'the operator restarted before an answer came' })),
    );
    expect(rows.every(({ epoch }) => epoch === 2)).toBe(true);
    expect(line.actors.snapshotOf(clusterUid)?.facts.memory.open).toEqual({});
    expect(line.decisions.flatMap(({ decision }) => decision.intents)).toEqual([]);
  });

  it('decides nothing before the picture is whole again', () => {
    const first = introduced(aLine({ answer: obliging }));
    const line = aLine({ journal: first.journal, time: first.time, epoch: 2, answer: obliging });
    line.tell(settings, seen('PostgresCluster', aCluster()), seen('Pod', pod(0)));
    line.time.advance(60_000);
    line.settle();
    expect(line.decisions.flatMap(({ decision }) => decision.intents)).toEqual([]);
    line.tell(listed);
    expect(line.decisions.flatMap(({ decision }) => decision.intents).length).toBeGreaterThan(0);
  });

  it('records nothing again of objects that have not changed', () => {
    const first = introduced(aLine());
    first.tell(seen('Pod', pod(0)), seen('Endpoints', leaderEndpoints()));
    const rowsBefore = typesOf(first).length;
    first.stop();
    const line = aLine({ journal: first.journal, time: first.time, epoch: 2 });
    line.tell(
      settings,
      seen('PostgresCluster', aCluster()),
      seen('Pod', pod(0)),
      seen('Endpoints', leaderEndpoints()),
      listed,
    );
    expect(typesOf(line).slice(rowsBefore)).not.toContain('ObjectSeen');
    expect(Object.keys(line.actors.snapshotOf(clusterUid)?.facts.world.objects ?? {}).toSorted()).toEqual([
      'Endpoints/shop',
      'Pod/shop-0',
    ]);
    expect(verified(line)).toBe(`${typesOf(line).length} of ${typesOf(line).length}`);
  });
});

describe('a timer', () => {
  const refused: Outcome = { type: 'transient', reason: 'TooManyRequests', message: 'slow down', retryAfterMs: null };

  function withRetry(fraction: number): Line {
    return introduced(aLine({ answer: (intent) => (intent.type === 'AddFinalizer' ? refused : null), fraction }));
  }

  const retry = 'retry/PostgresCluster/';

  function firings(line: Line): readonly { readonly causedBy: number | null; readonly body: string }[] {
    return line.journal.rowsOf(clusterUid).filter(({ type, body }) => type === 'TimerFired' && body.includes(retry));
  }

  function settingRow(line: Line): { readonly seq: number } | undefined {
    const sets = (body: string): boolean =>
      JSON.parse(body).timers.set.some(({ id }: { readonly id: string }) => id.startsWith(retry));
    return line.journal.rowsOf(clusterUid).find(({ body }) => sets(body));
  }

  it('fires when it is due, caused by the row that set it', () => {
    const line = withRetry(0);
    line.time.advance(4_999);
    line.settle();
    expect(firings(line)).toHaveLength(0);
    line.time.advance(1);
    line.settle();
    expect(firings(line)).toHaveLength(1);
    expect(firings(line)[0]?.causedBy).toBe(settingRow(line)?.seq);
  });

  it('ends a trouble whose wish is gone: a failure that nobody would try again stayed for ever', () => {
    const line = withRetry(0);
    const memory = (): Memory | undefined => line.actors.snapshotOf(clusterUid)?.facts.memory;
    expect(memory()?.conditions['ReconcileFailing']?.status).toBe('True');
    line.tell(seen('PostgresCluster', aCluster({ version: '901', finalized: true })));
    line.time.advance(6_000);
    line.settle();
    expect(Object.keys(memory()?.failures ?? {}).filter((key) => key !== 'Status')).toEqual([]);
    expect(memory()?.conditions['ReconcileFailing']?.status).toBe('False');
  });

  it('is late by its jitter, and its due time is the recorded one', () => {
    const line = withRetry(0.5);
    const { dueAt } = Object.entries(line.actors.snapshotOf(clusterUid)?.facts.memory.timers ?? {}).find(([id]) =>
      id.startsWith('retry/'),
    )?.[1] ?? { dueAt: 0 };
    line.time.advance(5_249);
    line.settle();
    expect(firings(line)).toHaveLength(0);
    line.time.advance(1);
    line.settle();
    expect(JSON.parse(firings(line)[0]?.body ?? '{}')).toMatchObject({ observation: { dueAt } });
    expect(verified(line)).toBe(`${typesOf(line).length} of ${typesOf(line).length}`);
  });

  it('that was cleared or set anew while its firing waited is not recorded', () => {
    const line = withRetry(0);
    const rows = typesOf(line).length;
    line.tell({
      type: 'feedback',
      cluster: shop,
      causedBy: 1,
      observation: { type: 'TimerFired', id: 'retry/PostgresCluster/shop', dueAt: 12 },
    });
    expect(typesOf(line)).toHaveLength(rows);
  });

  it('that became due while nobody ran fires at the next start', () => {
    const first = withRetry(0);
    first.stop();
    first.time.advance(3_600_000);
    expect(firings(first)).toHaveLength(0);
    const line = aLine({ journal: first.journal, time: first.time, epoch: 2 });
    line.tell(settings, seen('PostgresCluster', aCluster()), listed);
    line.time.advance(0);
    line.settle();
    expect(firings(line)).toHaveLength(1);
    expect(firings(line)[0]?.causedBy).toBe(settingRow(first)?.seq);
  });

  it('that is not due yet waits for the rest of its time', () => {
    const first = withRetry(0);
    first.stop();
    first.time.advance(2_000);
    const line = aLine({ journal: first.journal, time: first.time, epoch: 2 });
    line.tell(settings, seen('PostgresCluster', aCluster()), listed);
    line.time.advance(2_999);
    line.settle();
    expect(firings(line)).toHaveLength(0);
    line.time.advance(1);
    line.settle();
    expect(firings(line)).toHaveLength(1);
  });
});
