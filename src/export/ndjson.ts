/**
 * Owns: a cluster's journal as lines of JSON: header, blobs before their first use, rows, trailer. Pure: rows in, lines
 * out. The chain is kept as it is, so an export verifies on a machine that has no database file.
 */
import { mentionedIn } from '#src/decision/codec.ts';
import type { RecordRow } from '#src/journal/record.ts';

/** Format of the lines. Released formats are read for ever. */
export const exportFormat = 1;

/** What a redacted export was made from; its own chain is another one. */
export interface Redacted {
  readonly label: 'redacted: readable, not replayable';
  /** Head of the chain that it was made from. */
  readonly original: { readonly epoch: number; readonly seq: number; readonly head: string };
  /** Whether that chain was found as it was written, when it was made. */
  readonly verified: boolean;
}

export const redactedLabel: Redacted['label'] = 'redacted: readable, not replayable';

/** How the cluster stood before the first row of an export that does not begin with the first: what replay starts from. */
export interface ExportedStanding {
  /** seq and hash of the row it stood after. */
  readonly seq: number;
  readonly head: string;
  /** Text of the standing (`src/replay/snapshot-text.ts`). */
  readonly bytes: string;
}

export interface ExportSource {
  readonly cluster: { readonly uid: string; readonly namespace: string; readonly name: string };
  /** codeHash of the build that exports. */
  readonly build: string;
  readonly rows: Iterable<RecordRow>;
  readonly blob: (hash: string) => string;
  readonly sha256: (text: string) => string;
  readonly redacted?: Redacted;
  readonly standing?: ExportedStanding;
}

/** What the last line tells of the lines before it. */
export interface Trailer {
  readonly records: number;
  /** Of the last record; zeros and an empty hash where there is none. */
  readonly head: { readonly epoch: number; readonly seq: number; readonly head: string };
  readonly digest: string;
}

/** The last line: nothing vouches for it, so a reader compares it to the byte. */
export function trailerLine({ records, head: { epoch, seq, head }, digest }: Trailer): string {
  return JSON.stringify({ line: 'trailer', records, head: { epoch, seq, head }, digest });
}

/**
 * The last line of an export that cannot be made to its end, in place of the trailer: whoever reads it learns what is wrong where
 * it was made.
 */
export function brokenLine({ because, hint }: { readonly because: string; readonly hint: string }): string {
  return JSON.stringify({ line: 'broken', because, hint });
}

/** The lines of an export, without line ends; each is ended by a line feed, the last one too. The trailer's hash is a chain over all lines before it. */
export function* exportLines(source: ExportSource): IterableIterator<string> {
  const { cluster, build, sha256 } = source;
  const written = new Set<string>();
  let digest = sha256('');
  let count = 0;
  let head = { epoch: 0, seq: 0, head: '' };
  const line = (value: unknown): string => {
    const text = JSON.stringify(value);
    digest = sha256(`${digest}\n${text}`);
    return text;
  };
  const { redacted, standing } = source;
  yield line({ line: 'header', format: exportFormat, cluster, build, ...(redacted === undefined ? {} : { redacted }) });
  if (standing !== undefined) yield line({ line: 'standing', ...standing });
  for (const row of source.rows) {
    for (const hash of mentionedIn(row.body)) {
      if (written.has(hash)) continue;
      written.add(hash);
      yield line({ line: 'blob', hash, bytes: source.blob(hash) });
    }
    const { rowid: _, ...columns } = row;
    yield line({ line: 'record', ...columns });
    head = { epoch: row.epoch, seq: row.seq, head: row.hash };
    count += 1;
  }
  yield trailerLine({ records: count, head, digest });
}
