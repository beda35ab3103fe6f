/**
 * Owns: how long to wait before trying again. Jitter is not drawn here: a decision has no chance; the timer stage adds
 * up to `retryJitter` of the delay when it arms the timer.
 */

/** First wait after an error: short enough for a passing fault, long enough not to hammer. */
export const retryDelayMsMin = 5_000;
/** Longest wait: a cluster that cannot be mended is tried twelve times an hour. */
export const retryDelayMsMax = 300_000;
/** First wait after a failed precondition: the world moved, look again soon. */
export const conflictDelayMs = 1_000;
/** Longest wait for the Lease: one renewal and a half, and a row per target that often while there is none. */
export const withheldDelayMsMax = 15_000;
export const retryJitter = 0.1;
/** Good news must hold this long; about two of Patroni's shortest steps, far below what a user waits for. */
export const holdMs = 2_000;
/** After an unknown outcome in a database session: longer than the server's own statement timeout of 30 s. */
export const probeDelayMs = 40_000;
/** Between two status writes that are not urgent. */
export const statusIntervalMs = 10_000;
/** Our create was answered but the watch has not shown the object: look anew after this long. */
export const sightMs = 15_000;
/** Without a writable leader for longer than this, with pods still trying, the operator calls it Failed. */
export const recoverDeadlineMs = 300_000;

/** Delay after `count` ≥ 1 failures in a row: 5 s, 10 s, 20 s … 300 s when the first delay is 5 s. */
export function retryDelayMs(count: number, firstDelayMs: number = retryDelayMsMin): number {
  return Math.min(retryDelayMsMax, firstDelayMs * 2 ** Math.min(16, Math.max(0, count - 1)));
}
