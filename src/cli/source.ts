/**
 * Owns: where pgc reads from: a journal file, an exported incident, or a running operator over its loopback API. One shape
 * for all three, so that no verb knows which it is.
 */
import { statSync } from 'node:fs';
import { mentionedIn } from '#src/decision/codec.ts';
import { codeOf, messageOf, Refused } from '#src/errors.ts';
import { openForReading } from '#src/journal/database.ts';
import { makeReader, type ClusterSummary, type RowFilter } from '#src/journal/read.ts';
import type { RecordRow } from '#src/journal/record.ts';
import { verifyJournal, type Anchor, type Damage, type VerifyReport } from '#src/journal/verify.ts';
import type { Snapshot } from '#machines/cluster/facts.ts';
import { decodeStanding, type Standing } from '#src/replay/snapshot-text.ts';
import { readExportFile } from './export-file.ts';
import { apiRetention, type Ask, exportRetention, fileRetention, type Retention } from './retention.ts';

export interface Source {
  readonly describe: string;
  /** True when no rows can be added any more. */
  readonly finished: boolean;
  /** Why its rows cannot be decided again; null when they are the ones that were written. */
  readonly unreplayable: string | null;
  /** How the cluster stood before the first row that there is; null when that is the first of all, or a `base`. */
  readonly standing: Standing | null;
  readonly clusters: () => Promise<readonly ClusterSummary[]>;
  readonly rows: (filter: RowFilter) => Promise<readonly RecordRow[]>;
  /** Texts of blobs by hash, for everything that `rows` mention. */
  readonly blobs: (rows: readonly RecordRow[]) => Promise<ReadonlyMap<string, string>>;
  readonly verify: (anchors: readonly Anchor[]) => Promise<VerifyReport>;
  /** What the live actor knows; null for a file. */
  readonly snapshot: (namespace: string, name: string, uid?: string) => Promise<Snapshot | null>;
  readonly retention: Retention;
  readonly close: () => Promise<void>;
}

/** Hashes of all blobs that rows mention. */
export function mentioned(rows: readonly RecordRow[]): readonly string[] {
  return [...new Set(rows.flatMap(({ body }) => mentionedIn(body)))];
}

/** Refuses what is not as it was written. @throws Refused naming the file and the first place */
export function refuseDamaged(path: string, what: 'export' | 'journal', [first, ...more]: readonly Damage[]): void {
  if (first === undefined) return;
  const where = first.seq === null ? '' : `row ${first.seq}: `;
  const others = more.length === 0 ? '' : ` and ${more.length} more`;
  throw new Refused(`the ${what} is not as it was written: ${where}${first.because}${others}`, {
    operation: 'read',
    subject: path,
    hint:
      what === 'export'
        ? "'pgc journal verify' lists all that is wrong; export it again from the journal it came from"
        : "'pgc journal verify' lists all that is wrong; use a copy that is whole",
  });
}

/** A journal of SQLite, opened for reading only. Nothing is told of it, and nothing done to it, before all of it is verified. */
export function databaseSource(path: string): Source {
  const db = openForReading(path);
  const reader = makeReader(db);
  let verified = false;
  const sound = (): void => {
    if (!verified) refuseDamaged(path, 'journal', verifyJournal(db).damage);
    verified = true;
  };
  const retention = fileRetention(path, () => reader.close());
  return {
    describe: path,
    finished: false,
    unreplayable: null,
    standing: null,
    clusters: async () => {
      sound();
      return reader.clusters();
    },
    rows: async (filter) => reader.rows(filter),
    blobs: async (rows) => new Map(mentioned(rows).map((hash) => [hash, reader.blob(hash)])),
    verify: async (anchors) => verifyJournal(db, anchors),
    snapshot: async () => null,
    retention: {
      plan: async (policy) => (sound(), retention.plan(policy)),
      prune: async (policy) => (sound(), retention.prune(policy)),
      holds: async () => (sound(), retention.holds()),
      hold: async (uid, range) => (sound(), retention.hold(uid, range)),
      release: async (id) => (sound(), retention.release(id)),
    },
    close: async () => reader.close(),
  };
}

