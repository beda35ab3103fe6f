/** Owns: every message of a feed once, in order, however often the feed begins again. */
import type { StatelyMessage } from '#src/export/stately.ts';

export interface Backlog {
  /** @returns whether it was not there yet */
  readonly add: (message: StatelyMessage) => boolean;
  readonly all: () => readonly StatelyMessage[];
}

/** Keeps messages by what they are called: the actor they are about, and their place in the journal. */
export function makeBacklog(): Backlog {
  const known = new Map<string, StatelyMessage>();
  return {
    add: (message) => {
      const name = JSON.stringify([message.sessionId, message.id]);
      if (known.has(name)) return false;
      known.set(name, message);
      return true;
    },
    all: () => [...known.values()],
  };
}
