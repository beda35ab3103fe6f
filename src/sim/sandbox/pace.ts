/**
 * Owns: a world's virtual time run as real time, some times faster or slower; and the way in for whoever lives in real time:
 * a request from outside becomes a step of the world, like any other (I1 of `../schedule.ts`).
 * I1. Only this file runs the schedule of a paced world. I2. Time goes by while nobody waits for anything.
 */
import type { Schedule } from '../schedule.ts';

export interface Pace {
  /** As `Schedule.run`, at this pace; several may wait at once. */
  readonly run: Schedule['run'];
  /** Does something at once, in a step of its own. Rejects with what it throws. */
  readonly enter: <T>(step: () => T) => Promise<T>;
  /** Virtual seconds for each real one from now on; 0 lets time stand still. */
  readonly setSpeed: (factor: number) => void;
  readonly speed: () => number;
  /** Lets no more time go by. Resolves when the last step is over. */
  readonly stop: () => Promise<void>;
}

interface Waiter {
  readonly untilMs: number;
  readonly over: () => boolean;
  readonly resolve: (ended: 'over' | 'time') => void;
}

/** Real milliseconds between two looks at the clock. */
const beatMs = 10;
/** Real milliseconds that a world may be behind. */
const mostBehindMs = 250;

/** Sets a world going. `realMs` is a clock that never goes back. */
export function makePace(schedule: Schedule, realMs: () => number, factor: number): Pace {
  const waiters = new Set<Waiter>();
  let speed = factor;
  let from = { virtualMs: schedule.elapsedMs(), realMs: realMs() };
  let stopped = false;
  let wake: () => void = () => undefined;

  // Whole milliseconds: nothing in a world knows any others.
  const dueMs = (): number => Math.floor(from.virtualMs + (realMs() - from.realMs) * speed);
  const isAnyOver = (): boolean => [...waiters].some(({ over }) => over());

  function release(): void {
    for (const waiter of [...waiters]) {
      const isOver = waiter.over();
      if (!isOver && schedule.elapsedMs() < waiter.untilMs) continue;
      waiters.delete(waiter);
      waiter.resolve(isOver ? 'over' : 'time');
    }
  }

  function beat(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, beatMs);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  async function live(): Promise<void> {
    while (!stopped) {
      const nextMs = Math.min(dueMs(), ...[...waiters].map(({ untilMs }) => untilMs));
      await schedule.run(Math.max(0, nextMs - schedule.elapsedMs()), isAnyOver);
      release();
      // What could not be done in time is not made up for: time goes slower then.
      if (dueMs() - schedule.elapsedMs() > speed * mostBehindMs) restart(speed);
      if (schedule.elapsedMs() >= dueMs() || speed === 0) await beat();
    }
  }

  function restart(next: number): void {
    from = { virtualMs: schedule.elapsedMs(), realMs: realMs() };
    speed = next;
  }

  const life = live();
  return {
    run: (limitMs, over = () => false) =>
      new Promise((resolve) => {
        waiters.add({ untilMs: schedule.elapsedMs() + limitMs, over, resolve });
        wake();
      }),
    enter: (step) =>
      new Promise((resolve, reject) => {
        const inside = (): void => {
          try {
            resolve(step());
          } catch (error) {
            reject(error instanceof Error ? error : new Error(String(error)));
          }
        };
        schedule.after(0, inside, true);
        wake();
      }),
    setSpeed: (next) => {
      restart(next);
      wake();
    },
    speed: () => speed,
    stop: async () => {
      stopped = true;
      wake();
      await life;
    },
  };
}
