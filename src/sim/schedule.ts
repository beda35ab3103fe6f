/**
 * Owns: virtual time, and the order in which everything happens in a simulated world.
 * I1. Nothing happens outside a step; steps run one after the other, by time and then in the order they were asked for.
 * I2. A step that may have woken asynchronous code is followed by all that this code does without waiting, before the next
 *     step: the program's own promises are part of the step that resolved them.
 * I3. Time stands still within a step.
 */
import type { ArmedTick } from '#src/ports.ts';

/** Where the wall clock of a world begins, unless somebody lives in it. */
export const beginningMs = Date.UTC(2026, 0, 1);

export interface Schedule {
  /** Milliseconds since the beginning of the world. */
  readonly elapsedMs: () => number;
  /** The wall clock of the world: milliseconds since 1970. */
  readonly nowMs: () => number;
  /** Runs `step` after `delayMs`. `wakes` says that it may resolve promises of the program. */
  readonly after: (delayMs: number, step: () => void, wakes?: boolean) => ArmedTick;
  /** Runs steps until `over` says so after one of them, nothing is left to do, or the time is up. */
  readonly run: (limitMs: number, over?: () => boolean) => Promise<'over' | 'idle' | 'time'>;
  /** Steps that ran. */
  readonly steps: () => number;
}

interface Entry {
  readonly dueMs: number;
  readonly order: number;
  readonly wakes: boolean;
  step: (() => void) | null;
}

function comesFirst(one: Entry, other: Entry): boolean {
  return one.dueMs < other.dueMs || (one.dueMs === other.dueMs && one.order < other.order);
}

/** A binary heap, the next entry on top. */
function makeHeap(): { readonly push: (entry: Entry) => void; readonly pop: () => Entry | null } {
  const heap: Entry[] = [];

  function settle(): void {
    let index = 0;
    for (;;) {
      let least = index;
      for (const child of [2 * index + 1, 2 * index + 2]) {
        const [one, other] = [heap[child], heap[least]];
        if (one !== undefined && other !== undefined && comesFirst(one, other)) least = child;
      }
      const [here, below] = [heap[index], heap[least]];
      if (least === index || here === undefined || below === undefined) return;
      heap[index] = below;
      heap[least] = here;
      index = least;
    }
  }

  return {
    push: (entry) => {
      let index = heap.push(entry) - 1;
      while (index > 0) {
        const above = (index - 1) >> 1;
        const parent = heap[above];
        if (parent === undefined || !comesFirst(entry, parent)) break;
        heap[index] = parent;
        heap[above] = entry;
        index = above;
      }
    },
    pop: () => {
      const top = heap[0];
      const last = heap.pop();
      if (top === undefined || last === undefined) return null;
      if (heap.length > 0) {
        heap[0] = last;
        settle();
      }
      return top;
    },
  };
}

/** Resolves after everything that the program can do without waiting has been done. */
function settled(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/** A world's time, standing at its beginning; its wall clock says `beginsMs` then. */
export function makeSchedule(beginsMs: number = beginningMs): Schedule {
  const heap = makeHeap();
  let nowMs = 0;
  let order = 0;
  let steps = 0;

  async function run(limitMs: number, over: () => boolean = () => false): Promise<'over' | 'idle' | 'time'> {
    const endMs = nowMs + limitMs;
    // Code that was started before the first step has its say first.
    await settled();
    if (over()) return 'over';
    for (;;) {
      const entry = heap.pop();
      if (entry === null) return 'idle';
      const { step } = entry;
      if (step === null) continue;
      if (entry.dueMs > endMs) {
        heap.push(entry);
        nowMs = endMs;
        return 'time';
      }
      nowMs = entry.dueMs;
      entry.step = null;
      steps += 1;
      step();
      if (entry.wakes) await settled();
      if (over()) return 'over';
    }
  }

  return {
    elapsedMs: () => nowMs,
    nowMs: () => beginsMs + nowMs,
    after: (delayMs, step, wakes = false) => {
      const entry: Entry = { dueMs: nowMs + Math.max(0, delayMs), order, wakes, step };
      order += 1;
      heap.push(entry);
      return {
        cancel: () => {
          entry.step = null;
        },
      };
    },
    run,
    steps: () => steps,
  };
}
