/**
 * Owns: objects as sets of fields, in the notation of `managedFields`: `f:name`, `k:{…}`, `v:…`; and merging one object
 * into another along them.
 */
import { at, isJson, parsed, same, type Json } from '../json.ts';
import type { Kind, Merge } from './kinds.ts';

/** Steps of a path joined by line feeds, which no step contains. */
export type FieldPath = string;

/** What stands for an item of a keyed list itself. */
const present = '.';

/** Fields that no manager owns. */
const unowned: ReadonlySet<string> = new Set([
  'apiVersion',
  'kind',
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
  'metadata.resourceVersion',
  'metadata.generation',
  'metadata.creationTimestamp',
  'metadata.deletionTimestamp',
  'metadata.deletionGracePeriodSeconds',
  'metadata.managedFields',
]);

interface Walk {
  readonly kind: Kind;
  readonly leaf: (path: FieldPath, value: unknown) => void;
}

function mergeOf(kind: Kind, type: string, value: unknown): Merge | 'granular' {
  const stated = kind.merges[type];
  if (stated !== undefined) return stated;
  return Array.isArray(value) ? 'atomic' : 'granular';
}

function keyStep(item: unknown, keys: readonly string[]): string {
  const named = [...keys].sort().flatMap((key): [string, unknown][] => {
    const value = at(item)[key] ?? (key === 'protocol' ? 'TCP' : undefined);
    return value === undefined ? [] : [[key, value]];
  });
  return `k:${JSON.stringify(Object.fromEntries(named))}`;
}

function joined(path: FieldPath, step: string): FieldPath {
  return path === '' ? step : `${path}\n${step}`;
}

function walk(into: Walk, value: unknown, path: FieldPath, type: string): void {
  if (unowned.has(type)) return;
  const merge = mergeOf(into.kind, type, value);
  if (Array.isArray(value) && merge === 'set') {
    for (const item of value) into.leaf(joined(path, `v:${JSON.stringify(item)}`), item);
  } else if (Array.isArray(value) && typeof merge !== 'string') {
    for (const item of value) {
      const here = joined(path, keyStep(item, merge));
      into.leaf(joined(here, present), present);
      walk(into, item, here, `${type}[]`);
    }
  } else if (isJson(value) && merge === 'granular' && (Object.keys(value).length > 0 || type === '')) {
    for (const [key, below] of Object.entries(value))
      walk(into, below, joined(path, `f:${key}`), type === '' ? key : `${type}.${key}`);
  } else if (path !== '' && type !== 'metadata') into.leaf(path, value);
}

/** Every field of an object that a manager could own. */
export function fieldsOf(kind: Kind, object: unknown): ReadonlySet<FieldPath> {
  const found = new Set<FieldPath>();
  walk({ kind, leaf: (path) => found.add(path) }, object, '', '');
  return found;
}

/** What a write changes: fields that are new or have another value, and fields that are gone. */
export interface Difference {
  readonly changed: ReadonlySet<FieldPath>;
  readonly removed: ReadonlySet<FieldPath>;
}

interface Comparing {
  readonly kind: Kind;
  readonly changed: Set<FieldPath>;
  readonly removed: Set<FieldPath>;
}

/** Fields of both sides of one place; most of an object is one and the same on both, and is not looked into. */
function compare(into: Comparing, before: unknown, after: unknown, path: FieldPath, type: string): void {
  if (before === after || unowned.has(type)) return;
  const granular = (value: unknown): value is Json =>
    isJson(value) && mergeOf(into.kind, type, value) === 'granular' && (Object.keys(value).length > 0 || type === '');
  if (granular(before) && granular(after)) {
    for (const key of new Set([...Object.keys(before), ...Object.keys(after)]))
      compare(into, before[key], after[key], joined(path, `f:${key}`), type === '' ? key : `${type}.${key}`);
    return;
  }
  if (same(before, after)) return;
  const [old, now] = [new Map<FieldPath, unknown>(), new Map<FieldPath, unknown>()];
  if (before !== undefined) walk({ kind: into.kind, leaf: (leaf, value) => old.set(leaf, value) }, before, path, type);
  if (after !== undefined) walk({ kind: into.kind, leaf: (leaf, value) => now.set(leaf, value) }, after, path, type);
  for (const [leaf, value] of now) if (!old.has(leaf) || !same(old.get(leaf), value)) into.changed.add(leaf);
  for (const leaf of old.keys()) if (!now.has(leaf)) into.removed.add(leaf);
}

