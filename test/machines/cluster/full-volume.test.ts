/** A full volume: who is asked about it, when, what status says, and when the pod of a leader goes so that another can lead. */
import { describe, expect, it } from 'vitest';
import { conditionsOf, sentence } from '#machines/cluster/conditions.ts';
import { withTimers } from '#machines/cluster/deadlines.ts';
import type { Facts, Memory } from '#machines/cluster/facts.ts';
import { learn } from '#machines/cluster/learn.ts';
import { leaderOf, membersOf } from '#machines/cluster/members.ts';
import type { DcsSeen, ObjectDetail, PatroniMember, PodDetail } from '#machines/cluster/observations.ts';
import { readFullVolumes } from '#machines/cluster/room.ts';
import { crampedPods, withVolumesSeen } from '#machines/cluster/tables/full-volume.ts';
import { wants } from '#machines/cluster/wants.ts';
import { calm, factsOf, plan, type Choice } from './worlds.ts';

const state = 'Alive.Recovering.electing';
const gib = 2 ** 30;

function withDetail(facts: Facts, key: string, change: (detail: ObjectDetail) => ObjectDetail): Facts {
  const fact = facts.world.objects[key];
  if (fact === undefined) throw new Error(`there is no ${key}`);
  const object = { ...fact.object, detail: change(fact.object.detail) };
  return { ...facts, world: { ...facts.world, objects: { ...facts.world.objects, [key]: { ...fact, object } } } };
}

function withPod(facts: Facts, name: string, pod: Partial<PodDetail>, patroni: Partial<PatroniMember> = {}): Facts {
  return withDetail(facts, `Pod/${name}`, (detail) =>
    detail.type === 'Pod' && detail.patroni !== null
      ? { ...detail, patroni: { ...detail.patroni, ...patroni }, ...pod }
      : detail,
  );
}

function withDcs(facts: Facts, name: string, dcs: Partial<DcsSeen>): Facts {
  return withDetail(facts, `Endpoints/${name}`, (detail) =>
    detail.type === 'Endpoints' ? { ...detail, dcs: { ...detail.dcs, ...dcs } } : detail,
  );
}

function withMemory(facts: Facts, memory: Partial<Memory>): Facts {
  return { ...facts, memory: { ...facts.memory, ...memory } };
}

/** shop-0 holds the leader key, and PostgreSQL in it is a replica; shop-1 streamed from it. */
function cramped(choice: Partial<Choice> = {}): Facts {
  const facts = withPod(factsOf({ ...calm, ...choice }), 'shop-0', {}, { role: 'replica', state: 'running' });
  return withMemory(facts, { leader: { name: 'shop-0', timeline: 1 }, expired: ['room/shop-0'] });
}

/** This member is asked for its room, and answers. */
function answered(facts: Facts, member: string, result: Readonly<Record<string, string>>): Facts {
  const free = withMemory(facts, { timers: {} });
  const wish = wants({ state, facts: free, plan }).find(
    ({ type, target }) => type === 'MeasureVolume' && target.name === member,
  );
  if (wish === undefined || !('uid' in wish)) throw new Error(`${member} is not asked`);
  const { type, target, uid } = wish;
  const open = { seq: 7, ordinal: 0, type, target, uid, textHash: null, since: 0, handled: null };
  const asked = withMemory(free, { open: { [`Room/${member}`]: open } });
  const outcome = { type: 'done', result } as const;
  const told = learn(asked, { type: 'OutcomeArrived', seq: 7, ordinal: 0, intent: type, target, outcome }, 1000);
  return withVolumesSeen(told);
}

const none = { free: '0', total: String(gib) };

function twice(facts: Facts): Facts {
  return answered(answered(facts, 'shop-0', none), 'shop-0', none);
}

function sent(facts: Facts): readonly string[] {
  return wants({ state, facts, plan })
    .filter(({ type }) => type === 'DeleteObject' || type === 'MeasureVolume')
    .map(({ type, target }) => `${type} ${target.name}`);
}

/** The cluster with another spec in force. */
function withSpec(facts: Facts, spec: object): Facts {
  const { cluster } = facts.world;
  if (cluster === null) throw new Error('there is no cluster');
  const seen = { ...cluster.seen, spec: { ...cluster.seen.spec, ...spec } };
  return { ...facts, world: { ...facts.world, cluster: { ...cluster, seen } } };
}

