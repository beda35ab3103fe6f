/** A sample of what `npm run sim -- --crashes` and `--seed` run in full. */
import { afterAll, describe, expect, it } from 'vitest';
import { cuts } from '#src/sim/disk.ts';
import { planOf, requestFates, singleCrashes } from '#src/sim/exploration.ts';
import { quiet, type CrashMode, type Plan } from '#src/sim/plan.ts';
import { runPlan, type RunResult } from '#src/sim/run.ts';
import { makeScratch } from '#src/sim/scratch.ts';
import { shrunk } from '#src/sim/shrink.ts';

const { folder: scratch, remove } = makeScratch();
afterAll(remove);

const calms = new Map<string, RunResult>();

async function calm(scenario: string): Promise<RunResult> {
  const known = calms.get(scenario) ?? (await runPlan(quiet(scenario, 3), { scratch, expected: null }));
  calms.set(scenario, known);
  return known;
}

async function violationsOf(plans: readonly Plan[]): Promise<readonly unknown[]> {
  const found: unknown[] = [];
  for (const plan of plans) {
    const { violations } = await runPlan(plan, { scratch, expected: await calm(plan.scenario) });
    if (violations.length > 0) found.push({ plan, violations });
  }
  return found;
}

const modes: readonly (readonly [CrashMode, string, number])[] = [
  ['kill', 'delete', 170],
  ['kill', 'vandal', 150],
  ['amnesia', 'delete-volumes', 200],
  ['pause', 'two-operators', 250],
  ['rollback', 'delete', 210],
];

describe('operators that die, forget or stand still', () => {
  it.each(modes)('%s in %s, at every %i-th passage of a crash point', async (mode, scenario, every) => {
    const plans = singleCrashes(await calm(scenario), mode).filter((_, index) => index % every === every >> 2);
    expect(plans.length).toBeGreaterThan(3);
    expect(await violationsOf(plans)).toEqual([]);
  });

  it('loses no acknowledged row when power fails within a commit, wherever its log is cut', async () => {
    const { passages } = await calm('delete');
    const commits = (passages['operator-0'] ?? []).flatMap((point, passage) =>
      point === 'after-commit' ? [passage] : [],
    );
    const steps = cuts.map((_, cut) => {
      const passage = commits[(cut * 7) % commits.length] ?? 0;
      return { type: 'crash', operator: 'operator-0', passage, mode: 'torn', cut, ms: 0 } as const;
    });
    const power = { type: 'crash', operator: 'operator-0', passage: commits[20] ?? 0, mode: 'power', ms: 0 } as const;
    const plans = [...steps, power].map((step): Plan => ({ seed: 3, scenario: 'delete', steps: [step] }));
    expect(await violationsOf(plans)).toEqual([]);
  });

  it.each(requestFates.map((fate) => [JSON.stringify(fate), fate] as const))(
    'one request with fate %s',
    async (_, fate) => {
      const nth = 20 + 37 * requestFates.indexOf(fate);
      const steps = [{ type: 'request', operator: 'operator-0', nth, fate }] as const;
      expect(await violationsOf([{ seed: 3, scenario: 'delete', steps }])).toEqual([]);
    },
  );
});

describe('a plan', () => {
  it('is the same for the same seed', () => {
    expect(planOf(11)).toEqual(planOf(11));
    expect(planOf(11)).not.toEqual(planOf(12));
  });

  it('is shrunk to the steps that matter', async () => {
    const pods = ['a', 'b', 'c', 'd'];
    const steps = pods.map((pod) => ({ type: 'kill-member', atMs: 1, pod, ms: 1 }) as const);
    const base = await calm('delete');
    const judge = (plan: Plan): Promise<RunResult> => {
      const bad = plan.steps.some((step) => step.type === 'kill-member' && step.pod === 'c');
      return Promise.resolve({
        ...base,
        plan,
        violations: bad ? [{ invariant: 'G0', because: 'c died', atMs: 1 }] : [],
      });
    };
    const small = await shrunk(await judge({ ...base.plan, steps }), judge);
    expect(small.plan.steps).toEqual([steps[2]]);
  });
});
