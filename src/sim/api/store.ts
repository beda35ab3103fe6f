/**
 * Owns: what etcd would hold: every object at one version, one growing number of versions, and the changes since the last
 * compaction, in order.
 * I1. An object in here is never changed; a write puts another one in its place.
 */
import { at, text, type Json } from '../json.ts';
import type { Kind } from './kinds.ts';
import type { Manager } from './managers.ts';

export interface Entry {
  readonly kind: Kind;
  readonly object: Json;
  readonly managers: readonly Manager[];
  /** Its next write is one, even if it changes nothing. */
  readonly unsettled?: boolean;
}

export interface Change {
  readonly version: number;
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly kind: Kind;
  /** After the change; the last state of what was deleted, under the version of its deletion. */
  readonly object: Json;
  readonly before: Json | null;
}

export interface Store {
  readonly get: (kind: Kind, namespace: string, name: string) => Entry | null;
  /** Entries of a kind, of one namespace or of all (null), in the order of their keys. */
  readonly list: (kind: Kind, namespace: string | null) => readonly Entry[];
  /** Puts an object in; its version is given here. */
  readonly put: (entry: Entry) => Json;
  readonly remove: (entry: Entry) => Json;
  readonly version: () => number;
  /** Changes after a version; null when they were compacted away. */
  readonly since: (version: number) => readonly Change[] | null;
  /** Forgets changes up to a version, as etcd does after five minutes. */
  readonly compact: (version: number) => void;
  /** Puts the store back to these entries and this version, as a restored etcd does; its history is forgotten. */
  readonly rewind: (entries: readonly Entry[], version: number) => void;
  readonly onChange: (listener: (change: Change) => void) => void;
}

export function nameOf(object: unknown): string {
  return text(object, 'metadata', 'name');
}

export function namespaceOf(object: unknown): string {
  return text(object, 'metadata', 'namespace');
}

export function uidOf(object: unknown): string {
  return text(object, 'metadata', 'uid');
}

function keyOf(namespace: string, name: string): string {
  return `${namespace}/${name}`;
}

function keyOfObject(object: Json): string {
  return keyOf(namespaceOf(object), nameOf(object));
}

/** What is different between two sets of entries, as changes from the first to the second. */
function differences(before: readonly Entry[], after: readonly Entry[]): readonly Omit<Change, 'version'>[] {
  const keyed = (entries: readonly Entry[]): ReadonlyMap<string, Json> =>
    new Map(entries.map(({ kind, object }) => [`${kind.kind}/${keyOfObject(object)}`, object]));
  const [old, now] = [keyed(before), keyed(after)];
  const goneOrChanged = before.flatMap(({ kind, object }): Omit<Change, 'version'>[] => {
    const found = now.get(`${kind.kind}/${keyOfObject(object)}`);
    if (found === undefined) return [{ type: 'DELETED', kind, object, before: object }];
    return found === object ? [] : [{ type: 'MODIFIED', kind, object: found, before: object }];
  });
  const added = after
    .filter(({ kind, object }) => !old.has(`${kind.kind}/${keyOfObject(object)}`))
    .map(({ kind, object }) => ({ type: 'ADDED', kind, object, before: null }) as const);
  return [...goneOrChanged, ...added];
}

/** An empty store. */
export function makeStore(): Store {
  const kinds = new Map<string, Map<string, Entry>>();
  /** Entries in the order of their keys, by kind, until one of the kind is written. */
  const ordered = new Map<string, readonly Entry[]>();
  const listeners: ((change: Change) => void)[] = [];
  let changes: Change[] = [];
  let compacted = 0;
  let version = 100;

  const of = (kind: Kind): Map<string, Entry> => {
    const entries = kinds.get(kind.kind) ?? new Map<string, Entry>();
    kinds.set(kind.kind, entries);
    return entries;
  };

  function orderedOf(kind: Kind): readonly Entry[] {
    const known = ordered.get(kind.kind);
    if (known !== undefined) return known;
    const entries = [...of(kind)].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, entry]) => entry);
    ordered.set(kind.kind, entries);
    return entries;
  }

  function versioned(object: Json): Json {
    version += 1;
    return { ...object, metadata: { ...at(object, 'metadata'), resourceVersion: String(version) } };
  }

  function tell(change: Omit<Change, 'version'>): Json {
    const whole = { version, ...change };
    changes.push(whole);
    for (const listener of listeners) listener(whole);
    return change.object;
  }

  return {
    get: (kind, namespace, name) => of(kind).get(keyOf(namespace, name)) ?? null,
    list: (kind, namespace) => {
      const all = orderedOf(kind);
      return namespace === null ? all : all.filter(({ object }) => namespaceOf(object) === namespace);
    },
    put: (entry) => {
      const { kind } = entry;
      const key = keyOfObject(entry.object);
      const before = of(kind).get(key)?.object ?? null;
      const object = versioned(entry.object);
      of(kind).set(key, { ...entry, object });
      ordered.delete(kind.kind);
      return tell({ type: before === null ? 'ADDED' : 'MODIFIED', kind, object, before });
    },
    remove: ({ kind, object: before }) => {
      of(kind).delete(keyOfObject(before));
      ordered.delete(kind.kind);
      return tell({ type: 'DELETED', kind, object: versioned(before), before });
    },
    version: () => version,
    since: (from) => (from < compacted ? null : changes.filter((change) => change.version > from)),
    compact: (until) => {
      compacted = Math.max(compacted, until);
      changes = changes.filter((change) => change.version > compacted);
    },
    rewind: (entries, to) => {
      const before = [...kinds.values()].flatMap((each) => [...each.values()]);
      kinds.clear();
      ordered.clear();
      for (const entry of entries) of(entry.kind).set(keyOfObject(entry.object), entry);
      version = to;
      compacted = to;
      // Whoever acts on the store is told what is different; nobody hears of it through a watch.
      for (const change of differences(before, entries)) tell(change);
      changes = [];
    },
    onChange: (listener) => void listeners.push(listener),
  };
}
