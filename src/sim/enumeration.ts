/**
 * Owns: which crashes are tried: every one, up to equality. Two passages at which a crash leaves the same behind, in the
 * journals, on the API server and on its way there (`standing.ts`), are one class, and a crash there is tried once.
 *
 *   singles   every place of a run without faults, in every mode that can make a difference there
 *   doubles   every place within the recovery from a single, nearest first
 *   pairs     every crash point before every kind of change: a kill, and a fault of the next request, or of that change
 */
import type { CrashPoint } from '#src/ports.ts';
import { sha256 } from '#src/decision/hash.ts';
import { cuts } from './disk.ts';
import { isChange, type Invariant } from './invariants/invariant.ts';
import type { Fate } from './fate.ts';
import { crashModes, type CrashMode, type Plan, type PlanStep } from './plan.ts';
import { leftBehind } from './standing.ts';

/** A passage of a crash point. */
export interface Place {
  readonly operator: string;
  readonly passage: number;
  readonly point: CrashPoint;
  /** Equal for places at which a crash does the same; ends of commits are apart, where power can tear them. */
  readonly key: string;
  /** Requests that the operator had sent by then. */
  readonly requests: number;
}

/** What was recorded of a run. */
export interface Record {
  readonly places: Place[];
  /** Changes that an operator sent: which of its requests each was, and what it changed. */
  readonly changes: { readonly operator: string; readonly nth: number; readonly what: string }[];
}

/** `statefulsets`, `postgresclusters/status`: a path without names. */
function resourceOf(path: string): string {
  return path.replace(/^.*\/namespaces\/[^/]+\/([^/]+)(?:\/[^/]+)?(\/status)?$/, '$1$2');
}

/** Records a run, from a passage of an operator on. To be given to a run beside its invariants. */
export function recorder(record: Record, from: Pick<Place, 'operator' | 'passage'> | null): Invariant {
  return {
    name: 'places',
    says: 'nothing',
    watch: (world) => {
      const seatOf = (name: string): (typeof world.operators)[number] | undefined =>
        world.operators.find((seat) => seat.name === name);
      return {
        onPassage: (operator, point) => {
          const seat = seatOf(operator);
          if (seat === undefined || world.isDisarmed()) return;
          const passage = seat.passages.length - 1;
          if (from !== null && (from.operator !== operator || passage <= from.passage)) return;
          const key = sha256(`${operator} ${point === 'after-commit'}\n${leftBehind(world)}`);
          record.places.push({ operator, passage, point, key, requests: seat.requests() });
        },
        onLeaving: ({ sender, request }) => {
          const nth = seatOf(sender)?.requests() ?? 0;
          if (isChange(request))
            record.changes.push({ operator: sender, nth, what: `${request.method} ${resourceOf(request.path)}` });
        },
      };
    },
  };
}

/** The first of each class. @param seen classes tried before, not tried again; grows by those that are returned */
export function classesOf(places: readonly Place[], seen = new Set<string>()): readonly Place[] {
  return places.filter(({ key }) => !seen.has(key) && seen.add(key));
}

/** Modes that are tried at every place; the others where a commit is being made. */
const everywhere: ReadonlySet<CrashMode> = new Set(['kill', 'amnesia', 'pause']);

type Crash = Extract<PlanStep, { readonly type: 'crash' }>;

function crashAt({ operator, passage }: Place, mode: CrashMode, cut?: number): Crash {
  return { type: 'crash', operator, passage, mode, ms: 25_000, ...(cut === undefined ? {} : { cut }) };
}

/**
 * Crashes of one place. What is lost with the power differs from a kill only while a commit is being made, and an older
 * copy of a journal only by its last commit; the cuts of a torn log take turns over the commits.
 */
function crashesOf(place: Place, index: number): readonly Crash[] {
  const isCommitting = place.point === 'after-commit';
  return crashModes
    .filter((mode) => isCommitting || everywhere.has(mode))
    .map((mode) => crashAt(place, mode, mode === 'torn' ? index % cuts.length : undefined));
}

export interface Single {
  readonly place: Place;
  readonly plan: Plan;
  readonly mode: CrashMode;
}

/**
 * Every crash of every class. Scenarios that begin alike share classes: what a crash leaves is the same object for object,
 * and so is the recovery from it.
 * @param seen classes that other scenarios had; grows by those of this one
 */
export function singlesOf(calm: Plan, places: readonly Place[], seen = new Set<string>()): readonly Single[] {
  return classesOf(places, seen).flatMap((place, index) =>
    crashesOf(place, index).map((step) => ({ place, mode: step.mode, plan: { ...calm, steps: [step] } })),
  );
}

/** Of the places within a recovery so many are tried, nearest first. */
export const doublesEach = 20;

/** A second crash of the same mode, at each class of places that the recovery from a first one passed. */
export function doublesOf(single: Single, recovery: readonly Place[]): readonly Plan[] {
  return classesOf(recovery)
    .slice(0, doublesEach)
    .map((place) => ({ ...single.plan, steps: [...single.plan.steps, crashAt(place, single.mode)] }));
}

/** The faults of a request that a crash is paired with. */
export const pairedFates: readonly Fate[] = [
  { type: 'lost-request', silent: false },
  { type: 'lost-answer', silent: false },
  { type: 'replaced', status: 409, reason: 'Conflict', retryAfterMs: null },
  { type: 'replaced', status: 410, reason: 'Expired', retryAfterMs: null },
  { type: 'replaced', status: 422, reason: 'Invalid', retryAfterMs: null },
  { type: 'replaced', status: 429, reason: 'TooManyRequests', retryAfterMs: 5_000 },
  { type: 'replaced', status: 500, reason: 'InternalError', retryAfterMs: null },
];

function changeAfter({ operator, requests }: Place, { changes }: Record): Record['changes'][number] | undefined {
  return changes.find((each) => each.operator === operator && each.nth >= requests);
}

/** Of the kills, the first of each crash point before each kind of change. @param record of the run without faults */
export function pairableOf(singles: readonly Single[], record: Record): readonly Single[] {
  const seen = new Set<string>();
  return singles.filter(({ mode, place }) => {
    const key = `${place.operator} ${place.point} ${changeAfter(place, record)?.what ?? 'nothing'}`;
    return mode === 'kill' && !seen.has(key) && seen.add(key);
  });
}

/** The crash, and each fault of the first request and of the first change after it. @param record of the crash alone */
export function pairsOf(single: Single, record: Record): readonly Plan[] {
  const { operator, requests } = single.place;
  const change = changeAfter(single.place, record)?.nth;
  const targets = [...new Set([requests, ...(change === undefined ? [] : [change])])];
  return targets.flatMap((nth) =>
    pairedFates.map((fate) => ({
      ...single.plan,
      steps: [...single.plan.steps, { type: 'request', operator, nth, fate } as const],
    })),
  );
}
