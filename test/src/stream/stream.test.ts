import { BehaviorSubject, Subject } from 'rxjs';
import { describe, expect, it } from 'vitest';
import type { ClusterObservation, OperatorConfig } from '#machines/cluster/observations.ts';
import { statusTextHash } from '#src/decision/status.ts';
import type { Addressed, ClusterName, SourceKind, StreamInput, Undecodable } from '#src/stream/items.ts';
import { createStream, type Stream } from '#src/stream/stream.ts';
import {
  aClaim,
  aCluster,
  aPod,
  aSecret,
  aService,
  aStatefulSet,
  clusterUid,
  leaderConfigMap,
  leaderEndpoints,
  type Live,
  metadata,
  reportOf302,
} from './live-objects.ts';
import { virtualTime, type VirtualTime } from './virtual-time.ts';

const config: OperatorConfig = {
  images: { '17': 'spilo:17' },
  imagePullPolicy: 'Never',
  defaultDcs: 'Endpoints',
  createDeadlineSeconds: 600,
};
const sources = ['PostgresCluster', 'Pod', 'Endpoints', 'ConfigMap', 'StatefulSet'];

interface Bench {
  readonly time: VirtualTime;
  readonly stream: Stream;
  readonly taken: Addressed[];
  readonly undecodable: Undecodable[];
  readonly decodable: string[];
  readonly repeated: SourceKind[];
  readonly tell: (...inputs: readonly StreamInput[]) => void;
  /** What actors took since the last call, as short words. */
  readonly news: () => readonly string[];
}

function words(observation: ClusterObservation): string {
  switch (observation.type) {
    case 'ObjectSeen':
      return `ObjectSeen ${observation.object.kind}/${observation.object.name}`;
    case 'ObjectGone':
      return `ObjectGone ${observation.object.kind}/${observation.object.name} ${observation.uid}`;
    case 'Synced':
      return `Synced ${observation.objects.map(({ kind, name }) => `${kind}/${name}`).join(' ')}`.trim();
    case 'SourceWentStale':
    case 'SourceFresh':
      return `${observation.type} ${observation.source}`;
    default:
      return observation.type;
  }
}

function bench(expected: readonly ClusterName[] = []): Bench {
  const time = virtualTime();
  const inputs = new Subject<StreamInput>();
  const bench = {
    taken: [] as Addressed[],
    undecodable: [] as Undecodable[],
    decodable: [] as string[],
    repeated: [] as SourceKind[],
  };
  const stream = createStream({
    ...time,
    sources,
    expected,
    writable: new BehaviorSubject(true),
    readVersion: () => new Promise(() => undefined),
    digest: null,
    reports: {
      undecodable: (object) => bench.undecodable.push(object),
      decodable: (uid) => bench.decodable.push(uid),
      repeated: (kind) => bench.repeated.push(kind),
    },
  });
  inputs.pipe(stream.observations).subscribe((addressed) => bench.taken.push(addressed));
  let told = 0;
  return {
    ...bench,
    time,
    stream,
    tell: (...all) => {
      for (const input of all) inputs.next(input);
      time.settle();
    },
    news: () => {
      const news = bench.taken.slice(told).map(({ observation }) => words(observation));
      told = bench.taken.length;
      return news;
    },
  };
}

function seen(kind: SourceKind, object: unknown): StreamInput {
  return { type: 'seen', source: kind, kind, object };
}

function gone(kind: SourceKind, object: unknown): StreamInput {
  return { type: 'gone', source: kind, kind, object };
}

const settings: StreamInput = { type: 'config', hash: 'h1', config };
const allListed: readonly StreamInput[] = sources.map((source) => ({ type: 'listed', source }));
const pod = aPod({ ordinal: 0, report: reportOf302() });

function running(): Bench {
  const line = bench();
  line.tell(
    settings,
    seen('PostgresCluster', aCluster()),
    seen('Pod', pod),
    seen('Endpoints', leaderEndpoints()),
    ...allListed,
  );
  line.news();
  return line;
}

function lastOf(line: Bench): ClusterObservation {
  const last = line.taken.at(-1);
  if (last === undefined) throw new Error('nothing was told');
  return last.observation;
}

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

