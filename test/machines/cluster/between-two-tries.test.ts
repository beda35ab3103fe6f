/**
 * Hazard: PostgreSQL of a member does not start with what it was given. Patroni tries again every few seconds and says `starting`
 * meanwhile, as a container does that ends at once and is started again. An operator that takes that for the end of the trouble begins
 * to wait anew each time, and the edit is not taken back for ten minutes. Seen on the real cluster.
 */
import { describe, expect, it } from 'vitest';
import { stallMs, stallTimer } from '#machines/cluster/backoff.ts';
import { withTimers } from '#machines/cluster/deadlines.ts';
import type { Facts } from '#machines/cluster/facts.ts';
import type { PodDetail } from '#machines/cluster/observations.ts';
import { rolloutFailed } from '#machines/cluster/procedures.ts';
import { calm, factsOf, plan } from './worlds.ts';

const state = 'Alive.Updating.replicas';
const member = 'shop-1';
const id = stallTimer(member);

/** The member that was made anew with the edit, as its pod says. */
function withMember(facts: Facts, pod: Partial<PodDetail>): Facts {
  const key = `Pod/${member}`;
  const fact = facts.world.objects[key];
  if (fact?.object.detail.type !== 'Pod') throw new Error(`there is no ${key}`);
  const object = { ...fact.object, detail: { ...fact.object.detail, ready: false, ...pod } };
  return { ...facts, world: { ...facts.world, objects: { ...facts.world.objects, [key]: { ...fact, object } } } };
}

function saying(facts: Facts, said: string): Facts {
  const patroni = { role: 'replica', timeline: null, positionBytes: null, pendingRestart: false, version: '4.1.0' };
  return withMember(facts, { patroni: { ...patroni, state: said } });
}

const edited = factsOf({ ...calm, generation: 'newer', template: 'leader-old' });
const after = (facts: Facts, at: number): Facts => withTimers({ state, facts, plan }, at);
const verdict = (facts: Facts): string => rolloutFailed({ state, facts, plan }).answer;

/** As if the timer had fired. */
function expired(facts: Facts): Facts {
  const { [id]: _fired, ...timers } = facts.memory.timers;
  return { ...facts, memory: { ...facts.memory, timers, expired: [id] } };
}

describe('a member that does not start', () => {
  const failed = after(saying(edited, 'start failed'), 1_000);

  it('is given its time from the first failure on, through every further try', () => {
    expect(failed.memory.timers[id]?.dueAt).toBe(1_000 + stallMs);
    const trying = after(saying(failed, 'starting'), 11_000);
    expect(trying.memory.timers[id]?.dueAt).toBe(1_000 + stallMs);
    const again = after(saying(trying, 'start failed'), 21_000);
    expect(again.memory.timers[id]?.dueAt).toBe(1_000 + stallMs);
  });

  it('speaks against the edit when it fails once more after that, not while it tries', () => {
    const trying = after(expired(saying(failed, 'starting')), 100_000);
    expect(verdict(trying)).toBe('no');
    expect(verdict(after(saying(trying, 'start failed'), 101_000))).toBe('yes');
  });

  it('the same with a container that ends at once', () => {
    const ended = after(withMember(edited, { trouble: 'CrashLoopBackOff', patroni: null }), 1_000);
    const runs = after(withMember(ended, { trouble: null, patroni: null }), 11_000);
    expect(runs.memory.timers[id]?.dueAt).toBe(1_000 + stallMs);
    expect(verdict(after(withMember(expired(runs), { trouble: 'CrashLoopBackOff', patroni: null }), 100_000))).toBe(
      'yes',
    );
  });

  it('has overcome it once it is ready', () => {
    const well = { world: edited.world, memory: failed.memory };
    expect(after(well, 31_000).memory.timers).not.toHaveProperty([id]);
  });
});
