/**
 * Hazard: while a member tries to start in vain, Patroni says `start failed` and `starting` in turn, every ten seconds; and so did
 * status, a write each time.
 */
import { expect, it } from 'vitest';
import type { Facts } from '#machines/cluster/facts.ts';
import { learn } from '#machines/cluster/learn.ts';
import { memberCalled } from '#machines/cluster/members.ts';
import { stalledMember } from '#machines/cluster/procedures.ts';
import { objectOf, patroni, pod } from './changes.ts';
import { calm, factsOf, plan } from './worlds.ts';

/** The facts after the pod of shop-1 was seen with this state, under this uid. */
function seen(facts: Facts, state: string, uid = 'Pod-shop-1'): Facts {
  const object = { ...objectOf(patroni('shop-1', { state })(facts), 'Pod/shop-1'), uid };
  return learn(facts, { type: 'ObjectSeen', object, changed: ['patroni'] }, 7);
}

function told(facts: Facts): string {
  const { state, trouble } = memberCalled(facts, 'shop-1');
  return `${state}: ${trouble ?? 'ready'}`;
}

/** The states, one after the other, and what is told after each. */
function story(...states: readonly string[]): readonly string[] {
  let facts = factsOf(calm);
  return states.map((state) => {
    facts = seen(facts, state);
    return told(facts);
  });
}

const inVain = 'start failed: Patroni says start failed';

it('is one that could not be started, through all further tries, until it runs', () => {
  expect(story('starting', 'start failed', 'starting', 'start failed', 'starting', 'streaming', 'starting')).toEqual([
    'starting: Patroni says starting',
    inVain,
    inVain,
    inVain,
    inVain,
    'streaming: ready',
    'starting: Patroni says starting',
  ]);
});

it.each(['stopped', 'crashed', 'creating replica'])('has its own word for what else befalls it: %s', (state) => {
  expect(story('start failed', state, 'starting')).toEqual([
    inVain,
    `${state}: Patroni says ${state}`,
    'starting: Patroni says starting',
  ]);
});

it('is a matter of one pod', () => {
  const facts = seen(seen(factsOf(calm), 'start failed'), 'starting', 'another');
  expect(told(facts)).toBe('starting: Patroni says starting');
  expect(facts.memory.failedStarts).toBeUndefined();
});

it('goes with its pod', () => {
  const failed = seen(factsOf(calm), 'start failed');
  const gone = learn(failed, { type: 'ObjectGone', object: { kind: 'Pod', name: 'shop-1' }, uid: 'Pod-shop-1' }, 8);
  expect(failed.memory.failedStarts).toEqual({ 'shop-1': 'Pod-shop-1' });
  expect(gone.memory.failedStarts).toBeUndefined();
});

it('speaks against an edit only while it has failed: each further try may be the one that succeeds', () => {
  const view = (facts: Facts) => ({ state: 'Alive.Updating.replicas', facts, plan });
  const edited = factsOf({ ...calm, generation: 'newer', template: 'leader-old' });
  const failed = seen(pod('shop-1', () => ({ ready: false }))(edited), 'start failed');
  const trying = seen(failed, 'starting');
  expect([failed, trying].map((facts) => stalledMember(view(facts))?.trouble ?? null)).toEqual([
    'Patroni says start failed',
    null,
  ]);
  expect(told(trying)).toBe(inVain);
});
