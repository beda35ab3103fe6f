/** Random edits as a kind of seed: they are drawn like faults, and what they end in is told apart from what the spec says. */
import { afterAll, describe, expect, it } from 'vitest';
import { clusterOf } from '#src/sim/acts.ts';
import { randomEdits, unlikeItsSpec } from '#src/sim/acts-edits.ts';
import { planOf } from '#src/sim/exploration.ts';
import type { Json } from '#src/sim/json.ts';
import { quiet, type Plan, type PlanStep } from '#src/sim/plan.ts';
import { runPlan } from '#src/sim/run.ts';
import { makeScratch } from '#src/sim/scratch.ts';
import { openWorld, unheard } from '#src/sim/world.ts';

const { folder: scratch, remove } = makeScratch();
afterAll(remove);

const isEdit = ({ type }: PlanStep): boolean => type === 'meddle';

describe('a seed', () => {
  const plans = Array.from({ length: 400 }, (_, seed) => planOf(seed));
  const edited = plans.filter(({ scenario }) => scenario === randomEdits);

  it('edits a spec at random, one in four', () => {
    expect(edited.length).toBeGreaterThan(60);
    expect(edited.length).toBeLessThan(140);
  });

  it('edits none where it may not', () => {
    const seeds = Array.from({ length: 400 }, (_, seed) => planOf(seed, { edits: false }));
    expect(seeds.filter(({ scenario }) => scenario === randomEdits)).toEqual([]);
  });

  it('has two to six edits then, with faults or without, and none else', () => {
    const counts = edited.map(({ steps }) => steps.filter(isEdit).length);
    expect([Math.min(...counts), Math.max(...counts)]).toEqual([2, 6]);
    expect(edited.some(({ steps }) => steps.every(isEdit))).toBe(true);
    expect(edited.some(({ steps }) => steps.some((step) => !isEdit(step)))).toBe(true);
    const others = plans.filter(({ scenario }) => scenario !== randomEdits);
    expect(others.flatMap(({ steps }) => steps).filter(isEdit)).toEqual([]);
  });

  it('is held to the spec in the end', async () => {
    const found: unknown[] = [];
    for (const seed of [1, 2, 147, 320]) {
      const { plan, violations } = await runPlan(planOf(seed, { scenario: randomEdits }), { scratch, expected: null });
      if (violations.length > 0) found.push({ plan, violations });
    }
    expect(found).toEqual([]);
  });

  it('tells what is missing, where that is never reached', async () => {
    const path = '/apis/postgres.example.com/v1alpha1/namespaces/team/postgresclusters/shop';
    // Nobody puts this one right.
    const body = { spec: { postgresqlParams: { work_mem: 'plenty' } } };
    const step = { type: 'meddle', atMs: 60_000, path, manager: 'kubectl', how: 'merge', body } as const;
    const plan: Plan = { ...quiet(randomEdits, 1), steps: [step] };
    const { violations } = await runPlan(plan, { scratch, expected: null });
    expect(violations.map(({ because }) => because).join()).toMatch(/ConfigurationValid False/);
  });
});

describe('what is not as the spec says', () => {
  it('is named, part by part', async () => {
    const world = openWorld({ plan: quiet(randomEdits, 1), scratch, operators: [], events: unheard });
    expect(unlikeItsSpec(world)).toEqual(['there is no cluster']);
    for (const name of ['team', 'operators']) world.user.create('Namespace', { metadata: { name } });
    world.user.create('PostgresCluster', {
      apiVersion: 'postgres.example.com/v1alpha1',
      kind: 'PostgresCluster',
      metadata: { name: 'shop', namespace: 'team' },
      spec: { version: '17', replicas: 2, storage: { size: '1Gi' } },
    } as Json);
    expect(clusterOf(world)).not.toBeNull();
    expect(unlikeItsSpec(world).join('; ')).toBe(
      'phase : ; generation 0 of 1 is rolled out; ConfigurationValid  ; 0 members of 2',
    );
    world.close();
  });
});
