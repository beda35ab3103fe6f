/** Owns: what is told of the time before the first row, where older rows were pruned: that they were, and how it stood then. Pure. */
import { statusOf } from '#src/decision/status.ts';
import type { RecordRow } from '#src/journal/record.ts';
import { standingOf, type Core } from '#src/replay/redecide.ts';
import { goneStatus, isGone, type ToldStatus } from './decided.ts';
import { timeWords } from './time.ts';

/** How a cluster stood where its rows begin now. */
export interface Sealed {
  /** Of the base row that all rows before it were pruned up to. */
  readonly seq: number;
  readonly at: number;
  readonly state: string;
  /** The status as this build words it on what the base row holds. */
  readonly status: ToldStatus;
}

/** Null where nothing was pruned. @throws when the base row is of a newer build, or damaged */
export function sealedOf(core: Core, rows: readonly RecordRow[]): Sealed | null {
  const [first] = rows;
  if (first === undefined || first.seq === 1 || first.kind !== 'base') return null;
  const { snapshot } = standingOf(first);
  const view = core.assess(snapshot);
  if (isGone(snapshot))
    return { seq: first.seq, at: first.at, state: view.state, status: { at: first.at, ...goneStatus } };
  const told = statusOf(view) as unknown as Omit<ToldStatus, 'at' | 'nextAction' | 'primaryPod'> &
    Partial<Pick<ToldStatus, 'nextAction' | 'primaryPod'>>;
  const { phase, reason, nextAction = null, readyReplicas, primaryPod = null, conditions } = told;
  const status = { at: first.at, phase, reason, nextAction, readyReplicas, primaryPod, conditions };
  return { seq: first.seq, at: first.at, state: view.state, status };
}

/** Where the rows begin, and that there were others. */
export function prunedWords({ seq, at }: { readonly seq: number; readonly at: number }): string {
  return `rows 1 to ${seq - 1} were pruned: what happened before ${timeWords(at)} is not here`;
}
