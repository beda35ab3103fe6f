/** Owns: what went wrong last and has not been put right since: effects that failed, sources that are not heard. Pure. */
import type { DecidedRow } from './decided.ts';
import { outcomeWords } from './words.ts';

export interface TroubleTold {
  readonly seq: number;
  readonly at: number;
  /** A target of effects, or a source that is not heard. */
  readonly what: string;
  readonly because: string;
  /** Machine word of what failed, `Forbidden`, `TooManyRequests`; `Unheard` for a source. */
  readonly reason: string;
}

const endings: ReadonlySet<string> = new Set(['conflict', 'refused', 'transient', 'unknown', 'withheld']);

/** Effects whose last answer was none to be happy with, and sources that went stale and are not fresh again. */
export function troublesOf(all: readonly DecidedRow[]): readonly TroubleTold[] {
  const open = new Map<string, TroubleTold>();
  for (const { row, decision } of all) {
    const { observation } = decision;
    const { seq, at } = row;
    if (observation.type === 'ProcessStarted') open.clear();
    if (observation.type === 'SourceFresh') open.delete(observation.source);
    if (observation.type === 'SourceWentStale') {
      const { source: what, because } = observation;
      open.set(what, { seq, at, what, because, reason: 'Unheard' });
    }
    if (observation.type !== 'OutcomeArrived') continue;
    const { intent, target, outcome } = observation;
    const what = `${intent} ${target.kind}/${target.name}`;
    if (endings.has(outcome.type)) {
      const reason = 'reason' in outcome ? outcome.reason : outcome.type;
      open.set(what, { seq, at, what, because: outcomeWords(outcome), reason });
    } else for (const key of open.keys()) if (key.endsWith(` ${target.kind}/${target.name}`)) open.delete(key);
  }
  return [...open.values()];
}
