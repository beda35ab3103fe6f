/** Owns: lengths of time as people write them: a whole number and one letter, `30s`, `90m`, `2h`, `14d`. */

const unitsMs: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Milliseconds of it. @param units letters that are taken; null when it is no such text, `0m` is 0 */
export function durationMs(text: string, units: string): number | null {
  const [, count, unit = ''] = /^(\d+)([smhd])$/.exec(text) ?? [];
  return count === undefined || !units.includes(unit) ? null : Number(count) * (unitsMs[unit] ?? 0);
}
