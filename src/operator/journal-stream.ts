/**
 * Owns: long answers about a cluster's rows, given piece by piece: however long the journal is and however slow whoever reads,
 * a page of rows is in memory.
 * Rows are asked for page by page. A statement that stays open while a reader is slow would hold back the write-ahead log, show
 * everybody on this connection the journal as it was, and refuse whoever asks the same question meanwhile.
 */
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { messageOf, Transient } from '#src/errors.ts';
import { brokenLine, exportLines, type ExportSource } from '#src/export/ndjson.ts';
import type { JournalReader, RowFilter } from '#src/journal/read.ts';
import type { RecordRow } from '#src/journal/record.ts';

const pageRows = 100;

/** Rows in order, up to the one that is the last now. @throws Transient when some are pruned before they are read */
function* rowsInPages(reader: JournalReader, filter: RowFilter): Generator<RecordRow> {
  const { uid } = filter;
  const last = reader.lastSeq(uid) ?? 0;
  const untilSeq = Math.min(filter.untilSeq ?? last, last);
  let [afterSeq, left] = [filter.afterSeq, filter.limit ?? Infinity];
  for (;;) {
    const limit = Math.min(pageRows, left);
    const page = reader.rows({ ...filter, ...(afterSeq === undefined ? {} : { afterSeq }), untilSeq, limit });
    yield* page;
    afterSeq = page.at(-1)?.seq ?? untilSeq;
    left -= page.length;
    if (page.length < pageRows || left === 0 || afterSeq >= untilSeq) return;
    const first = reader.firstSeq(uid);
    if (first === null || first > afterSeq + 1)
      throw new Transient(`rows after ${afterSeq} were pruned before they were read`, {
        operation: 'read rows of',
        subject: uid,
        hint: "ask again, or keep them with 'pgc journal hold' first",
      });
  }
}

/** What kept an answer from being given to its end, and what to do. */
interface Trouble {
  readonly because: string;
  readonly hint: string;
}

/** A long answer: its pieces, and how it ends where they end before their time. */
export interface LongAnswer {
  readonly contentType: string;
  readonly pieces: Iterable<string>;
  readonly broken: (trouble: Trouble) => string;
}

function troubleOf(error: unknown): Trouble {
  const hint = error instanceof Error && 'hint' in error ? String(error.hint) : "run 'pgc journal verify' on the file";
  return { because: messageOf(error), hint };
}

function* rowPieces(reader: JournalReader, filter: RowFilter): Generator<string> {
  yield `{"uid":${JSON.stringify(filter.uid)},"rows":[`;
  let between = '';
  for (const row of rowsInPages(reader, filter)) {
    yield `${between}${JSON.stringify(row)}`;
    between = ',';
  }
  yield ']}\n';
}

/**
 * Rows as one JSON object, in pieces. One that breaks off is JSON too, with `error` and `hint`.
 * @param filter which rows; none before the one asked for, none after the last that there is now
 */
export function rowsAnswer(reader: JournalReader, filter: RowFilter): LongAnswer {
  return {
    contentType: 'application/json; charset=utf-8',
    pieces: rowPieces(reader, filter),
    broken: ({ because, hint }) => `],"error":${JSON.stringify(because)},"hint":${JSON.stringify(hint)}}\n`,
  };
}

type From = Pick<ExportSource, 'cluster' | 'build' | 'sha256'>;

function* exportPieces(reader: JournalReader, from: From): Generator<string> {
  const rows = rowsInPages(reader, { uid: from.cluster.uid });
  for (const line of exportLines({ ...from, rows, blob: reader.blob })) yield `${line}\n`;
}

/** An export of a cluster, in pieces: all of its rows up to the last that there is now. One that breaks off has a line that says why. */
export function exportAnswer(reader: JournalReader, from: From): LongAnswer {
  return {
    contentType: 'application/x-ndjson',
    pieces: exportPieces(reader, from),
    broken: (trouble) => `${brokenLine(trouble)}\n`,
  };
}

/** Resolves when there is room for more, or nobody to take it. */
async function roomIn(response: ServerResponse): Promise<void> {
  const over = new AbortController();
  const { signal } = over;
  await Promise.race([once(response, 'drain', { signal }), once(response, 'close', { signal })]).finally(() =>
    over.abort(),
  );
}

/**
 * Answers with pieces, the next one made when there is room for it; makes no more once the reader has gone. Where they cannot be
 * made to their end the reader is told why, and then broken off from: nobody takes the answer for a whole one.
 */
export async function stream(response: ServerResponse, { contentType, pieces, broken }: LongAnswer): Promise<void> {
  response.writeHead(200, { 'content-type': contentType, 'cache-control': 'no-store' });
  try {
    for (const piece of pieces) {
      const hasRoom = response.write(piece);
      if (!hasRoom && !response.destroyed) await roomIn(response);
      if (response.destroyed) return;
    }
  } catch (error) {
    response.write(broken(troubleOf(error)), () => response.destroy());
    return;
  }
  response.end();
}
