/**
 * Owns: one life of a simulated process: whether it runs, stands still or is dead, and what reaches it meanwhile.
 * I1. Nothing reaches a life that is dead: its timers are lost, and so is what was on its way to it.
 * I2. What comes while it stands still comes when it goes on, in order.
 */
import type { Actors } from '#src/actor/actor.ts';
import type { Journal } from '#src/journal/journal.ts';
import type { Operator } from '#src/operator/operator.ts';
import type { Ports } from '#src/ports.ts';
import type { Network } from './network.ts';
import type { Schedule } from './schedule.ts';

/** A life that has just begun. */
export class Life {
  /** Null until it has started. */
  operator: Operator | null = null;
  /** Of the term that it leads; null while it leads none. */
  actors: () => Actors | null = () => null;
  readonly lanes: Network[] = [];
  readonly #schedule: Schedule;
  #state: 'runs' | 'dead' | 'buried' = 'runs';
  /** What came while it stands still; null while it does not. */
  #held: (() => void)[] | null = null;

  constructor(schedule: Schedule) {
    this.#schedule = schedule;
  }

  get isDead(): boolean {
    return this.#state !== 'runs';
  }

  /** Its files are being closed: what the dead still says is not listened to. */
  get isBuried(): boolean {
    return this.#state === 'buried';
  }

  get isHeld(): boolean {
    return this.#held !== null;
  }

  /** Runs what comes from outside: not at all once it is dead, later while it stands still. */
  readonly gate = (run: () => void): void => {
    if (this.isDead) return;
    if (this.#held === null) run();
    else this.#held.push(run);
  };

  /** Lets it stand still for so long. */
  hold(ms: number): void {
    this.#held = [];
    this.#schedule.after(ms, () => this.#goOn(), true);
  }

  die(): void {
    this.#state = 'dead';
  }

  bury(): void {
    this.#state = 'buried';
  }

  /** Null while none is open. */
  journal(): Journal | null {
    try {
      return this.operator?.journal() ?? null;
    } catch {
      return null;
    }
  }

  /** Time as it passes for it. @param skewMs by how much its wall clock is wrong */
  time(skewMs: () => number): Pick<Ports, 'clock' | 'ticks'> {
    const after = (delayMs: number, run: () => void): ReturnType<Schedule['after']> =>
      this.isDead ? { cancel: () => undefined } : this.#schedule.after(delayMs, () => this.gate(run), true);
    return {
      clock: { nowMs: () => this.#schedule.nowMs() + skewMs(), monotonicMs: this.#schedule.elapsedMs },
      ticks: { after, soon: (run) => after(0, run) },
    };
  }

  #goOn(): void {
    const waiting = this.#held ?? [];
    this.#held = null;
    for (const run of waiting) this.gate(run);
  }
}
