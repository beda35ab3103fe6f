/** Nobody writes while a spec is rolled out: what speaks against the spec, and what is only a member that is not heard. */
import { describe, expect, it } from 'vitest';
import { silentMs, silentTimer, stallMs } from '#machines/cluster/backoff.ts';
import { withTimers } from '#machines/cluster/deadlines.ts';
import type { Facts, Memory } from '#machines/cluster/facts.ts';
import type { PodDetail } from '#machines/cluster/observations.ts';
import { rolloutFailed } from '#machines/cluster/procedures.ts';
import { calm, factsOf, plan, type Choice } from './worlds.ts';

const state = 'Alive.Recovering.electing';
const silent: Choice = { ...calm, leader: 'silent', generation: 'newer' };

function asked(facts: Facts, expired: readonly string[]): readonly [string, string] {
  const memory: Memory = { ...facts.memory, expired };
  const { answer, because } = rolloutFailed({ state, facts: { ...facts, memory }, plan });
  return [answer, because];
}

function withPod(facts: Facts, name: string, pod: Partial<PodDetail>): Facts {
  const key = `Pod/${name}`;
  const fact = facts.world.objects[key];
  if (fact?.object.detail.type !== 'Pod') throw new Error(`there is no ${key}`);
  const object = { ...fact.object, detail: { ...fact.object.detail, ready: false, ...pod } };
  return { ...facts, world: { ...facts.world, objects: { ...facts.world.objects, [key]: { ...fact, object } } } };
}

describe('a primary that is silent while a spec is rolled out', () => {
  const unheard = 'shop-0 has not renewed the leader key for its time to live';

  it('is waited for: silence is no word against the spec', () => {
    expect(asked(factsOf(silent), [])).toEqual(['no', 'no member has been waited for too long']);
    expect(asked(factsOf(silent), ['stall/electing'])).toEqual([
      'no',
      `nobody writes, and no member says why: ${unheard}`,
    ]);
  });

  it('counts against it when a member says why it does not start', () => {
    const named = withPod(factsOf(silent), 'shop-1', { trouble: 'ImagePullBackOff' });
    expect(asked(named, ['stall/electing'])).toEqual([
      'yes',
      'nobody writes, and shop-1 does not start: ImagePullBackOff',
    ]);
    expect(asked(named, [])[0]).toBe('no');
    const patroni = {
      role: 'replica',
      state: 'start failed',
      timeline: 1,
      positionBytes: null,
      pendingRestart: false,
      version: '4.1.0',
    };
    const failed = withPod(factsOf(silent), 'shop-0', { patroni });
    expect(asked(failed, ['stall/electing'])[0]).toBe('yes');
  });

  it('does not when there is only no room for a member', () => {
    const unschedulable = withPod(factsOf(silent), 'shop-1', { trouble: 'Unschedulable: 0/3 nodes are available' });
    expect(asked(unschedulable, ['stall/electing'])[0]).toBe('no');
  });

  it('counts against it when it lasts', () => {
    expect(asked(factsOf(silent), ['stall/electing', silentTimer])).toEqual(['yes', `nobody writes: ${unheard}`]);
  });

  it('is given both times at once, and neither when nothing is rolled out', () => {
    const dueOf = (facts: Facts): Readonly<Record<string, number>> =>
      Object.fromEntries(
        Object.entries(withTimers({ state, facts, plan }, 1_000).memory.timers)
          .filter(([id]) => id.startsWith('stall/'))
          .map(([id, { dueAt }]) => [id, dueAt - 1_000]),
      );
    expect(dueOf(factsOf(silent))).toEqual({ 'stall/electing': stallMs, [silentTimer]: silentMs });
    expect(dueOf(factsOf({ ...silent, generation: 'rolled-out' }))).toEqual({});
  });
});
