/** Owns: an inspector's messages of one cluster, read from the operator's own journal, as far as it is written. */
import { mentionedIn } from '#src/decision/codec.ts';
import { decidedRows } from '#src/export/decided.ts';
import { statelyFeed } from '#src/export/stately.ts';
import type { JournalReader } from '#src/journal/read.ts';
import type { ClusterIdentity } from '#src/journal/record.ts';
import type { NextMessages } from './inspect.ts';

/** Rows read at one look: a long journal is sent in parts, so that nothing else waits for it. */
const rowsMax = 500;

/** The feed from the first row that there is. */
export function messagesOf(reader: JournalReader, cluster: ClusterIdentity): NextMessages {
  const feed = statelyFeed(cluster);
  let afterSeq = 0;
  return () => {
    const begun = afterSeq > 0;
    const rows = reader.rows({ uid: cluster.uid, afterSeq, limit: rowsMax });
    afterSeq = rows.at(-1)?.seq ?? afterSeq;
    const hashes = rows.flatMap(({ body }) => mentionedIn(body));
    const all = decidedRows(rows, new Map(hashes.map((hash) => [hash, reader.blob(hash)])));
    const [first] = all;
    const actors = begun || first === undefined ? [] : feed.actors({ at: first.row.at, state: 'Alive.Pending' });
    return [...actors, ...all.flatMap((each) => feed.row(each))];
  };
}
