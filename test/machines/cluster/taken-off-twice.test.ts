/**
 * Hazard: what another hand added beside our fields is taken off; our own fields are as they were, so that the answer looks
 * like what was seen before, and the same removal is sent a second time before the watch shows the first.
 */
import { expect, it } from 'vitest';
import type { Facts, OpenIntent } from '#machines/cluster/facts.ts';
import { learn } from '#machines/cluster/learn.ts';
import { wants } from '#machines/cluster/wants.ts';
import type { DesiredObject, Plan } from '#machines/cluster/plan.ts';
import { calm, factsOf, plan } from './worlds.ts';

const key = 'StatefulSet/shop';
const target = { kind: 'StatefulSet', name: 'shop' } as const;
const added = { path: '/spec/minReadySeconds', manager: 'kubectl' };

const desired: DesiredObject = {
  ...{ ref: target, apiVersion: 'apps/v1', resource: 'statefulsets', body: {}, renderHash: 'r', creation: 'B' },
  ...{ generated: [], repair: 'full', disruptive: true, leaf: false, after: [], deletion: 'statefulset' },
};
const wanted: Plan = { ...plan, objects: [desired] };

function removals(facts: Facts): number {
  return wants({ state: 'Alive.Running', facts, plan: wanted }).filter(({ type }) => type === 'RemoveForeignFields')
    .length;
}

function meddled(): Facts {
  const facts = factsOf(calm);
  const fact = facts.world.objects[key];
  if (fact === undefined) throw new Error('the world has no StatefulSet');
  const object = { ...fact.object, foreign: [added] };
  const expected = { [key]: { uid: object.uid, ownedHash: object.ownedHash, renderHash: 'r' } };
  const objects = { ...facts.world.objects, [key]: { ...fact, object } };
  return { ...facts, world: { ...facts.world, objects }, memory: { ...facts.memory, expected } };
}

it('is not sent again before the watch has shown what the first did', () => {
  const facts = meddled();
  expect(removals(facts)).toBe(1);
  const { uid, ownedHash } = facts.world.objects[key]?.object ?? { uid: '', ownedHash: null };
  const sent: OpenIntent = {
    ...{ seq: 9, ordinal: 0, type: 'RemoveForeignFields', target, uid, textHash: 'r', since: 0, handled: null },
  };
  const open = { ...facts, memory: { ...facts.memory, open: { [key]: sent } } };
  const outcome = { type: 'applied', uid, ownedHash, foreign: [] } as const;
  const answer = {
    type: 'OutcomeArrived',
    seq: 9,
    ordinal: 0,
    intent: 'RemoveForeignFields',
    target,
    outcome,
  } as const;
  expect(removals(learn(open, answer, 1000))).toBe(0);
});
