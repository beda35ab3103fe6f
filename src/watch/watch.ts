/**
 * Owns: one source (one kind, one selector) as an endless stream of WatchItems: list, watch, and again.
 * Does not own: what an object means; managedFields stay on it, the door needs them.
 * I1. No end state: whatever happens, it lists or watches again after its back-off, until it is stopped.
 * I2. No final state is lost: an event that cannot be read poisons the stream, and a new list tells the truth.
 * I3. Identity is the uid: the same name with another uid is `gone` and then `seen`.
 * I4. A half-open stream is found by its silence, from the moment it is asked for: bookmarks come every minute, 70 s
 *     without a line end it.
 * I5. Nothing is asked for in a tight loop, whatever the server does.
 * I6. A cache of the server that stands still is found within ten minutes: a list from the store comes that often.
 */
import { isObject } from '#machines/shared/json.ts';
import { Observable } from 'rxjs';
import type { Chance, Clock, CrashPoints, Ticks } from '#src/ports.ts';
import type { Answer } from '#src/kube/request.ts';
import type { Kube } from '#src/kube/api.ts';
import { makeBackoff } from './backoff.ts';
import { isLiveObject, type LiveObject, type WatchItem, type WatchTrouble } from './item.ts';
import { linesOf } from './lines.ts';
import type { Source } from './sources.ts';
import { wentBack } from './version.ts';

export interface WatchPorts {
  readonly clock: Clock;
  readonly chance: Chance;
  readonly ticks: Ticks;
  readonly crash: CrashPoints;
}

/** Bookmarks come every 60 s; above that plus jitter, below the server's event cache of about 75 s. */
export const silenceMs = 70_000;
const pageSize = '500';
/** Without a completed list or a live stream for this long, the source says that it is stale. */
const staleMs = 75_000;
/** At the end of a stream (240 to 295 s) a list older than this is made again: every second stream, within ten minutes. */
const listAgainMs = 300_000;
/** A stream that ended sooner than this counts as a failure, and a second list at once has to wait this long. */
const tooSoonMs = 5_000;

type Ended =
  /** The stream ended in order: go on from the last version. */
  | { readonly type: 'resume' }
  /** What we hold may be wrong: list again. */
  | {
      readonly type: 'relist';
      readonly because: string;
      readonly retryAfterMs: number | null;
      readonly atOnce: boolean;
    }
  | { readonly type: 'failed'; readonly because: string; readonly retryAfterMs: number | null };

interface State {
  readonly known: Map<string, LiveObject>;
  version: string | null;
  listed: boolean;
  stale: boolean;
  /** What the last attempt since anything was heard ended with; null while there was none. */
  failed: string | null;
  stopped: boolean;
  listedAt: number;
  listedAtOnceAt: number | null;
}

function keyOf(object: LiveObject): string {
  return `${object.metadata.namespace ?? ''}/${object.metadata.name}`;
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}

interface Page {
  readonly items: readonly unknown[];
  readonly version: string;
  readonly next: string;
}

function pageOf(body: unknown): Page | null {
  if (!isObject(body) || !Array.isArray(body['items']) || !isObject(body['metadata'])) return null;
  const { resourceVersion, continue: next } = body['metadata'];
  if (typeof resourceVersion !== 'string') return null;
  return { items: body['items'], version: resourceVersion, next: typeof next === 'string' ? next : '' };
}

function describe(answer: Exclude<Answer, { type: 'ok' }>): {
  readonly because: string;
  readonly retryAfterMs: number | null;
} {
  if (answer.type === 'refused')
    return { because: `${answer.status} ${answer.reason}: ${answer.message}`, retryAfterMs: answer.retryAfterMs };
  return { because: answer.because, retryAfterMs: null };
}

