/**
 * Owns: operator processes in a simulated world: the real operator, started on ports that the world moves, killed, held and
 * started again. A seat is a process's name and its volume; its lives come one after the other.
 * I1. A life that was killed has no more effect: its timers are lost, no answer reaches it, whoever of its code still runs
 *     dies at the next crash point, and its journal is read from where it stood in that moment.
 * I2. A life that stands still sends nothing and hears nothing; all of it comes when it goes on, in order.
 */
import pino from 'pino';
import type { Actors } from '#src/actor/actor.ts';
import type { Metrics } from '#src/status/metrics.ts';
import { readConfig } from '#src/config.ts';
import type { Journal } from '#src/journal/journal.ts';
import type { RunInPod } from '#src/kube/exec.ts';
import { startOperator, type Operator } from '#src/operator/operator.ts';
import type { OperatorOptions, Skipped } from '#src/operator/options.ts';
import type { CrashPoint, Ports } from '#src/ports.ts';
import type { SimChance } from './chance.ts';
import { makeDisk, type Ending } from './disk.ts';
import type { LineFate } from './lines.ts';
import { makeNetwork, type Fate, type Network, type NetworkPorts, type Sender } from './network.ts';
import type { View } from './past.ts';
import type { ApiRequest } from './api/server.ts';
import type { Schedule } from './schedule.ts';

/** Thrown through the code of a process that was killed. */
export class Killed extends Error {}

/** What happens to a process at a passage. */
export type Verdict =
  | { readonly type: 'go' }
  /** The journal is put aside, for a later rollback. */
  | { readonly type: 'keep' }
  | { readonly type: 'end'; readonly ending: Ending; readonly cut: number }
  | { readonly type: 'pause'; readonly ms: number };

export interface SeatPorts {
  readonly name: string;
  /** A folder of its own, for journals. */
  readonly folder: string;
  readonly network: NetworkPorts;
  readonly runInPod: RunInPod;
  readonly chance: SimChance;
  /** Asked at every passage of a crash point. */
  readonly onPassage: (point: CrashPoint, passage: number) => Verdict;
  readonly fateOf: (request: ApiRequest, nth: number) => Fate;
  /** Of the nth event that watches of this resource brought. */
  readonly lineFateOf: (resource: string, nth: number) => LineFate;
  readonly view: () => View | null;
  /** Told when a request is about to leave, with the journal as it stands. */
  readonly onLeaving: (request: ApiRequest, auditId: string | null, journal: Journal | null) => void;
  /** Told when a process ended by itself because going on would have been wrong. */
  readonly onFatal: (because: string) => void;
  /** Told when a process died, with what its journal held; `unfinished`: without its last commit. */
  readonly onDeath: (journal: Journal | null, unfinished: boolean) => void;
  /** Told of every observation that an operator skips. */
  readonly onSkipped: (skipped: Skipped) => void;
  readonly log: (line: string) => void;
  /** How it serves health, metrics and its journal; nobody asks when there is none. */
  readonly serve?: OperatorOptions['serve'];
  /** Its other flags. */
  readonly flags?: readonly string[];
  /** Name of the build that lives its nth life, from 1; `simulated` when nobody says. */
  readonly buildOf?: ((life: number) => string) | undefined;
}

export interface Seat {
  readonly name: string;
  /** Starts a process; it goes on with the journal that the last one left. */
  readonly start: () => void;
  readonly kill: (ending?: Ending) => void;
  /** Stands still for a while: SIGSTOP, a blocked event loop. */
  readonly pause: (ms: number) => void;
  /** Its wall clock jumps, forwards or back. */
  readonly jump: (byMs: number) => void;
  /** Its connections break. */
  readonly disconnect: () => void;
  /** In order, as on SIGTERM. */
  readonly stop: () => Promise<void>;
  readonly isAlive: () => boolean;
  /** The journal of the life that runs; null while none is open. */
  readonly journal: () => Journal | null;
  /** The actors of the term that is led; null while none is. */
  readonly actors: () => Actors | null;
  /** Of the life that runs; null while none does. */
  readonly metrics: () => Metrics | null;
  /** What it asked and has no answer to, and how many watches it has open, sorted. */
  readonly underway: () => readonly string[];
  /** Path of the journal's file in the present or the next life. */
  readonly path: () => string;
  /** Names of the crash points passed, in order. */
  readonly passages: readonly CrashPoint[];
  readonly requests: () => number;
  /** Events that its watches brought, by resource. */
  readonly lines: () => Readonly<Record<string, number>>;
}

interface Life {
  operator: Operator | null;
  actors: () => Actors | null;
  dead: boolean;
  /** Its files are being closed: what the dead still says is not listened to. */
  buried: boolean;
  held: (() => void)[] | null;
  readonly lanes: Network[];
}

function portsOf(
  life: Life,
  schedule: Schedule,
  gate: Sender['gate'],
  rest: Pick<Ports, 'chance' | 'crash'> & { readonly skewMs: () => number },
): Ports {
  const { chance, crash, skewMs } = rest;
  return {
    chance,
    crash,
    clock: { nowMs: () => schedule.nowMs() + skewMs(), monotonicMs: schedule.elapsedMs },
    ticks: {
      after: (delayMs, run) =>
        life.dead ? { cancel: () => undefined } : schedule.after(delayMs, () => gate(run), true),
      soon: (run) => (life.dead ? { cancel: () => undefined } : schedule.after(0, () => gate(run), true)),
    },
  };
}

function config(name: string, journal: string, flags: readonly string[]): ReturnType<typeof readConfig> {
  return readConfig(['--journal', journal, '--identity', name, '--lease-namespace', 'operators', ...flags], {});
}

