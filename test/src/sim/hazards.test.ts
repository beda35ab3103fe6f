/** Plans that once broke something, each named after what went wrong. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { quiet, type Plan } from '#src/sim/plan.ts';
import { runPlan, type RunResult } from '#src/sim/run.ts';

const scratch = mkdtempSync(join(tmpdir(), 'sim-hazards-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

async function judged(plan: Plan): Promise<RunResult['violations']> {
  const expected = await runPlan(quiet(plan.scenario, plan.seed), { scratch, expected: null });
  return (await runPlan(plan, { scratch, expected })).violations;
}

describe('plans that once broke something', () => {
  it('a deletion that lost its journal marks what it keeps with the major it holds, or no namesake could take it', async () => {
    const steps = [{ type: 'crash', operator: 'operator-0', passage: 285, mode: 'amnesia', ms: 0 }] as const;
    expect(await judged({ seed: 75, scenario: 'delete', steps })).toEqual([]);
  });
});
