/**
 * Owns: watches of the simulated API server: changes from a version on, as a selector sees them, bookmarks every minute, an
 * end after the time asked for.
 * Does not own: when a line arrives (`../network.ts`).
 */
import type { ArmedTick } from '#src/ports.ts';
import { at, put, text, type Json } from '../json.ts';
import type { Schedule } from '../schedule.ts';
import { addressed, selects, type Place } from './places.ts';
import { statusReply, type Reply } from './refusals.ts';
import type { ApiServer } from './server.ts';
import type { Change } from './store.ts';

const bookmarkMs = 60_000;
/** So long before its end a watch is told once more where it stands. */
const lastBookmarkMs = 2_000;

export interface WatchSink {
  readonly line: (event: Json) => void;
  readonly end: () => void;
}

export interface Watches {
  /** Opens a watch. @returns how to stop it, or why there is none */
  readonly open: (path: string, query: Readonly<Record<string, string>>, sink: WatchSink) => (() => void) | Reply;
  /** Ends every watch, as a restart of the server does. */
  readonly endAll: () => void;
}

/** How a change looks through a selector: taking a label off is a deletion to those who select by it. */
function seenAs(change: Change, place: Place, query: Readonly<Record<string, string>>): Json | null {
  if (change.kind !== place.kind) return null;
  if (place.namespace !== null && text(change.object, 'metadata', 'namespace') !== place.namespace) return null;
  const before = change.before !== null && selects(query, change.before);
  const now = change.type !== 'DELETED' && selects(query, change.object);
  if (!before && !now) return null;
  const type = now ? (before ? 'MODIFIED' : 'ADDED') : 'DELETED';
  if (type !== 'DELETED' || change.type === 'DELETED' || change.before === null) return { type, object: change.object };
  // The last state that was selected, under the version of the change that ended it.
  const resourceVersion = at(change.object, 'metadata')['resourceVersion'];
  return { type, object: put(change.before, ['metadata'], { resourceVersion }) };
}

function bookmark({ kind }: Place, version: number): Json {
  const metadata = { resourceVersion: String(version) };
  return { type: 'BOOKMARK', object: { kind: kind.kind, apiVersion: kind.apiVersion, metadata } };
}

interface Open {
  readonly place: Place;
  readonly query: Readonly<Record<string, string>>;
  readonly sink: WatchSink;
  ticks: readonly ArmedTick[];
}

/** Watches over the changes of a server. */
export function makeWatches(api: ApiServer, schedule: Schedule): Watches {
  const open = new Set<Open>();
  const tell = (watch: Open, change: Change): void => {
    const event = seenAs(change, watch.place, watch.query);
    if (event !== null) watch.sink.line(event);
  };
  api.store.onChange((change) => {
    for (const watch of open) tell(watch, change);
  });

  function additions({ kind, namespace }: Place): readonly Change[] {
    const version = api.store.version();
    return api.store
      .list(kind, namespace)
      .map(({ object }): Change => ({ version, type: 'ADDED', kind, object, before: null }));
  }

  function close(watch: Open): void {
    for (const tick of watch.ticks) tick.cancel();
    open.delete(watch);
  }

  function arm(watch: Open): void {
    const seconds = Number(watch.query['timeoutSeconds'] ?? '1800');
    const over = schedule.after(seconds * 1000, () => {
      close(watch);
      watch.sink.end();
    });
    if (watch.query['allowWatchBookmarks'] !== 'true') {
      watch.ticks = [over];
      return;
    }
    const lastMs = schedule.elapsedMs() + seconds * 1000 - lastBookmarkMs;
    const next = (): readonly ArmedTick[] => {
      const leftMs = lastMs - schedule.elapsedMs();
      return leftMs <= 0 ? [over] : [over, schedule.after(Math.min(bookmarkMs, leftMs), mark)];
    };
    const mark = (): void => {
      watch.sink.line(bookmark(watch.place, api.store.version()));
      watch.ticks = next();
    };
    watch.ticks = next();
  }

  return {
    open: (path, query, sink) => {
      const place = addressed(api.kinds, path);
      if (place === null || place.name !== null) return statusReply(404, 'NotFound', 'nothing to watch there');
      const watch: Open = { place, query, sink, ticks: [] };
      const from = Number(query['resourceVersion'] ?? '0');
      // From nowhere in particular: what there is comes first, as additions.
      const missed = from === 0 ? additions(place) : api.store.since(from);
      if (missed === null) {
        sink.line({ type: 'ERROR', object: statusReply(410, 'Expired', 'too old resource version').body });
        sink.end();
        return () => undefined;
      }
      for (const change of missed) tell(watch, change);
      open.add(watch);
      arm(watch);
      return () => close(watch);
    },
    endAll: () => {
      for (const watch of [...open]) {
        close(watch);
        watch.sink.end();
      }
    },
  };
}
