/** The real operator in the simulated world, without faults. */
import { afterAll, describe, expect, it } from 'vitest';
import { quiet } from '#src/sim/plan.ts';
import { runPlan } from '#src/sim/run.ts';
import { makeScratch } from '#src/sim/scratch.ts';
import { scenarioNames } from '#src/sim/scenarios.ts';

const { folder: scratch, remove } = makeScratch();
afterAll(remove);

describe('a world without faults', () => {
  it.each(scenarioNames)('%s reaches its goal, breaks nothing and comes to rest', async (scenario) => {
    const { violations } = await runPlan(quiet(scenario, 1), { scratch, expected: null });
    expect(violations).toEqual([]);
  });

  it.each(['recreate', 'lose-leader'])(
    '%s from the same seed writes the same journal, byte for byte',
    async (scenario) => {
      const [one, again, other] = await Promise.all(
        [7, 7, 8].map((seed) => runPlan(quiet(scenario, seed), { scratch, expected: null })),
      );
      expect(again?.journals).toBe(one?.journals);
      expect(again?.passages).toEqual(one?.passages);
      expect(other?.journals).not.toBe(one?.journals);
    },
  );
});
