import { BehaviorSubject, Subject } from 'rxjs';
import { describe, expect, it } from 'vitest';
import type { ClusterObservation } from '#machines/cluster/observations.ts';
import { statusTextHash } from '#src/decision/status.ts';
import type { StreamInput } from '#src/stream/items.ts';
import { createStream } from '#src/stream/stream.ts';
import { bench, seen, gone, running, settings, pod, config, allListed, words } from './stream-bench.ts';
import {
  aClaim,
  aCluster,
  aStatefulSet,
  clusterUid,
  leaderConfigMap,
  leaderEndpoints,
  metadata,
} from './live-objects.ts';
import { virtualTime } from './virtual-time.ts';

describe('the introduction of a cluster', () => {
  it('comes in order, whatever the order of the lists', () => {
    const line = bench();
    line.tell(seen('Pod', pod), settings, seen('StatefulSet', aStatefulSet()));
    expect(line.news()).toEqual([]);
    line.tell(seen('PostgresCluster', aCluster()), seen('Endpoints', leaderEndpoints()), ...allListed);
    expect(line.news()).toEqual([
      'OperatorConfigSeen',
      'ClusterSeen',
      'PublishedStatusSeen',
      'ObjectSeen Pod/shop-0',
      'ObjectSeen StatefulSet/shop',
      'ObjectSeen Endpoints/shop',
      'Synced Endpoints/shop Pod/shop-0 StatefulSet/shop',
    ]);
    expect(new Set(line.taken.map(({ cluster }) => cluster.uid))).toEqual(new Set([clusterUid]));
  });

  it('has no Synced before every source has been listed, and only one', () => {
    const line = bench();
    line.tell(settings, seen('PostgresCluster', aCluster()), ...allListed.slice(1));
    expect(line.news()).not.toContain('Synced');
    line.tell(...allListed);
    line.tell(...allListed);
    expect(line.news()).toEqual(['Synced']);
  });

  it('keeps its order even when a member fails meanwhile', () => {
    const line = bench();
    line.tell(settings);
    line.stream.versions(clusterUid);
    const inputs = [seen('PostgresCluster', aCluster()), seen('Pod', pod), gone('Pod', pod), ...allListed];
    line.tell(...inputs);
    expect(line.news()).toEqual([
      'OperatorConfigSeen',
      'ClusterSeen',
      'PublishedStatusSeen',
      'ObjectSeen Pod/shop-0',
      'ObjectGone Pod/shop-0 pod-0',
      'Synced',
    ]);
  });

  it('gives a later PostgresCluster what an earlier one of that name has left behind', () => {
    const line = running();
    const claim = {
      ...aClaim(),
      metadata: metadata({
        name: 'data-shop-0',
        uid: 'pvc-0',
        labels: { 'postgres.example.com/cluster-uid': clusterUid },
      }),
    };
    line.tell(seen('PersistentVolumeClaim', claim), gone('Pod', pod), gone('PostgresCluster', aCluster()));
    expect(line.news().at(-1)).toBe('ClusterGone');
    line.tell(seen('PostgresCluster', aCluster({ uid: 'second' })));
    expect(line.news()).toEqual([
      'OperatorConfigSeen',
      'ClusterSeen',
      'PublishedStatusSeen',
      'ObjectSeen Endpoints/shop',
      'ObjectSeen PersistentVolumeClaim/data-shop-0',
      'Synced Endpoints/shop PersistentVolumeClaim/data-shop-0',
    ]);
    expect(line.taken.slice(-6).every(({ cluster }) => cluster.uid === 'second')).toBe(true);
  });

  it('ends one cluster and begins another when the name comes back with another uid', () => {
    const line = running();
    line.tell(seen('PostgresCluster', aCluster({ uid: 'second' })));
    // Mailboxes are served in turn, so each cluster is looked at by itself.
    const of = (uid: string): readonly string[] =>
      line.taken.filter(({ cluster }) => cluster.uid === uid).map(({ observation }) => words(observation));
    expect(of(clusterUid).at(-1)).toBe('ClusterGone');
    expect(of('second').slice(0, 3)).toEqual(['OperatorConfigSeen', 'ClusterSeen', 'PublishedStatusSeen']);
    expect(line.stream.versions(clusterUid)('Pod', 'shop-0')).toBeNull();
  });

  it('tells of sources that are stale already, before Synced', () => {
    const line = running();
    line.tell({ type: 'stale', source: 'Pod', because: 'no answer' });
    line.news();
    line.tell(seen('PostgresCluster', aCluster({ uid: 'other', name: 'other' })));
    expect(line.news()).toEqual([
      'OperatorConfigSeen',
      'ClusterSeen',
      'PublishedStatusSeen',
      'SourceWentStale Pod',
      'Synced',
    ]);
  });

  it('tells the journal’s clusters that no list shows that they are gone', () => {
    const line = bench([
      { uid: 'lost', namespace: 'team-a', name: 'lost' },
      { uid: clusterUid, namespace: 'team-a', name: 'shop' },
    ]);
    line.tell(settings, seen('PostgresCluster', aCluster()));
    expect(line.taken.some(({ cluster }) => cluster.uid === 'lost')).toBe(false);
    line.tell(...allListed);
    expect(line.taken.filter(({ cluster }) => cluster.uid === 'lost').map(({ observation }) => observation)).toEqual([
      { type: 'ClusterGone', uid: 'lost' },
    ]);
    expect(line.taken.filter(({ observation }) => observation.type === 'ClusterGone')).toHaveLength(1);
  });
});

