/** Required in worlds without faults: rows are acknowledged all the time, and no procedure of ours makes them wait for long. */
import { afterAll, describe, expect, it } from 'vitest';
import { watchRows, type Rows } from '#src/sim/invariants/r-confirmed.ts';
import { quiet } from '#src/sim/plan.ts';
import { runPlan } from '#src/sim/run.ts';
import { makeScratch } from '#src/sim/scratch.ts';

const { folder: scratch, remove } = makeScratch();
afterAll(remove);

/** A switchover: the key is given up, the candidate takes it in a loop of its own, and a replica streams from it again. */
const switchoverMs = 15_000;

describe('writes that have to be confirmed', () => {
  it.each([1, 2, 3])(
    'wait no longer than a switchover takes while every pod is made anew (seed %d)',
    async (seed) => {
      let rows: Rows = new Map();
      const also = [
        {
          name: 'rows',
          says: 'are counted',
          watch: (...[world, tell]: Parameters<typeof watchRows>) => {
            rows = watchRows(world, tell);
            return {};
          },
        },
      ];
      const { violations } = await runPlan(quiet('synchronous-roll', seed), { scratch, expected: null, also });
      expect(violations).toEqual([]);
      const [cluster] = rows.values();
      expect(cluster?.newest).toBeGreaterThan(100);
      process.stdout.write(`confirmed: longest wait ${cluster?.longestGapMs} ms\n`);
      expect(cluster?.longestGapMs).toBeLessThan(switchoverMs);
    },
    60_000,
  );
});
