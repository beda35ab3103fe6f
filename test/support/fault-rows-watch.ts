/** Owns: the faults of streams and lists, and what meets them. */
import type { FaultRow } from './fault-row.ts';

const watchTest = 'test/src/watch/faults.test.ts';
const watch = 'src/watch/watch.ts';
const changes = 'src/watch/changes.ts';
const ended = 'src/watch/ended.ts';
const known = 'src/watch/known.ts';
const list = 'src/watch/list.ts';
const pulse = 'src/watch/pulse.ts';
const request = 'src/kube/request.ts';

export const streamRows: readonly FaultRow[] = [
  {
    fault: 'an event’s bytes come in any pieces',
    protection: 'pieces are kept until the line ends, and decoded as a whole',
    off: {
      file: 'src/watch/lines.ts',
      find: 'if (start < chunk.length) parts.push(chunk.subarray(start));',
      replace: '',
    },
    test: [watchTest, 'tells an event whose bytes come one by one'],
  },
  {
    fault: 'U+2028 and its like inside a JSON string',
    protection: 'lines end at 0x0A alone',
    off: {
      file: changes,
      find: 'const event = parsed(line);',
      replace: 'const event = parsed(line.split(/[\\u2028\\u2029]/)[0] ?? "");',
    },
    test: [watchTest, 'tells an event that holds the line separators of JavaScript'],
  },
  {
    fault: 'the stream ends in order',
    protection: 'it goes on from the last version',
    off: {
      file: ended,
      find: "failed(`the stream ended after ${Math.round(livedMs)} ms`) : { type: 'resume' }",
      replace: "failed('') : poisoned('')",
    },
    test: [watchTest, 'goes on from the last version after an orderly end, with no list'],
  },
  {
    fault: 'the stream is reset in the middle of a line',
    protection: 'the version moves with whole events only; every failure is tried again',
    off: {
      file: watch,
      find: 'if (retryInMs > 0) await pause(watch, retryInMs);',
      replace: 'await new Promise(() => undefined);',
    },
    test: [watchTest, 'loses nothing when it is reset in the middle of a line'],
  },
  {
    fault: 'a quiet kind’s version falls out of the server’s history',
    protection: 'bookmarks are asked for; a stream ends before the server would end it',
    off: { file: changes, find: "allowWatchBookmarks: 'true',", replace: '' },
    test: [watchTest, 'asks for bookmarks, and for an end before the server’s own'],
  },
  {
    fault: 'a bookmark is not used',
    protection: 'it moves the version',
    off: {
      file: changes,
      find: 'following.version = version;',
      replace: "if (type !== 'BOOKMARK') following.version = version;",
    },
    test: [watchTest, 'moves its version with a bookmark'],
  },
  {
    fault: 'a truncated line, or one that is no JSON',
    protection: 'the stream is poisoned: a list',
    off: {
      file: changes,
      find: "return poisoned('a line that is no JSON');",
      replace: 'return null;',
    },
    test: [watchTest, 'a line that is no JSON'],
  },
  {
    fault: 'two events in one line',
    protection: 'the same',
    off: {
      file: changes,
      find: "return poisoned('a line that is no JSON');",
      replace: 'return null;',
    },
    test: [watchTest, 'two events in one line'],
  },
  {
    fault: 'an event of an unknown type',
    protection: 'the same',
    off: {
      file: changes,
      find: 'else return poisoned(`an event of unknown type ${String(type)}`);',
      replace: '',
    },
    test: [watchTest, 'an event of unknown type'],
  },
  {
    fault: 'an event without a version',
    protection: 'the same',
    off: {
      file: changes,
      find: "return poisoned('an event without a version');",
      replace: 'return null;',
    },
    test: [watchTest, 'an event without a version'],
  },
  {
    fault: 'an older event, or an older bookmark, in one stream',
    protection: 'versions are compared as whole numbers; going back poisons the stream',
    off: { file: 'src/watch/version.ts', find: 'return BigInt(now) < BigInt(before);', replace: 'return false;' },
    test: [watchTest, 'an event of an older version'],
  },
  {
    fault: '410 in the stream, which stays open',
    protection: 'it is acted on at once',
    off: {
      file: changes,
      find: "if (type === 'ERROR') return inStreamError(object);",
      replace: "if (type === 'ERROR') return null;",
    },
    test: [watchTest, '410 in the stream, which stays open'],
  },
  {
    fault: '500 in the stream',
    protection: 'the same, after the back-off',
    off: {
      file: changes,
      find: "if (type === 'ERROR') return inStreamError(object);",
      replace: "if (type === 'ERROR') return null;",
    },
    test: [watchTest, '500 in the stream, which stays open'],
  },
  {
    fault: '429 in the stream',
    protection: 'its `retryAfterSeconds` is kept',
    off: { file: ended, find: "typeof seconds === 'number' ? seconds * 1000 : null;", replace: 'null;' },
    test: [watchTest, '429 in the stream waits as long as it asks'],
  },
  {
    fault: 'a line without an end',
    protection: 'a line over 16 MiB poisons the stream',
    off: { file: 'src/watch/lines.ts', find: 'if (held > bytesMax) return { tooLong: true };', replace: '' },
    test: [watchTest, 'a line without an end costs bounded memory'],
  },
  {
    fault: 'a half-open stream',
    protection: '70 s without a line end it',
    off: { file: changes, find: 'export const silenceMs = 70_000;', replace: 'export const silenceMs = 700_000;' },
    test: [watchTest, 'a half-open stream is found within 75 s'],
  },
  {
    fault: 'a watch that is never answered',
    protection: 'silence counts from the asking',
    off: { file: changes, find: 'signal: opening.signal', replace: 'signal: stopped' },
    test: [watchTest, 'a watch that is never answered is given up within 75 s'],
  },
  {
    fault: 'nothing heard, from a source that looks healthy',
    protection: 'it says `stale` after 75 s, and `fresh` later',
    off: { file: pulse, find: 'const staleMs = 75_000;', replace: 'const staleMs = 7_500_000;' },
    test: [watchTest, 'a source that hears nothing says that it is stale, and says when it is fresh again'],
  },
  {
    fault: 'a watch cache that stands still but sends bookmarks',
    protection: 'a list from the store at the end of every second stream',
    off: { file: watch, find: 'const listAgainMs = 300_000;', replace: 'const listAgainMs = 30_000_000;' },
    test: [watchTest, 'a cache of the server that stands still is found within ten minutes'],
  },
];

