/** Hazard: the garbage collector takes its finalizer `orphan` off within milliseconds; an operator that missed it would tear a live database down. */
import { expect, it } from 'vitest';
import { labels } from '#machines/shared/names.ts';
import { orphanRequested } from '#machines/cluster/guards.ts';
import type { View } from '#machines/cluster/view.ts';
import { factsOf, plan, type Choice } from './worlds.ts';

const choice: Choice = {
  known: true,
  deleting: 'background',
  statefulSet: true,
  leader: 'writable',
  ready: 2,
  bootstrapped: true,
  database: true,
  expired: 'nothing',
  generation: 'rolled-out',
  refused: false,
};

function withLeaf(owners: readonly string[]): View {
  const facts = factsOf(choice);
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
