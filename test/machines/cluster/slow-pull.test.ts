/**
 * Hazard: the image of an edit takes minutes to pull. Its pod says `ContainerCreating` all the while, which is no trouble, and an
 * operator that takes it for one puts the old image back before the new one has arrived.
 */
import { describe, expect, it } from 'vitest';
import { stallTimer } from '#machines/cluster/backoff.ts';
import { withTimers } from '#machines/cluster/deadlines.ts';
import type { Facts } from '#machines/cluster/facts.ts';
import { rolloutFailed } from '#machines/cluster/procedures.ts';
import { calm, factsOf, plan } from './worlds.ts';

const state = 'Alive.Updating.replicas';
const timer = stallTimer('shop-1');

/** The first member that was made anew with the edit, while its container waits for this. */
function waitingFor(reason: string): Facts {
  const facts = factsOf({ ...calm, generation: 'newer', template: 'leader-old' });
  const fact = facts.world.objects['Pod/shop-1'];
  if (fact?.object.detail.type !== 'Pod') throw new Error('there is no such pod');
  const object = { ...fact.object, detail: { ...fact.object.detail, ready: false, trouble: reason, patroni: null } };
  return {
    ...facts,
    world: { ...facts.world, objects: { ...facts.world.objects, 'Pod/shop-1': { ...fact, object } } },
  };
}

/** Whether it is given a time, and what is decided when that is over. */
function judged(reason: string): readonly [boolean, string] {
  const facts = waitingFor(reason);
  const late = { ...facts, memory: { ...facts.memory, expired: [timer] } };
  const { timers } = withTimers({ state, facts, plan }, 0).memory;
  return [timers[timer] !== undefined, rolloutFailed({ state, facts: late, plan }).answer];
}

describe('a member whose container is not there yet', () => {
  it.each(['ContainerCreating', 'PodInitializing', 'Waiting'])('is waited for while it says %s', (reason) =>
    expect(judged(reason)).toEqual([false, 'no']),
  );

  it.each(['ImagePullBackOff (spilo)', 'CrashLoopBackOff', 'CreateContainerConfigError', 'terminated: Error (1)'])(
    'speaks against the edit with %s',
    (reason) => expect(judged(reason)).toEqual([true, 'yes']),
  );
});
