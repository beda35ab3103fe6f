/** Volumes of members that were scaled away: which go, and all that keeps them. */
import { describe, expect, it } from 'vitest';
import type { Facts } from '#machines/cluster/facts.ts';
import { learn } from '#machines/cluster/learn.ts';
import type { PostgresClusterSpec } from '#crds/postgrescluster.gen.ts';
import { isSpareClaim, sparesToDelete } from '#machines/cluster/tables/spare-volumes.ts';
import { wants } from '#machines/cluster/wants.ts';
import { labels } from '#machines/shared/names.ts';
import {
  all,
  asIs,
  boundClaim,
  changed,
  gone,
  objectOf,
  patroni,
  remembering,
  requestOf,
  withObject,
  type Change,
} from './changes.ts';
import { calm, factsOf, plan } from './worlds.ts';

/** The spec, as it is written and as it is accepted. */
function spec(written: Partial<PostgresClusterSpec>, accepted: Partial<PostgresClusterSpec> = written): Change {
  return (facts) => {
    const { cluster } = facts.world;
    const { accepted: before } = facts.memory;
    if (cluster === null || before === null) throw new Error('no cluster');
    const seen = { ...cluster.seen, spec: { ...cluster.seen.spec, ...written } };
    return {
      world: { ...facts.world, cluster: { ...cluster, seen } },
      memory: { ...facts.memory, accepted: { ...before, spec: { ...before.spec, ...accepted } } },
    };
  };
}

const claim =
  (name: string, change: object = {}): Change =>
  (facts) => {
    const detail = boundClaim('1Gi');
    const base = {
      ...objectOf(facts, 'StatefulSet/shop'),
      labels: { [labels.cluster]: 'shop', [labels.clusterUid]: 'u-1' },
    };
    const object = { ...base, kind: 'PersistentVolumeClaim', name, uid: name, detail, ...change };
    return withObject(object as never)(facts);
  };
const volumes = all(...['data-shop-0', 'data-shop-1', 'data-shop-2', 'data-shop-3'].map((name) => claim(name)));
const policy = spec({ volumePolicy: 'Delete' });
const replicas = (count: number): Change =>
  changed('StatefulSet/shop', {
    detail: { ...(objectOf(factsOf(calm), 'StatefulSet/shop').detail as object), replicas: count } as never,
  });

function spares(change: Change = asIs, state = 'Alive.Running'): readonly string[] {
  const facts = all(volumes, policy, change)(factsOf(calm));
  return sparesToDelete({ facts, state, plan }).map(({ name }) => name);
}

describe('volumes of members that were scaled away', () => {
  it('go, where the policy says so', () => {
    expect(spares()).toEqual(['data-shop-2', 'data-shop-3']);
    const facts = all(volumes, policy)(factsOf(calm));
    const deleted = wants({ facts, state: 'Alive.Running', plan }).filter(({ type }) => type === 'DeleteObject');
    expect(deleted.map(({ because }) => because)).toEqual([
      'volumePolicy is Delete, and the member of PersistentVolumeClaim/data-shop-2 was scaled away',
      'volumePolicy is Delete, and the member of PersistentVolumeClaim/data-shop-3 was scaled away',
    ]);
  });

  it.each<readonly [string, Change]>([
    ['the policy is Retain', spec({ volumePolicy: 'Retain' })],
    ['the policy was just changed back', spec({ volumePolicy: 'Retain' }, { volumePolicy: 'Delete' })],
    ['the policy is not accepted yet', spec({ volumePolicy: 'Delete' }, { volumePolicy: 'Retain' })],
    ['more members are asked for', spec({ replicas: 4 }, {})],
    ['more members are accepted', spec({}, { replicas: 4 })],
    ['the StatefulSet has more members still', replicas(4)],
    ['the StatefulSet is not seen', gone('StatefulSet/shop')],
    ['nobody leads', gone('Endpoints/shop')],
    ['a member does not stream', patroni('shop-1', { state: 'starting' })],
    ['something is asked for', remembering({ request: requestOf({ kind: 'replace' }) })],
    ['the cluster is paused', spec({ paused: true })],
    ['they are somebody else’s', all(claim('data-shop-2', { labels: {} }), claim('data-shop-3', { labels: {} }))],
    ['they go already', all(claim('data-shop-2', { deleting: true }), claim('data-shop-3', { deleting: true }))],
  ])('stay while %s', (_, change) => expect(spares(change)).toEqual([]));

  it('stay while the cluster is in any other phase, and while a pod has them', () => {
    expect(spares(asIs, 'Alive.Degraded')).toEqual([]);
    expect(spares(asIs, 'Alive.Scaling.removing')).toEqual([]);
    const pod = withObject({ ...objectOf(factsOf(calm), 'Pod/shop-1'), name: 'shop-2', uid: 'late' });
    expect(spares(pod)).toEqual([]);
  });

  it('are not missed when somebody takes them away', () => {
    const expected = Object.fromEntries(
      ['data-shop-1', 'data-shop-2'].map((name) => [
        `PersistentVolumeClaim/${name}`,
        { uid: name, ownedHash: null, renderHash: null },
      ]),
    );
    const lost = (facts: Facts, name: string): Facts =>
      learn(facts, { type: 'ObjectGone', object: { kind: 'PersistentVolumeClaim', name }, uid: name }, 0);
    const facts = all(volumes, remembering({ expected }))(factsOf(calm));
    expect(Object.keys(lost(facts, 'data-shop-2').memory.loops ?? {})).toEqual([]);
    expect(Object.keys(lost(facts, 'data-shop-1').memory.loops ?? {})).toEqual(['PersistentVolumeClaim/data-shop-1']);
    expect(isSpareClaim(facts, { kind: 'PersistentVolumeClaim', name: 'data-shop-x' })).toBe(false);
    expect(isSpareClaim(facts, { kind: 'Secret', name: 'data-shop-2' })).toBe(false);
  });
});
