/** Owns: the order of resourceVersions, which are whole numbers without a bound. */

/** True when `now` is below `before`; versions that are no numbers are never said to be. */
export function wentBack(before: string | null, now: string): boolean {
  if (before === null || !/^\d+$/.test(before) || !/^\d+$/.test(now)) return false;
  return BigInt(now) < BigInt(before);
}
