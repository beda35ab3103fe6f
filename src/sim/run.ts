/**
 * Owns: one run of a plan from beginning to rest, and what was found. Safety is judged throughout; liveness once the plan
 * has no fault left: every act reaches its goal, then nothing is written any more (G5), and what was created, deleted and
 * left is what a run without faults leaves (G6).
 */
import type { CrashPoint } from '#src/ports.ts';
import { sha256 } from '#src/decision/hash.ts';
import { stopAll } from './ended.ts';
import { stable, type Json } from './json.ts';
import { invariants } from './invariants/all.ts';
import { isChange, type Invariant, type Watcher } from './invariants/invariant.ts';
import type { Plan } from './plan.ts';
import { countObjects, endState, scenarioOf } from './scenarios.ts';
import { chanceOf } from './chance.ts';
import { isIdle, standingOf } from './standing.ts';
import { openWorld, type Events, type World } from './world.ts';

export interface Violation {
  readonly invariant: string;
  readonly because: string;
  /** Virtual time since the beginning. */
  readonly atMs: number;
}

export interface RunResult {
  readonly plan: Plan;
  readonly violations: readonly Violation[];
  /** Crash points that each operator passed, in order. */
  readonly passages: Readonly<Record<string, readonly CrashPoint[]>>;
  /** Requests that each operator sent. */
  readonly requests: Readonly<Record<string, number>>;
  /** Events that the watches of each operator brought, by resource. */
  readonly lines: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly virtualMs: number;
  readonly counts: Json;
  readonly end: Json;
  /** Where worlds of this scenario have come to rest, and stayed (`standing.ts`). Grows with runs that are held to it. */
  readonly rests: Set<string>;
  /** Hash over the bytes of all journals. */
  readonly journals: string;
}

export interface RunOptions {
  readonly scratch: string;
  /** The same scenario without faults; null when this is it. */
  readonly expected: Pick<RunResult, 'counts' | 'end' | 'rests'> | null;
  readonly log?: (line: string) => void;
  /** What this run is held to beside the invariants of every run. */
  readonly also?: readonly Invariant[];
  /** Folder that the operators' journals are copied to at the end, each named like its operator. */
  readonly keep?: string;
  /** Build that an operator says it is, in its nth life, from 1. */
  readonly buildOf?: (life: number) => string;
}

/** Longest a goal may take when nothing goes wrong: pods pull and start, members join. */
const calmGoalMs = 120_000;
/** Longest a goal may take once faults are over; the operator's longest back-off is five minutes. */
const goalMs = 1_800_000;
const settleMs = 120_000;
/** After a fault that lasted, the longest back-off may have just begun. */
const longSettleMs = 480_000;
const lookMs = 2_500;
const restMs = 180_000;
const mostTold = 20;

interface Court {
  readonly violations: Violation[];
  readonly tell: (invariant: string, because: string) => void;
  readonly watchers: readonly Watcher[];
  changes: number;
}

function eventsOf(court: () => Court, log: (line: string) => void): Events {
  return {
    onLeaving: (sender, request, auditId, journal) => {
      if (isChange(request)) court().changes += 1;
      for (const watcher of court().watchers) watcher.onLeaving?.({ sender, request, auditId, journal });
    },
    onHandled: (handled) => {
      for (const watcher of court().watchers) watcher.onHandled?.(handled);
    },
    onSkipped: (sender, skipped) => {
      for (const watcher of court().watchers) watcher.onSkipped?.(sender, skipped);
    },
    onDeath: (sender, journal, unfinished) => {
      for (const watcher of court().watchers) watcher.onDeath?.(sender, journal, unfinished);
    },
    onFatal: (sender, because) => court().tell('F', `${sender} ended by itself: ${because}`),
    onPassage: (sender, point) => {
      for (const watcher of court().watchers) watcher.onPassage?.(sender, point);
    },
    log: (line) => {
      // A decision that cannot be made costs its observation: a bug, even where nothing comes of it.
      if (line.includes('"trouble":')) court().tell('decide', line);
      log(line);
    },
  };
}

function makeCourt(world: World, also: readonly Invariant[]): Court {
  const violations: Violation[] = [];
  const tell = (invariant: string, because: string): void => {
    if (violations.length < mostTold) violations.push({ invariant, because, atMs: world.schedule.elapsedMs() });
  };
  const watchers = [...invariants, ...also].map(({ name, watch }) => watch(world, (because) => tell(name, because)));
  return { violations, tell, watchers, changes: 0 };
}

