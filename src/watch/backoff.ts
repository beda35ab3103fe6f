/** Owns: how long a watch waits after trouble: 0.8 s doubling to 30 s with full jitter, forgotten after two healthy minutes. */
import type { Chance, Clock } from '#src/ports.ts';

const firstMs = 800;
const mostMs = 30_000;
const healthyMs = 120_000;
/** A server that asks for more is asked again all the same; a timer of weeks would fire at once. */
const askedMostMs = 300_000;

export interface Backoff {
  /** Delay before the next try; at least what the server asked for, within five minutes. */
  readonly nextMs: (retryAfterMs: number | null) => number;
  /** The connection has begun to work. */
  readonly worked: () => void;
}

/** Makes a back-off without an end state. */
export function makeBackoff(clock: Clock, chance: Chance): Backoff {
  let failures = 0;
  let healthySince: number | null = null;
  return {
    nextMs: (retryAfterMs) => {
      const healthy = healthySince !== null && clock.monotonicMs() - healthySince >= healthyMs;
      failures = healthy ? 1 : failures + 1;
      healthySince = null;
      const span = Math.min(mostMs, firstMs * 2 ** Math.min(10, failures - 1));
      return Math.max(Math.min(askedMostMs, retryAfterMs ?? 0), Math.round(chance.fraction() * span));
    },
    worked: () => {
      healthySince ??= clock.monotonicMs();
    },
  };
}