describe('a member is asked for the room on its volume', () => {
  it.each<[string, Facts, readonly string[]]>([
    ['nobody where all is well', factsOf(calm), []],
    ['a leader that is a replica', cramped(), ['shop-0']],
    ['not one whose key runs out by itself', cramped({ leader: 'silent' }), []],
    ['a server that does not start', withPod(factsOf(calm), 'shop-1', {}, { state: 'start failed' }), ['shop-1']],
    ['a server that has crashed', withPod(factsOf(calm), 'shop-0', {}, { state: 'crashed' }), ['shop-0']],
    ['one that does not follow', withPod(factsOf(calm), 'shop-1', {}, { positionBytes: -gib }), ['shop-1']],
    ['not while nobody leads whom it could follow', factsOf({ ...calm, leader: 'none', ready: 1 }), []],
    ['not in a container that does not run', withPod(factsOf(calm), 'shop-1', { trouble: 'ErrImagePull' }), []],
  ])('%s', (_, facts, names) => expect(crampedPods(facts).map(({ object }) => object.name)).toEqual(names));

  it('when it has lasted, and ever later while it lasts', () => {
    const young = withMemory(cramped(), { expired: [] });
    expect(sent(young)).toEqual([]);
    expect(withTimers({ state, facts: young, plan }, 0).memory.timers['room/shop-0']?.dueAt).toBe(10_000);
    const once = answered(cramped(), 'shop-0', none);
    expect(once.memory.timers['await/Room/shop-0']?.dueAt).toBe(31_000);
    expect(answered(once, 'shop-0', none).memory.timers['await/Room/shop-0']?.dueAt).toBe(61_000);
    expect(sent(once)).toEqual([]);
  });

  it('also where it cannot say, which is no failure', () => {
    const facts = answered(cramped(), 'shop-0', { trouble: 'exec in shop-0: no answer' });
    expect(facts.memory.failures).toEqual({});
    expect(facts.memory.rooms?.['shop-0']?.bytes).toBeNull();
    expect(leaderOf(facts).because).not.toContain('full');
    const again = answered(facts, 'shop-0', { trouble: 'exec in shop-0: no answer' });
    expect(again.memory.timers['await/Room/shop-0']?.dueAt).toBe(61_000);
  });
});

describe('a full volume is named', () => {
  it('by leader, members and conditions, with its figures', () => {
    const facts = answered(cramped(), 'shop-0', { free: '12288', total: String(gib) });
    const words = 'its volume is full: 12 KiB of 1 GiB free';
    expect(leaderOf(facts).because).toBe(`shop-0 holds the leader key but is replica, running; ${words}`);
    expect(membersOf(facts)[0]?.trouble).toContain(words);
    const { StorageReady, WritesBlocked, Degraded } = conditionsOf({ facts, state, plan, specProblems: [] });
    expect(WritesBlocked.message).toContain(words);
    expect(Degraded.message).toContain(words);
    expect(sentence({ facts, state, plan, specProblems: [] })).toContain(words);
    expect(StorageReady.message).not.toContain('volume of');
    const claim = { type: 'PersistentVolumeClaim', phase: 'Bound', requested: '1Gi', capacity: '1Gi' } as const;
    const { object } = facts.world.objects['Pod/shop-0'] ?? {};
    if (object === undefined) throw new Error('there is no shop-0');
    const detail = { ...claim, storageClass: null };
    const volume = { ...object, kind: 'PersistentVolumeClaim', name: 'data-shop-0', uid: 'c', detail } as const;
    const objects = { ...cramped().world.objects, 'PersistentVolumeClaim/data-shop-0': { ...none, object: volume } };
    const withClaim = { ...cramped(), world: { ...cramped().world, objects } } as unknown as Facts;
    const full = answered(withClaim, 'shop-0', none);
    const storage = conditionsOf({ facts: full, state, plan, specProblems: [] }).StorageReady;
    expect(storage).toEqual({ status: 'False', reason: 'Full', message: 'volume of shop-0: 0 B of 1 GiB free' });
    expect([...readFullVolumes(storage.message)]).toEqual([['shop-0', '0 B of 1 GiB free']]);
    const grown = withDetail(full, 'PersistentVolumeClaim/data-shop-0', () => ({ ...detail, capacity: '2Gi' }));
    expect(withVolumesSeen(grown).memory.rooms).toBeUndefined();
    expect(withVolumesSeen(grown).memory.timers['await/Room/shop-0']).toBeUndefined();
  });

  it('no longer once the member is as it should be, or is another pod', () => {
    const facts = answered(cramped(), 'shop-0', none);
    const back = withVolumesSeen(withPod(facts, 'shop-0', {}, { role: 'primary' }));
    expect(back.memory.rooms).toBeUndefined();
    expect(leaderOf(back).writable).toBe(true);
  });

  it('not where a segment of the log fits', () => {
    const facts = answered(cramped(), 'shop-0', { free: String(16 * 2 ** 20), total: String(gib) });
    expect(leaderOf(facts).because).not.toContain('full');
  });
});

