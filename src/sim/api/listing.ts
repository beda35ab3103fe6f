/** Owns: the verb list: selectors, and pages that all show the moment of the first. */
import { number, parsed, text, type Json } from '../json.ts';
import type { ApiRequest, Server } from './context.ts';
import { selects, type Place } from './places.ts';
import { Refusal } from './refusals.ts';
import { nameOf, namespaceOf } from './store.ts';

interface Keyed {
  readonly key: string;
  readonly object: Json;
}

function keyed(object: Json): Keyed {
  return { key: `${namespaceOf(object)}/${nameOf(object)}`, object };
}

/** A collection as it was at a version. @throws Refusal when that is compacted away */
function asOf({ store }: Server, { kind, namespace }: Place, version: number): readonly Keyed[] {
  const now = store.list(kind, namespace).map(({ object }) => keyed(object));
  if (version === store.version()) return now;
  const since = store.since(version);
  if (since === null)
    throw new Refusal(
      410,
      'Expired',
      'The provided continue parameter is too old to display a consistent list result.',
    );
  const then = new Map(now.map((each) => [each.key, each]));
  for (const change of [...since].reverse()) {
    const { key } = keyed(change.object);
    if (change.kind !== kind || (namespace !== null && namespaceOf(change.object) !== namespace)) continue;
    if (change.before === null) then.delete(key);
    else then.set(key, { key, object: change.before });
  }
  return [...then.values()].sort((one, other) => (one.key < other.key ? -1 : 1));
}

/** A page of a collection. */
export function listed(server: Server, { query }: ApiRequest, place: Place): Json {
  const { kind } = place;
  const token = parsed(query['continue'] ?? null);
  const after = text(token, 'after');
  const version = number(token, server.store.version(), 'version');
  const name = /(?:^|,)metadata\.name==?([^,]+)/.exec(query['fieldSelector'] ?? '')?.[1];
  const all = asOf(server, place, version).filter(
    ({ key, object }) => (after === '' || key > after) && (name === undefined || nameOf(object) === name),
  );
  const limit = Number(query['limit'] ?? Infinity);
  const page = all.filter(({ object }) => selects(query, object)).slice(0, limit);
  const last = page.at(-1)?.key ?? '';
  // A page that is full may be followed by an empty one: nobody looked whether the selector takes what is left.
  const left = page.length < limit ? 0 : all.filter(({ key }) => key > last).length;
  const selected = 'labelSelector' in query || 'fieldSelector' in query;
  const more =
    left === 0
      ? {}
      : {
          continue: JSON.stringify({ after: last, version }),
          // How many of them a selector would take, the server does not know.
          ...(selected ? {} : { remainingItemCount: left }),
        };
  return {
    kind: `${kind.kind}List`,
    apiVersion: kind.apiVersion,
    metadata: { resourceVersion: String(version), ...more },
    // Items of built-in kinds do not say what they are; those of custom resources do.
    items: page.map(({ object }) => {
      if (kind.schema !== null) return object;
      const { kind: _kind, apiVersion: _apiVersion, ...rest } = object;
      return rest;
    }),
  };
}
