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
import type { Fate } from './fate.ts';
import type { Handled } from './network.ts';
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

const nothing = (): void => undefined;

/** Of a world that nobody listens to. */
export const unheard: Events = {
  onLeaving: nothing,
  onHandled: nothing,
  onDeath: nothing,
  onPassage: nothing,
  onFatal: nothing,
  log: nothing,
};

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

type StepOf<Type extends Plan['steps'][number]['type']> = Extract<Plan['steps'][number], { readonly type: Type }>;

/** What the plan does to one operator's process. */
interface Faults {
  readonly crashAt: (passage: number) => StepOf<'crash'> | undefined;
  /** Whether the journal is put aside there: what a rollback brings back is the journal as it stood half way. */
  readonly isKeptAt: (passage: number) => boolean;
  readonly requestFate: (nth: number) => Fate | undefined;
  readonly lineFate: (resource: string, nth: number) => LineFate | undefined;
}

function faultsOf({ steps }: Plan, operator: string): Faults {
  const crashes = new Map<number, StepOf<'crash'>>();
  const requests = new Map<number, Fate>();
  const lines = new Map<string, LineFate>();
  for (const step of steps) {
    if (step.type === 'crash' && step.operator === operator) crashes.set(step.passage, step);
    if (step.type === 'request' && step.operator === operator) requests.set(step.nth, step.fate);
    if (step.type === 'line' && step.operator === operator) lines.set(`${step.resource}/${step.nth}`, step.fate);
  }
  const rollbacks = [...crashes.values()].filter(({ mode }) => mode === 'rollback');
  const kept = new Set(rollbacks.map(({ passage }) => passage >> 1));
  return {
    crashAt: (passage) => crashes.get(passage),
    isKeptAt: (passage) => kept.has(passage),
    requestFate: (nth) => requests.get(nth),
    lineFate: (resource, nth) => lines.get(`${resource}/${nth}`),
  };
}

function verdictOn(step: StepOf<'crash'>): Verdict {
  if (step.mode === 'pause') return { type: 'pause', ms: step.ms };
  return { type: 'end', ending: step.mode, cut: step.cut ?? 0 };
}

/** One operator's process, with what the plan does to it. */
function seatOf(shared: Shared, name: string): Seat {
  const { options, habitat, watches, kubelets, trouble, folder } = shared;
  const { plan, events, serve, flags = [], buildOf } = options;
  const { api, schedule } = habitat;
  const faults = faultsOf(plan, name);
  const chance = habitat.chance.stream(name);
  const again = (): void => void schedule.after(restartMs, () => seat.start(), true);
  const verdictAt = (passage: number): Verdict => {
    if (faults.isKeptAt(passage)) return { type: 'keep' };
    const crash = trouble.disarmed ? undefined : faults.crashAt(passage);
    if (crash === undefined) return { type: 'go' };
    const verdict = verdictOn(crash);
    if (verdict.type === 'end') again();
    return verdict;
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
      if (trouble.apiDown > 0) return { type: 'lost-request', silent: false };
      const ruled = ruledFate(trouble, name, `${method} ${path}`);
      return ruled ?? (trouble.disarmed ? undefined : faults.requestFate(nth)) ?? { type: 'none' };
    },
    lineFateOf: (resource, nth): LineFate =>
      (trouble.disarmed ? undefined : faults.lineFate(resource, nth)) ?? { type: 'none' },
    view: () => trouble.views.get(name) ?? null,
    onLeaving: (request, auditId, journal) => events.onLeaving(name, request, auditId, journal),
    onFatal: (because) => {
      events.onFatal(name, because);
      again();
    },
    onDeath: (journal, unfinished) => events.onDeath(name, journal, unfinished),
    onSkipped: (skipped) => events.onSkipped?.(name, skipped),
    log: events.log,
    serve,
    flags,
    buildOf,
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
