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
  const collection = `${kind.root}${kind.namespaced ? `/namespaces/${namespace}` : ''}/${kind.resource}`;
  return name === null ? collection : `${collection}/${name}`;
}

/** Whether all labels of `wanted` are on the object. */
export function bears(object: unknown, wanted: Readonly<Record<string, unknown>>): boolean {
  const labels = at(object, 'metadata', 'labels');
  return Object.entries(wanted).every(([key, value]) => labels[key] === value);
}

type Term = (values: Readonly<Record<string, unknown>>) => boolean;

/** One term of a selector: `a=b`, `a==b`, `a!=b`, `a in (b,c)`, `a notin (b,c)`, `a`, `!a`. */
function termOf(term: string): Term {
  const [, listed = '', word, within = ''] = /^(\S+)\s+(in|notin)\s*\(([^)]*)\)$/.exec(term) ?? [];
  if (word !== undefined) {
    const wanted = within.split(',').map((each) => each.trim());
    return (values) => wanted.includes(String(values[listed] ?? '')) === (word === 'in');
  }
  const [, key = '', sign, value = ''] = /^([^=!]+?)\s*(==?|!=)\s*(.*)$/.exec(term) ?? [];
  if (sign !== undefined) return (values) => ((values[key] ?? '') === value) === (sign !== '!=');
  return term.startsWith('!') ? (values) => !(term.slice(1).trim() in values) : (values) => term in values;
}

const parsedSelectors = new Map<string, readonly Term[]>();

/** Terms of a selector; the same few are asked for again and again. */
function termsOf(selector: string): readonly Term[] {
  const known = parsedSelectors.get(selector);
  if (known !== undefined) return known;
  const terms = selector.split(/,(?![^(]*\))/).flatMap((term) => (term.trim() === '' ? [] : [termOf(term.trim())]));
  parsedSelectors.set(selector, terms);
  return terms;
}

/** Fields at dotted paths, as a selector asks for them. */
function fieldsOf(object: unknown): Readonly<Record<string, unknown>> {
  return new Proxy({}, { get: (_none, path) => text(object, ...String(path).split('.')) });
}

/** Whether a query's label and field selectors take the object. */
export function selects(query: Readonly<Record<string, string>>, object: unknown): boolean {
  const { labelSelector = '', fieldSelector = '' } = query;
  if (labelSelector !== '' && !termsOf(labelSelector).every((term) => term(at(object, 'metadata', 'labels'))))
    return false;
  return fieldSelector === '' || termsOf(fieldSelector).every((term) => term(fieldsOf(object)));
}
