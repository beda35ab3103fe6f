/** Owns: journals for tests: opened over ticks that run by hand, filled with rows as an operator writes them, and dumped. */
import type { Journal as ActorJournal } from '#src/actor/ports.ts';
import { openForReading, type Db } from '#src/journal/database.ts';
import { openJournal, type Journal, type JournalOpened, type JournalOptions } from '#src/journal/journal.ts';
import type { Anchor } from '#src/journal/verify.ts';
import type { Ticks } from '#src/ports.ts';
import { seeded } from '#test/support/seeded.ts';

export interface ManualTicks extends Ticks {
  /** Runs what is due now, not what that arms. */
  readonly run: () => void;
}

/** Ticks that run only when the test says so. */
export function manualTicks(): ManualTicks {
  let due: (() => void)[] = [];
  const arm = (run: () => void): { readonly cancel: () => void } => {
    due.push(run);
    return { cancel: () => void (due = due.filter((each) => each !== run)) };
  };
  return {
    after: (_, run) => arm(run),
    soon: arm,
    run: () => {
      const now = due;
      due = [];
      for (const each of now) each();
    },
  };
}

/** Opens a journal as an operator does; anything may be replaced. */
export function opened(path: string, ticks: Ticks, options: Partial<JournalOptions> = {}): JournalOpened {
  return openJournal({
    path,
    build: 'b',
    anchors: [],
    ports: { clock: { nowMs: () => 1_700_000_000_000, monotonicMs: () => 1 }, ticks, crash: { hit: () => undefined } },
    onWritable: () => undefined,
    onFatal: () => undefined,
    onCommit: () => undefined,
    ...options,
  });
}

const names = ['shop', 'billing', 'search', 'audit'];

/** A cluster by number. */
export function clusterOf(index: number): { readonly uid: string; readonly namespace: string; readonly name: string } {
  const name = names[index % names.length] ?? 'shop';
  return { uid: `00000000-0000-4000-8000-00000000000${index}`, namespace: 'default', name };
}

/** Appends rows of several clusters, of every size that occurs, with shared and own blobs, and commits them in small groups. */
export function fillLikeAnOperator(journal: Journal, ticks: ManualTicks, rows: number): void {
  const random = seeded(rows);
  for (let index = 0; index < rows; index += 1) {
    const cluster = clusterOf(Math.floor(random() * names.length));
    const seq = journal.writer.nextSeq(cluster.uid);
    const template = journal.writer.blob(JSON.stringify({ template: index % 7, text: 'spec '.repeat(60) }));
    const large = journal.writer.blob(JSON.stringify({ row: index, text: 'x'.repeat(Math.floor(random() * 3000)) }));
    journal.writer.append({
      cluster,
      epoch: 1 + Math.floor(index / 40),
      at: 1_700_000_000_000 + index * 37,
      kind: 'observation',
      type: 'PodSeen',
      typeVersion: 1,
      maskVersion: 1,
      causedBy: random() < 0.3 && seq > 1 ? seq - 1 : null,
      body: JSON.stringify({ n: index, a: { $blob: template }, b: { $blob: large }, c: 'y'.repeat(random() * 900) }),
    });
    if (seq % 16 === 0) journal.writer.saveSnapshot(cluster.uid, seq, `{"state":"Alive.Running","seq":${seq}}`);
    if (random() < 0.4) ticks.run();
  }
  ticks.run();
}

/** Heads of all clusters, as statuses hold them. */
export function anchorsOf(journal: Journal): readonly Anchor[] {
  return journal.reader.heads();
}

/** Every record with its cluster and every blob that a record names, as text. @throws what SQLite says of the file */
export function dumpOf(db: Db): string {
  const records = db
    .prepare(
      'SELECT c.uid, c.namespace, c.name, r.* FROM record r JOIN cluster c ON c.id = r.cluster_id ORDER BY r.cluster_id, r.seq',
    )
    .all() as readonly { readonly body: string }[];
  const blob = db.prepare('SELECT bytes FROM blob WHERE hash = ?').pluck();
  const blobs = records.flatMap(({ body }) =>
    [...body.matchAll(/"\$blob":"([0-9a-f]{64})"/g)].map((match) => String(blob.get(match[1]))),
  );
  return JSON.stringify([records, blobs]);
}

/** As dumpOf, of a file. */
export function dumpOfFile(path: string): string {
  const db = openForReading(path);
  try {
    return dumpOf(db);
  } finally {
    db.close();
  }
}

/** The journal's file as an actor's journal: what the operator's door does. */
export function asPort({ writer, reader }: Journal): ActorJournal {
  return {
    nextSeq: writer.nextSeq,
    append: writer.append,
    blob: writer.blob,
    saveSnapshot: writer.saveSnapshot,
    hydrate: (uid) => ({
      snapshot: reader.snapshot(uid),
      rows: (afterSeq) => reader.iterate({ uid, afterSeq }),
      getBlob: reader.blob,
    }),
  };
}
