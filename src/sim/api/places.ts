/** Owns: what a path and a query name: kind, namespace, object, subresource; and which objects a selector takes. */
import { at, text } from '../json.ts';
import type { Kind } from './kinds.ts';

export interface Place {
  readonly kind: Kind;
  readonly namespace: string | null;
  readonly name: string | null;
  readonly subresource: string;
}

/** The place of a path; null when nothing is served there. */
export function addressed(kinds: readonly Kind[], path: string): Place | null {
  const parts =
    /^(\/api\/v1|\/apis\/[^/]+\/[^/]+)(?:\/namespaces\/([^/]+))?\/([^/]+)(?:\/([^/]+))?(?:\/([^/]+))?$/.exec(path);
  if (parts === null) return null;
  const [, root, namespace, resource, name, subresource = ''] = parts;
  const kind = kinds.find((each) => each.root === root && each.resource === resource);
  if (kind === undefined || (subresource !== '' && !(subresource === 'status' && kind.hasStatus))) return null;
  return {
    kind,
    namespace: namespace === undefined ? null : decodeURIComponent(namespace),
    name: name === undefined ? null : decodeURIComponent(name),
    subresource,
  };
}

/** Where an object lives. */
export function pathOf(kind: Kind, namespace: string, name: string | null): string {
  const collection = `${kind.root}/namespaces/${namespace}/${kind.resource}`;
  return name === null ? collection : `${collection}/${name}`;
}

/** Whether all labels of `wanted` are on the object. */
export function bears(object: unknown, wanted: Readonly<Record<string, unknown>>): boolean {
  const labels = at(object, 'metadata', 'labels');
  return Object.entries(wanted).every(([key, value]) => labels[key] === value);
}

/** Whether a query's label and field selectors take the object; `key=value` terms are all there is. */
export function selects(query: Readonly<Record<string, string>>, object: unknown): boolean {
  const terms = (selector: string | undefined): [string, string][] =>
    (selector ?? '')
      .split(',')
      .filter((term) => term !== '')
      .map((term): [string, string] => [term.slice(0, term.indexOf('=')), term.slice(term.indexOf('=') + 1)]);
  const fields = terms(query['fieldSelector']).every(([path, value]) => text(object, ...path.split('.')) === value);
  return fields && bears(object, Object.fromEntries(terms(query['labelSelector'])));
}