/** An exported incident. Its chain is verified as it is read. */
export function exportSource(path: string): Source {
  const { cluster, rows, blobs, damage, standing, redacted } = readExportFile(path);
  const before = standing === null ? null : decodeStanding(standing.bytes);
  if (standing !== null && before === null)
    throw new Refused('it begins with a standing that this build cannot read', {
      operation: 'read',
      subject: path,
      hint: 'use the pgc of the build that wrote it, or export the cluster as a whole',
    });
  const last = rows.at(-1);
  const head = { epoch: last?.epoch ?? 0, seq: last?.seq ?? 0, head: last?.hash ?? '' };
  const summary: ClusterSummary = {
    ...cluster,
    rows: rows.length,
    firstSeq: rows[0]?.seq ?? 0,
    head,
    lastAt: last?.at ?? 0,
  };
  const matches = (row: RecordRow, filter: RowFilter): boolean =>
    row.seq > (filter.afterSeq ?? 0) &&
    row.seq <= (filter.untilSeq ?? Infinity) &&
    row.at >= (filter.fromMs ?? 0) &&
    row.at <= (filter.untilMs ?? Infinity);
  return {
    describe: path,
    finished: true,
    unreplayable: redacted?.label ?? null,
    standing: before,
    clusters: async () => {
      refuseDamaged(path, 'export', damage);
      return [summary];
    },
    rows: async (filter) =>
      filter.uid === cluster.uid
        ? rows.filter((row) => matches(row, filter)).slice(0, filter.limit ?? rows.length)
        : [],
    blobs: async () => blobs,
    verify: async (anchors) => ({
      clusters: [{ ...summary, verified: rows.length }],
      rows: rows.length,
      blobs: blobs.size,
      ticks: 0,
      damage: [
        ...damage,
        ...anchors
          .filter((anchor) => !rows.some((row) => row.seq === anchor.seq && row.hash === anchor.head))
          .map((anchor) => ({
            uid: anchor.uid,
            seq: anchor.seq,
            because: 'the anchor names a row that is not in this export',
          })),
      ],
    }),
    snapshot: async () => null,
    retention: exportRetention(path),
    close: async () => undefined,
  };
}

/** A journal or an export, by its name. @throws what `readable` has words for */
export function sourceOfFile(path: string): Source {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true)
    throw new Refused('it is a directory', {
      operation: 'read',
      subject: path,
      hint: 'name the journal file in it, or an export that ends in .ndjson',
    });
  return path.endsWith('.ndjson') ? exportSource(path) : databaseSource(path);
}

/**
 * An answer's JSON; null where it is none. One that breaks off has said why, where the operator could.
 * @returns `broken`: what is wrong with it; null when it is whole
 */
async function answerOf(response: Response): Promise<{ readonly body: unknown; readonly broken: string | null }> {
  const decoder = new TextDecoder();
  let text = '';
  let broken: string | null = null;
  try {
    for await (const part of response.body ?? []) text += decoder.decode(part, { stream: true });
  } catch (cause) {
    broken = `its answer broke off: ${messageOf(cause)}`;
  }
  try {
    return { body: JSON.parse(text), broken };
  } catch {
    return { body: null, broken: broken ?? 'what it answers is no JSON' };
  }
}

