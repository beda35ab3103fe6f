/**
 * Owns: objects as sets of fields, in the notation of `managedFields`: `f:name`, `k:{…}`, `v:…`; and merging one object
 * into another along them.
 */
import { at, isJson, same, type Json } from '../json.ts';
import type { Kind, Merge } from './kinds.ts';

/** Steps of a path joined by line feeds, which no step contains. */
export type FieldPath = string;

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
  'metadata.managedFields',
]);

interface Walk {
  readonly kind: Kind;
  readonly member: (path: FieldPath) => void;
}

function mergeOf(kind: Kind, type: string, value: unknown): Merge | 'granular' {
  const stated = kind.merges[type];
  if (stated !== undefined) return stated;
  return Array.isArray(value) ? 'atomic' : 'granular';
}

/** Steps of items that never change, by the keys they are found by. */
const steps = new WeakMap<readonly string[], WeakMap<object, string>>();

function keyStep(item: unknown, keys: readonly string[]): string {
  if (typeof item !== 'object' || item === null) return spelledStep(item, keys);
  let known = steps.get(keys);
  if (known === undefined) steps.set(keys, (known = new WeakMap()));
  let step = known.get(item);
  if (step === undefined) known.set(item, (step = spelledStep(item, keys)));
  return step;
}

function spelledStep(item: unknown, keys: readonly string[]): string {
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
    for (const item of value) into.member(joined(path, `v:${JSON.stringify(item)}`));
  } else if (Array.isArray(value) && typeof merge !== 'string') {
    for (const item of value) {
      const here = joined(path, keyStep(item, merge));
      into.member(here);
      if (mergeOf(into.kind, `${type}[]`, item) === 'granular') walk(into, item, here, `${type}[]`);
    }
  } else if (isJson(value) && merge === 'granular' && (Object.keys(value).length > 0 || type === '')) {
    for (const [key, below] of Object.entries(value))
      walk(into, below, joined(path, `f:${key}`), type === '' ? key : `${type}.${key}`);
  } else if (path !== '') into.member(path);
}

/** Every field of an object that a manager owns who states it. */
export function fieldsOf(kind: Kind, object: unknown): ReadonlySet<FieldPath> {
  const found = new Set<FieldPath>();
  walk({ kind, member: (path) => found.add(path) }, object, '', '');
  return found;
}

/** What a write changes: fields that are new or have another value, and fields that are gone; maps and lists among them. */
export interface Difference {
  readonly changed: ReadonlySet<FieldPath>;
  readonly removed: ReadonlySet<FieldPath>;
}

interface Comparing {
  readonly kind: Kind;
  readonly changed: Set<FieldPath>;
  readonly removed: Set<FieldPath>;
}

/** The children of a list by their steps; null when it is one value. */
function childrenOf(value: unknown, merge: Merge | 'granular'): ReadonlyMap<string, unknown> | null {
  if (merge === 'atomic') return null;
  if (isJson(value)) return new Map(Object.entries(value).map(([key, below]) => [`f:${key}`, below]));
  if (!Array.isArray(value)) return null;
  if (merge === 'set') return new Map(value.map((item: unknown) => [`v:${JSON.stringify(item)}`, item]));
  return typeof merge === 'string' ? null : new Map(value.map((item: unknown) => [keyStep(item, merge), item]));
}

function typeBelow(type: string, step: string): string {
  if (!step.startsWith('f:')) return `${type}[]`;
  return type === '' ? step.slice(2) : `${type}.${step.slice(2)}`;
}

function isNothing(value: unknown): boolean {
  if (value === undefined || value === null) return true;
  return typeof value === 'object' && Object.keys(value).length === 0;
}

/** Fields of a map that is on both sides. */
function compareMaps(into: Comparing, before: Json, after: Json, path: FieldPath, type: string): void {
  const below = (key: string): void => {
    const [one, other] = [before[key], after[key]];
    if (one !== other) compare(into, one, other, joined(path, `f:${key}`), type === '' ? key : `${type}.${key}`);
  };
  for (const key of Object.keys(after)) below(key);
  for (const key of Object.keys(before)) if (!(key in after)) below(key);
}

/** Fields of both sides of one place; most of an object is one and the same on both, and is not looked into. */
function compare(into: Comparing, before: unknown, after: unknown, path: FieldPath, type: string): void {
  if (before === after || unowned.has(type)) return;
  const merge = mergeOf(into.kind, type, before ?? after);
  if (merge !== 'atomic' && isJson(before) && isJson(after) && !(isNothing(before) && isNothing(after)))
    return compareMaps(into, before, after, path, type);
  const [old, now] = [childrenOf(before, merge), childrenOf(after, merge)];
  const isEmpty = isNothing(before) && isNothing(after);
  if ((!isNothing(before) && old === null) || (!isNothing(after) && now === null) || isEmpty) {
    const isThere = path !== '' && !(isEmpty && into.kind.structs.has(type));
    if (isThere && before === undefined) into.changed.add(path);
    else if (isThere && after === undefined) into.removed.add(path);
    else if (isThere && !same(before, after)) into.changed.add(path);
    return;
  }
  if (!into.kind.structs.has(type) && path !== '') {
    if (before === undefined) into.changed.add(path);
    if (after === undefined) into.removed.add(path);
  }
  for (const [step, below] of now ?? [])
    compare(into, old?.get(step), below, joined(path, step), typeBelow(type, step));
  for (const [step, below] of old ?? [])
    if (now?.has(step) !== true) compare(into, below, undefined, joined(path, step), typeBelow(type, step));
}

