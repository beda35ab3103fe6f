/**
 * Owns: PostgreSQL as far as high availability sees it: a data directory on a volume, with an identity, a timeline and a
 * position. Directories outlive pods, as volumes do.
 */
import { sha256 } from '#src/decision/hash.ts';
import { isVerifierOf } from '#src/executor/effects/passwords.ts';
import { scramVerifier } from '#src/executor/effects/sql.ts';

/** A row that a client wrote, after all those before it. */
export interface Row {
  readonly id: number;
  readonly before: Row | null;
}

export interface DataDirectory {
  /** Digits; null before `initdb`. */
  systemIdentifier: string | null;
  timeline: number;
  /** Bytes of WAL. */
  position: number;
  /** WAL before this position is recycled: who is not as far as that cannot follow. */
  oldest: number;
  /** It was a primary's when PostgreSQL ran last. */
  hasLed: boolean;
  /** `database/owner`, as they were made. */
  readonly databases: Set<string>;
  /** The newest row; null when nobody has written any. */
  log: Row | null;
  /** Verifier of each role's password, as pg_authid has it. */
  readonly roles: Map<string, string>;
  /** What its WAL says that the primary has of those parameters that no standby may have less of; empty before there was one. */
  primaryHas: ReadonlyMap<string, string>;
  /**
   * On the volume. With none PostgreSQL stops and cannot start; with next to none it starts as a replica, which cannot follow and
   * cannot be promoted.
   */
  room: 'enough' | 'little' | 'none';
}

/** Where WAL begins after `initdb`. */
export const firstPosition = 0x3000000;

/** A directory nobody has written to. */
export function emptyDirectory(): DataDirectory {
  const nothing = { databases: new Set<string>(), log: null, roles: new Map<string, string>() };
  return {
    systemIdentifier: null,
    timeline: 1,
    position: 0,
    oldest: 0,
    hasLed: false,
    ...nothing,
    primaryHas: new Map(),
    room: 'enough',
  };
}

/** What `initdb` and Patroni make: its identity follows the volume, its passwords the environment. */
export function initialize(directory: DataDirectory, volumeUid: string, passwords: Passwords): void {
  const digits = BigInt(`0x${sha256(volumeUid).slice(0, 15)}`);
  directory.systemIdentifier = (digits + 7n * 10n ** 18n).toString();
  directory.timeline = 1;
  directory.position = firstPosition;
  directory.roles.set('postgres', verifierOf(passwords.superuser));
  directory.roles.set(replicationRole, verifierOf(passwords.replication));
}

/** What a container was started with. */
export interface Passwords {
  readonly superuser: string;
  readonly replication: string;
}

/** Who replicas come as. */
export const replicationRole = 'standby';

function verifierOf(password: string): string {
  return scramVerifier(password, new Uint8Array(16));
}

const judged = new Map<string, boolean>();
const judgedMax = 10_000;

/** Whether a login with this password is let in. */
export function accepts({ roles }: DataDirectory, role: string, password: string): boolean {
  const verifier = roles.get(role) ?? '';
  const key = `${verifier}\n${password}`;
  const known = judged.get(key) ?? isVerifierOf(verifier, password);
  if (judged.size > judgedMax) judged.clear();
  judged.set(key, known);
  return known;
}

/** What a standby has once it has replayed all WAL of another one. */
export function replay(from: DataDirectory, into: DataDirectory): void {
  into.position = from.position;
  into.log = from.log;
  into.primaryHas = from.primaryHas;
}

/** What `pg_basebackup` or `pg_rewind` makes of a directory: the other one's. */
export function copy(from: DataDirectory, into: DataDirectory): void {
  into.systemIdentifier = from.systemIdentifier;
  into.timeline = from.timeline;
  into.oldest = from.oldest;
  replay(from, into);
  into.roles.clear();
  for (const [role, verifier] of from.roles) into.roles.set(role, verifier);
  into.databases.clear();
  for (const database of from.databases) into.databases.add(database);
}