/** Asks a running operator. @param broken why the way there is broken, when that is known better than by what came of it */
function askOver(base: string, broken: () => string | null): Ask {
  return async <T>(method: string, path: string, sent?: unknown): Promise<T> => {
    const request: RequestInit =
      sent === undefined
        ? { method }
        : { method, body: JSON.stringify(sent), headers: { 'content-type': 'application/json' } };
    const response = await fetch(new URL(path, base), request).catch((error: unknown) => {
      const because = broken();
      throw new Refused(because ?? messageOf(error), {
        operation: 'ask',
        subject: base,
        hint:
          because === null
            ? 'is the operator running, and is the port-forward open?'
            : 'the verb create on pods/portforward is needed there; or read a file with --file',
        cause: error,
      });
    });
    const { body, broken: cut } = await answerOf(response);
    if (response.ok && cut === null) return body as T;
    const { error, hint } = (body ?? {}) as { readonly error?: string; readonly hint?: string };
    throw new Refused(error ?? cut ?? `the operator answered ${response.status}`, {
      operation: 'ask',
      subject: `${base}${path}`,
      hint: hint ?? 'ask again; or look into the operator’s log',
    });
  };
}

/** A running operator, over its loopback API. @param broken why the way there is broken; null while nobody knows that it is */
export function apiSource(
  base: string,
  close: () => Promise<void> = async () => undefined,
  broken: () => string | null = () => null,
): Source {
  const ask = askOver(base, broken);
  const get = <T>(path: string): Promise<T> => ask<T>('GET', path);
  async function clusters(): Promise<readonly ClusterSummary[]> {
    return (await get<{ readonly clusters: readonly ClusterSummary[] }>('/api/clusters')).clusters;
  }
  return {
    describe: base,
    finished: false,
    unreplayable: null,
    standing: null,
    clusters,
    rows: async (filter) => {
      const cluster = (await clusters()).find((each) => each.uid === filter.uid);
      if (cluster === undefined) return [];
      const query = new URLSearchParams({ uid: filter.uid });
      const fields = {
        after: filter.afterSeq,
        until: filter.untilSeq,
        from: filter.fromMs,
        to: filter.untilMs,
        limit: filter.limit,
      };
      for (const [name, value] of Object.entries(fields)) if (value !== undefined) query.set(name, String(value));
      return (
        await get<{ readonly rows: readonly RecordRow[] }>(
          `/api/clusters/${cluster.namespace}/${cluster.name}/rows?${query}`,
        )
      ).rows;
    },
    blobs: async (rows) => {
      const found = new Map<string, string>();
      for (const hash of mentioned(rows))
        found.set(hash, (await get<{ readonly bytes: string }>(`/api/blobs/${hash}`)).bytes);
      return found;
    },
    verify: async ([anchor]) => {
      if (anchor === undefined) return get<VerifyReport>('/api/verify');
      throw new Refused('a running operator is not asked about an anchor: it would vouch for itself', {
        operation: 'verify',
        subject: base,
        hint: "'pgc journal export NAME --out FILE.ndjson', or copy the journal file; then 'pgc journal verify --anchor … --file' it",
      });
    },
    snapshot: async (namespace, name, uid) => {
      const one = uid === undefined ? '' : `?${new URLSearchParams({ uid })}`;
      return (await get<{ readonly snapshot: Snapshot | null }>(`/api/clusters/${namespace}/${name}${one}`)).snapshot;
    },
    retention: apiRetention(base, ask),
    close,
  };
}

/** What SQLite says of a file that is no usable journal, in words. */
const fileTroubles: Readonly<Record<string, readonly [words: string, hint: string]>> = {
  SQLITE_CANTOPEN: ['there is no such file, or it may not be read', 'name the journal file with --file'],
  SQLITE_NOTADB: ['this is no journal: the file is not a SQLite database', 'name a file that an operator has written'],
  SQLITE_CORRUPT: [
    'the file is damaged and cannot be read to its end',
    'use a copy that is whole; the operator itself keeps a damaged journal aside and begins anew',
  ],
};

/** An error of reading `subject`, as one that says what to do; anything else unchanged. */
export function readable(error: unknown, subject: string): unknown {
  const code = codeOf(error);
  const known = Object.entries(fileTroubles).find(([prefix]) => code.startsWith(prefix))?.[1];
  return known === undefined
    ? error
    : new Refused(known[0], { operation: 'read', subject, hint: known[1], cause: error });
}