/** The difference between two objects of a kind. */
export function differenceOf(kind: Kind, before: unknown, after: unknown): Difference {
  const into: Comparing = { kind, changed: new Set(), removed: new Set() };
  compare(into, before, after, '', '');
  return into;
}

interface Tree {
  [key: string]: Tree;
}

/** The set as `fieldsV1`. */
export function nested(paths: Iterable<FieldPath>): Json {
  const root: Tree = {};
  for (const path of [...paths].sort()) {
    let here = root;
    for (const step of path.split('\n')) here = here[step] ??= {};
  }
  return root;
}

function mergedItems(live: readonly unknown[], wanted: readonly unknown[], below: MergeBelow): readonly unknown[] {
  const left = new Map(wanted.map((item) => [keyStep(item, below.keys), item]));
  const kept = live.map((item) => {
    const key = keyStep(item, below.keys);
    const change = left.get(key);
    left.delete(key);
    return change === undefined ? item : mergedInto(below.kind, item, change, `${below.type}[]`);
  });
  return [...kept, ...left.values()];
}

interface MergeBelow {
  readonly kind: Kind;
  readonly type: string;
  readonly keys: readonly string[];
}

/** `live` with everything that `wanted` states. */
export function mergedInto(kind: Kind, live: unknown, wanted: unknown, type = ''): unknown {
  const merge = mergeOf(kind, type, wanted);
  if (Array.isArray(live) && Array.isArray(wanted) && merge === 'set')
    return [...live, ...wanted.filter((item) => !live.some((other) => same(other, item)))];
  if (Array.isArray(live) && Array.isArray(wanted) && typeof merge !== 'string')
    return mergedItems(live, wanted, { kind, type, keys: merge });
  if (!isJson(live) || !isJson(wanted) || merge !== 'granular') return wanted;
  const result: Record<string, unknown> = { ...live };
  for (const [key, value] of Object.entries(wanted))
    result[key] = mergedInto(kind, live[key], value, type === '' ? key : `${type}.${key}`);
  return result;
}

function holds(item: unknown, step: string): boolean {
  const wanted = parsed(step.slice(2));
  if (step.startsWith('v:')) return same(item, wanted);
  return Object.entries(at(wanted)).every(([key, value]) =>
    same(at(item)[key] ?? (key === 'protocol' ? 'TCP' : undefined), value),
  );
}

function without(value: unknown, [step = '', ...rest]: readonly string[]): unknown {
  if (Array.isArray(value)) {
    const gone = step.startsWith('v:') || rest[0] === present;
    return gone
      ? value.filter((item) => !holds(item, step))
      : value.map((item: unknown) => (holds(item, step) ? without(item, rest) : item));
  }
  if (!isJson(value)) return value;
  const key = step.slice(2);
  if (!(key in value)) return value;
  const { [key]: child, ...others } = value;
  if (rest.length === 0) return others;
  const left = without(child, rest);
  const empty = isJson(left) ? Object.keys(left).length === 0 : Array.isArray(left) && left.length === 0;
  return empty ? others : { ...value, [key]: left };
}

/** The object without these fields; what becomes empty by it goes too. */
export function pruned(object: unknown, paths: Iterable<FieldPath>): unknown {
  // Items go first: without the fields that are its key an item could not be found any more.
  const ordered = [...paths].sort((one, other) => Number(other.endsWith(present)) - Number(one.endsWith(present)));
  return ordered.reduce<unknown>((here, path) => without(here, path.split('\n')), object);
}
