/** What is waited for without saying what it misses, and what Kubernetes warned of there. */
import { describe, expect, it } from 'vitest';
import { conditionsOf } from '#machines/cluster/conditions.ts';
import { withTimers } from '#machines/cluster/deadlines.ts';
import type { Facts } from '#machines/cluster/facts.ts';
import { reconcileError } from '#machines/cluster/guards.ts';
import { learn } from '#machines/cluster/learn.ts';
import { membersOf } from '#machines/cluster/members.ts';
import type { ObjectDetail, PodDetail } from '#machines/cluster/observations.ts';
import { silentObjects, warningReads } from '#machines/cluster/tables/warnings.ts';
import { wants } from '#machines/cluster/wants.ts';
import { calm, factsOf, plan } from './worlds.ts';

const state = 'Alive.Degraded';

function withDetail(facts: Facts, key: string, change: (detail: ObjectDetail) => ObjectDetail): Facts {
  const fact = facts.world.objects[key];
  if (fact === undefined) throw new Error(`there is no ${key}`);
  const object = { ...fact.object, detail: change(fact.object.detail) };
  return { ...facts, world: { ...facts.world, objects: { ...facts.world.objects, [key]: { ...fact, object } } } };
}

function withPod(change: Partial<PodDetail>): Facts {
  return withDetail(factsOf(calm), 'Pod/shop-1', (detail) =>
    detail.type === 'Pod' ? { ...detail, ready: false, ...change } : detail,
  );
}

function gone(facts: Facts, key: string): Facts {
  const { [key]: _gone, ...objects } = facts.world.objects;
  return { ...facts, world: { ...facts.world, objects } };
}

function silent(facts: Facts): readonly string[] {
  return silentObjects(facts).map(({ kind, name }) => `${kind}/${name}`);
}

/** The silence has lasted, and Kubernetes was asked and answered. */
function answered(facts: Facts, result: Readonly<Record<string, string>>): Facts {
  const late = { ...facts, memory: { ...facts.memory, expired: ['ask'] } };
  const wish = wants({ state, facts: late, plan }).find(({ type }) => type === 'ReadEvents');
  if (wish === undefined) throw new Error('nothing is asked');
  const { type, target } = wish;
  const uid = 'uid' in wish ? wish.uid : null;
  const open = { seq: 7, ordinal: 0, type, target, uid, textHash: null, since: 0, handled: null };
  const asked = { ...late, memory: { ...late.memory, open: { [`Events/${target.kind}/${target.name}`]: open } } };
  const outcome = { type: 'done', result } as const;
  return learn(asked, { type: 'OutcomeArrived', seq: 7, ordinal: 0, intent: type, target, outcome }, 1000);
}

const failedMount = { reason: 'FailedMount', message: 'secret "x" not found' };

describe('an object that is waited for', () => {
  it.each<[string, Partial<PodDetail>, boolean]>([
    ['a volume is being mounted', { trouble: 'ContainerCreating' }, true],
    ['a container cannot be made', { trouble: 'CreateContainerConfigError' }, true],
    ['nobody has looked at it', { trouble: null, phase: 'Pending' }, true],
    ['an image that is not there', { trouble: 'ImagePullBackOff (x)' }, false],
    ['no node that takes it', { trouble: 'Unschedulable: 0/3 nodes are available' }, false],
    ['PostgreSQL that starts', { trouble: null }, false],
  ])('%s: silent %s', (_, pod, isSilent) => expect(silent(withPod(pod))).toEqual(isSilent ? ['Pod/shop-1'] : []));

  it('is the StatefulSet where a pod is missing, and nothing where all is well', () => {
    expect(silent(gone(factsOf(calm), 'Pod/shop-1'))).toEqual(['StatefulSet/shop']);
    expect(silent(factsOf(calm))).toEqual([]);
  });

  it('is asked about only when the silence has lasted, and again minutes later', () => {
    const facts = withPod({ trouble: 'ContainerCreating' });
    expect(warningReads(facts)).toEqual([]);
    const timed = withTimers({ state, facts, plan }, 0);
    expect(timed.memory.timers['ask']?.dueAt).toBe(30_000);
    const after = answered(facts, failedMount);
    expect(after.memory.timers['await/Events/Pod/shop-1']?.dueAt).toBe(301_000);
    expect(wants({ state, facts: after, plan }).map(({ type }) => type)).not.toContain('ReadEvents');
  });

  it('arms no timer while every object says what it waits for', () => {
    const facts = withPod({ trouble: 'ImagePullBackOff (x)' });
    expect(withTimers({ state, facts, plan }, 0).memory.timers['ask']).toBeUndefined();
  });
});

it('that may not be asked about is no reason to give a new cluster up', () => {
  const facts = factsOf({ ...calm, leader: 'none', bootstrapped: false });
  const failure = {
    count: 1,
    reason: 'Forbidden',
    message: 'no',
    permanent: true,
    since: 0,
    waiting: true,
    needsRead: false,
  };
  const refused = (key: string): string =>
    reconcileError({
      state: 'Alive.Creating.bootstrapping',
      facts: { ...facts, memory: { ...facts.memory, failures: { [key]: failure } } },
      plan,
    }).answer;
  expect(refused('Events/StatefulSet/shop')).toBe('no');
  expect(refused('StatefulSet/shop')).toBe('yes');
});

describe('a warning', () => {
  it('stands beside the member’s trouble', () => {
    const facts = answered(withPod({ trouble: 'ContainerCreating' }), failedMount);
    expect(membersOf(facts)[1]?.trouble).toBe('ContainerCreating: FailedMount: secret "x" not found');
  });

  it('of the StatefulSet says why a pod is missing', () => {
    const quota = { reason: 'FailedCreate', message: 'exceeded quota' };
    const facts = answered(gone(factsOf(calm), 'Pod/shop-1'), quota);
    expect(membersOf(facts)[1]?.trouble).toBe('its pod is gone: FailedCreate: exceeded quota');
  });

  it('is in the condition that says what is late', () => {
    const facts = answered(withPod({ trouble: 'ContainerCreating' }), failedMount);
    const late = { ...facts, memory: { ...facts.memory, expired: ['deadline/scaling/adding'] } };
    const { Stuck } = conditionsOf({ state, facts: late, plan, specProblems: [] });
    expect(Stuck.message).toContain('waiting for shop-1 (ContainerCreating: FailedMount: secret "x" not found)');
  });

  it('is nothing where there is none, and forgets the one before', () => {
    const before = answered(withPod({ trouble: 'ContainerCreating' }), failedMount);
    const again = { ...before, memory: { ...before.memory, timers: {} } };
    expect(answered(again, {}).memory.warnings).toBeUndefined();
  });

  it('is forgotten once the object says itself what it waits for, or is another one', () => {
    const before = answered(withPod({ trouble: 'ContainerCreating' }), failedMount);
    const named = withDetail(
      before,
      'Pod/shop-1',
      (detail) => ({ ...detail, trouble: 'ImagePullBackOff (x)' }) as PodDetail,
    );
    expect(withTimers({ state, facts: named, plan }, 0).memory.warnings).toBeUndefined();
    const fact = before.world.objects['Pod/shop-1'];
    if (fact === undefined) throw new Error('no pod');
    const another = { ...fact, object: { ...fact.object, uid: 'another' } };
    const replaced = {
      ...before,
      world: { ...before.world, objects: { ...before.world.objects, 'Pod/shop-1': another } },
    };
    expect(membersOf(replaced)[1]?.trouble).toBe('ContainerCreating');
    expect(withTimers({ state, facts: replaced, plan }, 0).memory.warnings).toBeUndefined();
  });
});
