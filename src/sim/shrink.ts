/** Owns: making a failing plan small: steps are left out for as long as something is still violated. */
import type { Plan } from './plan.ts';
import type { RunResult } from './run.ts';

/** The smallest failing run that leaving out one step after the other leads to. */
export async function shrunk(failing: RunResult, run: (plan: Plan) => Promise<RunResult>): Promise<RunResult> {
  let best = failing;
  for (let index = 0; index < best.plan.steps.length;) {
    const steps = best.plan.steps.filter((_, each) => each !== index);
    const result = await run({ ...best.plan, steps });
    if (result.violations.length === 0) index += 1;
    else best = result;
  }
  return best;
}
