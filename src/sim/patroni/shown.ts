/** Owns: what one member shows on its pod from step to step: which word was its last, and its role while PostgreSQL rests. */
import type { Client } from '../controllers/client.ts';
import type { Json } from '../json.ts';
import type { DataDirectory } from './data-directory.ts';
import type { Postgres } from './postgres.ts';
import { report, type RoleWord, type StateWord } from './report.ts';
import type { ScopeSettings } from './scope.ts';

export interface Shown {
  /** Shows a state; the role is that of a PostgreSQL at rest, unless it is said. Nothing, while the API server is out of reach. */
  readonly show: (state: StateWord, role?: RoleWord) => void;
  /** Shows how PostgreSQL runs; nothing, while it does not. */
  readonly tell: () => void;
  /** The state that was shown last. */
  readonly last: () => StateWord;
  /** A primary's PostgreSQL has ended by itself, and is to be started as a primary again. */
  readonly isCrashedPrimary: () => boolean;
}

export interface ShownPorts {
  readonly client: Client;
  readonly settings: ScopeSettings;
  readonly directory: DataDirectory;
  readonly postgres: Postgres;
  /** The member's own pod; null when that is gone. */
  readonly pod: () => Json | null;
  readonly holdsKey: () => boolean;
  readonly isLeaving: () => boolean;
  readonly reachesApi: () => boolean;
}

/** What a member shows, from before its first word on. */
export function makeShown(ports: ShownPorts): Shown {
  const { client, settings, directory, postgres } = ports;
  let last: StateWord = 'stopped';
  const roleAtRest = (): RoleWord => {
    if (directory.systemIdentifier === null) return 'uninitialized';
    return directory.hasLed ? 'demoted' : 'replica';
  };
  const show: Shown['show'] = (state, role = roleAtRest()) => {
    if (!ports.reachesApi()) return;
    last = state;
    const holdsKey = ports.holdsKey();
    report(client, settings, ports.pod(), {
      role,
      state,
      holdsKey,
      directory,
      isStreaming: role === 'replica' && !holdsKey && postgres.streamsFrom !== null,
      isRestartPending: postgres.isRestartPending,
      isLeaving: ports.isLeaving(),
    });
  };
  return {
    show,
    tell: () => {
      if (postgres.role !== null) show('running', postgres.role);
    },
    last: () => last,
    isCrashedPrimary: () => last === 'crashed' && directory.hasLed,
  };
}
