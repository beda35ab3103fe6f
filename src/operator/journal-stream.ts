/**
 * Owns: long answers about a cluster's rows, given piece by piece: however long the journal is and however slow whoever reads,
 * a page of rows is in memory.
 * Rows are asked for page by page. A statement that stays open while a reader is slow would hold back the write-ahead log, show
 * everybody on this connection the journal as it was, and refuse whoever asks the same question meanwhile.
 */
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { Transient } from '#src/errors.ts';
import { exportLines, type ExportSource } from '#src/export/ndjson.ts';
import type { JournalReader, RowFilter } from '#src/journal/read.ts';
import type { RecordRow } from '#src/journal/record.ts';

const pageRows = 100;

/** Rows in order, up to the one that is the last now. @throws Transient when some are pruned before they are read */
function* rowsInPages(reader: JournalReader, filter: RowFilter): Generator<RecordRow> {
  const { uid } = filter;
  const last = reader.heads().find((head) => head.uid === uid)?.seq ?? 0;
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

/**
 * Rows as one JSON object, in pieces.
 * @param filter which rows; none before the one asked for, none after the last that there is now
 * @throws Transient when rows are pruned before they are read, and what the journal says of damage
 */
export function* rowPieces(reader: JournalReader, filter: RowFilter): Generator<string> {
  yield `{"uid":${JSON.stringify(filter.uid)},"rows":[`;
  let between = '';
  for (const row of rowsInPages(reader, filter)) {
    yield `${between}${JSON.stringify(row)}`;
    between = ',';
  }
  yield ']}\n';
}

/**
 * An export of a cluster, in pieces: all of its rows up to the last that there is now.
 * @throws Transient when rows are pruned before they are read, and what the journal says of damage
 */
export function* exportPieces(
  reader: JournalReader,
  from: Pick<ExportSource, 'cluster' | 'build' | 'sha256'>,
): Generator<string> {
  const rows = rowsInPages(reader, { uid: from.cluster.uid });
  for (const line of exportLines({ ...from, rows, blob: reader.blob })) yield `${line}\n`;
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
 * Answers with pieces, the next one made when there is room for it; makes no more once the reader has gone.
 * @throws what making them throws: by then the answer has begun
 */
export async function stream(response: ServerResponse, contentType: string, pieces: Iterable<string>): Promise<void> {
  response.writeHead(200, { 'content-type': contentType, 'cache-control': 'no-store' });
  for (const piece of pieces) {
    const hasRoom = response.write(piece);
    if (!hasRoom && !response.destroyed) await roomIn(response);
    if (response.destroyed) return;
  }
  response.end();
}
