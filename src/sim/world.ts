/**
 * Owns: one simulated world put together: time, API server, Kubernetes' controllers, members, operators, and the plan's steps
 * among them. Whoever watches hangs onto `events`.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Journal } from '#src/journal/journal.ts';
import type { OperatorOptions, Skipped } from '#src/operator/options.ts';
import type { CrashPoint } from '#src/ports.ts';
import { makeApiServer, type ApiRequest, type ApiServer } from './api/server.ts';
import { makeWatches, type Watches } from './api/watches.ts';
import { chanceOf } from './chance.ts';
import { clientOf, type Client, type Habitat } from './controllers/client.ts';
import { runGarbageCollector } from './controllers/garbage.ts';
import { runKubelets, type Kubelets } from './controllers/kubelet.ts';
import { runNetworkAndVolumes } from './controllers/network-and-volumes.ts';
import { runStatefulSets } from './controllers/stateful-sets.ts';
import {
  happen,
  looksBack,
  noTrouble,
  reborn,
  ruledFate,
  type Scene,
  type TimedStep,
  type Trouble,
} from './happenings.ts';
import type { LineFate } from './lines.ts';
import type { Fate, Handled } from './network.ts';
import { makeSeat, type Seat, type Verdict } from './operators.ts';
import { recordPast } from './past.ts';
import type { Plan } from './plan.ts';
import { makeSchedule, type Schedule } from './schedule.ts';

/** What a world tells whoever checks it. */
export interface Events {
  /** A request of an operator is about to leave. */
  readonly onLeaving: (sender: string, request: ApiRequest, auditId: string | null, journal: Journal | null) => void;
  readonly onHandled: (handled: Handled) => void;
  readonly onDeath: (sender: string, journal: Journal | null, unfinished: boolean) => void;
  /** A process ended because going on would have been wrong. */
  readonly onFatal: (sender: string, because: string) => void;
  readonly onPassage: (sender: string, point: CrashPoint) => void;
  /** An operator counts an observation instead of deciding it. */
  readonly onSkipped?: (sender: string, skipped: Skipped) => void;
  readonly log: (line: string) => void;
}

export interface World {
  readonly plan: Plan;
  readonly schedule: Schedule;
  readonly api: ApiServer;
  readonly watches: Watches;
  readonly kubelets: Kubelets;
  /** kubectl. */
  readonly user: Client;
  readonly operators: readonly Seat[];
  /** Whether every fault with a time of its own is over. */
  readonly isQuiet: () => boolean;
  /** Flags of the operators. */
  readonly flags: readonly string[];
  /** Faults off: what the plan has not done yet to operators and their requests it will not do any more. */
  readonly disarm: () => void;
  readonly isDisarmed: () => boolean;
  /** Lets something happen, `atMs` from now. */
  readonly happen: (step: TimedStep) => void;
  /** Takes the world's files away. */
  readonly close: () => void;
}

export interface WorldOptions {
  readonly plan: Plan;
  /** Folder for journals; memory-backed is fastest. */
  readonly scratch: string;
  /** Names of operator processes; each has a volume of its own. */
  readonly operators: readonly string[];
  readonly events: Events;
  /** What the wall clock says at the beginning; the same for every world when it is left out. */
  readonly beginsMs?: number;
  /** How the operators serve health, metrics and journal; nobody asks when there is none. */
  readonly serve?: OperatorOptions['serve'];
  /** Flags of the operators, beside those that every world gives them. */
  readonly flags?: readonly string[] | undefined;
  /** Build that an operator says it is, in its nth life, from 1. */
  readonly buildOf?: ((life: number) => string) | undefined;
}

/** How soon a process that ended is started again. */
const restartMs = 2_000;
const compactEveryMs = 300_000;

export type { TimedStep } from './happenings.ts';

interface Shared {
  readonly options: WorldOptions;
  readonly habitat: Habitat;
  readonly watches: Watches;
  readonly kubelets: Kubelets;
  readonly trouble: Trouble;
  readonly folder: string;
}

