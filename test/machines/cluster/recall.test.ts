/** What is answered from memory is what would be answered anew: on every combination of facts, one after the other. */
import { describe, expect, it } from 'vitest';
import { conditionsOf, sentence } from '#machines/cluster/conditions.ts';
import type { Facts, Memory, World } from '#machines/cluster/facts.ts';
import { leaderOf, membersOf } from '#machines/cluster/members.ts';
import { nextAction } from '#machines/cluster/next-action.ts';
import { objectsOf, recalled } from '#machines/cluster/recall.ts';
import { rotationDue } from '#machines/cluster/tables/credentials.ts';
import { rolloutStep } from '#machines/cluster/tables/rollout.ts';
import { scalingStep } from '#machines/cluster/tables/scaling.ts';
import { synchronyDue } from '#machines/cluster/tables/synchrony.ts';
import { volumesOf } from '#machines/cluster/tables/volumes.ts';
import { wants } from '#machines/cluster/wants.ts';
import { statusOf, urgentHash } from '#src/decision/status.ts';
import { seeded } from '#test/support/seeded.ts';
import { calm, choices, factsOf, plan } from './worlds.ts';

const facts = factsOf(calm);

function withWorld(before: Facts, change: Partial<World>): Facts {
  return { ...before, world: { ...before.world, ...change } };
}

function withMemory(before: Facts, change: Partial<Memory>): Facts {
  return { ...before, memory: { ...before.memory, ...change } };
}

function withObject(before: Facts, key: string): Facts {
  const fact = before.world.objects[key];
  if (fact === undefined) throw new Error(`there is no ${key}`);
  return withWorld(before, { objects: { ...before.world.objects, [key]: { ...fact } } });
}

/** A question and how often it was answered anew. */
function counted<Given extends readonly unknown[], Value>(
  ask: (facts: Facts, ...given: Given) => Value,
): { readonly question: (facts: Facts, ...given: Given) => Value; readonly times: () => number } {
  let times = 0;
  const question = recalled((now: Facts, ...given: Given) => {
    times += 1;
    return ask(now, ...given);
  });
  return { question, times: () => times };
}

/** Like `facts` in content, and nothing of it is the same. */
function anew(before: Facts): Facts {
  return structuredClone(before);
}

