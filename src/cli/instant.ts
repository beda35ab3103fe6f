/** Owns: how a time is written on the command line: as RFC 3339 has it, or as pgc itself prints it. */

const form =
  /^(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(?: ?(?:Z|UTC)|([+-])(\d\d):?(\d\d))?$/i;

/**
 * The moment that a text names: date and time, with a zone or in UTC, whatever the zone of this machine; no other words, of
 * which JavaScript's own reading makes years and local times.
 * @returns milliseconds since 1970; null when it is no such text, or no such day
 */
export function instantOf(text: string): number | null {
  const found = form.exec(text);
  if (found === null) return null;
  const part = (index: number): number => Number(found[index] ?? 0);
  const [year, month, day, hour, minute, second] = [1, 2, 3, 4, 5, 6].map(part);
  const ms = Number((found[7] ?? '').padEnd(3, '0').slice(0, 3));
  const [offsetHours, offsetMinutes] = [part(9), part(10)];
  const local = `${found[1]}-${found[2]}-${found[3]}T${found[4]}:${found[5]}:${found[6] ?? '00'}`;
  const at = new Date(Date.UTC(year ?? 0, (month ?? 0) - 1, day, hour, minute, second, ms));
  // The 30th of February would be a day in March.
  if (!at.toISOString().startsWith(local) || offsetHours > 23 || offsetMinutes > 59) return null;
  const offset = (offsetHours * 60 + offsetMinutes) * 60_000;
  return at.getTime() - (found[8] === '-' ? -offset : offset);
}
