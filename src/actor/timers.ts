/**
 * Owns: the armed timers of one cluster. A timer is data of a decision; here it only gets a clock.
 *
 * I1. Jitter is drawn here and nowhere recorded: `dueAt` of the row and of the firing are the same.
 * I2. One timer per id; setting it anew takes the former back.
 */
import type { ArmedTick, Chance, Ticks } from '#src/ports.ts';

export interface TimerOrder {
  readonly id: string;
  readonly delayMs: number;
  readonly dueAt: number;
  /** Fraction of the delay by which it may fire late. */
  readonly jitter: number;
  /** seq of the row that set it; null when that is not known any more. */
  readonly setBy: number | null;
}

export interface TimerPorts {
  readonly ticks: Ticks;
  readonly chance: Chance;
  readonly fire: (timer: TimerOrder) => void;
}

export interface Timers {
  readonly arm: (timer: TimerOrder) => void;
  readonly clear: (id: string) => void;
  readonly clearAll: () => void;
}

/** A day: event loops count milliseconds in 31 bits and fire at once beyond that. */
const stepMsMax = 86_400_000;

/** No timer armed yet. */
export function createTimers({ ticks, chance, fire }: TimerPorts): Timers {
  const armed = new Map<string, ArmedTick>();

  function wait(timer: TimerOrder, leftMs: number): void {
    const stepMs = Math.min(leftMs, stepMsMax);
    const tick = ticks.after(stepMs, () => {
      if (leftMs > stepMs) return wait(timer, leftMs - stepMs);
      armed.delete(timer.id);
      fire(timer);
    });
    armed.set(timer.id, tick);
  }

  function clear(id: string): void {
    armed.get(id)?.cancel();
    armed.delete(id);
  }

  return {
    arm: (timer) => {
      clear(timer.id);
      const delayMs = Math.max(0, timer.delayMs);
      wait(timer, Math.round(delayMs * (1 + timer.jitter * chance.fraction())));
    },
    clear,
    clearAll: () => {
      for (const id of [...armed.keys()]) clear(id);
    },
  };
}
