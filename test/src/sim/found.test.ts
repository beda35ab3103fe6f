/**
 * Plans that once failed, one a hazard: `test/golden/plans/<hazard>.json`, as the simulator left them (seed, scenario, faults) and
 * shrunk. The bug each found has a test of its own too; here the whole run stays green.
 */
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { quiet, readPlan } from '#src/sim/plan.ts';
import { runPlan } from '#src/sim/run.ts';
import { makeScratch } from '#src/sim/scratch.ts';

const { folder: scratch, remove } = makeScratch();
afterAll(remove);

const folder = fileURLToPath(new URL('../../golden/plans/', import.meta.url));

describe('a plan that once failed', () => {
  it.each(readdirSync(folder))('%s', async (file) => {
    const plan = readPlan(`${folder}${file}`);
    const expected = await runPlan(quiet(plan.scenario, plan.seed), { scratch, expected: null });
    expect(await runPlan(plan, { scratch, expected })).toMatchObject({ violations: [] });
  });
});
