/** Hazard: the garbage collector takes its finalizer `orphan` off within milliseconds; an operator that missed it would tear a live database down. */
import { expect, it } from 'vitest';
import { labels } from '#machines/shared/names.ts';
import { orphanRequested } from '#machines/cluster/guards.ts';
import type { View } from '#machines/cluster/view.ts';
import { calm, factsOf, plan } from './worlds.ts';

function withLeaf(owners: readonly string[]): View {
  const facts = factsOf({ ...calm, deleting: 'background' });
  const pattern = facts.world.objects['StatefulSet/shop'];
  if (pattern === undefined) throw new Error('the world has no StatefulSet');
  const object = {
    ...pattern.object,
    kind: 'ConfigMap',
    name: 'shop-patroni-config',
    labels: { [labels.cluster]: 'shop', [labels.clusterUid]: 'u-1' },
    owners: owners.map((uid) => ({ kind: 'PostgresCluster', name: 'shop', uid, controller: true })),
    detail: { type: 'Other' },
  } as const;
  const objects = { ...facts.world.objects, 'ConfigMap/shop-patroni-config': { ...pattern, object } };
  return { state: 'Alive.Running', plan, facts: { ...facts, world: { ...facts.world, objects } } };
}

it('knows an orphaning deletion by the owner reference that was taken off, though the finalizer is gone again', () => {
  expect(orphanRequested(withLeaf([])).answer).toBe('yes');
});

it('knows a plain deletion by the owner reference that is still there', () => {
  expect(orphanRequested(withLeaf(['u-1'])).answer).toBe('no');
});

it('never reads an orphaning from a trace on a protected cluster', () => {
  const view = withLeaf([]);
  const cluster = view.facts.world.cluster;
  if (cluster === null) throw new Error('the world has no cluster');
  const seen = { ...cluster.seen, spec: { ...cluster.seen.spec, deletionProtection: true } };
  const guarded = { ...view, facts: { ...view.facts, world: { ...view.facts.world, cluster: { ...cluster, seen } } } };
  expect(orphanRequested(guarded).answer).toBe('no');
});

it('does not take a leaf for orphaned that we made ourselves without a reference', () => {
  const view = withLeaf([]);
  const key = 'ConfigMap/shop-patroni-config';
  const leaf = view.facts.world.objects[key]?.object;
  const expected = { [key]: { uid: leaf?.uid ?? '', ownedHash: leaf?.ownedHash ?? null, renderHash: null } };
  const ours = { ...view, facts: { ...view.facts, memory: { ...view.facts.memory, expected } } };
  expect(orphanRequested(ours).answer).toBe('no');
});

it('leaves alone the StatefulSet of an earlier cluster that was not taken over before the deletion', () => {
  const facts = factsOf({ ...calm, deleting: 'background' });
  const pattern = facts.world.objects['StatefulSet/shop'];
  if (pattern === undefined) throw new Error('the world has no StatefulSet');
  const { [labels.clusterUid]: _uid, ...nobodys } = pattern.object.labels;
  const left = { ...pattern, object: { ...pattern.object, labels: nobodys } };
  const objects = { ...facts.world.objects, 'StatefulSet/shop': left };
  const view = { state: 'Alive.Creating.bootstrapping', plan, facts: { ...facts, world: { ...facts.world, objects } } };
  expect(orphanRequested(view).because).toBe(
    'StatefulSet/shop was left by an earlier cluster and not taken over: it is left alone',
  );
});
