/**
 * Owns: when the operator seals and prunes its journal: now and then, a step in each turn of the event loop, so that nobody
 * waits for it. What it seals it asks the API server for first: which place in the journal each status names.
 * Does not own: what may go (`src/journal/retention.ts`), how it goes (`src/journal/prune.ts`).
 *
 * I1. What goes wrong here costs a pass, not the line: the next one does it.
 */
import type { Actors } from '#src/actor/actor.ts';
import { messageOf } from '#src/errors.ts';
import type { Journal } from '#src/journal/journal.ts';
import { isSealDue, type KeepPolicy } from '#src/journal/retention.ts';
import type { Pruned } from '#src/journal/prune.ts';
import type { Log } from '#src/log.ts';
import type { ArmedTick, Clock, Ticks } from '#src/ports.ts';
import type { Anchors } from './anchors.ts';

export interface RetentionPorts {
  readonly journal: Journal;
  readonly actors: Pick<Actors, 'clusters' | 'seal'>;
  readonly keep: KeepPolicy;
  readonly clock: Clock;
  readonly ticks: Ticks;
  readonly log: Log;
  /** Reads what the statuses name. @throws Transient when the API server does not answer */
  readonly readAnchors: () => Promise<Anchors>;
  /** Told what went, where something did. */
  readonly onPruned: (pruned: Pruned) => void;
}

/** Between two looks: at a hundred rows a second a segment is a minute's work to delete in half a second. */
const everyMs = 600_000;

/** From so far ahead on it is told: a day, which is nothing to a journal of two weeks. */
const aheadTellMs = 86_400_000;

/** Seals and prunes until it is stopped. @returns how to stop it */
export function startRetention(ports: RetentionPorts): () => void {
  const { journal, actors, keep, clock, ticks, log } = ports;
  let armed: ArmedTick;
  let [stopped, isToldAhead] = [false, false];

  async function seal(): Promise<void> {
    const nowMs = clock.nowMs();
    const due = actors.clusters().filter(({ uid }) => {
      const unsealed = journal.reader.unsealed(uid);
      return unsealed !== null && isSealDue(unsealed, nowMs);
    });
    if (due.length === 0) return;
    const { anchors, unread } = await ports.readAnchors();
    if (stopped) return;
    // Sealed without what its status names, a chain that is pruned later could not be proved against it.
    for (const { uid } of due.filter(({ namespace }) => !unread.includes(namespace))) {
      const found = anchors.find((anchor) => anchor.uid === uid && anchor.seq > 0);
      actors.seal(uid, found === undefined ? null : { epoch: found.epoch, seq: found.seq, head: found.head });
    }
  }

  function failed(error: unknown): void {
    if (!stopped) log.warn({ because: messageOf(error) }, 'the journal is not pruned now; the next pass tries again');
    again();
  }

  function again(): void {
    if (!stopped) armed = ticks.after(everyMs, () => void pass());
  }

  /** One step of a prune in each turn. */
  function drive(steps: Generator<void, Pruned>): void {
    if (stopped) return;
    try {
      const step = steps.next();
      if (step.done !== true) {
        armed = ticks.soon(() => drive(steps));
        return;
      }
      if (step.value.rows > 0) ports.onPruned(step.value);
      again();
    } catch (error) {
      failed(error);
    }
  }

  /** Once, since nothing is lost by it. */
  function tellAhead(): void {
    const aheadMs = clock.nowMs() - journal.ageNowMs();
    if (isToldAhead || aheadMs < aheadTellMs) return;
    isToldAhead = true;
    log.warn(
      { ms: Math.round(aheadMs) },
      'the clock is ahead of what the journal knows: rows are kept for so much longer',
    );
  }

  async function pass(): Promise<void> {
    try {
      await seal();
      if (stopped) return;
      journal.pruner.nameAll(clock.nowMs());
      tellAhead();
      drive(journal.pruner.steps(keep, journal.ageNowMs()));
    } catch (error) {
      failed(error);
    }
  }

  armed = ticks.after(everyMs, () => void pass());
  return () => {
    stopped = true;
    armed.cancel();
  };
}
