/**
 * Hazard: a watch tells that the last object is gone before the answer to its deletion is here; the finalizer comes off, the
 * cluster goes, and what was asked for stays without an outcome in the journal for ever.
 */
import { expect, it } from 'vitest';
import type { OpenIntent } from '#machines/cluster/facts.ts';
import { marksStripped, objectsCleared } from '#machines/cluster/guards.ts';
import type { View } from '#machines/cluster/view.ts';
import { calm, factsOf, plan } from './worlds.ts';

const target = { kind: 'Service', name: 'shop-headless' } as const;
const deletion: OpenIntent = {
  seq: 7,
  ordinal: 0,
  type: 'DeleteObject',
  target,
  uid: 'u-7',
  textHash: null,
  since: 0,
  handled: null,
};

function empty(open: Readonly<Record<string, OpenIntent>>): View {
  const facts = factsOf({ ...calm, deleting: 'background' });
  const world = { ...facts.world, objects: {} };
  return {
    state: 'Deleting.clearing',
    plan,
    facts: { ...facts, world, memory: { ...facts.memory, expected: {}, open } },
  };
}

it('waits for the answer to a deletion though the object is gone', () => {
  const waiting = empty({ 'Service/shop-headless': deletion });
  expect(objectsCleared(waiting)).toMatchObject({
    answer: 'no',
    because: 'Service/shop-headless was sent and has no answer yet',
  });
  expect(marksStripped(waiting).answer).toBe('no');
});

it('waits for no status and no Event: they may end with the cluster', () => {
  const status = { ...deletion, type: 'PublishStatus', target: { kind: 'PostgresCluster', name: 'shop' } } as const;
  const view = empty({ Status: status });
  expect(objectsCleared(view).answer).toBe('yes');
  expect(marksStripped(view).answer).toBe('yes');
});
