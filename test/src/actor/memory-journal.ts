/** Owns: a journal in memory, whose commits the test makes. */
import { sha256 } from '#src/decision/hash.ts';
import type { Journal, NewRow } from '#src/actor/ports.ts';
import type { JournalRow } from '#src/replay/redecide.ts';

export type StoredRow = NewRow & JournalRow;

export interface MemoryJournal extends Journal {
  /** Makes durable what was appended, and tells so. @returns rows that became durable */
  readonly commit: () => number;
  readonly rowsOf: (clusterUid: string) => readonly StoredRow[];
  readonly blobOf: (hash: string) => string;
  readonly snapshots: Map<string, { readonly seq: number; readonly build: string; readonly bytes: string }>;
  /** Changes a stored row, as damage would. */
  readonly damage: (clusterUid: string, seq: number, body: string) => void;
}

/** An empty journal. */
export function memoryJournal(): MemoryJournal {
  const rows = new Map<string, StoredRow[]>();
  const blobs = new Map<string, string>();
  const snapshots: MemoryJournal['snapshots'] = new Map();
  let pending: StoredRow[] = [];

  function rowsOf(clusterUid: string): StoredRow[] {
    const known = rows.get(clusterUid) ?? [];
    rows.set(clusterUid, known);
    return known;
  }

  function blobOf(hash: string): string {
    const text = blobs.get(hash);
    if (text === undefined) throw new Error(`no blob ${hash}`);
    return text;
  }

  return {
    nextSeq: (uid) => rowsOf(uid).length + 1,
    append: (row) => {
      const stored = { ...row, seq: rowsOf(row.cluster.uid).length + 1 };
      rowsOf(row.cluster.uid).push(stored);
      pending.push(stored);
      return { seq: stored.seq };
    },
    blob: (text) => {
      blobs.set(sha256(text), text);
      return sha256(text);
    },
    saveSnapshot: (uid, seq, bytes) => snapshots.set(uid, { seq, build: 'test-build', bytes }),
    hydrate: (uid) => ({
      snapshot: snapshots.get(uid) ?? null,
      rows: (afterSeq) => rowsOf(uid).filter(({ seq }) => seq > afterSeq),
      getBlob: blobOf,
    }),
    commit: () => {
      const batch = pending;
      pending = [];
      for (const row of batch) row.onDurable();
      return batch.length;
    },
    rowsOf,
    blobOf,
    snapshots,
    damage: (uid, seq, body) => {
      const at = rowsOf(uid)[seq - 1];
      if (at !== undefined) rowsOf(uid)[seq - 1] = { ...at, body };
    },
  };
}
