import { describe, expect, it } from 'vitest';
import { chanceOf } from '#src/sim/chance.ts';
import { makeSchedule } from '#src/sim/schedule.ts';

describe('virtual time', () => {
  it('runs steps by time, and equal times in the order they were asked for', async () => {
    const schedule = makeSchedule();
    const told: string[] = [];
    for (const [delayMs, name] of [
      [30, 'c'],
      [10, 'a'],
      [30, 'd'],
      [20, 'b'],
    ] as const)
      schedule.after(delayMs, () => told.push(`${name}@${schedule.elapsedMs()}`));
    expect(await schedule.run(1000)).toBe('idle');
    expect(told).toEqual(['a@10', 'b@20', 'c@30', 'd@30']);
  });

  it('lets promises that a step resolved finish before the next step, however long their chain', async () => {
    const schedule = makeSchedule();
    const told: string[] = [];
    const chain = async (): Promise<void> => {
      for (let hop = 0; hop < 200; hop += 1) await Promise.resolve();
      told.push('chain');
    };
    schedule.after(5, () => void chain(), true);
    schedule.after(5, () => told.push('next step'));
    await schedule.run(10);
    expect(told).toEqual(['chain', 'next step']);
  });

  it('stops at the limit and goes on from there', async () => {
    const schedule = makeSchedule();
    let ran = 0;
    const again = (): void => {
      ran += 1;
      schedule.after(100, again);
    };
    schedule.after(100, again);
    expect(await schedule.run(1000)).toBe('time');
    expect([ran, schedule.elapsedMs()]).toEqual([10, 1000]);
    expect(await schedule.run(10_000, () => ran === 15)).toBe('over');
    expect(schedule.elapsedMs()).toBe(1500);
  });

  it('keeps the order of a thousand steps of random times, and forgets what was cancelled', async () => {
    const schedule = makeSchedule();
    const chance = chanceOf(7);
    const told: number[] = [];
    const wanted: number[] = [];
    for (let count = 0; count < 1000; count += 1) {
      const dueMs = chance.between(0, 400);
      const armed = schedule.after(dueMs, () => told.push(dueMs));
      if (count % 3 === 0) armed.cancel();
      else wanted.push(dueMs);
    }
    await schedule.run(1000);
    expect(told).toEqual(wanted.toSorted((one, other) => one - other));
  });
});

describe('chance', () => {
  it('is the same for the same seed, and another for another', () => {
    const drawn = (seed: number): readonly number[] => Array.from({ length: 20 }, chanceOf(seed).fraction);
    expect(drawn(5)).toEqual(drawn(5));
    expect(drawn(5)).not.toEqual(drawn(6));
  });

  it('has streams that do not move each other', () => {
    const one = chanceOf(5);
    one.stream('network').fraction();
    one.stream('network').fraction();
    expect(one.stream('kubelet').bytes(8)).toEqual(chanceOf(5).stream('kubelet').bytes(8));
    expect(one.stream('network').bytes(8)).not.toEqual(one.stream('kubelet').bytes(8));
  });
});
