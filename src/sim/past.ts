/**
 * Owns: what the store was: every entry at every version since recording began, compaction or not. A view of it answers
 * reads as an API server would that stands still at that version, and catches up when it is let go.
 */
import { addressed } from './api/places.ts';
import { statusReply, type Reply } from './api/refusals.ts';
import type { ApiRequest, ApiServer } from './api/server.ts';
import { nameOf, namespaceOf, type Entry, type Store } from './api/store.ts';

/** A server that stands still, as one process sees it. */
export interface View {
  readonly version: number;
  /** Whether what is asked for there comes from the past. */
  readonly covers: (path: string) => boolean;
  readonly answer: (request: ApiRequest) => Reply;
  /** Runs once the view is let go; at once when it was. */
  readonly onThaw: (run: () => void) => void;
}

export interface Past {
  /** Every entry as it was at a version. */
  readonly entries: (version: number) => readonly Entry[];
  /** A view that stands still until `thaw`. No resources: all of them. */
  readonly freeze: (
    version: number,
    resources: readonly string[],
  ) => { readonly view: View; readonly thaw: () => void };
}

interface Written {
  readonly version: number;
  readonly key: string;
  readonly entry: Entry | null;
}

function keyOf({ kind, object }: Pick<Entry, 'kind' | 'object'>): string {
  return `${kind.kind}/${namespaceOf(object)}/${nameOf(object)}`;
}

/** A store of these entries that is only read. */
function storeOf(all: readonly Entry[], version: number): Store {
  const never = (): never => {
    throw new Error('nothing is written into the past');
  };
  return {
    get: (kind, namespace, name) =>
      all.find(
        ({ kind: each, object }) =>
          each.kind === kind.kind && namespaceOf(object) === namespace && nameOf(object) === name,
      ) ?? null,
    list: (kind, namespace) =>
      all.filter(
        (each) => each.kind.kind === kind.kind && (namespace ?? namespaceOf(each.object)) === namespaceOf(each.object),
      ),
    version: () => version,
    since: () => [],
    put: never,
    remove: never,
    rewind: never,
    compact: never,
    onChange: never,
  };
}

/** A view of the API server as it answers over a store of the past. */
function frozenView(api: ApiServer, store: Store, resources: readonly string[]): ReturnType<Past['freeze']> {
  const version = store.version();
  const answer = api.over(store);
  let waiting: (() => void)[] | null = [];
  const view: View = {
    version,
    covers: (path) => {
      const place = addressed(api.kinds, path);
      return place !== null && (resources.length === 0 || resources.includes(place.kind.resource));
    },
    answer: (request) => {
      const since = Number(request.query['resourceVersion'] ?? '0');
      return since > version
        ? statusReply(504, 'Timeout', `Too large resource version: ${since}, current: ${version}`, 1_000)
        : answer(request);
    },
    onThaw: (run) => {
      if (waiting === null) run();
      else waiting.push(run);
    },
  };
  return {
    view,
    thaw: () => {
      const all = waiting ?? [];
      waiting = null;
      for (const run of all) run();
    },
  };
}

/** Begins to record a store. */
export function recordPast(api: ApiServer): Past {
  const { store } = api;
  const written: Written[] = [];
  store.onChange(({ type, kind, object }) => {
    const managers = store.get(kind, namespaceOf(object), nameOf(object))?.managers ?? [];
    const entry = type === 'DELETED' ? null : { kind, object, managers };
    written.push({ version: store.version(), key: keyOf({ kind, object }), entry });
  });

  function entries(version: number): readonly Entry[] {
    const found = new Map<string, Entry>();
    for (const { version: when, key, entry } of written) {
      if (when > version) continue;
      if (entry === null) found.delete(key);
      else found.set(key, entry);
    }
    return [...found.entries()].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, entry]) => entry);
  }

  return {
    entries,
    freeze: (version, resources) => frozenView(api, storeOf(entries(version), version), resources),
  };
}
