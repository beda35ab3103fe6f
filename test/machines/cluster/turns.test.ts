/** A cluster's turn: asked for by an edit that costs something, held until it is granted, and over when nothing is under way. */
import { describe, expect, it } from 'vitest';
import type { Facts } from '#machines/cluster/facts.ts';
import { learn } from '#machines/cluster/learn.ts';
import { nextAction } from '#machines/cluster/next-action.ts';
import type { ClusterObservation } from '#machines/cluster/observations.ts';
import { settle } from '#machines/cluster/settle.ts';
import { failedRolloutToken } from '#machines/cluster/tables/blame.ts';
import { fleetMember } from '#machines/fleet/turns.ts';
import { annotations } from '#machines/shared/names.ts';
import { makeBuilders } from '#src/resources/plan.ts';
import { calm, factsOf, plan } from './worlds.ts';

const judge = makeBuilders();
const state = 'Alive.Running';

/** A calm cluster of an operator with a limit, edited to another image as generation 2. */
function edited(image = 'other', approve: Record<string, string> = {}): Facts {
  const base = factsOf(calm);
  const { cluster, config } = base.world;
  if (cluster === null || config === null) throw new Error('no cluster');
  const seen = { ...cluster.seen, generation: 2, annotations: approve, spec: { ...cluster.seen.spec, image } };
  const world = { ...base.world, cluster: { ...cluster, seen }, config: { ...config, maxDisruptions: 2 } };
  return settle({ ...base, world }, judge, 0);
}

function told(facts: Facts, answer: 'granted' | 'queued' | 'stopped', subject = 'generation 2'): Facts {
  const observation: ClusterObservation = { type: 'TurnTold', subject, answer, because: 'the fleet says so' };
  return settle(learn(facts, observation, 1), judge, 1);
}

const accepted = (facts: Facts): number | undefined => facts.memory.accepted?.generation;
const said = (facts: Facts): string | null => nextAction({ state, facts, plan });

/** As if it were true of every member. */
function rolledOut(facts: Facts): Facts {
  const { accepted: rolled } = facts.memory;
  const memory = { ...facts.memory, rolledOut: rolled, rolledOutGeneration: rolled?.generation ?? null };
  return settle({ ...facts, memory }, judge, 2);
}

/** As if it had been taken back. */
function failed(facts: Facts): Facts {
  const { rolledOut: before, accepted: tried } = facts.memory;
  const problem = { field: 'spec.image', value: 'other', rule: 'could not be rolled out' };
  const memory = { ...facts.memory, accepted: before, failedRollout: { generation: tried?.generation ?? 0, problem } };
  return settle({ ...facts, memory }, judge, 2);
}

describe('a turn', () => {
  it('is asked for without a word, and named by what is to become', () => {
    const facts = edited();
    expect(facts.memory.held).toMatchObject({
      by: 'Turn',
      turn: { subject: 'generation 2', change: 'spec.image="other"' },
    });
    expect(said(facts)).toBeNull();
    expect(accepted(facts)).toBe(1);
  });

  it('that is not to come yet is told to people, and does not begin', () => {
    const facts = told(edited(), 'queued');
    expect(said(facts)).toMatch(/^generation 2 is held: it takes Switchover for spec.image; the fleet says so$/);
    expect(accepted(facts)).toBe(1);
    expect(said(told(edited(), 'stopped'))).toContain(`begin all the same with annotation ${annotations.approve}=2`);
  });

  it('that is granted begins, counts until it is over, and is remembered as an example', () => {
    const facts = told(edited(), 'granted');
    expect(accepted(facts)).toBe(2);
    expect(said(facts)).toBeNull();
    const updating = { machine: 'cluster', state: 'Alive.Updating.replacing', facts } as const;
    expect(fleetMember('a', updating)).toMatchObject({ isAtWork: true, turn: { goes: 'on' } });
    const done = rolledOut(facts);
    expect(fleetMember('a', { machine: 'cluster', state, facts: done })).toMatchObject({
      isAtWork: false,
      turn: { change: 'spec.image="other"', goes: 'well' },
    });
  });

  it('that ends in going back is a bad example until the spec is edited', () => {
    const facts = failed(told(edited(), 'granted'));
    const standing = (phase: string): unknown => fleetMember('a', { machine: 'cluster', state: phase, facts });
    expect(standing(state)).toMatchObject({ isAtWork: false, turn: { goes: 'badly' } });
    expect(standing('Alive.Recovering.electing')).toMatchObject({ isAtWork: true });
    const { cluster } = facts.world;
    if (cluster === null) throw new Error('no cluster');
    const seen = { ...cluster.seen, generation: 3 };
    const again = settle({ ...facts, world: { ...facts.world, cluster: { ...cluster, seen } } }, judge, 3);
    expect(again.memory.turn).toBeUndefined();
  });

  it('counts as under way for whoever lost the journal, while what status calls failed is being taken back', () => {
    const facts = edited();
    const { turn: _turn, ...rest } = facts.memory;
    const memory = { ...rest, amnesia: true, held: null, handled: { ...rest.handled, [failedRolloutToken]: '2' } };
    const at = (phase: string): boolean =>
      fleetMember('a', { machine: 'cluster', state: phase, facts: { ...facts, memory } }).isAtWork;
    expect([at('Alive.Recovering.electing'), at(state)]).toEqual([true, false]);
  });

  it('is told to nobody who asks for another one, or for none', () => {
    expect(told(edited(), 'granted', 'generation 1').memory.turn).toBeUndefined();
    expect(told(factsOf(calm), 'granted').memory.turn).toBeUndefined();
  });

  it('is kept through an edit that comes meanwhile', () => {
    const facts = told(edited(), 'granted');
    const { cluster } = facts.world;
    if (cluster === null) throw new Error('no cluster');
    const seen = { ...cluster.seen, generation: 3, spec: { ...cluster.seen.spec, image: 'third' } };
    const again = settle({ ...facts, world: { ...facts.world, cluster: { ...cluster, seen } } }, judge, 3);
    expect(accepted(again)).toBe(3);
    expect(again.memory.turn?.state).toBe('granted');
  });

  it('is not asked for where no limit is set, or nobody would notice', () => {
    const free = edited();
    const { config } = free.world;
    if (config === null) throw new Error('no settings');
    const { maxDisruptions: _limit, ...without } = config;
    expect(accepted(settle({ ...free, world: { ...free.world, config: without } }, judge, 0))).toBe(2);
  });
});
