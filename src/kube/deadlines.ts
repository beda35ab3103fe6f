/** Owns: the times of the Lease and the longest lives of requests, in one place because they depend on each other. */

/** Others may take the Lease after it stood still for so long. */
export const leaseDurationMs = 15_000;
/** A leader that could not renew for so long is none. */
const renewDeadlineMs = 10_000;
/** Between two renewals. */
export const leaseRetryMs = 2_000;
/** Longest one request for the Lease itself may take. */
export const leaseRequestMs = 2_000;
/** No change is begun later than this after the start of the last renewal that worked. */
export const actingMs = renewDeadlineMs - leaseRequestMs;

/** Longest lives of requests, in milliseconds. */
export interface Deadlines {
  readonly readMs: number;
  readonly listMs: number;
  readonly watchMs: number;
  readonly sendMs: number;
}

export const deadlines: Deadlines = {
  /** Longer than any healthy answer of a loaded API server. */
  readMs: 15_000,
  /** A list of thousands of pods takes seconds. */
  listMs: 60_000,
  /** Above the longest watch that is asked for. */
  watchMs: 330_000,
  /** A change that was begun in the last moment of acting has ended before anybody else may hold the Lease. */
  sendMs: leaseDurationMs - actingMs,
};
