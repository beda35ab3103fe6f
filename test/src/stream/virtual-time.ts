/** Owns: a clock and an event loop that only the test moves. */
import type { Clock, Ticks } from '#src/ports.ts';

interface Waiting {
  readonly dueAt: number;
  readonly order: number;
  readonly run: () => void;
}

export interface VirtualTime {
  readonly clock: Clock;
  readonly ticks: Ticks;
  /** Runs what `soon` asked for, and what that asks for, until nothing is left. @returns turns that ran */
  readonly settle: () => number;
  /** Runs exactly one `soon`. @returns false when there was none */
  readonly turn: () => boolean;
  /** Moves both clocks on, running what becomes due, in order. */
  readonly advance: (ms: number) => void;
  /** Moves the clocks without running anything: time that passes inside a turn. */
  readonly spend: (ms: number) => void;
  /** Sets the wall clock alone, as an administrator might. */
  readonly setWall: (ms: number) => void;
}

/** A fresh world; the wall clock starts at 2026-01-01. */
export function virtualTime(): VirtualTime {
  let monotonic = 0;
  let wall = Date.UTC(2026, 0, 1);
  let order = 0;
  let soon: Waiting[] = [];
  let later: Waiting[] = [];

  function turn(): boolean {
    const next = soon.shift();
    next?.run();
    return next !== undefined;
  }

  function settle(): number {
    let turns = 0;
    while (turn()) turns += 1;
    return turns;
  }

  function spend(ms: number): void {
    monotonic += ms;
    wall += ms;
  }

  return {
    clock: { nowMs: () => wall, monotonicMs: () => monotonic },
    ticks: {
      after: (delayMs, run) => {
        const waiting = { dueAt: monotonic + delayMs, order: order++, run };
        later.push(waiting);
        return { cancel: () => (later = later.filter((each) => each !== waiting)) };
      },
      soon: (run) => {
        const waiting = { dueAt: 0, order: order++, run };
        soon.push(waiting);
        return { cancel: () => (soon = soon.filter((each) => each !== waiting)) };
      },
    },
    settle,
    turn,
    spend,
    setWall: (ms) => {
      wall = ms;
    },
    advance: (ms) => {
      const until = monotonic + ms;
      settle();
      for (;;) {
        const next = later
          .filter((each) => each.dueAt <= until)
          .toSorted((a, b) => a.dueAt - b.dueAt || a.order - b.order)[0];
        if (next === undefined) break;
        later = later.filter((each) => each !== next);
        spend(Math.max(0, next.dueAt - monotonic));
        next.run();
        settle();
      }
      spend(until - monotonic);
    },
  };
}
