/** What an earlier machine remembered or recorded becomes what this one does, step by step; of a newer one nothing is guessed. */
import { describe, expect, it } from 'vitest';
import { memoryVersion, type Snapshot } from '#machines/cluster/facts.ts';
import { pathOf, settleState } from '#machines/cluster/fixpoint.ts';
import { adopt, history, type History } from '#machines/cluster/history.ts';
import type { ClusterObservation } from '#machines/cluster/observations.ts';
import { NewerRow, upcast } from '#machines/cluster/upcasters.ts';
import { calm, factsOf, plan } from './worlds.ts';

const facts = factsOf(calm);
const snapshot: Snapshot = { machine: 'cluster', state: 'Alive.Running', facts };

/** Two raises of the version, and a state that was renamed. */
const later: History = {
  version: 3,
  steps: { 1: (memory) => ({ ...memory, first: true }), 2: (memory) => ({ ...memory, second: memory['first'] }) },
  states: { 'Alive.Old': 'Alive.Running' },
  isState: (path) => path === 'Alive.Running',
};

function remembered(version: unknown, state = 'Alive.Running'): unknown {
  return { machine: 'cluster', state, facts: { world: facts.world, memory: { version } } };
}

describe('a snapshot', () => {
  it('of this version is taken as it is', () => {
    expect(adopt(snapshot)).toEqual({ type: 'present', snapshot });
    const found = adopt(remembered(3), later);
    expect(found).toEqual({ type: 'present', snapshot: remembered(3) });
  });

  it('of an earlier version goes through every step from there, and its state to its new name', () => {
    const memory = { version: 3, first: true, second: true };
    const expected = { machine: 'cluster', state: 'Alive.Running', facts: { world: facts.world, memory } };
    expect(adopt(remembered(1, 'Alive.Old'), later)).toEqual({ type: 'migrated', from: 1, snapshot: expected });
  });

  it('begins in the middle of the steps where it was written there', () => {
    const found = adopt(remembered(2), later);
    expect(found).toMatchObject({ type: 'migrated', from: 2, snapshot: { facts: { memory: { version: 3 } } } });
    expect(found).not.toMatchObject({ snapshot: { facts: { memory: { first: true } } } });
  });

  it('of this version in a state that was renamed is a migration of the state alone', () => {
    expect(adopt(remembered(3, 'Alive.Old'), later)).toEqual({ type: 'migrated', from: 3, snapshot: remembered(3) });
  });

  it('of a newer version is said to be one, whatever else it holds', () => {
    expect(adopt(remembered(4, 'Alive.Nowhere'), later)).toEqual({ type: 'newer', version: 4 });
    expect(adopt(remembered(memoryVersion + 1))).toEqual({ type: 'newer', version: memoryVersion + 1 });
  });

  it.each<readonly [string, unknown, string]>([
    ['nothing', null, 'it is no snapshot of the cluster machine'],
    ['a word', 'cluster', 'it is no snapshot of the cluster machine'],
    ['a list', [snapshot], 'it is no snapshot of the cluster machine'],
    ['another machine', { ...snapshot, machine: 'fleet' }, 'it is no snapshot of the cluster machine'],
    ['no state', { ...snapshot, state: null }, 'it is no snapshot of the cluster machine'],
    ['no facts', { ...snapshot, facts: null }, 'it holds no world and memory'],
    ['no world', { ...snapshot, facts: { memory: {} } }, 'it holds no world and memory'],
    ['no memory', { ...snapshot, facts: { world: {} } }, 'it holds no world and memory'],
    ['no version', { ...snapshot, facts: { world: {}, memory: {} } }, 'its memory has no version'],
    ['half a version', remembered(1.5), 'its memory has no version'],
    ['a state of no chart', remembered(memoryVersion, 'Alive.Nowhere'), 'state Alive.Nowhere is none of this chart'],
  ])('that is %s is foreign', (_, value, because) => expect(adopt(value)).toEqual({ type: 'foreign', because }));

  it('from which no step leads on is foreign', () => {
    const because = 'no step leads from memory version 0 on';
    expect(adopt(remembered(0), later)).toEqual({ type: 'foreign', because });
    expect(history.version).toBe(memoryVersion);
  });
});

describe('a recorded observation', () => {
  const recorded: ClusterObservation = { type: 'LeaderSilent', silentMs: 30_000 };
  const steps = {
    version: 3,
    steps: {
      1: (each: Readonly<Record<string, unknown>>) => ({ ...each, path: ['one'] }),
      2: (each: Readonly<Record<string, unknown>>) => ({ ...each, path: [...(each['path'] as string[]), 'two'] }),
    },
  };

  it('in the present shape is the very same', () => {
    expect(upcast(1, recorded)).toBe(recorded);
    expect(upcast(3, recorded, steps)).toBe(recorded);
  });

  it('in an earlier shape goes through every step from there', () => {
    expect(upcast(1, recorded, steps)).toEqual({ ...recorded, path: ['one', 'two'] });
  });

  it('in a shape from which no step leads on is refused', () => {
    expect(() => upcast(0, recorded, steps)).toThrow('no step leads from version 0 of LeaderSilent on');
  });

  it('of a newer build is refused, with what to do', () => {
    const told = (): unknown => upcast(2, recorded);
    expect(told).toThrow(NewerRow);
    expect(told).toThrow('a row holds LeaderSilent in version 2, this build knows versions up to 1');
    expect(new NewerRow('').hint).toBe('use a build at least as new as the one that wrote it; nothing was changed');
  });
});

describe('the path of a state', () => {
  it.each([
    ['Alive', 'Alive'],
    [{ Alive: { Creating: 'joining' } }, 'Alive.Creating.joining'],
    [{}, ''],
    [{ Alive: undefined }, ''],
  ] as const)('of %j is %j', (value, path) => expect(pathOf(value)).toBe(path));
});

describe('moves without end', () => {
  it('are broken off after sixteen, with every arrow named', () => {
    const lost = { state: 'Alive.Running', facts: factsOf({ ...calm, leader: 'none' }), plan };
    const arrows = Array.from({ length: 17 }, () => 'Alive.Running -PrimaryLost-> Alive.Recovering.electing');
    expect(() => settleState(lost, () => lost)).toThrow(
      `the cluster machine made more than 16 moves on one observation: ${arrows.join(', ')}`,
    );
  });
});
