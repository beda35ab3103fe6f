/**
 * Owns: PostgreSQL as far as high availability sees it: a data directory on a volume, with an identity, a timeline and a
 * position. Directories outlive pods, as volumes do.
 */
import { sha256 } from '#src/decision/hash.ts';

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
  /** `database/owner`, as they were made. */
  readonly databases: Set<string>;
  /** The newest row; null when nobody has written any. */
  log: Row | null;
  /** No room is left on the volume: PostgreSQL stops, and cannot start. */
  isFull: boolean;
}

/** Where WAL begins after `initdb`. */
export const firstPosition = 0x3000000;

/** A directory nobody has written to. */
export function emptyDirectory(): DataDirectory {
  return { systemIdentifier: null, timeline: 1, position: 0, databases: new Set(), log: null, isFull: false };
}

/** What `initdb` makes: its identity follows the volume and how often it was done there. */
export function initialize(directory: DataDirectory, volumeUid: string): void {
  const digits = BigInt(`0x${sha256(volumeUid).slice(0, 15)}`);
  directory.systemIdentifier = (digits + 7n * 10n ** 18n).toString();
  directory.timeline = 1;
  directory.position = firstPosition;
}

/** What `pg_basebackup` or `pg_rewind` makes of a directory: the other one's. */
export function copy(from: DataDirectory, into: DataDirectory): void {
  into.systemIdentifier = from.systemIdentifier;
  into.timeline = from.timeline;
  into.position = from.position;
  into.log = from.log;
  into.databases.clear();
  for (const database of from.databases) into.databases.add(database);
}
