/** Which worlds stand at the same place. */
import { afterAll, describe, expect, it } from 'vitest';
import { quiet } from '#src/sim/plan.ts';
import { runPlan } from '#src/sim/run.ts';
import { makeScratch } from '#src/sim/scratch.ts';
import { nameless } from '#src/sim/standing.ts';

const { folder: scratch, remove } = makeScratch();
afterAll(remove);

describe('where a world stands', () => {
  it('is the same whatever passwords were generated on the way there', async () => {
    const one = await runPlan(quiet('rotate-alone', 1), { scratch, expected: null });
    const other = await runPlan(quiet('rotate-alone', 2), { scratch, expected: null });
    expect(one.journals).not.toBe(other.journals);
    expect(one.rests).toEqual(other.rests);
  });

  it('is another one when another digest is the one that comes again', () => {
    const [first, second] = ['0f'.repeat(16), 'a1'.repeat(16)];
    const text = (a: string, b: string, c: string): string => nameless(`{set:"${a}",seen:"${b}",told:"${c}"}`);
    expect(text(first, second, first)).toBe(text(second, first, second));
    expect(text(first, second, first)).not.toBe(text(first, second, second));
  });
});