/** A seat in which nothing runs yet. */
export function makeSeat(ports: SeatPorts): Seat {
  const { schedule } = ports.network;
  const passages: CrashPoint[] = [];
  const lines = new Map<string, number>();
  let requests = 0;
  let skewMs = 0;
  let lives = 0;
  let life: Life | null = null;

  const disk = makeDisk(ports.folder);

  function journalOf(of: Life | null): Journal | null {
    try {
      return of?.operator?.journal() ?? null;
    } catch {
      return null;
    }
  }

  function bury(of: Life, ending: Ending = 'kill', cut = 0): void {
    of.dead = true;
    // Only the commit whose end is being reported is not synced yet.
    const unfinished = (ending === 'power' || ending === 'torn') && passages.at(-1) === 'after-commit';
    disk.pass(lives, ending === 'power' || ending === 'torn' ? (unfinished ? ending : 'kill') : ending, cut);
    const journal = journalOf(of);
    ports.onDeath(journal, unfinished);
    of.buried = true;
    journal?.close();
    for (const lane of of.lanes) void lane.close();
    life = null;
  }

  function gateOf(of: Life): Sender['gate'] {
    return (run) => {
      if (of.dead) return;
      if (of.held === null) run();
      else of.held.push(run);
    };
  }

  function pause(of: Life, ms: number): void {
    of.held = [];
    schedule.after(
      ms,
      () => {
        const waiting = of.held ?? [];
        of.held = null;
        for (const run of waiting) gateOf(of)(run);
      },
      true,
    );
  }

  function passed(of: Life, point: CrashPoint): void {
    if (of.buried) return;
    if (of.dead) throw new Killed(point);
    passages.push(point);
    const verdict = ports.onPassage(point, passages.length - 1);
    if (verdict.type === 'go') return;
    if (verdict.type === 'keep') return disk.keep(lives);
    if (verdict.type === 'pause') return pause(of, verdict.ms);
    bury(of, verdict.ending, verdict.cut);
    throw new Killed(point);
  }

  function laneOf(of: Life): Network {
    const gate = gateOf(of);
    const lane = makeNetwork(ports.network, {
      name: ports.name,
      gate,
      fateOf: (request) => {
        requests += 1;
        return ports.fateOf(request, requests - 1);
      },
      lineFateOf: (path) => {
        const resource = path.slice(path.lastIndexOf('/') + 1);
        const nth = lines.get(resource) ?? 0;
        lines.set(resource, nth + 1);
        return ports.lineFateOf(resource, nth);
      },
      view: ports.view,
      onLeaving: (request, auditId) => ports.onLeaving(request, auditId, journalOf(of)),
    });
    of.lanes.push(lane);
    return lane;
  }

  function start(): void {
    if (life !== null) return;
    if (lives === 0) disk.pass(0, 'amnesia');
    lives += 1;
    const mine: Life = { operator: null, actors: () => null, dead: false, buried: false, held: null, lanes: [] };
    life = mine;
    const crash = { hit: (point: CrashPoint) => passed(mine, point) };
    const timestamp = (): string => `,"time":"${new Date(schedule.nowMs()).toISOString()}"`;
    startOperator({
      config: config(ports.name, disk.pathOf(lives), ports.flags ?? []),
      ports: portsOf(mine, schedule, gateOf(mine), {
        chance: ports.chance.stream(`life-${lives}`),
        crash,
        skewMs: () => skewMs,
      }),
      log: pino(
        { base: null, timestamp },
        { write: (line) => (mine.dead ? undefined : ports.log(`${ports.name} ${line}`)) },
      ),
      build: ports.buildOf?.(lives) ?? 'simulated',
      onFatal: (because) => {
        if (mine.dead) return;
        ports.onFatal(because);
        bury(mine);
      },
      runInPod: (request) =>
        new Promise((resolve, reject) => {
          const ms = ports.chance.between(20, 400);
          schedule.after(ms, () => {
            const result = ports.runInPod(request);
            schedule.after(ms, () => gateOf(mine)(() => void result.then(resolve, reject)), true);
            result.catch(() => undefined);
          });
        }),
      onSkipped: (skipped) => (mine.dead ? undefined : ports.onSkipped(skipped)),
      openLane: () => laneOf(mine),
      serve: (given, addresses) => {
        mine.actors = given.actors;
        const nobody = { httpPort: 0, apiPort: 0, close: () => Promise.resolve() };
        return ports.serve?.(given, addresses) ?? Promise.resolve(nobody);
      },
    }).then(
      (operator) => {
        mine.operator = operator;
      },
      (error: unknown) => {
        if (!mine.dead && !(error instanceof Killed)) {
          ports.onFatal(String(error));
          bury(mine);
        }
      },
    );
  }

  return {
    name: ports.name,
    start,
    kill: (ending) => {
      if (life !== null) bury(life, ending);
    },
    pause: (ms) => {
      if (life !== null && life.held === null) pause(life, ms);
    },
    jump: (byMs) => {
      skewMs += byMs;
    },
    disconnect: () => {
      for (const lane of life?.lanes ?? []) lane.reset();
    },
    stop: async () => {
      const mine = life;
      if (mine === null) return;
      await mine.operator?.stop();
      mine.dead = true;
      disk.pass(lives, 'kill');
      life = null;
    },
    isAlive: () => life !== null,
    journal: () => journalOf(life),
    actors: () => life?.actors() ?? null,
    metrics: () => life?.operator?.metrics ?? null,
    underway: () => (life?.lanes ?? []).flatMap((lane) => lane.underway()).sort(),
    path: () => disk.pathOf(life === null ? lives + 1 : lives),
    passages,
    requests: () => requests,
    lines: () => Object.fromEntries(lines),
  };
}
