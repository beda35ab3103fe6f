/**
 * The doors through which time, chance and the event loop enter. The pure core never sees them; stages take them as
 * arguments, so that tests and the simulated world can own every second and every random number.
 */

/** Wall clock and monotonic clock, both in milliseconds. */
export interface Clock {
  /** Milliseconds since the Unix epoch; may jump. Only stamped on records, never compared with a deadline. */
  readonly nowMs: () => number;
  /** Milliseconds since an arbitrary start; never goes back. The only source of deadlines while the process lives. */
  readonly monotonicMs: () => number;
}

/** Randomness for jitter and generated values; a decision never sees it. */
export interface Chance {
  /** A fraction in [0, 1). */
  readonly fraction: () => number;
  /** `length` random bytes fit for passwords and keys. */
  readonly bytes: (length: number) => Uint8Array;
}

/** A timer that was armed and can be taken back. */
export interface ArmedTick {
  readonly cancel: () => void;
}

/** The event loop: things that run later. */
export interface Ticks {
  /** Runs `run` once after `delayMs` milliseconds unless cancelled. */
  readonly after: (delayMs: number, run: () => void) => ArmedTick;
  /** Runs `run` once, after the present turn of the event loop. */
  readonly soon: (run: () => void) => ArmedTick;
}

/** Named places where a test may end, pause or fail the process; a no-op in production. */
export interface CrashPoints {
  /** Called at the named point; returns normally unless a test armed it. */
  readonly hit: (point: CrashPoint) => void;
}

/** Every crash point compiled into the program, in the order of the line. */
export const crashPoints = [
  'before-append',
  'after-append-before-fsync',
  'after-commit',
  'before-send',
  'sent-no-response',
  'response-before-append',
  'after-result-commit',
  'before-snapshot',
  'after-snapshot',
  'before-checkpoint',
  'after-checkpoint',
  'before-lease-renew',
  'after-lease-renew',
  'mid-relist',
  'mid-upcast',
  'mid-compaction',
  'shutdown-hook',
] as const;

export type CrashPoint = (typeof crashPoints)[number];

/** All ports a stage may ask for. */
export interface Ports {
  readonly clock: Clock;
  readonly chance: Chance;
  readonly ticks: Ticks;
  readonly crash: CrashPoints;
}
