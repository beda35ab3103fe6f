/**
 * Owns: making a journal file of an exported cluster, with the chain as it was. The rows are written as they are and the
 * file is verified before it gets its name; the operator's chain is begun anew, since an export holds one cluster of it.
 * Called by: pgc.
 */
import { existsSync, renameSync, rmSync } from 'node:fs';
import { JournalRefused, openForWriting } from './database.ts';
import { genesis, tickHash, type ClusterIdentity, type RecordRow } from './record.ts';
import { verifyJournal, type Damage } from './verify.ts';

export interface Imported {
  readonly cluster: ClusterIdentity;
  readonly rows: readonly RecordRow[];
  readonly blobs: ReadonlyMap<string, string>;
  /** What reading the export found; any refuses it. */
  readonly damage: readonly Damage[];
  /** Not null when it begins in the midst of a chain. */
  readonly standing: object | null;
  /** Not null when the rows are not the ones that were written. */
  readonly redacted: object | null;
}

function refuse(damage: readonly Damage[]): void {
  const [first] = damage;
  if (first === undefined) return;
  const where = first.seq === null ? '' : ` (row ${first.seq})`;
  throw new JournalRefused(
    `the export is not as it was written: ${first.because}${where}${damage.length > 1 ? ` and ${damage.length - 1} more` : ''}`,
    'export it again from the journal it came from',
  );
}

function fill(path: string, { cluster, rows, blobs }: Imported): readonly Damage[] {
  const db = openForWriting(path);
  try {
    const { uid, namespace, name } = cluster;
    const record = db.prepare(
      'INSERT INTO record (cluster_id, seq, epoch, at, kind, type, type_version, mask_version, caused_by, body, prev, hash) VALUES (1, @seq, @epoch, @at, @kind, @type, @typeVersion, @maskVersion, @causedBy, @body, @prev, @hash)',
    );
    const last = rows.at(-1);
    const heads = JSON.stringify({ [uid]: [last?.seq, last?.hash, namespace, name] });
    const tick = { seq: 1, at: last?.at ?? 0, heads, prev: genesis };
    db.transaction(() => {
      db.prepare('INSERT INTO cluster (id, uid, namespace, name) VALUES (1, ?, ?, ?)').run(uid, namespace, name);
      for (const [hash, bytes] of blobs) db.prepare('INSERT INTO blob (hash, bytes) VALUES (?, ?)').run(hash, bytes);
      for (const { seq, epoch, at, kind, type, typeVersion, maskVersion, causedBy, body, prev, hash } of rows)
        record.run({ seq, epoch, at, kind, type, typeVersion, maskVersion, causedBy, body, prev, hash });
      db.prepare('INSERT INTO tick (seq, at, heads, prev, hash) VALUES (1, ?, ?, ?, ?)').run(
        tick.at,
        heads,
        tick.prev,
        tickHash(tick),
      );
    })();
    const { damage } = verifyJournal(db);
    db.pragma('wal_checkpoint(TRUNCATE)');
    return damage;
  } finally {
    db.close();
  }
}

/**
 * Writes an export into a new journal file.
 * @returns number of rows
 * @throws JournalRefused when the export is damaged or empty, or there is a file already: nothing is left behind then
 */
export function importJournal(imported: Imported, path: string): number {
  refuse(imported.damage);
  if (imported.redacted !== null)
    throw new JournalRefused(
      'a redacted export is for reading: its rows are not the ones that were written',
      'read it as it is, with --file; import the export that it was made from',
    );
  if (imported.standing !== null)
    throw new JournalRefused(
      'the export begins in the midst of a chain, and a journal cannot',
      'read it as it is, with --file; or export the cluster as a whole, without --since',
    );
  if (imported.rows.length === 0)
    throw new JournalRefused('the export holds no rows', 'export a cluster that has some');
  if (existsSync(path)) throw new JournalRefused(`${path} is there already`, 'name a file that does not exist yet');
  const unfinished = `${path}.new`;
  const clear = (): void => {
    for (const suffix of ['', '-wal', '-shm']) rmSync(unfinished + suffix, { force: true });
  };
  clear();
  try {
    refuse(fill(unfinished, imported));
    renameSync(unfinished, path);
  } finally {
    clear();
  }
  return imported.rows.length;
}
