/** Owns: whether a source is heard: silent for 75 s it says `stale`, with what was tried last, and `fresh` when it is heard again. */
import type { Ticks } from '#src/ports.ts';
import type { WatchItem } from './item.ts';

/** Without a completed list or a live stream for this long, the source says that it is stale. */
const staleMs = 75_000;

export interface Pulse {
  /** A list is complete, a stream has opened, or a line has come. */
  readonly heard: () => void;
  /** An attempt came to nothing; it is said when the source is stale. */
  readonly failed: (because: string) => void;
  readonly stop: () => void;
}

/** Counts from now on. @param source its name */
export function makePulse(ticks: Ticks, source: string, tell: (item: WatchItem) => void): Pulse {
  let stale = false;
  /** What the last attempt since anything was heard ended with; null while there was none. */
  let lastTried: string | null = null;
  let tick = ticks.after(staleMs, () => becomeStale('no list and no stream since the start'));

  function becomeStale(because: string): void {
    if (stale) return;
    stale = true;
    tell({ type: 'stale', source, because: lastTried === null ? because : `${because}, last tried: ${lastTried}` });
  }

  return {
    heard: () => {
      tick.cancel();
      lastTried = null;
      tick = ticks.after(staleMs, () => becomeStale(`nothing heard for ${staleMs / 1000} s`));
      if (!stale) return;
      stale = false;
      tell({ type: 'fresh', source });
    },
    failed: (because) => {
      lastTried = because;
    },
    stop: () => tick.cancel(),
  };
}