/** Why a watch did not open, and what that asks for: a version that the server does not know asks for a list. */
function notOpened(answer: Exclude<Answer, { type: 'ok' }>): Ended {
  const { because, retryAfterMs } = describe(answer);
  const status = answer.type === 'refused' ? answer.status : null;
  if (status === 410) return { type: 'relist', because, retryAfterMs, atOnce: true };
  if (status === 504 || status === 400) return { type: 'relist', because, retryAfterMs, atOnce: false };
  return { type: 'failed', because, retryAfterMs };
}

/** What an orderly end asks for. A half line before it is no loss: the version has not moved. */
function ofItself(tooLong: boolean, livedMs: number): Ended {
  if (tooLong) return { type: 'relist', because: 'a line without an end', retryAfterMs: null, atOnce: false };
  return livedMs < tooSoonMs
    ? { type: 'failed', because: `the stream ended after ${Math.round(livedMs)} ms`, retryAfterMs: null }
    : { type: 'resume' };
}

/** A cold stream of one source; unsubscribing stops it for good. */
export function watchSource(
  kube: Kube,
  source: Source,
  ports: WatchPorts,
  onTrouble: (trouble: WatchTrouble) => void,
): Observable<WatchItem> {
  return new Observable((subscriber) => {
    const abort = new AbortController();
    const state: State = {
      known: new Map(),
      version: null,
      listed: false,
      stale: false,
      failed: null,
      stopped: false,
      listedAt: 0,
      listedAtOnceAt: null,
    };
    const backoff = makeBackoff(ports.clock, ports.chance);
    const tell = (item: WatchItem): void => subscriber.next(item);
    let staleTick = ports.ticks.after(staleMs, () =>
      becomeStale(`no list and no stream since the start${lastTried()}`),
    );

    function becomeStale(because: string): void {
      if (state.stale || state.stopped) return;
      state.stale = true;
      tell({ type: 'stale', source: source.name, because });
    }

    /** Why it was not heard, as far as anybody said so. */
    function lastTried(): string {
      return state.failed === null ? '' : `, last tried: ${state.failed}`;
    }

    function heard(): void {
      if (state.stopped) return;
      staleTick.cancel();
      state.failed = null;
      staleTick = ports.ticks.after(staleMs, () => becomeStale(`nothing heard for ${staleMs / 1000} s${lastTried()}`));
      backoff.worked();
      if (!state.stale) return;
      state.stale = false;
      tell({ type: 'fresh', source: source.name });
    }

    function sawObject(object: LiveObject): void {
      const before = state.known.get(keyOf(object));
      if (before !== undefined && before.metadata.uid !== object.metadata.uid)
        tell({ type: 'gone', source: source.name, kind: source.kind, object: before });
      state.known.set(keyOf(object), object);
      tell({ type: 'seen', source: source.name, kind: source.kind, object });
    }

    /** A label may have been taken off: one read by name, before "gone" becomes a fact. */
    async function left(object: LiveObject): Promise<void> {
      const path = source.pathOf(object.metadata.namespace ?? '', object.metadata.name);
      const answer = await kube.get(path);
      const live = answer.type === 'ok' && isObject(answer.body) ? { ...answer.body, kind: source.kind } : null;
      if (isLiveObject(live) && live.metadata.uid === object.metadata.uid) {
        state.known.set(keyOf(live), live);
        tell({ type: 'seen', source: source.name, kind: source.kind, object: live });
        return;
      }
      if (answer.type !== 'ok' && !(answer.type === 'refused' && answer.status === 404)) {
        throw new Error(
          `${source.name}: could not tell whether ${object.metadata.name} is gone: ${describe(answer).because}`,
        );
      }
      if (state.known.get(keyOf(object))?.metadata.uid === object.metadata.uid) state.known.delete(keyOf(object));
      tell({ type: 'gone', source: source.name, kind: source.kind, object });
    }

    async function list(): Promise<Ended | null> {
      ports.crash.hit('mid-relist');
      const found = new Map<string, LiveObject>();
      let next = '';
      let version = '';
      do {
        const query = { ...source.query, limit: pageSize, ...(next === '' ? {} : { continue: next }) };
        const answer = await kube.get(source.path, query);
        if (answer.type !== 'ok') {
          const { because, retryAfterMs } = describe(answer);
          const expired = answer.type === 'refused' && answer.status === 410;
          return expired
            ? { type: 'relist', because, retryAfterMs, atOnce: false }
            : { type: 'failed', because, retryAfterMs };
        }
        const page = pageOf(answer.body);
        if (page === null) return { type: 'failed', because: 'the list is not a list', retryAfterMs: null };
        if (page.next !== '' && page.next === next)
          return { type: 'failed', because: 'the list goes round in circles', retryAfterMs: null };
        for (const item of page.items) {
          const object = isObject(item) ? { ...item, kind: source.kind } : item;
          if (isLiveObject(object)) found.set(keyOf(object), object);
        }
        ({ next, version } = page);
      } while (next !== '');
      if (state.stopped) return null;
      for (const [key, object] of [...state.known]) {
        const now = found.get(key);
        if (now !== undefined) continue;
        if (source.labelled) {
          await left(object);
          continue;
        }
        state.known.delete(key);
        tell({ type: 'gone', source: source.name, kind: source.kind, object });
      }
      for (const object of found.values()) {
        const before = state.known.get(keyOf(object));
        if (
          before?.metadata.uid !== object.metadata.uid ||
          before.metadata.resourceVersion !== object.metadata.resourceVersion
        )
          sawObject(object);
      }
      state.version = version;
      state.listedAt = ports.clock.monotonicMs();
      heard();
      if (!state.listed) tell({ type: 'listed', source: source.name });
      state.listed = true;
      return null;
    }

    /** Takes one line. @returns how the stream has to end because of it, or null to go on */
    async function take(line: string): Promise<Ended | null> {
      heard();
      const event = parsed(line);
      if (!isObject(event))
        return { type: 'relist', because: 'a line that is no JSON', retryAfterMs: null, atOnce: true };
      const { type, object } = event;
      if (type === 'ERROR') return inStreamError(object);
      const live = isObject(object) && type !== 'BOOKMARK' ? { ...object, kind: source.kind } : object;
      const metadata = isObject(live) && isObject(live['metadata']) ? live['metadata'] : {};
      if (typeof metadata['resourceVersion'] !== 'string')
        return { type: 'relist', because: 'an event without a version', retryAfterMs: null, atOnce: true };
      if (wentBack(state.version, metadata['resourceVersion']))
        return {
          type: 'relist',
          because: `the version went back from ${state.version ?? ''} to ${metadata['resourceVersion']}`,
          retryAfterMs: null,
          atOnce: true,
        };
      if (type === 'BOOKMARK') {
        state.version = metadata['resourceVersion'];
        return null;
      }
      if (!isLiveObject(live)) return null;
      if (type === 'ADDED' || type === 'MODIFIED') sawObject(live);
      else if (type === 'DELETED') await deleted(live);
      else
        return {
          type: 'relist',
          because: `an event of unknown type ${String(type)}`,
          retryAfterMs: null,
          atOnce: true,
        };
      state.version = live.metadata.resourceVersion;
      return null;
    }

    async function deleted(object: LiveObject): Promise<void> {
      const before = state.known.get(keyOf(object));
      if (before !== undefined && before.metadata.uid !== object.metadata.uid) return;
      if (source.labelled) {
        await left(object);
        return;
      }
      state.known.delete(keyOf(object));
      tell({ type: 'gone', source: source.name, kind: source.kind, object });
    }

    function inStreamError(status: unknown): Ended {
      const body = isObject(status) ? status : {};
      const details = isObject(body['details']) ? body['details'] : {};
      const seconds = details['retryAfterSeconds'];
      const retryAfterMs = typeof seconds === 'number' ? seconds * 1000 : null;
      const because = `${String(body['code'] ?? '')} ${String(body['message'] ?? 'an error in the stream')}`;
      return { type: 'relist', because, retryAfterMs, atOnce: body['code'] === 410 };
    }

    async function watch(): Promise<Ended> {
      const timeoutSeconds = String(240 + Math.floor(ports.chance.fraction() * 56));
      const query = {
        ...source.query,
        watch: 'true',
        allowWatchBookmarks: 'true',
        resourceVersion: state.version ?? '',
        timeoutSeconds,
      };
      const openedAt = ports.clock.monotonicMs();
      const opening = new AbortController();
      const stop = (): void => opening.abort();
      abort.signal.addEventListener('abort', stop, { once: true });
      let silent = false;
      const cut = (): void => {
        silent = true;
        opening.abort();
      };
      let silence = ports.ticks.after(silenceMs, cut);
      let answer: Awaited<ReturnType<Kube['openWatch']>> | null = null;
      try {
        answer = await kube.openWatch({ path: source.path, query, signal: opening.signal });
        if (answer.type !== 'stream') return notOpened(answer);
        heard();
        silence.cancel();
        silence = ports.ticks.after(silenceMs, cut);
        const lines = linesOf(answer.body);
        for (;;) {
          const { done, value } = await lines.next();
          silence.cancel();
          if (state.stopped) return { type: 'resume' };
          if (done === true) return ofItself(value.tooLong, ports.clock.monotonicMs() - openedAt);
          const ended = await take(value);
          if (ended !== null) return ended;
          silence = ports.ticks.after(silenceMs, cut);
        }
      } catch (error) {
        const because = silent ? `no line for ${silenceMs} ms` : error instanceof Error ? error.message : String(error);
        return { type: 'failed', because, retryAfterMs: null };
      } finally {
        silence.cancel();
        abort.signal.removeEventListener('abort', stop);
        if (answer?.type === 'stream') answer.destroy();
        opening.abort();
      }
    }

    function pause(delayMs: number): Promise<void> {
      return new Promise((resolve) => {
        const over = (): void => {
          tick.cancel();
          abort.signal.removeEventListener('abort', over);
          resolve();
        };
        const tick = ports.ticks.after(delayMs, over);
        abort.signal.addEventListener('abort', over, { once: true });
      });
    }

    async function recover(ended: Ended): Promise<void> {
      if (ended.type === 'resume') {
        // Many watches end in the same moment when a server is restarted.
        await pause(Math.round(ports.chance.fraction() * 100));
        return;
      }
      state.failed = ended.because;
      if (ended.type === 'relist') state.version = null;
      const now = ports.clock.monotonicMs();
      const atOnce =
        ended.type === 'relist' &&
        ended.atOnce &&
        (state.listedAtOnceAt === null || now - state.listedAtOnceAt >= tooSoonMs);
      if (atOnce) state.listedAtOnceAt = now;
      const retryInMs = atOnce ? 0 : backoff.nextMs(ended.retryAfterMs);
      onTrouble({ source: source.name, because: ended.because, retryInMs });
      if (retryInMs > 0) await pause(retryInMs);
    }

    async function run(): Promise<void> {
      while (!state.stopped) {
        let ended: Ended;
        if (ports.clock.monotonicMs() - state.listedAt >= listAgainMs) state.version = null;
        try {
          ended =
            (state.version === null ? await list() : null) ??
            (state.version === null ? { type: 'resume' } : await watch());
        } catch (error) {
          ended = {
            type: 'relist',
            because: error instanceof Error ? error.message : String(error),
            retryAfterMs: null,
            atOnce: false,
          };
        }
        if (!state.stopped) await recover(ended);
      }
    }

    run().catch((error: unknown) => subscriber.error(error));
    return () => {
      state.stopped = true;
      staleTick.cancel();
      abort.abort();
    };
  });
}
