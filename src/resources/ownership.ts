/**
 * Owns: what a live object's `managedFields` say: the values our apply manager owns, and what foreign managers added.
 * Pure; the door uses it on what is watched, the executor on what an apply answered, so both speak of the same thing.
 * Invariant: API-server defaulting has no manager, so it can never look like drift.
 */
import { isObject } from '#machines/shared/json.ts';
import { annotations, fieldManagers } from '#machines/shared/names.ts';
import type { ForeignPath } from '#machines/cluster/observations.ts';
import { sha256 } from '#src/decision/hash.ts';

/** A node of FieldsV1: keys `f:name`, `k:{…}`, `v:…`, `i:n` and `.`. */
type FieldSet = { readonly [key: string]: FieldSet };

interface ManagedEntry {
  readonly manager: string;
  readonly operation: string;
  readonly subresource: string | null;
  readonly fields: FieldSet;
}

function isFieldSet(value: unknown): value is FieldSet {
  return isObject(value) && Object.values(value).every(isFieldSet);
}

function entriesOf(object: unknown): readonly ManagedEntry[] {
  const metadata = isObject(object) ? object['metadata'] : undefined;
  const managed = isObject(metadata) ? metadata['managedFields'] : undefined;
  if (!Array.isArray(managed)) return [];
  return managed.flatMap((entry: unknown): ManagedEntry[] => {
    if (!isObject(entry) || !isFieldSet(entry['fieldsV1'])) return [];
    const subresource = entry['subresource'];
    return [
      {
        manager: String(entry['manager'] ?? ''),
        operation: String(entry['operation'] ?? ''),
        subresource: typeof subresource === 'string' && subresource !== '' ? subresource : null,
        fields: entry['fieldsV1'],
      },
    ];
  });
}

/** JSON with sorted keys: equal values are equal text whatever order the server chose. */
function stableText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(stableText).join(',')}]`;
  if (!isObject(value)) return JSON.stringify(value) ?? 'null';
  const parts = Object.keys(value)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${stableText(value[key])}`);
  return `{${parts.join(',')}}`;
}

function matches(item: unknown, keys: unknown): boolean {
  if (!isObject(item) || !isObject(keys)) return false;
  return Object.entries(keys).every(([key, value]) => stableText(item[key]) === stableText(value));
}

interface Child {
  readonly value: unknown;
  /** Step of a JSON pointer, unescaped. */
  readonly step: string;
}

/** The part of `live` that one key of a field set names; null when it is not there. */
function childOf(live: unknown, key: string): Child | null {
  const rest = key.slice(2);
  if (key.startsWith('f:')) {
    return isObject(live) && rest in live ? { value: live[rest], step: rest } : null;
  }
  if (!Array.isArray(live)) return null;
  const wanted: unknown = JSON.parse(rest);
  const index = key.startsWith('k:')
    ? live.findIndex((item) => matches(item, wanted))
    : key.startsWith('v:')
      ? live.findIndex((item) => stableText(item) === stableText(wanted))
      : Number(rest);
  return index < 0 || index >= live.length ? null : { value: live[index], step: String(index) };
}

const effectPath = `f:metadata/f:annotations/f:${annotations.effect}`;
/** Secret values never leave this file. */
const neverRead: ReadonlySet<string> = new Set(['f:data', 'f:stringData', effectPath]);

function isLeaf(fields: FieldSet): boolean {
  return Object.keys(fields).every((key) => key === '.');
}

function collect(live: unknown, fields: FieldSet, path: string, isSecret: boolean, into: Map<string, string>): void {
  for (const [key, below] of Object.entries(fields)) {
    if (key === '.') continue;
    const here = path === '' ? key : `${path}/${key}`;
    if (here === effectPath || (isSecret && neverRead.has(here))) continue;
    const child = childOf(live, key);
    if (child === null) continue;
    if (isLeaf(below)) into.set(here, stableText(child.value));
    else collect(child.value, below, here, isSecret, into);
  }
}

/**
 * The fields that `manager` owns by apply, with their values.
 * @param object a live object with its managedFields
 * @returns path in field-set notation → JSON text of the value; without Secret data and the effect annotation
 */