describe('what is told of an object', () => {
  it('is nothing when nothing that passes the door has changed, and the versions follow all the same', () => {
    const line = running();
    line.tell(seen('Endpoints', leaderEndpoints({ version: '1001', renewTime: 'later', optime: '67109000' })));
    expect(line.news()).toEqual([]);
    expect(line.repeated).toEqual(['Endpoints']);
    expect(line.stream.versions(clusterUid)('Endpoints', 'shop')).toEqual({
      uid: 'ep-leader',
      resourceVersion: '1001',
    });
  });

  it('is nothing when it changed to and fro before anybody took it', () => {
    const line = running();
    line.tell(
      seen('Pod', aPod({ ordinal: 0, report: reportOf302({ timeline: 2 }), version: '1001' })),
      seen('Pod', aPod({ ordinal: 0, report: reportOf302(), version: '1002' })),
    );
    expect(line.news()).toEqual([]);
  });

  it('is what differs from what the actor was told last, however much was coalesced', () => {
    const line = running();
    const at = (timeline: number): StreamInput => seen('Pod', aPod({ ordinal: 0, report: reportOf302({ timeline }) }));
    line.tell(at(2), at(3));
    expect(line.news()).toEqual(['ObjectSeen Pod/shop-0']);
    expect(lastOf(line)).toMatchObject({ changed: ['patroni.timeline: 1 → 3'] });
  });

  it('names who wrote what over a field of ours, through a sight that was coalesced', () => {
    const line = running();
    line.tell(seen('StatefulSet', aStatefulSet()));
    line.news();
    line.tell(
      seen('StatefulSet', aStatefulSet({ image: 'evil:1', version: '1001' })),
      seen('StatefulSet', aStatefulSet({ image: 'evil:1', replicas: 2, version: '1002' })),
    );
    expect(lastOf(line)).toMatchObject({
      changed: [
        'spec.replicas: 3 → 2',
        'spec.template.spec.containers[name=postgres].image: "registry.local/spilo:test" → "evil:1"',
        '/spec/template/spec/containers/0/image: now held by kubectl-edit',
        'replicas: 3 → 2',
      ],
    });
  });

  it('is at most sixteen differences', () => {
    const line = running();
    const labels = Object.fromEntries(Array.from({ length: 40 }, (_, index) => [`label-${index}`, 'x']));
    const service = aService();
    line.tell(seen('Service', service));
    line.tell(seen('Service', { ...service, metadata: { ...metadata({ name: 'shop', uid: 'svc-1', labels }) } }));
    const last = lastOf(line);
    expect(last.type === 'ObjectSeen' ? last.changed.length : 0).toBe(16);
  });

  it('is nothing again after a restart, when the actor remembers it', () => {
    const before = running();
    const known = before.taken.flatMap(({ observation }) =>
      observation.type === 'ObjectSeen' ? [observation.object] : [],
    );
    const line = bench();
    line.stream.remember(clusterUid, known);
    line.tell(
      settings,
      seen('PostgresCluster', aCluster()),
      seen('Pod', pod),
      seen('Endpoints', leaderEndpoints()),
      seen('ConfigMap', leaderConfigMap()),
      ...allListed,
    );
    expect(line.news()).toEqual([
      'OperatorConfigSeen',
      'ClusterSeen',
      'PublishedStatusSeen',
      'ObjectSeen ConfigMap/shop-leader',
      'Synced ConfigMap/shop-leader Endpoints/shop Pod/shop-0',
    ]);
  });

  it('is the end of one and the beginning of another when its uid changes', () => {
    const line = running();
    line.tell(seen('Pod', aPod({ ordinal: 0, report: null, uid: 'pod-new', ready: false, role: null })));
    expect(line.news()).toEqual(['ObjectGone Pod/shop-0 pod-0', 'ObjectSeen Pod/shop-0']);
    line.tell(gone('Pod', pod));
    expect(line.news()).toEqual([]);
  });

  it('goes to the cluster its label names now', () => {
    const line = running();
    line.tell(seen('PostgresCluster', aCluster({ uid: 'other', name: 'other' })));
    line.news();
    const moved: Live = { ...pod, metadata: metadata({ name: 'shop-0', uid: 'pod-0', cluster: 'other' }) };
    line.tell(seen('Pod', moved));
    expect(
      line.taken
        .slice(-2)
        .map(({ cluster, observation }) => `${cluster.name}: ${words(observation)}`)
        .toSorted(),
    ).toEqual(['other: ObjectSeen Pod/shop-0', 'shop: ObjectGone Pod/shop-0 pod-0']);
  });

  it('is nothing for objects of another namespace or without our label', () => {
    const line = running();
    line.tell(seen('Pod', { ...pod, metadata: metadata({ name: 'shop-0', uid: 'p', namespace: 'team-b' }) }));
    line.tell(seen('Pod', { metadata: { name: 'stray', namespace: 'team-a', uid: 's', resourceVersion: '1' } }));
    expect(line.news()).toEqual([]);
  });

  it('comes ahead of other news when a member fails', () => {
    const line = running();
    const service = aService();
    line.tell(
      seen('Secret', aSecret()),
      seen('Service', service),
      seen('Pod', aPod({ ordinal: 0, report: reportOf302(), ready: false })),
    );
    expect(line.news()).toEqual([
      'ObjectSeen Pod/shop-0',
      'ObjectSeen Secret/shop-credentials',
      'ObjectSeen Service/shop',
    ]);
  });
});

