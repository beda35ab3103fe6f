/**
 * Owns: a plan: everything that is not the program's own doing in one run. A seed, a scenario, and steps that stand for
 * themselves, so that a run can be repeated from a file and shrunk by leaving steps out.
 */
import { readFileSync } from 'node:fs';
import type { Ending } from './disk.ts';
import { isJson, list, number, parsed, text } from './json.ts';
import type { LineFate } from './lines.ts';
import type { Fate } from './fate.ts';

/** How a process ends (`disk.ts`), or stands still (SIGSTOP, and SIGCONT after a while), at a passage of a crash point. */
export type CrashMode = Ending | 'pause';

export const crashModes = [
  'kill',
  'amnesia',
  'pause',
  'power',
  'torn',
  'rollback',
] as const satisfies readonly CrashMode[];

export type PlanStep =
  /** At the `passage`-th passage of any crash point, counted over all lives of the operator. */
  | {
      readonly type: 'crash';
      readonly operator: string;
      readonly passage: number;
      readonly mode: CrashMode;
      readonly ms: number;
      /** Of a torn commit: which of `cuts` (`disk.ts`). */
      readonly cut?: number;
    }
  /** To the `nth` request of the operator, counted over all its lives. */
  | { readonly type: 'request'; readonly operator: string; readonly nth: number; readonly fate: Fate }
  /** The operator's process dies, or stands still, at a time. */
  | {
      readonly type: 'crash-at';
      readonly operator: string;
      readonly atMs: number;
      readonly mode: CrashMode;
      readonly ms: number;
    }
  /** To every request of the operator that begins so, for a while: `GET /api/v1/namespaces/team/secrets`; `` is all of them. */
  | {
      readonly type: 'requests';
      readonly operator: string;
      readonly to: string;
      readonly atMs: number;
      readonly ms: number;
      readonly fate: Fate;
    }
  /** To the `nth` event that the operator's watches of a resource (`pods`) bring, counted over all its lives. */
  | {
      readonly type: 'line';
      readonly operator: string;
      readonly resource: string;
      readonly nth: number;
      readonly fate: LineFate;
    }
  /** What the operator reads is the world at a version, for a while; its watches begin anew. What it writes is written. */
  | {
      readonly type: 'stale-view';
      readonly operator: string;
      readonly atMs: number;
      readonly ms: number;
      readonly version: number;
      /** Resources of which it sees the past (`pods`); all when empty. */
      readonly resources: readonly string[];
    }
  /** The store is put back to what it was at a version, and so is its counter. */
  | { readonly type: 'rewind'; readonly atMs: number; readonly version: number }
  /** The operator's wall clock jumps. */
  | { readonly type: 'clock'; readonly operator: string; readonly atMs: number; readonly byMs: number }
  /** Somebody else changes an object: by an apply of this field manager, forced, or by a merge patch. */
  | {
      readonly type: 'meddle';
      readonly atMs: number;
      readonly path: string;
      readonly manager: string;
      readonly how: 'apply' | 'merge' | 'delete';
      readonly body: unknown;
    }
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
  'crash-at',
  'request',
  'requests',
  'line',
  'stale-view',
  'rewind',
  'clock',
  'meddle',
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