export const listRows: readonly FaultRow[] = [
  {
    fault: 'a list that is never answered',
    protection: 'a deadline of its own, 60 s',
    off: {
      file: request,
      find: 'AbortSignal.timeout(raw.timeoutMs)',
      replace: 'AbortSignal.timeout(raw.timeoutMs * 1000)',
    },
    test: [watchTest, 'a list that is never answered is given up'],
  },
  {
    fault: '410 to the watch',
    protection: 'a list at once',
    off: {
      file: ended,
      find: "if (status === 410) return { type: 'relist', because, retryAfterMs, atOnce: true };",
      replace: '',
    },
    test: [watchTest, '410 to the watch leads to a list at once'],
  },
  {
    fault: '410 to a continue token',
    protection: 'the list begins anew; nothing of a half list is told',
    off: {
      file: list,
      find: "if (answer.type !== 'ok') return notListed(answer);",
      replace: "if (answer.type !== 'ok') return { type: 'listed', found, version: '1' };",
    },
    test: [watchTest, '410 to a continue token begins the list anew'],
  },
  {
    fault: '504, too large resource version: a server behind, or a store put back',
    protection: 'Retry-After is kept, then a list from the store',
    off: { file: ended, find: 'if (status === 504 || status === 400)', replace: 'if (status === 400)' },
    test: [watchTest, '504 of a version that the server does not know leads to a list'],
  },
  {
    fault: '429 to a list or a watch',
    protection: 'Retry-After is the least delay',
    off: {
      file: 'src/watch/backoff.ts',
      find: 'Math.max(Math.min(askedMostMs, retryAfterMs ?? 0),',
      replace: 'Math.max(0,',
    },
    test: [watchTest, '429 to the watch waits as long as it asks'],
  },
  {
    fault: 'a Retry-After of a month (a timer that long fires at once)',
    protection: 'five minutes at most',
    off: {
      file: 'src/watch/backoff.ts',
      find: 'Math.min(askedMostMs, retryAfterMs ?? 0)',
      replace: '(retryAfterMs ?? 0)',
    },
    test: [watchTest, 'a Retry-After of a month is not obeyed for a month, nor at once'],
  },
  {
    fault: '401, 403, 500, 503 again and again',
    protection: '0.8 s doubling to 30 s, full jitter, no end state',
    off: { file: 'src/watch/backoff.ts', find: 'firstMs * 2 ** Math.min(10, failures - 1)', replace: 'firstMs' },
    test: [watchTest, '500 is asked again for ever, ever more slowly'],
  },
  {
    fault: '200 with something that is no list',
    protection: 'it is a failure, not an empty list',
    off: {
      file: list,
      find: "if (!isObject(body) || !Array.isArray(body['items']) || !isObject(body['metadata'])) return null;",
      replace:
        "if (!isObject(body) || !Array.isArray(body['items']) || !isObject(body['metadata'])) return { items: [], version: '1', next: '' };",
    },
    test: [watchTest, 'an answer that is no list is not taken for an empty one'],
  },
  {
    fault: 'pages that go round in circles',
    protection: 'the same token twice is a failure',
    off: { file: list, find: "page.next !== '' && page.next === next", replace: 'next === undefined' },
    test: [watchTest, 'a list whose pages go round in circles does not go on for ever'],
  },
  {
    fault: 'each connection delivers one event and ends',
    protection: 'an end within 5 s is a failure with its back-off',
    off: { file: ended, find: 'return livedMs < tooSoonMs', replace: 'return livedMs < 0' },
    test: [watchTest, 'by a server that ends each stream after one event'],
  },
  {
    fault: '410 or garbage after each list',
    protection: '“at once” is allowed once in 5 s',
    off: { file: watch, find: 'if (atOnce) watch.listedAtOnceAt = now;', replace: '' },
    test: [watchTest, 'by a server that answers each watch with 410'],
  },
  {
    fault: 'deleted and created anew under the same name in a gap',
    protection: 'identity is the uid: `gone`, then `seen`',
    off: {
      file: known,
      find: 'if (before !== undefined && before.metadata.uid !== object.metadata.uid) gone(before);',
      replace: '',
    },
    test: [watchTest, 'the same name with another uid after a gap is gone and then seen'],
  },
  {
    fault: 'deleted in a gap',
    protection: 'what the list lacks is `gone`, with its last state',
    off: { file: known, find: 'if (!found.has(key)) await missing(object);', replace: ';' },
    test: [watchTest, 'a deletion in a gap is told with the last state'],
  },
  {
    fault: 'a label taken off looks like a deletion',
    protection: 'the object is read by name before `gone` is a fact',
    off: {
      file: known,
      find: '    if (source.labelled) {\n      await left(object);\n      return;\n    }',
      replace: '',
    },
    test: [watchTest, 'a label taken off is no deletion'],
  },
  {
    fault: 'that read fails',
    protection: 'the object stays known until the question is answered',
    off: {
      file: known,
      find: '    if (source.labelled) {\n      await left(object);',
      replace: '    if (source.labelled) {\n      known.delete(keyOf(object));\n      await left(object);',
    },
    test: [watchTest, 'a deletion in a gap is told even when the first question about it fails'],
  },
  {
    fault: 'ten thousand objects',
    protection: 'pages of 500',
    off: { file: list, find: "const pageSize = '500';", replace: "const pageSize = '50000';" },
    test: [watchTest, 'tells ten thousand objects in pages'],
  },
  {
    fault: 'stopped during the list, and opens a watch afterwards',
    protection: 'stopped is asked after every wait',
    off: {
      file: watch,
      find: '      pulse.stop();\n      stopping.abort();',
      replace: '      pulse.stop();',
    },
    test: [watchTest, 'stops for good when it is stopped during the list'],
  },
  {
    fault: 'a bug in the reader is swallowed',
    protection: 'what a reader throws ends the process',
    off: {
      file: watch,
      find: 'const tell = (item: WatchItem): void => subscriber.next(item);',
      replace: "const tell = (item: WatchItem): void => { if (item.type !== 'seen') subscriber.next(item); };",
    },
    test: [watchTest, 'a reader that throws is heard by the process, not swallowed'],
  },
];