describe('an answer that is remembered', () => {
  it('stands while what it looked at is the same, whatever else changes', () => {
    const { question, times } = counted(({ memory, world }) => [memory.dcs, world.leaderSilentSince]);
    const answer = question(facts);
    expect(question(withMemory(facts, { retryCount: 7 }))).toBe(answer);
    expect(question(withObject(facts, 'Pod/shop-0'))).toBe(answer);
    expect(times()).toBe(1);
  });

  it.each<readonly [string, (before: Facts) => Facts]>([
    ['a field of the world', (before) => withWorld(before, { leaderSilentSince: 5 })],
    ['a field of memory', (before) => withMemory(before, { dcs: 'ConfigMaps' })],
    ['a field of memory beyond the first', (before) => withMemory(before, { amnesia: true })],
    ['an object that it looked at', (before) => withObject(before, 'Pod/shop-0')],
    ['the PostgresCluster', (before) => withWorld(before, { cluster: { ...(before.world.cluster ?? never()) } })],
  ])('is given anew after a change of %s', (_, change) => {
    const { question, times } = counted(({ memory, world }) => [
      world.leaderSilentSince,
      memory.dcs,
      memory.amnesia,
      world.objects['Pod/shop-0'],
    ]);
    question(facts);
    question(change(facts));
    expect(times()).toBe(2);
  });

  it('is given anew when an object comes that was looked for in vain', () => {
    const { question } = counted(
      ({ world }) => 'Pod/shop-9' in world.objects || world.objects['Pod/shop-8'] !== undefined,
    );
    const [pod = never()] = Object.values(facts.world.objects);
    for (const key of ['Pod/shop-9', 'Pod/shop-8']) {
      expect(question(facts)).toBe(false);
      expect(question(withWorld(facts, { objects: { ...facts.world.objects, [key]: pod } }))).toBe(true);
    }
  });

  it.each<readonly [string, (now: Facts) => number]>([
    ['counted', (now) => objectsOf(now).length],
    ['listed', ({ world }) => Object.keys(world.objects).length],
    ['copied', ({ world }) => Object.values({ ...world.objects }).length],
    ['copied with all facts', (now) => Object.values({ ...now, world: { ...now.world } }.world.objects).length],
  ])('rests on all objects when they are %s', (_, ask) => {
    const { question, times } = counted(ask);
    const count = question(facts);
    const { 'Pod/shop-1': _gone, ...objects } = facts.world.objects;
    expect(question(withWorld(facts, { objects }))).toBe(count - 1);
    expect(times()).toBe(2);
  });

  it('rests on what a copy of the facts holds', () => {
    const { question } = counted(({ world, memory }) => ({ world, memory: { ...memory, retryCount: 0 } }).memory.dcs);
    expect(question(facts)).toBe('Endpoints');
    expect(question(withMemory(facts, { dcs: 'ConfigMaps' }))).toBe('ConfigMaps');
  });

  it('rests on the answer to a further question, not on what that was read from', () => {
    const further = counted(({ memory }) => Object.keys(memory.open).length > 1);
    const { question, times } = counted((now) => [further.question(now)]);
    const open = (count: number): Memory['open'] =>
      Object.fromEntries(Array.from({ length: count }, (_, place) => [String(place), {} as Memory['open'][string]]));
    const answer = question(withMemory(facts, { open: open(0) }));
    expect(question(withMemory(facts, { open: open(1) }))).toBe(answer);
    expect(further.times()).toBe(2);
    expect(times()).toBe(1);
    expect(question(withMemory(facts, { open: open(2) }))).toEqual([true]);
    expect(times()).toBe(2);
  });

  it('rests on a further question that is asked about changed facts', () => {
    const further = recalled(({ memory, world }) => `${memory.dcs ?? ''} ${world.leaderSilentSince ?? 'heard'}`);
    const { question } = counted(({ world, memory }) => further({ world, memory: { ...memory, dcs: 'ConfigMaps' } }));
    expect(question(facts)).toBe('ConfigMaps heard');
    expect(question(withWorld(facts, { leaderSilentSince: 3 }))).toBe('ConfigMaps 3');
  });

  it('is another one for something else that is given', () => {
    const { question, times } = counted((_, one: string, other: number) => `${one} ${other}`);
    expect([question(facts, 'a', 1), question(facts, 'a', 2), question(facts, 'b', 2)]).toEqual(['a 1', 'a 2', 'b 2']);
    question(facts, 'b', 2);
    expect(times()).toBe(3);
  });

  it('is kept for each cluster', () => {
    const { question, times } = counted(({ world }) => world.cluster?.seen.name);
    const other = withWorld(facts, { cluster: { ...(facts.world.cluster ?? never()) } });
    for (let time = 0; time < 3; time += 1) [facts, other].forEach((each) => question(each));
    expect(times()).toBe(2);
  });

  it('holds none of the facts that the question was lent: they throw', () => {
    const kept = recalled((now) => now)(facts);
    expect(() => kept.memory.dcs).toThrow(/dcs is read of facts that were lent/);
    expect(() => kept.world.objects['Pod/shop-0']).toThrow(/objects is read of facts that were lent/);
  });

  it('is not there when the question throws, and the next one is answered as ever', () => {
    const failing = recalled(({ memory }): string => {
      throw new Error(`no answer for ${memory.dcs ?? ''}`);
    });
    const asking = recalled((now) => {
      expect(() => failing(now)).toThrow(/no answer for/);
      return now.memory.dcs;
    });
    expect(asking(facts)).toBe('Endpoints');
    expect(asking(withMemory(facts, { dcs: 'ConfigMaps' }))).toBe('ConfigMaps');
  });
});

function never(): never {
  throw new Error('it is not there');
}

/** Every question of the machine that is answered from memory, and what is made of their answers. */
function answers(state: string, now: Facts): string {
  const view = { state, facts: now, plan, specProblems: [] };
  return JSON.stringify([
    leaderOf(now),
    membersOf(now),
    scalingStep(now),
    volumesOf(now),
    synchronyDue(now),
    rotationDue(now),
    rolloutStep(view),
    conditionsOf(view),
    wants(view),
    sentence(view),
    nextAction(view),
    statusOf(view),
    urgentHash(view),
  ]);
}

describe('the questions of the machine', () => {
  it('answer on facts that came from others, bit by bit, as on facts that nobody has seen', () => {
    const states = ['Alive.Creating.joining', 'Alive.Running', 'Alive.Updating.configuring', 'Alive.Degraded'];
    const random = seeded(7);
    const all = [...choices()].filter(({ known }) => known);
    const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] ?? never();
    let now = facts;
    for (let step = 0; step < 400; step += 1) {
      const other = factsOf(pick(all));
      const worldField = pick(Object.keys(other.world) as (keyof World)[]);
      const memoryField = pick(Object.keys(other.memory) as (keyof Memory)[]);
      const key = pick(Object.keys(other.world.objects));
      // The cluster stays the very same: with another one nothing would be remembered.
      if (worldField !== 'cluster') now = withWorld(now, { [worldField]: other.world[worldField] });
      now = withMemory(now, { [memoryField]: other.memory[memoryField] });
      now = withWorld(now, { objects: { ...now.world.objects, [key]: other.world.objects[key] ?? never() } });
      const state = pick(states);
      expect(answers(state, now), `step ${step}: ${worldField}, ${memoryField}, ${key}`).toBe(
        answers(state, anew(now)),
      );
    }
  });
});
