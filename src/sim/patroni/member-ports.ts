/** Owns: what a simulated member is to others, and what it needs of them. */
import type { Client, Habitat } from '../controllers/client.ts';
import type { DataDirectory, Passwords } from './data-directory.ts';
import type { ScopeSettings } from './scope.ts';
import type { Standby, SynchronousReplication } from './synchrony.ts';

/** What a member does because somebody asked for it. */
export type Deed = 'restart' | 'pending restart' | 'reinit' | 'switchover';

/** A member as its pod, its volume and the other members see it. */
export interface Member extends Standby, Pick<SynchronousReplication, 'commit' | 'settle' | 'leave'> {
  /** Whether PostgreSQL answers; readiness follows it. */
  readonly isUp: () => boolean;
  /** Whether PostgreSQL takes writes. */
  readonly isWritable: () => boolean;
  /** What its container was started with. */
  readonly passwords: Passwords;
  /** PostgreSQL ends by itself; Patroni lives and starts it again, if it can. */
  readonly panic: () => void;
  /** Something changed: loop now. */
  readonly wake: () => void;
  /** PostgreSQL starts anew; if only a pending restart counts, not without one. */
  readonly restart: (onlyPending: boolean) => void;
  /** A replica throws its data away and copies the leader's. */
  readonly reinitialize: () => void;
  /** Since when PostgreSQL runs; another text after each start. */
  readonly startedAt: () => string;
  /** Lines of name, blank, value, as psql prints them. */
  readonly shownSettings: (names: readonly string[]) => string;
  /** SIGKILL: nothing is given back. */
  readonly kill: () => void;
  /** SIGTERM: a leader gives its key back. */
  readonly stop: () => void;
}

/** What a member is given, and whom it tells. */
export interface MemberPorts {
  readonly habitat: Habitat;
  readonly client: Client;
  readonly settings: ScopeSettings;
  readonly podName: string;
  readonly podUid: string;
  readonly volumeUid: string;
  readonly directory: DataDirectory;
  readonly passwords: Passwords;
  /** Whether the member's node reaches the API server. */
  readonly reachesApi: () => boolean;
  /** The other members of the scope that answer on the network. */
  readonly others: () => readonly Member[];
  readonly onRole: () => void;
  readonly onDeed: (deed: Deed) => void;
}