describe('a leader on a full volume', () => {
  it('makes way once it was found full twice, and another member could lead', () => {
    expect(sent(answered(cramped(), 'shop-0', none))).toEqual([]);
    const facts = twice(cramped());
    expect(sent(facts)).toEqual(['DeleteObject shop-0']);
    expect(wants({ state, facts, plan }).find(({ type }) => type === 'DeleteObject')).toMatchObject({
      uid: 'Pod-shop-0',
      because: 'shop-0 keeps the leader key and cannot lead on a full volume; shop-1 can',
    });
    expect(sentence({ facts, state, plan, specProblems: [] })).toContain('pod shop-0 is deleted, so that shop-1 can');
  });

  it('makes way once, and not again before somebody has led', () => {
    const key = 'Pod/shop-0';
    const facts = twice(cramped());
    const fact = facts.world.objects[key];
    if (fact === undefined) throw new Error('there is no shop-0');
    const objects = { ...facts.world.objects, [key]: { ...fact, object: { ...fact.object, uid: 'another' } } };
    const anew = twice(withVolumesSeen({ ...facts, world: { ...facts.world, objects } }));
    expect(sent(anew)).toEqual([]);
    expect(sentence({ facts: anew, state, plan, specProblems: [] })).toContain(
      'nobody has led since pod shop-0 was deleted once',
    );
    const led = withVolumesSeen(withPod(anew, 'shop-0', {}, { role: 'primary' }));
    expect(led.memory.relief).toBeUndefined();
    expect(sent(twice(withPod(led, 'shop-0', {}, { role: 'replica' })))).toEqual(['DeleteObject shop-0']);
  });

  it.each<[string, Facts]>([
    ['the other one is not ready', withPod(cramped(), 'shop-1', { ready: false })],
    ['the other one is on another timeline', withPod(cramped(), 'shop-1', {}, { timeline: 2 })],
    ['the other one is far behind', withPod(cramped(), 'shop-0', {}, { positionBytes: gib })],
    ['the other one does not run', withPod(cramped(), 'shop-1', {}, { state: 'starting' })],
    ['the other one does not confirm commits', cramped({ synchrony: 'unconfirmed' })],
    ['Patroni is paused by hand', withDcs(cramped(), 'shop-config', { paused: true })],
    ['mode is Observe', withSpec(cramped(), { mode: 'Observe' })],
    ['spec.paused is set', withSpec(cramped(), { paused: true })],
    ['maxDisruption is below a switchover', withSpec(cramped(), { maxDisruption: 'ReplicaRestart' })],
  ])('stays where %s', (_, facts) => expect(sent(twice(facts))).toEqual([]));

  it.each<[string, Facts]>([
    ['the other one confirms commits', cramped({ synchrony: 'confirmed' })],
    ['a switchover is permitted', withSpec(cramped(), { maxDisruption: 'Switchover' })],
  ])('makes way where %s', (_, facts) => expect(sent(twice(facts))).toEqual(['DeleteObject shop-0']));

  it('stays where the other volume is full too', () => {
    const both = withPod(cramped(), 'shop-1', {}, { state: 'crashed' });
    const expired = ['room/shop-0', 'room/shop-1'];
    const facts = answered(twice(withMemory(both, { expired })), 'shop-1', none);
    expect(sent(withMemory(facts, { timers: {} }))).not.toContain('DeleteObject shop-0');
  });

  it('is told who could lead where that is left to people', () => {
    const facts = twice(withSpec(cramped(), { maxDisruption: 'None' }));
    expect(sentence({ facts, state, plan, specProblems: [] })).toContain(
      'shop-1 could lead if pod shop-0 were deleted, which is left to you: maxDisruption is None',
    );
  });
});