function differences(expected: Json, found: Json): readonly string[] {
  const keys = [...new Set([...Object.keys(expected), ...Object.keys(found)])].sort();
  return keys
    .filter((key) => stable(expected[key]) !== stable(found[key]))
    .map((key) => `${key} is ${stable(found[key])}, without faults ${stable(expected[key])}`);
}

/** Of so many runs that could be cut short one is not. */
const wholeOf = 20;

/** Whether a run may end where another has rested: that one has shown already that nothing more comes. */
function mayEndEarly({ seed, steps }: Plan): boolean {
  return chanceOf(seed).stream(JSON.stringify(steps)).between(1, wholeOf) > 1;
}

/** Lets everything come to rest. @returns whether the world stands where another one has rested */
async function settles(world: World, rests: ReadonlySet<string>): Promise<boolean> {
  const lasted = world.plan.steps.some((step) => step.type === 'requests' && step.ms > settleMs);
  for (let passedMs = 0; passedMs < (lasted ? longSettleMs : settleMs); passedMs += lookMs) {
    await world.schedule.run(lookMs);
    if (mayEndEarly(world.plan) && rests.has(sha256(standingOf(world)))) return true;
  }
  return false;
}

/** All acts, then rest. @param rests where others have rested */
async function live(world: World, court: Court, rests: Set<string>): Promise<void> {
  for (const { what, act, until, withinMs, missing } of scenarioOf(world.plan.scenario).acts) {
    await world.schedule.run(1_000);
    act(world);
    const limitMs = world.plan.steps.length === 0 ? (withinMs ?? calmGoalMs) : goalMs;
    const ended = await world.schedule.run(limitMs, () => until(world));
    const words = missing === undefined ? '' : `: ${missing(world)}`;
    if (ended !== 'over') return court.tell('G5', `${what}: the goal was not reached in ${limitMs} ms${words}`);
  }
  world.disarm();
  await world.schedule.run(goalMs, () => world.isQuiet());
  if (await settles(world, rests)) return undefined;
  const last = scenarioOf(world.plan.scenario).acts.at(-1);
  if (last?.until(world) === false) {
    // What follows from reaching it is not over at that moment.
    await world.schedule.run(goalMs, () => last.until(world));
    if (await settles(world, rests)) return undefined;
  }
  const before = court.changes;
  await world.schedule.run(restMs);
  if (court.changes > before) court.tell('G5', `${court.changes - before} changes were sent while nothing happened`);
  if (last?.until(world) === false) court.tell('G5', `${last.what}: the goal was reached and left again`);
  await world.schedule.run(settleMs, () => isIdle(world));
  if (court.violations.length === 0) rests.add(sha256(standingOf(world)));
  return undefined;
}

/** Runs a plan. */
export async function runPlan(plan: Plan, options: RunOptions): Promise<RunResult> {
  const { scratch, expected, log = () => undefined } = options;
  const { operators, flags, isItsOwn = false } = scenarioOf(plan.scenario);
  const events = eventsOf(() => court, log);
  const world = openWorld({ plan, scratch, operators, events, flags, buildOf: options.buildOf });
  const court: Court = makeCourt(world, options.also ?? []);
  const counted = countObjects(world);
  try {
    const rests = expected?.rests ?? new Set<string>();
    await live(world, court, rests);
    for (const watcher of court.watchers) watcher.atEnd?.();
    const [counts, end] = [counted(), endState(world)];
    if (expected !== null && !isItsOwn && court.violations.length === 0) {
      for (const each of differences(expected.counts, counts)) court.tell('G6', each);
      for (const each of differences(expected.end, end)) court.tell('end', each);
    }
    const virtualMs = world.schedule.elapsedMs();
    const journals = await stopAll(world, options.keep);
    return {
      plan,
      violations: court.violations,
      passages: Object.fromEntries(world.operators.map(({ name, passages }) => [name, passages])),
      requests: Object.fromEntries(world.operators.map(({ name, requests }) => [name, requests()])),
      lines: Object.fromEntries(world.operators.map(({ name, lines }) => [name, lines()])),
      virtualMs,
      counts,
      end,
      rests,
      journals,
    };
  } finally {
    world.close();
  }
}
