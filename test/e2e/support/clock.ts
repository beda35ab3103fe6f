/** Owns: one clock for all processes of a test: the machine's monotonic one. */

/** Milliseconds, with fractions, on the machine's monotonic clock. */
export function monotonic(): number {
  return Number(process.hrtime.bigint() / 1000n) / 1000;
}