/** One operator's process, with what the plan does to it. */
function seatOf(shared: Shared, name: string): Seat {
  const { options, habitat, watches, kubelets, trouble, folder } = shared;
  const { plan, events } = options;
  const { api, schedule } = habitat;
  const crashes = new Map(
    plan.steps.flatMap((step) =>
      step.type === 'crash' && step.operator === name ? [[step.passage, step] as const] : [],
    ),
  );
  const fates = new Map(
    plan.steps.flatMap((step) =>
      step.type === 'request' && step.operator === name ? [[step.nth, step.fate] as const] : [],
    ),
  );
  const lineFates = new Map(
    plan.steps.flatMap((step) =>
      step.type === 'line' && step.operator === name ? [[`${step.resource}/${step.nth}`, step.fate] as const] : [],
    ),
  );
  const chance = habitat.chance.stream(name);
  const again = (): void => void schedule.after(restartMs, () => seat.start(), true);
  // What a rollback brings back is the journal as it stood half way.
  const kept = new Set(
    [...crashes.values()].flatMap(({ mode, passage }) => (mode === 'rollback' ? [passage >> 1] : [])),
  );
  const verdictAt = (passage: number): Verdict => {
    const step = crashes.get(passage);
    if (kept.has(passage)) return { type: 'keep' };
    if (step === undefined || trouble.disarmed) return { type: 'go' };
    crashes.delete(passage);
    if (step.mode === 'pause') return { type: 'pause', ms: step.ms };
    again();
    return { type: 'end', ending: step.mode, cut: step.cut ?? 0 };
  };
  const seat: Seat = makeSeat({
    name,
    folder: join(folder, name),
    network: {
      api,
      watches,
      schedule,
      chance: chance.stream('network'),
      onHandled: events.onHandled,
      reborn: (path) => reborn(api, path),
    },
    runInPod: kubelets.runInPod,
    chance,
    onPassage: (point, passage) => {
      events.onPassage(name, point);
      return verdictAt(passage);
    },
    fateOf: ({ method, path }, nth): Fate => {
      const fate = fates.get(nth);
      if (trouble.apiDown > 0) return { type: 'lost-request', silent: false };
      const ruled = ruledFate(trouble, name, `${method} ${path}`);
      if (ruled !== null) return ruled;
      return fate === undefined || trouble.disarmed ? { type: 'none' } : fate;
    },
    lineFateOf: (resource, nth): LineFate => {
      const fate = lineFates.get(`${resource}/${nth}`);
      return fate === undefined || trouble.disarmed ? { type: 'none' } : fate;
    },
    view: () => trouble.views.get(name) ?? null,
    onLeaving: (request, auditId, journal) => events.onLeaving(name, request, auditId, journal),
    onFatal: (because) => {
      events.onFatal(name, because);
      again();
    },
    onDeath: (journal, unfinished) => events.onDeath(name, journal, unfinished),
    onSkipped: (skipped) => events.onSkipped?.(name, skipped),
    log: events.log,
    serve: options.serve,
    flags: options.flags ?? [],
    buildOf: options.buildOf,
  });
  schedule.after(0, () => seat.start(), true);
  return seat;
}

/** Opens a world at its beginning. Nothing has happened yet; `schedule.run` makes it go. */
export function openWorld(options: WorldOptions): World {
  const { plan, scratch, operators } = options;
  mkdirSync(scratch, { recursive: true });
  const folder = mkdtempSync(join(scratch, 'world-'));
  const schedule = makeSchedule(options.beginsMs);
  const chance = chanceOf(plan.seed);
  const { nowMs } = schedule;
  const api = makeApiServer(nowMs, chance.stream('api'));
  const habitatOf = (name: string): Habitat => ({ api, schedule, nowMs, chance: chance.stream(name) });
  const watches = makeWatches(api, schedule);
  runStatefulSets(habitatOf('stateful-sets'));
  runGarbageCollector(habitatOf('garbage'));
  runNetworkAndVolumes(habitatOf('network-and-volumes'));
  const kubelets = runKubelets(habitatOf('kubelets'));
  const trouble = noTrouble();
  const past = looksBack(plan.steps) ? recordPast(api) : null;
  const parts = { plan, schedule, api, watches, kubelets, user: clientOf(api, 'kubectl') };
  let before = api.store.version();
  const compact = (): void => {
    api.store.compact(before);
    before = api.store.version();
    schedule.after(compactEveryMs, compact);
  };
  schedule.after(compactEveryMs, compact);
  const shared = { options, habitat: habitatOf('operators'), watches, kubelets, trouble, folder };
  const seats = operators.map((name) => seatOf(shared, name));
  const again = (seat: Seat): void => void schedule.after(restartMs, () => seat.start(), true);
  const scene: Scene = { ...parts, past, operators: () => seats, again, trouble };
  for (const step of plan.steps)
    if (step.type !== 'crash' && step.type !== 'request' && step.type !== 'line') happen(scene, step);
  return {
    ...parts,
    flags: options.flags ?? [],
    operators: seats,
    happen: (step) => happen(scene, step),
    isQuiet: () => trouble.pending === 0,
    disarm: () => {
      trouble.disarmed = true;
    },
    isDisarmed: () => trouble.disarmed,
    close: () => rmSync(folder, { recursive: true, force: true }),
  };
}