describe('the status that was published', () => {
  const status = {
    phase: 'Running',
    observedGeneration: 1,
    members: [{ name: 'shop-0', lagBytes: 5 }],
    journal: { epoch: 2, seq: 9, head: 'x' },
    dcs: 'Endpoints',
    systemIdentifier: '7412345678901234567',
  };

  it('is read once, and its text hash is the one that publishing compares', () => {
    const line = bench();
    line.tell(
      settings,
      seen('PostgresCluster', aCluster({ status })),
      seen('PostgresCluster', aCluster({ status: { ...status, phase: 'Degraded' }, version: '901' })),
    );
    const read = line.taken.filter(({ observation }) => observation.type === 'PublishedStatusSeen');
    expect(read).toHaveLength(1);
    expect(read[0]?.observation).toMatchObject({
      status: {
        phase: 'Running',
        dcs: 'Endpoints',
        systemIdentifier: '7412345678901234567',
        journal: { epoch: 2, seq: 9 },
        textHash: statusTextHash(status),
      },
    });
  });

  it('does not make a new sight of the cluster', () => {
    const line = running();
    line.tell(seen('PostgresCluster', aCluster({ status, version: '901' })));
    expect(line.news()).toEqual([]);
    expect(line.repeated).toEqual(['PostgresCluster']);
    expect(line.stream.versions(clusterUid)('PostgresCluster', 'shop')).toEqual({
      uid: clusterUid,
      resourceVersion: '901',
    });
  });

  it('may be damaged or absent', () => {
    const line = bench();
    line.tell(
      settings,
      seen('PostgresCluster', aCluster({ status: { phase: 7, conditions: 'none', journal: [], handled: { a: 1 } } })),
    );
    expect(line.taken.at(-1)?.observation).toMatchObject({
      type: 'PublishedStatusSeen',
      status: { phase: null, conditions: [], journal: null, handled: {}, retryCount: 0 },
    });
  });
});

describe('sources and settings', () => {
  it('that go stale and fresh are told to every cluster', () => {
    const line = running();
    line.tell(seen('PostgresCluster', aCluster({ uid: 'other', name: 'other' })));
    line.news();
    line.tell(
      { type: 'stale', source: 'Pod', because: 'no answer' },
      { type: 'fresh', source: 'Pod' },
      { type: 'fresh', source: 'Pod' },
    );
    expect(line.news().toSorted()).toEqual([
      'SourceFresh Pod',
      'SourceFresh Pod',
      'SourceWentStale Pod',
      'SourceWentStale Pod',
    ]);
  });

  it('are told on change only', () => {
    const line = running();
    line.tell(settings, { type: 'config', hash: 'h2', config });
    expect(line.news()).toEqual(['OperatorConfigSeen']);
  });
});

describe('outcomes and timers on the way back', () => {
  it('keep their cause, their number and their order', () => {
    const line = running();
    const cluster = { uid: clusterUid, namespace: 'team-a', name: 'shop' };
    const timer = (dueAt: number): StreamInput => ({
      type: 'feedback',
      cluster,
      causedBy: 7,
      observation: { type: 'TimerFired', id: 'retry/x', dueAt },
    });
    line.tell(timer(1), timer(2), timer(2));
    expect(
      line.taken
        .slice(-3)
        .map(({ causedBy, observation }) => [causedBy, observation.type === 'TimerFired' ? observation.dueAt : 0]),
    ).toEqual([
      [7, 1],
      [7, 2],
      [7, 2],
    ]);
  });

  it('are stamped when they come, not when they are taken', () => {
    const line = running();
    const cameAt = line.time.clock.nowMs();
    line.time.spend(5);
    line.tell({ type: 'fresh', source: 'nobody' }, { type: 'stale', source: 'Pod', because: 'x' });
    expect(line.taken.at(-1)?.at).toBe(cameAt + 5);
  });
});

describe('the leader of a cluster', () => {
  it.each([
    ['Endpoints', leaderEndpoints],
    ['ConfigMap', leaderConfigMap],
  ] as const)('is watched on its %s', async (kind, leader) => {
    const time = virtualTime();
    const inputs = new Subject<StreamInput>();
    const taken: ClusterObservation[] = [];
    const asked: unknown[] = [];
    const stream = createStream({
      ...time,
      sources: [],
      expected: [],
      writable: new BehaviorSubject(true),
      readVersion: (object) => {
        asked.push(object);
        return Promise.resolve('1000');
      },
      digest: () => null,
      reports: { undecodable: () => undefined, decodable: () => undefined, repeated: () => undefined },
    });
    inputs.pipe(stream.observations).subscribe(({ observation }) => taken.push(observation));
    for (const input of [seen('PostgresCluster', aCluster()), seen(kind, leader())]) inputs.next(input);
    time.advance(32_000);
    await Promise.resolve();
    await Promise.resolve();
    time.settle();
    expect(taken.at(-1)).toEqual({ type: 'LeaderSilent', silentMs: 32_000 });
    expect(asked).toEqual([
      {
        mode: kind === 'ConfigMap' ? 'ConfigMaps' : kind,
        namespace: 'team-a',
        name: kind === 'ConfigMap' ? 'shop-leader' : 'shop',
      },
    ]);
    inputs.next(seen(kind, leader({ version: '1001', renewTime: 'now' })));
    time.settle();
    expect(taken.at(-1)).toEqual({ type: 'LeaderHeard' });
  });
});