describe('what cannot be read', () => {
  const broken = aCluster({
    uid: 'broken',
    name: 'broken',
    spec: { version: 17, storage: 'much', postgresqlParams: ['x'], env: [{ value: 'v' }] },
  });

  it('costs only itself, and says what is wrong without the value', () => {
    const line = bench();
    line.tell(settings, seen('PostgresCluster', broken), seen('PostgresCluster', aCluster()), ...allListed);
    expect(line.news()).toHaveLength(2 * 4);
    const told = line.taken.find(
      ({ cluster, observation }) => cluster.uid === 'broken' && observation.type === 'ClusterSeen',
    );
    expect(told?.observation).toMatchObject({
      type: 'ClusterSeen',
      cluster: {
        name: 'broken',
        spec: { version: '', storage: { size: '' } },
        misfits: [
          { field: 'spec.version', value: 'a number' },
          { field: 'spec.storage', value: 'a text' },
          { field: 'spec.postgresqlParams', value: 'a list' },
          { field: 'spec.env[0].name', value: null },
        ],
      },
    });
    expect(line.undecodable).toEqual([
      {
        kind: 'PostgresCluster',
        namespace: 'team-a',
        name: 'broken',
        uid: 'broken',
        problems: [
          'spec.version is "a number": must be a text',
          'spec.storage is "a text": must be an object',
          'spec.postgresqlParams is "a list": must be a map',
          'spec.env[0].name is null: must be given',
        ],
      },
    ]);
  });

  it('is told without misfits once it can be read, and reported once however often it is seen', () => {
    const line = running();
    line.tell(seen('PostgresCluster', broken), seen('PostgresCluster', broken));
    expect(line.undecodable).toHaveLength(1);
    line.tell(seen('PostgresCluster', aCluster({ uid: 'broken', name: 'broken' })));
    const last = line.taken.findLast(({ observation }) => observation.type === 'ClusterSeen');
    expect(JSON.stringify(last)).not.toContain('misfits');
    expect(line.decodable).toEqual(['broken']);
  });

  it('counts protection that cannot be read as protection, and a volume policy as none', () => {
    const line = bench();
    const spec = { deletionProtection: 'yes', volumePolicy: ['Delete'], replicas: 2 };
    line.tell(settings, seen('PostgresCluster', aCluster({ spec })));
    expect(line.taken[1]?.observation).toMatchObject({ cluster: { spec: { deletionProtection: true, replicas: 2 } } });
    expect(JSON.stringify(line.taken[1])).not.toContain('"volumePolicy"');
  });

  it('is told of a cluster that was readable before', () => {
    const line = running();
    line.tell(
      seen('PostgresCluster', aCluster({ spec: { version: null } })),
      seen('Pod', aPod({ ordinal: 1, report: null })),
    );
    expect(line.news()).toEqual(['ClusterSeen', 'ObjectSeen Pod/shop-1']);
    expect(line.undecodable).toHaveLength(1);
  });

  it.each([null, 7, 'x', [], {}, { metadata: null }, { metadata: { name: 'x', uid: 'y' } }])(
    'is not even an object: %j',
    (object) => {
      const line = running();
      line.tell(seen('Pod', object), seen('PostgresCluster', object), gone('Secret', object));
      expect(line.undecodable).toHaveLength(3);
      line.tell(seen('Pod', aPod({ ordinal: 1, report: null })));
      expect(line.news()).toEqual(['ObjectSeen Pod/shop-1']);
    },
  );

  it('does not judge values: version 99 and a size of -5Gi are for the conditions', () => {
    const line = bench();
    line.tell(
      settings,
      seen('PostgresCluster', aCluster({ spec: { version: '99', storage: { size: '-5Gi' }, unheardOf: 1 } })),
    );
    expect(line.undecodable).toEqual([]);
    expect(line.taken[1]?.observation).toMatchObject({
      cluster: { spec: { version: '99', storage: { size: '-5Gi' } } },
    });
    expect(JSON.stringify(line.taken[1])).not.toContain('unheardOf');
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
      digest: null,
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
