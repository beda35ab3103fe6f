/** What a watch is told by a server that fails in every way we know: no final state is lost, nothing stops for good. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { refused, startApiServer, thing, until, type ApiServer, type Script } from '#test/support/api-server.ts';
import { watching, type Watching, type WatchingOptions } from './watching.ts';

let server: ApiServer;
let open: Watching[] = [];

beforeEach(async () => {
  server = await startApiServer();
  server.put(thing('a', 101));
});

afterEach(async () => {
  await Promise.all(open.map((each) => each.stop()));
  open = [];
  await server.stop();
});

function watch(options: WatchingOptions = {}): Watching {
  const begun = watching(server, options);
  open.push(begun);
  return begun;
}

/** A watch whose first list is told and whose stream is open. */
async function settled(options: WatchingOptions = {}): Promise<Watching> {
  const begun = watch(options);
  await until(() => server.streams.length === 1 && begun.told().includes('listed'), 'the first stream');
  return begun;
}

/** A change that the stream never tells: only a list can. */
const unseen = (): void => server.put(thing('b', 150));

describe('the stream', () => {
  it('tells an event whose bytes come one by one', async () => {
    const it = await settled();
    const bytes = Buffer.from(
      `${JSON.stringify({ type: 'ADDED', object: { ...thing('b', 102), note: 'größer €' } })}\n`,
    );
    for (const byte of bytes) {
      server.streams[0]?.write(Uint8Array.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await until(() => it.believed().includes('b@102'));
    expect(JSON.stringify(it.items.at(-1))).toContain('größer €');
  });

  it('tells an event that holds the line separators of JavaScript', async () => {
    const it = await settled();
    server.streams[0]?.event('ADDED', { ...thing('b', 102), note: 'one\u2028two\u2029three\u0085' });
    await until(() => it.believed().includes('b@102'));
    expect(server.count('list')).toBe(1);
  });

  it('goes on from the last version after an orderly end, with no list', async () => {
    const it = await settled();
    server.streams[0]?.event('ADDED', thing('b', 102));
    await until(() => it.believed().includes('b@102'));
    it.time.advance(60_000);
    server.streams[0]?.end();
    await it.passing(() => server.streams.length === 2);
    expect(server.asked.at(-1)?.query.get('resourceVersion')).toBe('102');
    expect(server.count('list')).toBe(1);
  });

  it('loses nothing when it is reset in the middle of a line', async () => {
    const it = await settled();
    server.streams[0]?.write(JSON.stringify({ type: 'ADDED', object: thing('b', 102) }).slice(0, 40));
    server.streams[0]?.reset();
    await it.passing(() => server.streams.length === 2);
    expect(server.asked.at(-1)?.query.get('resourceVersion')).toBe('101');
    server.streams[1]?.event('ADDED', thing('b', 102));
    await until(() => it.believed().includes('b@102'));
  });

  it('loses nothing when it ends in order in the middle of a line', async () => {
    const it = await settled();
    server.streams[0]?.write(JSON.stringify({ type: 'ADDED', object: thing('b', 102) }).slice(0, 40));
    server.streams[0]?.end();
    await it.passing(() => server.streams.length === 2);
    expect(server.asked.at(-1)?.query.get('resourceVersion')).toBe('101');
  });

  it('asks for bookmarks, and for an end before the server’s own', async () => {
    await settled();
    const query = server.asked.find(({ kind }) => kind === 'watch')?.query;
    expect(query?.get('allowWatchBookmarks')).toBe('true');
    expect(Number(query?.get('timeoutSeconds'))).toBeGreaterThanOrEqual(240);
    expect(Number(query?.get('timeoutSeconds'))).toBeLessThanOrEqual(295);
  });

  it('moves its version with a bookmark', async () => {
    const it = await settled();
    server.streams[0]?.event('BOOKMARK', { kind: 'Pod', metadata: { resourceVersion: '190' } });
    await new Promise((resolve) => setTimeout(resolve, 20));
    server.streams[0]?.reset();
    await it.passing(() => server.streams.length === 2);
    expect(server.asked.at(-1)?.query.get('resourceVersion')).toBe('190');
  });

  it('takes an event that comes twice', async () => {
    const it = await settled();
    for (const each of [1, 2]) server.streams[0]?.event('ADDED', thing('b', 101 + Math.min(each, 1)));
    await until(() => it.told().filter((told) => told === 'seen b@102').length > 0);
    expect(it.believed()).toEqual(['a@101', 'b@102']);
    expect(server.count('list')).toBe(1);
  });

  it('takes an object of a megabyte', async () => {
    const it = await settled();
    server.streams[0]?.event('ADDED', { ...thing('b', 102), note: 'x'.repeat(1_000_000) });
    await until(() => it.believed().includes('b@102'));
  });
});

describe('a poisoned stream is thrown away and a list tells the truth', () => {
  const poisons: readonly (readonly [string, string])[] = [
    ['a line that is no JSON', '{"type":"ADDED","obj\n'],
    ['two events in one line', `${JSON.stringify({ type: 'ADDED', object: thing('x', 102) }).repeat(2)}\n`],
    ['an event of unknown type', `${JSON.stringify({ type: 'RENAMED', object: thing('x', 102) })}\n`],
    ['an event without a version', `${JSON.stringify({ type: 'ADDED', object: { metadata: { name: 'x' } } })}\n`],
    ['an event of an older version', `${JSON.stringify({ type: 'MODIFIED', object: thing('a', 99) })}\n`],
    [
      'a bookmark of an older version',
      `${JSON.stringify({ type: 'BOOKMARK', object: { metadata: { resourceVersion: '7' } } })}\n`,
    ],
    ['410 in the stream, which stays open', `${JSON.stringify({ type: 'ERROR', object: refused(410, 'too old') })}\n`],
    ['500 in the stream, which stays open', `${JSON.stringify({ type: 'ERROR', object: refused(500, 'broken') })}\n`],
  ];
  it.each(poisons)('%s', async (_name, line) => {
    const it = await settled();
    unseen();
    server.streams[0]?.write(line);
    await it.passing(() => it.believed().includes('b@150') && server.streams.length === 2);
    expect(it.believed()).toEqual(['a@101', 'b@150']);
  });

  it('429 in the stream waits as long as it asks', async () => {
    const it = await settled();
    unseen();
    server.streams[0]?.event('ERROR', refused(429, 'busy', 20));
    await until(() => it.troubles.length > 0);
    expect(await it.passing(() => server.count('list') === 2)).toBeGreaterThanOrEqual(20_000);
  });

  it('a line without an end costs bounded memory', async () => {
    const it = await settled();
    unseen();
    const piece = 'x'.repeat(1024 * 1024);
    for (let mebibyte = 0; mebibyte < 20; mebibyte += 1) server.streams[0]?.write(piece);
    expect(await it.passing(() => it.believed().includes('b@150'))).toBeLessThan(60_000);
  });
});

describe('silence', () => {
  it('a half-open stream is found within 75 s', async () => {
    const it = await settled();
    it.time.advance(69_000);
    expect(it.troubles).toEqual([]);
    it.time.advance(2_000);
    await it.passing(() => server.streams.length === 2);
  });

  it('a watch that is never answered is given up within 75 s', async () => {
    server.next('watch', () => undefined);
    const it = watch();
    await until(() => server.count('watch') === 1);
    it.time.advance(71_000);
    await it.passing(() => server.streams.length === 1);
  });

  it('a list that is never answered is given up', async () => {
    server.next('list', () => undefined);
    const it = watch({ listMs: 50 });
    await it.passing(() => it.believed().includes('a@101'));
  });

  it('a source that hears nothing says that it is stale, and says when it is fresh again', async () => {
    const it = await settled();
    server.always('watch', () => undefined);
    it.time.advance(71_000);
    await until(() => it.troubles.length > 0);
    it.time.advance(5_000);
    expect(it.told().at(-1)).toBe('stale');
    server.always('watch', null);
    it.time.advance(80_000);
    await it.passing(() => it.told().at(-1) === 'fresh');
  });

  it('a cache of the server that stands still is found within ten minutes', async () => {
    const it = await settled();
    unseen();
    let spent = 0;
    while (!it.believed().includes('b@150') && spent < 600_000) {
      const stream = server.streams.at(-1);
      const count = server.streams.length;
      for (let waited = 0; waited < 267_000; waited += 60_000) {
        stream?.event('BOOKMARK', { kind: 'Pod', metadata: { resourceVersion: '101' } });
        await new Promise((resolve) => setTimeout(resolve, 5));
        it.time.advance(Math.min(60_000, 267_000 - waited));
      }
      stream?.end();
      spent += 267_000 + (await it.passing(() => server.streams.length > count));
    }
    expect(it.believed()).toContain('b@150');
    expect(spent).toBeLessThan(600_000);
  });
});

describe('a refusal', () => {
  it('410 to the watch leads to a list at once', async () => {
    server.next('watch', (answer) => {
      unseen();
      answer.json(410, refused(410, 'too old resource version'));
    });
    const it = watch();
    await until(() => it.believed().includes('b@150'));
    expect(it.time.clock.monotonicMs()).toBe(0);
  });

  it('410 to a continue token begins the list anew', async () => {
    server.next(
      'list',
      (answer) => answer.json(200, { metadata: { resourceVersion: '100', continue: 'two' }, items: [thing('x', 90)] }),
      (answer) => answer.json(410, refused(410, 'token expired')),
    );
    const it = watch();
    await it.passing(() => it.told().includes('listed'));
    expect(it.told()).toEqual(['seen a@101', 'listed']);
  });

  it('504 of a version that the server does not know leads to a list', async () => {
    server.next('watch', (answer) => answer.json(504, refused(504, 'Too large resource version', 1)));
    const it = watch();
    const waitedMs = await it.passing(() => server.count('list') === 2);
    expect(waitedMs).toBeGreaterThanOrEqual(1_000);
    expect(waitedMs).toBeLessThan(60_000);
  });

  it.each(['list', 'watch'] as const)('429 to the %s waits as long as it asks', async (kind) => {
    server.next(kind, (answer) => answer.json(429, refused(429, 'busy'), { 'retry-after': '20' }));
    const it = watch();
    await until(() => it.troubles.length > 0);
    expect(await it.passing(() => server.streams.length === 1)).toBeGreaterThanOrEqual(20_000);
  });

  it('a Retry-After of a month is not obeyed for a month, nor at once', async () => {
    server.next('list', (answer) => answer.json(429, refused(429, 'busy'), { 'retry-after': '2678400' }));
    const it = watch();
    await until(() => it.troubles.length > 0);
    expect(it.troubles[0]?.retryInMs).toBe(300_000);
  });

  it.each([401, 403, 500, 503])('%i is asked again for ever, ever more slowly', async (status) => {
    const no: Script = (answer) => answer.json(status, refused(status, 'no'));
    server.always('list', no);
    const it = watch();
    await it.passing(() => it.troubles.length >= 7);
    expect(it.troubles.slice(0, 7).map(({ retryInMs }) => retryInMs)).toEqual([
      400, 800, 1600, 3200, 6400, 12_800, 15_000,
    ]);
    server.always('list', null);
    await it.passing(() => it.believed().includes('a@101'));
  });

  it('an answer that is no list is not taken for an empty one', async () => {
    const it = await settled();
    server.next('list', (answer) => answer.json(200, 'Not a list'));
    server.streams[0]?.event('ERROR', refused(410, 'too old'));
    await it.passing(() => server.streams.length === 2);
    expect(server.count('list')).toBe(3);
    expect(it.told()).not.toContain('gone a@101');
  });

  it('a list cut in the middle is asked again', async () => {
    server.next('list', (answer) => {
      answer.write('{"metadata":{"resourceVersion":"100"},"items":[');
      answer.reset();
    });
    const it = watch();
    await it.passing(() => it.believed().includes('a@101'));
  });

  it('a list whose pages go round in circles does not go on for ever', async () => {
    server.always('list', (answer) =>
      answer.json(200, { metadata: { resourceVersion: '100', continue: 'same' }, items: [] }),
    );
    const it = watch();
    await until(() => it.troubles.length > 0);
    expect(server.count('list')).toBe(2);
  });
});

describe('nothing is asked for in a tight loop', () => {
  async function listsIn(ms: number, it: Watching): Promise<number> {
    for (let spent = 0; spent < ms; spent += 50) {
      it.time.advance(50);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    return server.asked.length;
  }

  it('by a server that ends each stream after one event', async () => {
    server.always('watch', (answer) => {
      answer.event('MODIFIED', thing('a', 101));
      answer.end();
    });
    const it = watch();
    expect(await listsIn(10_000, it)).toBeLessThan(10);
  });

  it('by a server that answers each watch with 410', async () => {
    server.always('watch', (answer) => answer.json(410, refused(410, 'too old')));
    const it = watch();
    expect(await listsIn(10_000, it)).toBeLessThan(20);
  });

  it('by a server whose streams are garbage', async () => {
    server.always('watch', (answer) => answer.write('garbage\n'));
    const it = watch();
    expect(await listsIn(10_000, it)).toBeLessThan(20);
  });
});

describe('identity', () => {
  it('the same name with another uid after a gap is gone and then seen', async () => {
    const it = await settled();
    server.put(thing('a', 150, 'another'));
    server.streams[0]?.event('ERROR', refused(410, 'too old'));
    await it.passing(() => it.told().includes('seen a@150'));
    expect(it.told().slice(-2)).toEqual(['gone a@101', 'seen a@150']);
  });

  it('a deletion in a gap is told with the last state', async () => {
    const it = await settled();
    server.remove('a');
    server.streams[0]?.event('ERROR', refused(410, 'too old'));
    await it.passing(() => it.told().includes('gone a@101'));
  });

  it('a label taken off is no deletion', async () => {
    const it = await settled({ labelled: true });
    server.put(thing('a', 150));
    server.streams[0]?.event('DELETED', thing('a', 150));
    await until(() => it.told().includes('seen a@150'));
    expect(it.told().filter((told) => told.startsWith('gone'))).toEqual([]);
  });

  it('a deletion in a gap is told even when the first question about it fails', async () => {
    const it = await settled({ labelled: true });
    server.remove('a');
    server.next('read', (answer) => answer.json(500, refused(500, 'broken')));
    server.streams[0]?.event('ERROR', refused(410, 'too old'));
    await it.passing(() => server.streams.length === 2);
    expect(it.believed()).toEqual([]);
  });
});

describe('the source as a whole', () => {
  it('tells ten thousand objects in pages', async () => {
    const page = (from: number): readonly unknown[] =>
      Array.from({ length: 500 }, (_, at) => thing(`p${from + at}`, 90));
    server.always('list', (answer, { query }) => {
      const from = Number(query.get('continue') ?? 0);
      const next = from + 500 < 10_000 ? { continue: String(from + 500) } : {};
      expect(query.get('limit')).toBe('500');
      answer.json(200, { metadata: { resourceVersion: '100', ...next }, items: page(from) });
    });
    const it = watch();
    await until(() => it.told().includes('listed'));
    expect(it.believed()).toHaveLength(10_000);
  });

  it('begins when the server comes back', async () => {
    server.next('list', (answer) => answer.reset());
    const it = watch();
    await it.passing(() => it.believed().includes('a@101'));
  });

  it('stops for good when it is stopped during the list', async () => {
    let answerList = (): void => undefined;
    server.next('list', (answer) => {
      answerList = () => answer.json(200, { metadata: { resourceVersion: '100' }, items: [thing('a', 90)] });
    });
    const it = watch();
    await until(() => server.count('list') === 1);
    it.unsubscribe();
    answerList();
    // Another one, begun later, has its list and its watch: the first would have had its own by then.
    const other = watch();
    await until(() => server.count('watch') > 0);
    it.time.advance(120_000);
    await new Promise((resolve) => setTimeout(resolve, 30));
    other.unsubscribe();
    expect(server.count('watch')).toBe(1);
    expect(it.told()).toEqual([]);
  });

  it('a reader that throws is heard by the process, not swallowed', async () => {
    const heard: unknown[] = [];
    const listeners = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    process.once('uncaughtException', (error) => void heard.push(error));
    try {
      watch({
        onNext: (item) => {
          if (item.type === 'seen') throw new Error('a bug in the reader');
        },
      });
      await until(() => heard.length > 0);
    } finally {
      for (const listener of listeners) process.on('uncaughtException', listener);
    }
    expect(String(heard[0])).toContain('a bug in the reader');
  });
});