/** The difference between two objects of a kind. */
export function differenceOf(kind: Kind, before: unknown, after: unknown): Difference {
  const into: Comparing = { kind, changed: new Set(), removed: new Set() };
  compare(into, before, after, '', '');
  return into;
}

interface Node {
  readonly children: Map<string, Node>;
  isMember: boolean;
}

function spelled({ children, isMember }: Node): Json {
  const below = [...children].map(([step, child]): [string, Json] => [step, spelled(child)]);
  return Object.fromEntries(isMember && below.length > 0 ? [['.', {}], ...below] : below);
}

/** Sets that were spelled before: most writes leave the set of most managers as it is. */
const known = new WeakMap<ReadonlySet<FieldPath>, Json>();

/** The set as `fieldsV1`. */
export function nested(paths: ReadonlySet<FieldPath>): Json {
  const before = known.get(paths);
  if (before !== undefined) return before;
  const made = nestedAnew(paths);
  known.set(paths, made);
  return made;
}

function nestedAnew(paths: ReadonlySet<FieldPath>): Json {
  const root: Node = { children: new Map(), isMember: false };
  for (const path of [...paths].sort()) {
    let here = root;
    for (const step of path.split('\n')) {
      const child = here.children.get(step) ?? { children: new Map<string, Node>(), isMember: false };
      here.children.set(step, child);
      here = child;
    }
    here.isMember = true;
  }
  return spelled(root);
}

interface Lists {
  readonly live: readonly unknown[];
  readonly wanted: readonly unknown[];
  readonly stepOf: (item: unknown) => string;
  readonly merge: (live: unknown, wanted: unknown) => unknown;
}

/**
 * Items of both lists, in the order of `wanted`; what only `live` has keeps its place before what it stood before, as far as
 * the two orders allow it.
 */
function mergedItems({ live, wanted, stepOf, merge }: Lists): readonly unknown[] {
  const [left, right] = [live.map(stepOf), wanted.map(stepOf)];
  const shared = right.filter((step) => left.includes(step));
  const taken = new Set<string>();
  const out: unknown[] = [];
  let [here, there] = [0, 0];
  const take = (step: string): void => {
    taken.add(step);
    if (shared[0] === step) shared.shift();
    const before = live[left.indexOf(step)];
    out.push(before === undefined ? wanted[there] : merge(before, wanted[there]));
    there += 1;
  };
  while (here < live.length || there < wanted.length) {
    const [mine, theirs] = [left[here], right[there]];
    if (mine !== undefined && mine === theirs) {
      take(mine);
      here += 1;
    } else if (mine !== undefined && !right.includes(mine)) {
      out.push(live[here]);
      here += 1;
    } else if (
      mine !== undefined &&
      (taken.has(mine) || (theirs !== undefined && shared[0] !== undefined && shared[0] !== mine))
    )
      here += 1;
    else if (theirs !== undefined) take(theirs);
  }
  return out;
}

function unlessSame(live: readonly unknown[], items: readonly unknown[]): readonly unknown[] {
  return items.length === live.length && items.every((item, index) => item === live[index]) ? live : items;
}

/** `live` with everything that `wanted` states; what stays as it was is the very same. */
export function mergedInto(kind: Kind, live: unknown, wanted: unknown, type = ''): unknown {
  const merge = mergeOf(kind, type, wanted);
  if (Array.isArray(live) && Array.isArray(wanted) && merge === 'set')
    return unlessSame(live, mergedItems({ live, wanted, stepOf: JSON.stringify, merge: (item) => item }));
  if (Array.isArray(live) && Array.isArray(wanted) && typeof merge !== 'string')
    return unlessSame(
      live,
      mergedItems({
        live,
        wanted,
        stepOf: (item) => keyStep(item, merge),
        merge: (item, change) => mergedInto(kind, item, change, `${type}[]`),
      }),
    );
  if (!isJson(live) || !isJson(wanted) || merge !== 'granular') return same(live, wanted) ? live : wanted;
  let result: Record<string, unknown> | null = null;
  for (const key of Object.keys(wanted)) {
    const after = mergedInto(kind, live[key], wanted[key], type === '' ? key : `${type}.${key}`);
    if (key in live && after === live[key]) continue;
    result ??= { ...live };
    result[key] = after;
  }
  return result ?? live;
}
