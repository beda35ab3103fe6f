/**
 * Owns: what the tests of hazards share: a scenario's run without faults, what happened in it and when, plans over it, and
 * how many of them are tried. `HAZARDS=all` tries every one; otherwise a slice, evenly taken, that takes seconds.
 */
import { afterAll, vi } from 'vitest';
import { text } from '#src/sim/json.ts';
import type { Invariant } from '#src/sim/invariants/invariant.ts';
import { quiet, type Plan, type PlanStep } from '#src/sim/plan.ts';
import { runPlan, type RunResult } from '#src/sim/run.ts';
import { makeScratch } from '#src/sim/scratch.ts';

// Virtual time is what is judged here; how long the machine takes for it is not.
vi.setConfig({ testTimeout: 3_600_000 });

const { folder: scratch, remove } = makeScratch();
afterAll(remove);

export const operator = 'operator-0';
export const namespace = 'team';
const seed = 3;

/** A change of the store in the run without faults. */
export interface Happened {
  readonly version: number;
  readonly atMs: number;
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly kind: string;
  readonly name: string;
}

export interface Calm {
  readonly run: RunResult;
  /** Changes of all but Leases and Events, in order. */
  readonly story: readonly Happened[];
}

const calms = new Map<string, Promise<Calm>>();

async function traced(scenario: string): Promise<Calm> {
  const story: Happened[] = [];
  const trace: Invariant = {
    name: 'trace',
    says: 'nothing',
    watch: (world) => {
      world.api.store.onChange(({ version, type, kind: { kind }, object }) => {
        if (kind === 'Lease' || kind === 'Event') return;
        story.push({ version, type, kind, name: text(object, 'metadata', 'name'), atMs: world.schedule.elapsedMs() });
      });
      return {};
    },
  };
  const run = await runPlan(quiet(scenario, seed), { scratch, expected: null, also: [trace] });
  if (run.violations.length > 0) throw new Error(`${scenario} without faults: ${JSON.stringify(run.violations)}`);
  return { run, story };
}

/** The scenario without faults, run once for all tests of a file. */
export function calm(scenario: string): Promise<Calm> {
  const known = calms.get(scenario) ?? traced(scenario);
  calms.set(scenario, known);
  return known;
}

export function planOf(scenario: string, steps: readonly PlanStep[]): Plan {
  return { seed, scenario, steps };
}

/** Nothing happens then, but the run is not over before. */
export function waitUntil(atMs: number): PlanStep {
  return { type: 'clock', operator: 'nobody', atMs, byMs: 0 };
}

/** All of them with `HAZARDS=all`, otherwise `count`, evenly taken. */
export function slice<T>(all: readonly T[], count: number): readonly T[] {
  if (process.env['HAZARDS'] === 'all' || all.length <= count) return all;
  return Array.from({ length: count }, (_, index) => all[Math.floor(((index + 0.5) * all.length) / count)]).flatMap(
    (each) => (each === undefined ? [] : [each]),
  );
}

export interface Trial {
  readonly also?: readonly Invariant[];
  /** False where the plan itself creates and deletes what is counted, or leaves another end. */
  readonly sameEnd?: boolean;
}

/** What is violated by a plan. */
export async function judged(plan: Plan, { also = [], sameEnd = true }: Trial = {}): Promise<RunResult['violations']> {
  const expected = sameEnd ? (await calm(plan.scenario)).run : null;
  return (await runPlan(plan, { scratch, expected, also })).violations;
}

/** The plans that violate something, with what they violate: nothing is what a test wants. */
export async function violated(plans: readonly Plan[], trial: Trial = {}): Promise<readonly unknown[]> {
  if (plans.length === 0) throw new Error('there is nothing to try: a test without plans shows nothing');
  const found: unknown[] = [];
  for (const plan of plans) {
    const violations = await judged(plan, trial);
    if (violations.length > 0) found.push({ plan: JSON.stringify(plan), violations: violations.slice(0, 3) });
  }
  return found;
}
