/**
 * Owns: the PostgreSQL of one member: its role, the parameters it runs with, and the leader it streams from as a replica.
 * Does not own: which role it ought to have (`member.ts`), or what waits for its commits (`synchrony.ts`).
 * I1. A standby has no less of what PostgreSQL checks than its WAL says that its primary has: it keeps that until it has replayed otherwise.
 * I2. A replica is let in by the leader's password once a connection; one that stands is not asked again.
 */
import type { Json } from '../json.ts';
import { accepts, copy, replicationRole, type DataDirectory, type Passwords } from './data-directory.ts';
import { makeParameters } from './parameters.ts';

const parameterRecordBytes = 64;

export type Role = 'primary' | 'replica';

/** A PostgreSQL that a replica can follow. */
export interface Upstream {
  readonly name: string;
  readonly directory: DataDirectory;
  readonly isWritable: () => boolean;
  readonly startedAt: () => string;
  /** Somebody streams from it who did not. */
  readonly settle: () => void;
}

export interface PostgresPorts {
  readonly major: number;
  readonly directory: DataDirectory;
  readonly passwords: Passwords;
  readonly nowMs: () => number;
  /** Told when the role has changed. */
  readonly onRole: () => void;
}

/** A PostgreSQL that does not run yet. */
export class Postgres {
  readonly #ports: PostgresPorts;
  readonly #parameters: ReturnType<typeof makeParameters>;
  #role: Role | null = null;
  /** It runs with parameters that it read once. */
  #isStarted = false;
  #startedAt = '';
  #endedAsPrimary = false;
  #streamsFrom: string | null = null;
  /** Which life of whom the connection to a leader joins to which of its own. */
  #connection: string | null = null;

  constructor(ports: PostgresPorts) {
    this.#ports = ports;
    this.#parameters = makeParameters(String(ports.major));
  }

  /** Null while it takes no connections. */
  get role(): Role | null {
    return this.#role;
  }

  /** The leader that it has a connection to; null while it has none. */
  get streamsFrom(): string | null {
    return this.#streamsFrom;
  }

  /** Since when it runs; another text after each start. */
  get startedAt(): string {
    return this.#startedAt;
  }

  get isRestartPending(): boolean {
    return this.#parameters.isRestartPending();
  }

  /** Lines of name, blank, value, as psql prints them. */
  readonly shownSettings = (names: readonly string[]): string => this.#parameters.shown(names);

  become(role: Role | null): void {
    if (this.#role === role) return;
    this.#role = role;
    if (role !== null) this.#ports.directory.hasLed = role === 'primary';
    if (role !== 'replica') this.#disconnect();
    if (role === 'primary') this.#writeWhatItHas();
    this.#ports.onRole();
  }

  /** Follows the configuration; false while it cannot start with it. */
  configure(dynamic: Json): boolean {
    if (this.#isStarted) this.#parameters.reload(dynamic);
    else {
      const { primaryHas } = this.#ports.directory;
      this.#isStarted = this.#parameters.start(dynamic, this.#endedAsPrimary ? new Map() : primaryHas);
      this.#endedAsPrimary = false;
      this.#startedAt = String(this.#ports.nowMs() / 1000);
    }
    return this.#isStarted;
  }

  /** Ends it: at its next start it reads its parameters anew. */
  end(): void {
    this.#isStarted = false;
    this.#endedAsPrimary = this.#role === 'primary';
    this.become(null);
  }

  /** Whether an upstream takes the password that this container was started with. */
  isLetIn(upstream: Upstream): boolean {
    return accepts(upstream.directory, replicationRole, this.#ports.passwords.replication);
  }

  /** Streams from a leader, as far as that one takes writes and lets it in. */
  follow(leader: Upstream | undefined): void {
    this.become('replica');
    const hasRoom = this.#ports.directory.room !== 'little';
    if (leader === undefined || !leader.isWritable() || !hasRoom) return;
    if (this.#ports.directory.position < leader.directory.oldest) return this.#disconnect();
    const connection = `${leader.name} ${leader.startedAt()} ${this.#startedAt}`;
    if (this.#connection !== connection && !this.isLetIn(leader)) return this.#disconnect();
    this.#connection = connection;
    const isNew = this.#streamsFrom !== leader.name;
    const { directory } = this.#ports;
    if (directory.timeline < leader.directory.timeline || directory.position <= leader.directory.position)
      copy(leader.directory, directory);
    this.#streamsFrom = leader.name;
    if (isNew) leader.settle();
  }

  /** A primary that starts with other values than its WAL says writes a record of them. */
  #writeWhatItHas(): void {
    const { directory } = this.#ports;
    const has = this.#parameters.ofPrimary();
    const isNews = [...directory.primaryHas].some(([name, value]) => has.get(name) !== value);
    if (isNews) directory.position += parameterRecordBytes;
    directory.primaryHas = has;
  }

  #disconnect(): void {
    this.#streamsFrom = null;
    this.#connection = null;
  }
}
