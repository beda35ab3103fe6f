import { describe, expect, it } from 'vitest';
import { createTimers, type TimerOrder, type Timers } from '#src/actor/timers.ts';
import { virtualTime, type VirtualTime } from '../stream/virtual-time.ts';

function bench(fraction = 0): { readonly time: VirtualTime; readonly timers: Timers; readonly fired: TimerOrder[] } {
  const time = virtualTime();
  const fired: TimerOrder[] = [];
  const chance = { fraction: () => fraction, bytes: () => new Uint8Array() };
  return { time, fired, timers: createTimers({ ...time, chance, fire: (timer) => fired.push(timer) }) };
}

function order(id: string, delayMs: number): TimerOrder {
  return { id, delayMs, dueAt: delayMs, jitter: 0.1, setBy: 4 };
}

describe('timers', () => {
  it('are one per id: setting it anew takes the former back', () => {
    const { time, timers, fired } = bench();
    timers.arm(order('hold', 1_000));
    timers.arm(order('hold', 3_000));
    time.advance(2_999);
    expect(fired).toEqual([]);
    time.advance(1);
    expect(fired).toEqual([order('hold', 3_000)]);
  });

  it('can be cleared, one or all', () => {
    const { time, timers, fired } = bench();
    for (const id of ['a', 'b', 'c']) timers.arm(order(id, 1_000));
    timers.clear('a');
    time.advance(500);
    timers.clearAll();
    time.advance(10_000);
    expect(fired).toEqual([]);
  });

  it('may lie further ahead than an event loop can count', () => {
    const { time, timers, fired } = bench();
    const days = 40 * 86_400_000;
    timers.arm(order('far', days));
    time.advance(days - 1);
    expect(fired).toEqual([]);
    time.advance(1);
    expect(fired).toHaveLength(1);
  });

  it('that are overdue fire at once, but not from inside', () => {
    const { time, timers, fired } = bench();
    timers.arm(order('late', -5_000));
    expect(fired).toEqual([]);
    time.advance(0);
    expect(fired).toHaveLength(1);
  });

  it('are late by a fraction of their jitter', () => {
    const { time, timers, fired } = bench(0.5);
    timers.arm(order('retry', 1_000));
    time.advance(1_049);
    expect(fired).toEqual([]);
    time.advance(1);
    expect(fired).toHaveLength(1);
  });
});
