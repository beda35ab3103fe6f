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
import { startOperator } from '#src/operator/operator.ts';
import type { OperatorOptions, Skipped } from '#src/operator/options.ts';
import type { CrashPoint } from '#src/ports.ts';
import type { SimChance } from './chance.ts';
import { makeDisk, type Ending } from './disk.ts';
import { Life } from './life.ts';
import type { LineFate } from './lines.ts';
import type { Fate } from './fate.ts';
import { makeNetwork, type Network, type NetworkPorts } from './network.ts';
import type { View } from './past.ts';
import type { ApiRequest } from './api/server.ts';

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

function config(name: string, journal: string, flags: readonly string[]): ReturnType<typeof readConfig> {
  return readConfig(['--journal', journal, '--identity', name, '--lease-namespace', 'operators', ...flags], {});
}

/** How an operator is watched while nobody asks it anything. */
const nobody = { httpPort: 0, apiPort: 0, close: () => Promise.resolve() };

class SimulatedSeat implements Seat {
  readonly name: string;
  readonly passages: CrashPoint[] = [];
  readonly #ports: SeatPorts;
  readonly #disk: ReturnType<typeof makeDisk>;
  readonly #lines = new Map<string, number>();
  #requests = 0;
  #skewMs = 0;
  /** How many began, the one that runs among them. */
  #lives = 0;
  #life: Life | null = null;

  constructor(ports: SeatPorts) {
    this.name = ports.name;
    this.#ports = ports;
    this.#disk = makeDisk(ports.folder);
  }

  readonly start = (): void => {
    if (this.#life !== null) return;
    if (this.#lives === 0) this.#disk.pass(0, 'amnesia');
    this.#lives += 1;
    const life = new Life(this.#ports.network.schedule);
    this.#life = life;
    startOperator(this.#optionsOf(life)).then(
      (operator) => {
        life.operator = operator;
      },
      (error: unknown) => {
        if (life.isDead || error instanceof Killed) return;
        this.#ports.onFatal(String(error));
        this.#bury(life);
      },
    );
  };

  readonly kill = (ending?: Ending): void => {
    if (this.#life !== null) this.#bury(this.#life, ending);
  };

  readonly pause = (ms: number): void => {
    if (this.#life?.isHeld === false) this.#life.hold(ms);
  };

  readonly jump = (byMs: number): void => {
    this.#skewMs += byMs;
  };

  readonly disconnect = (): void => {
    for (const lane of this.#life?.lanes ?? []) lane.reset();
  };

  readonly stop = async (): Promise<void> => {
    const life = this.#life;
    if (life === null) return;
    await life.operator?.stop();
    life.die();
    this.#disk.pass(this.#lives, 'kill');
    this.#life = null;
  };

  readonly isAlive = (): boolean => this.#life !== null;

  readonly journal = (): Journal | null => this.#life?.journal() ?? null;

  readonly actors = (): Actors | null => this.#life?.actors() ?? null;

  readonly metrics = (): Metrics | null => this.#life?.operator?.metrics ?? null;

  readonly underway = (): readonly string[] => (this.#life?.lanes ?? []).flatMap((lane) => lane.underway()).sort();

  readonly path = (): string => this.#disk.pathOf(this.#life === null ? this.#lives + 1 : this.#lives);

  readonly requests = (): number => this.#requests;

  readonly lines = (): Readonly<Record<string, number>> => Object.fromEntries(this.#lines);

  #bury(life: Life, ending: Ending = 'kill', cut = 0): void {
    life.die();
    const isPowerCut = ending === 'power' || ending === 'torn';
    // Only the commit whose end is being reported is not synced yet.
    const unfinished = isPowerCut && this.passages.at(-1) === 'after-commit';
    this.#disk.pass(this.#lives, isPowerCut && !unfinished ? 'kill' : ending, cut);
    const journal = life.journal();
    this.#ports.onDeath(journal, unfinished);
    life.bury();
    journal?.close();
    for (const lane of life.lanes) void lane.close();
    this.#life = null;
  }

  #passed(life: Life, point: CrashPoint): void {
    if (life.isBuried) return;
    if (life.isDead) throw new Killed(point);
    this.passages.push(point);
    const verdict = this.#ports.onPassage(point, this.passages.length - 1);
    switch (verdict.type) {
      case 'go':
        return;
      case 'keep':
        return this.#disk.keep(this.#lives);
      case 'pause':
        return life.hold(verdict.ms);
      case 'end':
        this.#bury(life, verdict.ending, verdict.cut);
        throw new Killed(point);
    }
  }

  #optionsOf(life: Life): OperatorOptions {
    const ports = this.#ports;
    return {
      config: config(ports.name, this.#disk.pathOf(this.#lives), ports.flags ?? []),
      ports: {
        ...life.time(() => this.#skewMs),
        chance: ports.chance.stream(`life-${this.#lives}`),
        crash: { hit: (point) => this.#passed(life, point) },
      },
      log: this.#logOf(life),
      build: ports.buildOf?.(this.#lives) ?? 'simulated',
      onFatal: (because) => {
        if (life.isDead) return;
        ports.onFatal(because);
        this.#bury(life);
      },
      runInPod: (request) => this.#runInPod(life, request),
      onSkipped: (skipped) => (life.isDead ? undefined : ports.onSkipped(skipped)),
      openLane: () => this.#openLane(life),
      serve: (given, addresses) => {
        life.actors = given.actors;
        return ports.serve?.(given, addresses) ?? Promise.resolve(nobody);
      },
    };
  }

  #logOf(life: Life): OperatorOptions['log'] {
    const { name, log, network } = this.#ports;
    const timestamp = (): string => `,"time":"${new Date(network.schedule.nowMs()).toISOString()}"`;
    return pino({ base: null, timestamp }, { write: (line) => (life.isDead ? undefined : log(`${name} ${line}`)) });
  }

  /** It takes as long to get there as to come back; who died meanwhile hears nothing. */
  #runInPod(life: Life, request: Parameters<RunInPod>[0]): ReturnType<RunInPod> {
    const { chance, network, runInPod } = this.#ports;
    return new Promise((resolve, reject) => {
      const ms = chance.between(20, 400);
      network.schedule.after(ms, () => {
        const result = runInPod(request);
        network.schedule.after(ms, () => life.gate(() => void result.then(resolve, reject)), true);
        result.catch(() => undefined);
      });
    });
  }

  #openLane(life: Life): Network {
    const ports = this.#ports;
    const lane = makeNetwork(ports.network, {
      name: ports.name,
      gate: life.gate,
      fateOf: (request) => {
        this.#requests += 1;
        return ports.fateOf(request, this.#requests - 1);
      },
      lineFateOf: (path) => {
        const resource = path.slice(path.lastIndexOf('/') + 1);
        const nth = this.#lines.get(resource) ?? 0;
        this.#lines.set(resource, nth + 1);
        return ports.lineFateOf(resource, nth);
      },
      view: ports.view,
      onLeaving: (request, auditId) => ports.onLeaving(request, auditId, life.journal()),
    });
    life.lanes.push(lane);
    return lane;
  }
}

/** A seat in which nothing runs yet. */
export function makeSeat(ports: SeatPorts): Seat {
  return new SimulatedSeat(ports);
}
