/** What the stream tells of an object: what differs from what was told last; and what it tells of one that cannot be read. */
import { describe, expect, it } from 'vitest';
import type { StreamInput } from '#src/stream/items.ts';
import { bench, seen, gone, running, lastOf, settings, pod, allListed, words } from './stream-bench.ts';
import {
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
