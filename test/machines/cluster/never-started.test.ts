/** A pod that never came to run while nobody writes: no step waits for it, so the template that is right by now never reached it. */
import { describe, expect, it } from 'vitest';
import type { Facts } from '#machines/cluster/facts.ts';
import type { PodDetail } from '#machines/cluster/observations.ts';
import { wants } from '#machines/cluster/wants.ts';
import { patroni } from './changes.ts';
import { calm, factsOf, plan, type Choice } from './worlds.ts';

/** shop-0 as it is told; nobody holds the leader key unless the choice says so. */
function stuck(change: Partial<PodDetail>, choice: Partial<Choice> = {}): Facts {
  const facts = factsOf({ ...calm, leader: 'none', template: 'leader-old', ready: 0, ...choice });
  const fact = facts.world.objects['Pod/shop-0'];
  if (fact?.object.detail.type !== 'Pod') throw new Error('there is no shop-0');
  const detail = { ...fact.object.detail, ...change };
  const objects = { ...facts.world.objects, 'Pod/shop-0': { ...fact, object: { ...fact.object, detail } } };
  return { ...facts, world: { ...facts.world, objects } };
}

/** The same of shop-1, while shop-0 leads. */
function replicaOf(facts: Facts): Facts {
  const [leader, replica] = [facts.world.objects['Pod/shop-0'], facts.world.objects['Pod/shop-1']];
  if (leader === undefined || replica?.object.detail.type !== 'Pod') throw new Error('there are no such pods');
  const detail = { ...replica.object.detail, ...noImage, ready: false };
  const well = factsOf(calm).world.objects['Pod/shop-0'] ?? leader;
  const objects = { 'Pod/shop-0': well, 'Pod/shop-1': { ...replica, object: { ...replica.object, detail } } };
  return { ...facts, world: { ...facts.world, objects: { ...facts.world.objects, ...objects } } };
}

const noImage = { patroni: null, trouble: 'ImagePullBackOff (registry/broken:1)' } as const;
const states = [
  'Alive.Creating.bootstrapping',
  'Alive.Updating.replacing',
  'Alive.Recovering.electing',
  'Alive.Failed',
] as const;

function deleted(state: string, facts: Facts): readonly string[] {
  return wants({ state, facts, plan }).flatMap(({ type, target }) => (type === 'DeleteObject' ? [target.name] : []));
}

describe('a pod that never came to run', () => {
  it.each(states)('is made anew in %s once the template is another one', (state) => {
    expect(deleted(state, stuck(noImage))).toEqual(['shop-0']);
  });

  it('is made anew while another one writes, as long as the cluster was never complete', () => {
    const facts = stuck(noImage, { leader: 'writable', template: 'replica-old' });
    const first = { ...facts, memory: { ...facts.memory, rolledOut: null, rolledOutGeneration: null } };
    for (const state of ['Alive.Creating.joining', 'Alive.Degraded'])
      expect(deleted(state, replicaOf(first))).toEqual(['shop-1']);
  });

  it.each([
    ['runs the template that is offered', stuck(noImage, { template: 'new' })],
    ['has run Patroni once', stuck({ trouble: 'CrashLoopBackOff' })],
    ['says nothing yet', stuck({ patroni: null })],
    ['may wait for its turn, since somebody writes', stuck(noImage, { leader: 'writable', template: 'replica-old' })],
  ] as const)('is left alone when it %s', (_, facts) => {
    expect(deleted('Alive.Recovering.electing', facts)).toEqual([]);
  });
});

const loops = { trouble: 'CrashLoopBackOff' } as const;

/** shop-0 is down for long, and the spec that is accepted was taken while nobody wrote. */
function down(change: Partial<PodDetail>, memory: Partial<Facts['memory']> = {}, choice: Partial<Choice> = {}): Facts {
  const facts = stuck(change, choice);
  const taken = { takenWhileDown: { generation: 1 }, expired: ['stall/electing'], ...memory };
  return { ...facts, memory: { ...facts.memory, ...taken } };
}

describe('a pod that ran, and is down since before the spec was edited', () => {
  it('is made anew from the template of that spec, where its container ends', () => {
    expect(deleted('Alive.Recovering.electing', down(loops))).toEqual(['shop-0']);
  });

  it('is made anew from the template of that spec, where its PostgreSQL cannot be started', () => {
    const facts = patroni('shop-0', { state: 'start failed' })(down({}));
    expect(deleted('Alive.Recovering.electing', facts)).toEqual(['shop-0']);
  });

  it.each([
    ['runs that template', down(loops, {}, { template: 'new' })],
    ['may come to run as it is', down({ trouble: 'ContainerCreating' })],
    ['waits for the scheduler', down({ trouble: 'Unschedulable: 0/3 nodes' })],
    ['says that it runs', down({})],
    ['has not been down for long', down(loops, { expired: [] })],
    ['went down within a rollout', stuck(loops)],
  ])('is left alone when it %s', (_, facts) => {
    expect(deleted('Alive.Recovering.electing', facts)).toEqual([]);
  });
});
