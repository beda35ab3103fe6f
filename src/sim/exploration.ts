/** Owns: which plans are run: every single crash of a scenario, and random faults from seeds. */
import type { CrashMode, Plan, PlanStep } from './plan.ts';
import { chanceOf, type SimChance } from './chance.ts';
import type { Fate } from './fate.ts';
import type { RunResult } from './run.ts';
import { namespace } from './acts.ts';
import { randomEdits } from './acts-edits.ts';
import { editsOf } from './edits.ts';
import { scenarioNames, scenarioOf } from './scenarios.ts';

/** One plan for each passage of a crash point in a run without faults. */
export function singleCrashes(calm: RunResult, mode: CrashMode): readonly Plan[] {
  const { plan } = calm;
  return Object.entries(calm.passages).flatMap(([operator, passages]) =>
    passages.map((_, passage): Plan => ({ ...plan, steps: [{ type: 'crash', operator, passage, mode, ms: 25_000 }] })),
  );
}

/** The faults of one API request that are tried everywhere. */
export const requestFates: readonly Fate[] = [
  { type: 'lost-request', silent: false },
  { type: 'lost-request', silent: true },
  { type: 'lost-answer', silent: false },
  { type: 'lost-answer', silent: true },
  // Longer than its sender waits would be a request whose connection is gone: see `lateRequest`.
  { type: 'held', ms: 6_000 },
  { type: 'replaced', status: 409, reason: 'Conflict', retryAfterMs: null },
  { type: 'replaced', status: 410, reason: 'Expired', retryAfterMs: null },
  { type: 'replaced', status: 429, reason: 'TooManyRequests', retryAfterMs: 5_000 },
  { type: 'replaced', status: 500, reason: 'InternalError', retryAfterMs: null },
  { type: 'replaced', status: 503, reason: 'ServiceUnavailable', retryAfterMs: null },
];

/** Arrives long after its sender gave up. Of a cluster that is gone by then nothing can be kept from being made anew. */
export const lateRequest: Fate = { type: 'held', ms: 40_000 };

/** One plan for each request of a run without faults, and each of these fates. */
export function singleFaults(calm: RunResult, fates: readonly Fate[] = requestFates): readonly Plan[] {
  const { plan } = calm;
  return Object.entries(calm.requests).flatMap(([operator, requests]) =>
    Array.from({ length: requests }, (_, nth) =>
      fates.map((fate): Plan => ({ ...plan, steps: [{ type: 'request', operator, nth, fate }] })),
    ).flat(),
  );
}

const modes: readonly CrashMode[] = ['kill', 'kill', 'kill', 'pause', 'amnesia', 'power', 'torn', 'rollback'];

function stepsOf(chance: SimChance, operators: readonly string[]): readonly PlanStep[] {
  const step = stepOf(chance, operators);
  // Whoever comes back finds a history that has been forgotten meanwhile, or not.
  const forgotten = step.type === 'api-down' && chance.fraction() < 0.5;
  return forgotten ? [step, { type: 'compact', atMs: step.atMs + step.ms - 1 }] : [step];
}

function stepOf(chance: SimChance, operators: readonly string[]): PlanStep {
  const operator = chance.oneOf(operators);
  const atMs = chance.between(0, 90_000);
  const pod = `${namespace}/shop-${chance.between(0, 1)}`;
  const kind = chance.between(0, 19);
  // Most of a run's requests are made, and most crash points passed, while something is being made.
  if (kind < 7)
    return {
      type: 'crash',
      operator,
      passage: chance.between(0, 900),
      mode: chance.oneOf(modes),
      ms: chance.between(1_000, 60_000),
    };
  if (kind < 15) return { type: 'request', operator, nth: chance.between(0, 400), fate: chance.oneOf(requestFates) };
  if (kind === 15) return { type: 'api-down', atMs, ms: chance.between(500, 60_000) };
  if (kind === 16) return { type: 'watches-end', atMs };
  if (kind === 17) return { type: 'compact', atMs };
  if (kind === 18) return { type: 'kill-member', atMs, pod, ms: chance.between(1_000, 90_000) };
  return { type: 'cut-member', atMs, pod, ms: chance.between(1_000, 90_000) };
}

/** Of all seeds so many edit a spec at random: no scenario thinks of what people do next. */
const editsShare = 0.25;
const withoutEdits = scenarioNames.filter((each) => each !== randomEdits);

/** Which scenario a seed is of. @param edits false: never one that is edited at random */
function drawn(chance: SimChance, edits: boolean): string {
  const isEdited = chance.fraction() < editsShare;
  if (!edits) return chance.oneOf(withoutEdits);
  return isEdited ? randomEdits : chance.oneOf(scenarioNames);
}

/**
 * The plan of a seed: a scenario, and up to a dozen faults; of one that is edited at random, the edits too.
 * @param choice a scenario instead of one that the seed draws, or whether it may draw random edits
 */
export function planOf(
  seed: number,
  { scenario, edits: mayEdit = true }: { readonly scenario?: string | undefined; readonly edits?: boolean } = {},
): Plan {
  const chance = chanceOf(seed).stream('plan');
  const chosen = scenario ?? drawn(chance, mayEdit);
  const { operators } = scenarioOf(chosen);
  const edits = chosen === randomEdits ? editsOf(chance.stream('edits')) : [];
  // Edits find enough to break by themselves.
  const least = edits.length === 0 ? 1 : chance.between(-3, 1);
  const count = Math.max(0, chance.between(least, chance.oneOf([3, 6, 12])));
  const faults = Array.from({ length: count }, () => stepsOf(chance, operators)).flat();
  return { seed, scenario: chosen, steps: [...edits, ...faults] };
}
