/**
 * Owns: a share of the proof: of every list of plans every n-th, run one after the other in this process, and counted.
 * Shares are disjoint, and together they are everything.
 */
import { doublesOf, pairableOf, pairsOf, recorder, singlesOf, type Record, type Single } from './enumeration.ts';
import { planOf } from './exploration.ts';
import { alwaysReplay } from './invariants/a-always-replay.ts';
import { quiet, type Plan } from './plan.ts';
import { runPlan, type RunResult } from './run.ts';
import { scenarioNames } from './scenarios.ts';

/** What is to be run. */
export interface Scope {
  readonly scenarios: readonly string[];
  /** Of the singles every so many-th, beginning with `offset`; 1 is all. */
  readonly every: number;
  readonly offset: number;
  /** Of the kills, and of the losses of the journal, every so many-th is followed into its recovery. */
  readonly doublesEvery: number;
  readonly seeds: { readonly from: number; readonly count: number };
  /** Whether seeds may edit specs at random. */
  readonly edits: boolean;
  /** Whether each scenario is rebuilt from its journal after every commit. */
  readonly rebuilds: boolean;
  /** Seeds that are run twice. */
  readonly twice: number;
  readonly part: number;
  readonly parts: number;
}

export type Tally = {
  readonly [what in 'classes' | 'singles' | 'doubles' | 'pairs' | 'seeds' | 'twice' | 'replays']: number;
} & { readonly runs: number; readonly virtualMs: number };

export interface Failure {
  readonly plan: Plan;
  readonly violations: RunResult['violations'];
}

export interface SharePorts {
  readonly scratch: string;
  readonly onFailure: (failure: Failure) => Promise<void>;
}

export const nothing: Tally = {
  classes: 0,
  singles: 0,
  doubles: 0,
  pairs: 0,
  seeds: 0,
  twice: 0,
  replays: 0,
  runs: 0,
  virtualMs: 0,
};

/** Two tallies as one. */
export function summed(one: Tally, other: Tally): Tally {
  const keys = Object.keys(nothing) as (keyof Tally)[];
  return Object.fromEntries(keys.map((key) => [key, one[key] + other[key]])) as unknown as Tally;
}

const noRecord = (): Record => ({ places: [], changes: [] });

/** Runs a share. @returns what was run; failures are told as they come */
export async function runShare(scope: Scope, ports: SharePorts): Promise<Tally> {
  const tally: { -readonly [key in keyof Tally]: number } = { ...nothing };
  const { scratch } = ports;
  const mine = (index: number): boolean => index % scope.parts === scope.part;
  const chosen = (index: number): boolean => index % scope.every === scope.offset % scope.every;

  async function judged(plan: Plan, expected: RunResult | null, also: Parameters<typeof runPlan>[1]['also'] = []) {
    const result = await runPlan(plan, { scratch, expected, also });
    tally.runs += 1;
    tally.virtualMs += result.virtualMs;
    if (result.violations.length > 0) await ports.onFailure({ plan, violations: result.violations });
    return result;
  }

  async function followed(single: Single, calm: RunResult, pairable: boolean): Promise<void> {
    const record = noRecord();
    await judged(single.plan, calm, [recorder(record, single.place)]);
    for (const plan of doublesOf(single, record.places)) {
      await judged(plan, calm);
      tally.doubles += 1;
    }
    for (const plan of pairable ? pairsOf(single, record) : []) {
      await judged(plan, calm);
      tally.pairs += 1;
    }
  }

  /** Singles so far, of all scenarios: the parts take turns. */
  let turn = 0;
  const seen = new Set<string>();

  async function scenarioTried(scenario: string): Promise<RunResult> {
    const record = noRecord();
    // Every part needs the run without faults; it is rebuilt from its journal in one of them.
    const rebuilds = scope.rebuilds && mine(scope.scenarios.indexOf(scenario));
    const also = [recorder(record, null), ...(rebuilds ? [alwaysReplay] : [])];
    const calm = await judged(quiet(scenario, 1), null, also);
    if (rebuilds) tally.replays += 1;
    const all = singlesOf(calm.plan, record.places, seen);
    const pairable = new Set(pairableOf(all, record));
    const isFollowed = ({ mode }: Single, index: number): boolean =>
      (mode === 'kill' || mode === 'amnesia') && Math.floor(index / 3) % scope.doublesEvery === 0;
    for (const [index, single] of all.entries()) {
      if (!chosen(index)) continue;
      turn += 1;
      if (!mine(turn)) continue;
      if (isFollowed(single, index) || pairable.has(single)) await followed(single, calm, pairable.has(single));
      else await judged(single.plan, calm);
      tally.singles += 1;
      if (single.mode === 'kill') tally.classes += 1;
    }
    return calm;
  }

  const calms = new Map<string, RunResult>();
  for (const scenario of scope.scenarios) calms.set(scenario, await scenarioTried(scenario));
  for (let index = 0; index < scope.seeds.count; index += 1) {
    if (!mine(index)) continue;
    const plan = planOf(scope.seeds.from + index, { edits: scope.edits });
    const calm = calms.get(plan.scenario) ?? (await judged(quiet(plan.scenario, 1), null));
    calms.set(plan.scenario, calm);
    // Both times against the same: where others have rested decides how long a run lasts.
    const asBefore = { ...calm, rests: new Set(calm.rests) };
    const one = await judged(plan, calm);
    tally.seeds += 1;
    if (index >= scope.twice) continue;
    const again = await judged(plan, asBefore);
    tally.twice += 1;
    if (one.journals !== again.journals)
      await ports.onFailure({
        plan,
        violations: [{ invariant: 'same', because: 'the same plan left other bytes', atMs: one.virtualMs }],
      });
  }
  return tally;
}

/** All scenarios there are. */
export const allScenarios = scenarioNames;
