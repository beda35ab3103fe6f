/** Owns: one stream of changes, from a version to its end: opened, read line by line, and cut when it is silent. */
import { isObject } from '#machines/shared/json.ts';
import type { Chance, Clock, Ticks } from '#src/ports.ts';
import type { Kube } from '#src/kube/api.ts';
import { failed, inStreamError, notOpened, ofItself, poisoned, type Ended } from './ended.ts';
import { isLiveObject } from './item.ts';
import type { Known } from './known.ts';
import { linesOf } from './lines.ts';
import type { Source } from './sources.ts';
import { wentBack } from './version.ts';

/** Bookmarks come every 60 s; above that plus jitter, below the server's event cache of about 75 s. */
export const silenceMs = 70_000;

export interface Following {
  readonly kube: Kube;
  readonly source: Source;
  readonly ports: { readonly clock: Clock; readonly chance: Chance; readonly ticks: Ticks };
  readonly known: Known;
  /** Aborted when the source is stopped. */
  readonly stopped: AbortSignal;
  /** The stream has opened, or a line has come. */
  readonly heard: () => void;
  /** The last version that was told as a whole: a new stream goes on from there. Null: there has to be a list. */
  version: string | null;
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}

/** Takes one line. @returns how the stream has to end because of it, or null to go on */
async function take(following: Following, line: string): Promise<Ended | null> {
  const { source, known } = following;
  following.heard();
  const event = parsed(line);
  if (!isObject(event)) return poisoned('a line that is no JSON');
  const { type, object } = event;
  if (type === 'ERROR') return inStreamError(object);
  const live = isObject(object) && type !== 'BOOKMARK' ? { ...object, kind: source.kind } : object;
  const metadata = isObject(live) && isObject(live['metadata']) ? live['metadata'] : {};
  const { resourceVersion: version } = metadata;
  if (typeof version !== 'string') return poisoned('an event without a version');
  if (wentBack(following.version, version))
    return poisoned(`the version went back from ${following.version ?? ''} to ${version}`);
  if (type !== 'BOOKMARK') {
    if (!isLiveObject(live)) return null;
    if (type === 'ADDED' || type === 'MODIFIED') known.seen(live);
    else if (type === 'DELETED') await known.deleted(live);
    else return poisoned(`an event of unknown type ${String(type)}`);
  }
  following.version = version;
  return null;
}

/** A timer that cuts what is silent for too long, counted from when it is made, and from each `heard`. */
function makeSilence(ticks: Ticks, cut: () => void): { readonly heard: () => void; readonly over: () => void } {
  let tick = ticks.after(silenceMs, cut);
  return {
    heard: () => {
      tick.cancel();
      tick = ticks.after(silenceMs, cut);
    },
    over: () => tick.cancel(),
  };
}

function queryOf({ source, ports, version }: Following): Readonly<Record<string, string>> {
  return {
    ...source.query,
    watch: 'true',
    allowWatchBookmarks: 'true',
    resourceVersion: version ?? '',
    // The server's own end is a random moment too, later than this one.
    timeoutSeconds: String(240 + Math.floor(ports.chance.fraction() * 56)),
  };
}

/** Follows the source from `following.version` on, which moves with every whole event. Never throws. */
export async function follow(following: Following): Promise<Ended> {
  const { kube, source, ports, stopped, heard } = following;
  const query = queryOf(following);
  const openedAt = ports.clock.monotonicMs();
  const opening = new AbortController();
  const stop = (): void => opening.abort();
  stopped.addEventListener('abort', stop, { once: true });
  let silent = false;
  const silence = makeSilence(ports.ticks, () => {
    silent = true;
    opening.abort();
  });
  let answer: Awaited<ReturnType<Kube['openWatch']>> | null = null;
  try {
    answer = await kube.openWatch({ path: source.path, query, signal: opening.signal });
    if (answer.type !== 'stream') return notOpened(answer);
    heard();
    silence.heard();
    const lines = linesOf(answer.body);
    for (;;) {
      const { done, value } = await lines.next();
      silence.over();
      if (stopped.aborted) return { type: 'resume' };
      if (done === true) return ofItself(value.tooLong, ports.clock.monotonicMs() - openedAt);
      const ended = await take(following, value);
      if (ended !== null) return ended;
      silence.heard();
    }
  } catch (error) {
    if (silent) return failed(`no line for ${silenceMs} ms`);
    return failed(error instanceof Error ? error.message : String(error));
  } finally {
    silence.over();
    stopped.removeEventListener('abort', stop);
    if (answer?.type === 'stream') answer.destroy();
    opening.abort();
  }
}
