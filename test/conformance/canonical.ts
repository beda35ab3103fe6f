/**
 * Owns: one form for answers of different servers: what each server chooses for itself (uids, versions, times, addresses,
 * tokens) is numbered in the order in which it first appears, so that equal histories are equal text and a version that
 * should not have moved is seen.
 */
import { at, isJson, list, stable, text, type Json } from '#src/sim/json.ts';
import type { Reply } from './sides.ts';

/** Times that are set by the server. */
const times: ReadonlySet<string> = new Set(['creationTimestamp', 'deletionTimestamp', 'time', 'lastTransitionTime']);
const uuid = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;
const address = /\b10\.96\.\d+\.\d+\b/g;

/** Names for what is chosen, in the order of its first appearance. */
interface Numbering {
  readonly name: (kind: string, value: string) => string;
}

function makeNumbering(): Numbering {
  const names = new Map<string, string>();
  const counts = new Map<string, number>();
  return {
    name: (kind, value) => {
      const key = `${kind}/${value}`;
      const known = names.get(key);
      if (known !== undefined) return known;
      const next = (counts.get(kind) ?? 0) + 1;
      counts.set(kind, next);
      names.set(key, `${kind}-${next}`);
      return `${kind}-${next}`;
    },
  };
}

function managerOrder(one: unknown, other: unknown): number {
  const key = (entry: unknown): string =>
    ['manager', 'operation', 'subresource', 'apiVersion'].map((field) => text(entry, field)).join('/');
  return key(one) < key(other) ? -1 : 1;
}

export interface Canonical {
  /** An answer in canonical form. */
  readonly reply: (reply: Reply) => Json;
  /** An event of a watch in canonical form. */
  readonly event: (event: unknown) => Json;
}

/** The canonical form for all answers of one server within one sequence. */
export function makeCanonical(): Canonical {
  const numbering = makeNumbering();

  function masked(value: unknown, key: string, path: string): unknown {
    if (typeof value === 'string') {
      if (times.has(key)) return 'time';
      if (key === 'resourceVersion') return numbering.name('version', value);
      if (key === 'continue') return 'token';
      if (key === 'message')
        return value
          .replace(/too old resource version: \d+ \(\d+\)/, 'too old resource version')
          .replaceAll(uuid, 'uid')
          .replace(/(failed to create typed patch object)[^]*/, '$1')
          .replace(/(StorageError: invalid object).*/, '$1')
          .replace(/(Apply failed with \d+ conflicts?): [^]*/, '$1')
          .replace(/the ResourceVersion in the precondition \(\d+\)(.*) in record \(\d+\)/, '$1');
      return value;
    }
    if (key === 'managedFields' && Array.isArray(value))
      return [...value].sort(managerOrder).map((entry) => masked(entry, '', path));
    if (Array.isArray(value)) return value.map((item) => masked(item, '', `${path}[]`));
    if (!isJson(value)) return value;
    if (Array.isArray(value['causes']))
      return masked(
        {
          ...value,
          causes: undefined,
          'causes, in any order': value['causes'].map((each) => stable(masked(each, '', path))).sort(),
        },
        key,
        path,
      );
    return Object.fromEntries(
      Object.keys(value)
        .sort()
        .map((name) => [name, masked(value[name], name, `${path}.${name}`)]),
    );
  }

  /** Numbers uids in an order that does not follow from the uids themselves, as that of keys in field sets would. */
  function meet(object: unknown): void {
    for (const one of [at(object, 'metadata'), ...list(object, 'metadata', 'ownerReferences')])
      if (text(one, 'uid') !== '') numbering.name('uid', text(one, 'uid'));
  }

  function named(value: unknown): unknown {
    for (const object of [value, at(value)['object'], ...list(value, 'items')]) meet(object);
    const whole = stable(value)
      .replaceAll(uuid, (found) => numbering.name('uid', found))
      .replaceAll(address, (found) => numbering.name('address', found));
    return JSON.parse(whole) as unknown;
  }

  function body(value: unknown): unknown {
    if (!text(value, 'kind').endsWith('List') || !Array.isArray(at(value)['items']))
      return named(masked(value, '', ''));
    // The version of a list is that of the whole server, on which others write too.
    const { resourceVersion: _version, continue: token, ...rest } = at(value, 'metadata');
    // Some lists spell out that there is no further page.
    const metadata = token === undefined || token === '' ? rest : { ...rest, continue: token };
    return named(masked({ ...at(value), metadata, items: list(value, 'items') }, '', ''));
  }

  return {
    reply: (reply) => ({ status: reply.status, body: body(reply.body) }),
    event: (event) => {
      if (text(event, 'type') === 'BOOKMARK') {
        const object = {
          ...at(event, 'object'),
          metadata: { ...at(event, 'object', 'metadata'), resourceVersion: '' },
        };
        return at(named({ type: 'BOOKMARK', object }));
      }
      return at(named(masked(event, '', '')));
    },
  };
}