export function ownedFields(object: unknown, manager: string): Readonly<Record<string, string>> {
  const into = new Map<string, string>();
  const isSecret = isObject(object) && object['kind'] === 'Secret';
  for (const entry of entriesOf(object)) {
    if (entry.manager !== manager || entry.operation !== 'Apply' || entry.subresource !== null) continue;
    collect(object, entry.fields, '', isSecret, into);
  }
  return Object.fromEntries([...into].sort(([left], [right]) => (left < right ? -1 : left > right ? 1 : 0)));
}

/** Hash of ownedFields; null when the manager owns nothing. */
export function ownedHash(object: unknown, manager: string): string | null {
  const owned = ownedFields(object, manager);
  return Object.keys(owned).length === 0 ? null : sha256(JSON.stringify(owned));
}

const ourManagers: ReadonlySet<string> = new Set(Object.values(fieldManagers));
/** Status is theirs, and so are labels, annotations and finalizers; an owner reference decides over our object's life. */
const allowedTops: ReadonlySet<string> = new Set(['f:status', 'f:apiVersion', 'f:kind']);
const forbiddenMetadata = 'f:ownerReferences';
/** What controllers of some distributions write into every object of a kind. */
const allowedOfKind: Readonly<Record<string, ReadonlySet<string>>> = {
  ServiceAccount: new Set(['f:secrets', 'f:imagePullSecrets']),
};
/** Given out by the server and never changed; whoever restores an object from a copy owns them. */
const allocated: Readonly<Record<string, ReadonlySet<string>>> = {
  Service: new Set(['/spec/clusterIP', '/spec/clusterIPs', '/spec/ipFamilies', '/spec/ipFamilyPolicy']),
};
const openKinds: ReadonlySet<string> = new Set(['PersistentVolumeClaim', 'Secret', 'Pod', 'Endpoints']);

function merged(left: FieldSet, right: FieldSet): FieldSet {
  const keys = [...new Set([...Object.keys(left), ...Object.keys(right)])];
  return Object.fromEntries(keys.map((key) => [key, merged(left[key] ?? {}, right[key] ?? {})]));
}

function pointerStep(step: string): string {
  return step.replaceAll('~', '~0').replaceAll('/', '~1');
}

/** The fields of a foreign entry that are not allowed to be there. */
function watchedFields(kind: string, fields: FieldSet): FieldSet {
  return Object.fromEntries(
    Object.entries(fields).flatMap(([key, below]): [string, FieldSet][] => {
      if (allowedTops.has(key) || allowedOfKind[kind]?.has(key) === true) return [];
      if (key !== 'f:metadata') return [[key, below]];
      const references = below[forbiddenMetadata];
      return references === undefined ? [] : [[key, { [forbiddenMetadata]: references }]];
    }),
  );
}

interface Comparison {
  readonly live: unknown;
  readonly foreign: FieldSet;
  readonly ours: FieldSet;
}

function compare({ live, foreign, ours }: Comparison, pointer: string, into: (path: string) => void): void {
  for (const [key, below] of Object.entries(foreign)) {
    if (key === '.') continue;
    const child = childOf(live, key);
    if (child === null) continue;
    const path = `${pointer}/${pointerStep(child.step)}`;
    const mine = ours[key];
    if (mine === undefined) into(path);
    else if (!isLeaf(mine)) compare({ live: child.value, foreign: below, ours: mine }, path, into);
  }
}

/**
 * Spec paths that managers other than ours own and we do not: an added sidecar, port, selector, env entry.
 * @param object a live object with kind and managedFields
 * @returns topmost paths as JSON pointers into the object, sorted; none for kinds whose content is not ours to restore
 */
export function foreignPaths(object: unknown): readonly ForeignPath[] {
  if (!isObject(object)) return [];
  const kind = String(object['kind']);
  if (openKinds.has(kind)) return [];
  const entries = entriesOf(object).filter((entry) => entry.subresource === null);
  const ours = entries
    .filter((entry) => ourManagers.has(entry.manager))
    .reduce<FieldSet>((all, entry) => merged(all, entry.fields), {});
  const found = new Map<string, string>();
  for (const entry of entries) {
    if (ourManagers.has(entry.manager)) continue;
    const foreign = watchedFields(kind, entry.fields);
    compare({ live: object, foreign, ours }, '', (path) => {
      if (!found.has(path) && allocated[kind]?.has(path) !== true) found.set(path, entry.manager);
    });
  }
  return [...found]
    .sort(([left], [right]) => (left < right ? -1 : left > right ? 1 : 0))
    .map(([path, manager]) => ({ path, manager }));
}
