/** Owns: the error of a command line that means nothing, whatever is read: exit code 64. What depends on the source is a `Refused`. */
import { Refused } from '#src/errors.ts';

/** A flag or an argument of no such form, or flags that contradict each other. */
export class Misused extends Refused {}

/** A whole number that a flag or an argument names. @throws Misused when it is none */
export function wholeOf(where: string, given: unknown, example: string): number {
  const text = String(given);
  if (/^\d+$/.test(text) && Number.isSafeInteger(Number(text))) return Number(text);
  throw new Misused(`${text} is no whole number`, { operation: 'read', subject: where, hint: `write ${example}` });
}
