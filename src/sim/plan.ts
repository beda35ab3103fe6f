/**
 * Owns: a plan: everything that is not the program's own doing in one run. A seed, a scenario, and steps that stand for
 * themselves, so that a run can be repeated from a file and shrunk by leaving steps out.
 */
import { readFileSync } from 'node:fs';
import { isJson, list, number, parsed, text } from './json.ts';
import type { Fate } from './network.ts';

/** How a process dies, or stands still, at a passage of a crash point. */
export type CrashMode =
  /** Memory is lost. */
  | 'kill'
  /** Memory and journal are lost. */
  | 'amnesia'
  /** SIGSTOP, and SIGCONT after a while. */
  | 'pause';

export type PlanStep =
  /** At the `passage`-th passage of any crash point, counted over all lives of the operator. */
  | {
      readonly type: 'crash';
      readonly operator: string;
      readonly passage: number;
      readonly mode: CrashMode;
      readonly ms: number;
    }
  /** To the `nth` request of the operator, counted over all its lives. */
  | { readonly type: 'request'; readonly operator: string; readonly nth: number; readonly fate: Fate }
  /** Nobody reaches the API server but its own controllers. */
  | { readonly type: 'api-down'; readonly atMs: number; readonly ms: number }
  /** Every watch ends. */
  | { readonly type: 'watches-end'; readonly atMs: number }
  /** History is forgotten: what resumes from before gets 410. */
  | { readonly type: 'compact'; readonly atMs: number }
  /** The container of a member dies. */
  | { readonly type: 'kill-member'; readonly atMs: number; readonly pod: string; readonly ms: number }
  /** A member's node is cut off from the API server. */
  | { readonly type: 'cut-member'; readonly atMs: number; readonly pod: string; readonly ms: number };

export interface Plan {
  readonly seed: number;
  readonly scenario: string;
  readonly steps: readonly PlanStep[];
}

/** A plan without faults. */
export function quiet(scenario: string, seed: number): Plan {
  return { seed, scenario, steps: [] };
}

const stepTypes: ReadonlySet<string> = new Set([
  'crash',
  'request',
  'api-down',
  'watches-end',
  'compact',
  'kill-member',
  'cut-member',
]);

function isStep(value: unknown): value is PlanStep {
  return isJson(value) && stepTypes.has(text(value, 'type'));
}

/** Reads a plan file, as a failing run leaves it. @throws Error when it is none */
export function readPlan(path: string): Plan {
  const value = parsed(readFileSync(path, 'utf8'));
  const steps = list(value, 'steps');
  const scenario = text(value, 'scenario');
  if (scenario === '' || !steps.every(isStep))
    throw new Error(`${path} is no plan: it needs scenario, seed and steps of the types ${[...stepTypes].join(', ')}`);
  return { seed: number(value, 0, 'seed'), scenario, steps };
}
