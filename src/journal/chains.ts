/** Owns: where each cluster's chain stands, in the file and with what is buffered. Reads the file once a cluster. Never writes. */
import type { Db } from './database.ts';
import { genesis, type Head } from './record.ts';

/** One cluster's chain: its next row follows `buffered`; `durable` is null while the file has no row of it. */
export interface Chain {
  readonly buffered: Head;
  readonly durable: Head | null;
}

export interface Chains {
  /** Null for a cluster that has no row, neither in the file nor buffered. */
  readonly of: (uid: string) => Chain | null;
  /** A row was buffered. */
  readonly append: (uid: string, head: Head) => void;
  /** A row is in the file. */
  readonly commit: (uid: string, head: Head) => void;
  /** A cluster's rows have left the file. */
  readonly drop: (uid: string) => void;
}

const unwritten: Chain = { durable: null, buffered: { seq: 0, epoch: 0, head: genesis } };

/** Where the next row of a cluster goes, whose chain may be none yet. */
export function endOf(chain: Chain | null): Head {
  return (chain ?? unwritten).buffered;
}

/** The chains of an open journal. @param db its only writer's connection: what another one adds is not seen */
export function chainsOf(db: Db): Chains {
  const idOf = db.prepare<[uid: string], number>('SELECT id FROM cluster WHERE uid = ?').pluck();
  const lastOf = db.prepare<[id: number], Head>(
    'SELECT seq, epoch, hash AS head FROM record WHERE cluster_id = ? ORDER BY seq DESC LIMIT 1',
  );
  const known = new Map<string, Chain>();

  function read(uid: string): Chain | null {
    const id = idOf.get(uid);
    if (id === undefined) return null;
    const last = lastOf.get(id);
    return last === undefined ? unwritten : { durable: last, buffered: last };
  }

  function of(uid: string): Chain | null {
    const chain = known.get(uid) ?? read(uid);
    if (chain !== null) known.set(uid, chain);
    return chain;
  }

  return {
    of,
    append: (uid, head) => known.set(uid, { ...(of(uid) ?? unwritten), buffered: head }),
    commit: (uid, head) => {
      const chain = known.get(uid);
      if (chain !== undefined) known.set(uid, { ...chain, durable: head });
    },
    drop: (uid) => known.delete(uid),
  };
}
