/**
 * Owns: one simulated world put together: time, API server, Kubernetes' controllers, members, operators, and the plan's steps
 * among them. Whoever watches hangs onto `events`.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Journal } from '#src/journal/journal.ts';
import type { CrashPoint } from '#src/ports.ts';
import { makeApiServer, type ApiRequest, type ApiServer } from './api/server.ts';
import { makeWatches, type Watches } from './api/watches.ts';
import { chanceOf } from './chance.ts';
import { clientOf, type Client, type Habitat } from './controllers/client.ts';
import { runGarbageCollector } from './controllers/garbage.ts';
import { runKubelets, type Kubelets } from './controllers/kubelet.ts';
import { runNetworkAndVolumes } from './controllers/network-and-volumes.ts';
import { runStatefulSets } from './controllers/stateful-sets.ts';
import type { Fate, Handled } from './network.ts';
import { makeSeat, type Seat, type Verdict } from './operators.ts';
import type { Plan, PlanStep } from './plan.ts';
import { beginningMs, makeSchedule, type Schedule } from './schedule.ts';

/** What a world tells whoever checks it. */
export interface Events {
  /** A request of an operator is about to leave. */
  readonly onLeaving: (sender: string, request: ApiRequest, auditId: string | null, journal: Journal | null) => void;
  readonly onHandled: (handled: Handled) => void;
  readonly onDeath: (sender: string, journal: Journal | null) => void;
  /** A process ended because going on would have been wrong. */
  readonly onFatal: (sender: string, because: string) => void;
  readonly onPassage: (sender: string, point: CrashPoint) => void;
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
  /** Faults off: what the plan has not done yet to operators and their requests it will not do any more. */
  readonly disarm: () => void;
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
}

/** How soon a process that ended is started again. */
const restartMs = 2_000;
const compactEveryMs = 300_000;

/** A fault with a time of its own. */
export type TimedStep = Exclude<PlanStep, { readonly type: 'crash' | 'request' }>;

interface Trouble {
  apiDown: number;
  pending: number;
  disarmed: boolean;
}

/** Runs a thing that begins at a time and is over after another. */
function lasting(
  world: Omit<World, 'close' | 'happen' | 'isQuiet' | 'disarm' | 'operators'>,
  trouble: Trouble,
  step: TimedStep,
): void {
  const { schedule, kubelets, api, watches } = world;
  trouble.pending += 1;
  const over = (): void => {
    trouble.pending -= 1;
  };
  schedule.after(step.atMs, () => {
    switch (step.type) {
      case 'api-down':
        trouble.apiDown += 1;
        watches.endAll();
        schedule.after(step.ms, () => {
          trouble.apiDown -= 1;
          over();
        });
        return;
      case 'watches-end':
        watches.endAll();
        return over();
      case 'compact':
        api.store.compact(api.store.version());
        return over();
      case 'kill-member':
        kubelets.killContainer(step.pod, step.ms);
        schedule.after(step.ms, over);
        return;
      case 'cut-member':
        kubelets.cut(step.pod, true);
        schedule.after(step.ms, () => {
          kubelets.cut(step.pod, false);
          over();
        });
    }
  });
}

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
  const chance = habitat.chance.stream(name);
  const again = (): void => void schedule.after(restartMs, () => seat.start(), true);
  const verdictAt = (passage: number): Verdict => {
    const step = crashes.get(passage);
    if (step === undefined || trouble.disarmed) return { type: 'go' };
    crashes.delete(passage);
    if (step.mode === 'pause') return { type: 'pause', ms: step.ms };
    again();
    return { type: step.mode };
  };
  const seat: Seat = makeSeat({
    name,
    folder: join(folder, name),
    network: { api, watches, schedule, chance: chance.stream('network'), onHandled: events.onHandled },
    runInPod: kubelets.runInPod,
    chance,
    onPassage: (point, passage) => {
      events.onPassage(name, point);
      return verdictAt(passage);
    },
    fateOf: (_request, nth): Fate => {
      const fate = fates.get(nth);
      if (trouble.apiDown > 0) return { type: 'lost-request', silent: false };
      return fate === undefined || trouble.disarmed ? { type: 'none' } : fate;
    },
    onLeaving: (request, auditId, journal) => events.onLeaving(name, request, auditId, journal),
    onFatal: (because) => {
      events.onFatal(name, because);
      again();
    },
    onDeath: (journal) => events.onDeath(name, journal),
    log: events.log,
  });
  schedule.after(0, () => seat.start(), true);
  return seat;
}

/** Opens a world at its beginning. Nothing has happened yet; `schedule.run` makes it go. */
export function openWorld(options: WorldOptions): World {
  const { plan, scratch, operators } = options;
  mkdirSync(scratch, { recursive: true });
  const folder = mkdtempSync(join(scratch, 'world-'));
  const schedule = makeSchedule();
  const chance = chanceOf(plan.seed);
  const nowMs = (): number => beginningMs + schedule.elapsedMs();
  const api = makeApiServer(nowMs, chance.stream('api'));
  const habitatOf = (name: string): Habitat => ({ api, schedule, nowMs, chance: chance.stream(name) });
  const watches = makeWatches(api, schedule);
  runStatefulSets(habitatOf('stateful-sets'));
  runGarbageCollector(habitatOf('garbage'));
  runNetworkAndVolumes(habitatOf('network-and-volumes'));
  const kubelets = runKubelets(habitatOf('kubelets'));
  const trouble: Trouble = { apiDown: 0, pending: 0, disarmed: false };
  const parts = { plan, schedule, api, watches, kubelets, user: clientOf(api, 'kubectl') };
  for (const step of plan.steps) if (step.type !== 'crash' && step.type !== 'request') lasting(parts, trouble, step);
  let before = api.store.version();
  const compact = (): void => {
    api.store.compact(before);
    before = api.store.version();
    schedule.after(compactEveryMs, compact);
  };
  schedule.after(compactEveryMs, compact);
  const shared = { options, habitat: habitatOf('operators'), watches, kubelets, trouble, folder };
  return {
    ...parts,
    operators: operators.map((name) => seatOf(shared, name)),
    happen: (step) => lasting(parts, trouble, step),
    isQuiet: () => trouble.pending === 0,
    disarm: () => {
      trouble.disarmed = true;
    },
    close: () => rmSync(folder, { recursive: true, force: true }),
  };
}
