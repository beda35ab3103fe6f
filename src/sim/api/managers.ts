/**
 * Owns: who owns which field after a write, by apply or by update, as structured-merge-diff decides it.
 * I1. Defaulting has no manager. I2. Of several that apply the same value each owns it. I3. An update takes the fields it
 * changes away from everybody.
 */
import { list, parsed, stable, type Json } from '../json.ts';
import { differenceOf, fieldsOf, mergedInto, nested, pruned, type FieldPath } from './fields.ts';
import type { Kind } from './kinds.ts';

export interface Manager {
  readonly name: string;
  readonly operation: 'Apply' | 'Update';
  readonly subresource: string;
  readonly time: string;
  readonly fields: ReadonlySet<FieldPath>;
}

/** Who writes, and how. */
export type Writing = Omit<Manager, 'fields'>;

export interface Conflict {
  readonly manager: string;
  readonly path: FieldPath;
}

export interface Managed {
  readonly object: unknown;
  readonly managers: readonly Manager[];
}

function isSame(one: Writing, other: Writing): boolean {
  return one.name === other.name && one.operation === other.operation && one.subresource === other.subresource;
}

/** One order, so that a write that changes nothing is seen to change nothing. */
function byKey(one: Manager, other: Manager): number {
  const key = ({ operation, subresource, name }: Manager): string => `${operation}/${subresource}/${name}`;
  return key(one) < key(other) ? -1 : 1;
}

function withWriter(managers: readonly Manager[], writer: Manager): readonly Manager[] {
  const others = managers.filter((each) => !isSame(each, writer));
  const before = managers.find((each) => isSame(each, writer));
  const isUnmoved =
    before !== undefined &&
    before.fields.size === writer.fields.size &&
    [...before.fields].every((path) => writer.fields.has(path));
  return [...others, isUnmoved ? before : writer].filter(({ fields }) => fields.size > 0).sort(byKey);
}

function less(managers: readonly Manager[], taken: ReadonlySet<FieldPath>): readonly Manager[] {
  return managers.map((manager) => {
    const left = [...manager.fields].filter((path) => !taken.has(path));
    return left.length === manager.fields.size ? manager : { ...manager, fields: new Set(left) };
  });
}

/**
 * Server-side apply.
 * @param applied what the manager states, without the fields nobody owns
 * @returns the object and who owns it now, or who else owns what would change
 */
export function apply(
  kind: Kind,
  live: Managed,
  applied: Json,
  writing: Writing & { readonly force: boolean },
): (Managed & { readonly type: 'applied' }) | { readonly type: 'conflict'; readonly conflicts: readonly Conflict[] } {
  const stated = fieldsOf(kind, applied);
  const merged = mergedInto(kind, live.object, applied);
  const difference = differenceOf(kind, live.object, merged);
  const changed = new Set([...stated].filter((path) => difference.changed.has(path) || difference.removed.has(path)));
  const others = live.managers.filter((each) => !isSame(each, writing));
  const conflicts = others.flatMap(({ name, fields }) =>
    [...fields].filter((path) => changed.has(path)).map((path) => ({ manager: name, path })),
  );
  if (conflicts.length > 0 && !writing.force) return { type: 'conflict', conflicts };
  const left = less(others, changed);
  const former = live.managers.find((each) => isSame(each, writing))?.fields ?? new Set<FieldPath>();
  const dropped = [...former].filter((path) => !stated.has(path) && !left.some(({ fields }) => fields.has(path)));
  const { name, operation, subresource, time } = writing;
  const managers = [...left, ...live.managers.filter((each) => isSame(each, writing))];
  return {
    type: 'applied',
    object: pruned(merged, dropped),
    managers: withWriter(managers, { name, operation, subresource, time, fields: stated }),
  };
}

/** What a create or an update did to ownership; `live` is null for a create. */
export function update(kind: Kind, live: Managed | null, next: unknown, writing: Writing): readonly Manager[] {
  const { changed, removed } = differenceOf(kind, live === null ? {} : live.object, next);
  const managers = live?.managers ?? [];
  if (changed.size === 0 && removed.size === 0) return managers;
  const mine = managers.find((each) => isSame(each, writing))?.fields ?? new Set<FieldPath>();
  const left = less(managers, new Set([...changed, ...removed]));
  const fields = new Set([...[...mine].filter((path) => !removed.has(path)), ...changed]);
  return withWriter(left, { ...writing, fields });
}

/** How a manager stands in metadata, by manager: most writes move one of several. */
const entries = new WeakMap<Manager, Json>();

function entryOf(kind: Kind, manager: Manager): Json {
  const known = entries.get(manager);
  if (known !== undefined) return known;
  const { name, operation, subresource, time, fields } = manager;
  const entry = {
    manager: name,
    operation,
    apiVersion: kind.apiVersion,
    time,
    fieldsType: 'FieldsV1',
    fieldsV1: nested(fields),
    ...(subresource === '' ? {} : { subresource }),
  };
  entries.set(manager, entry);
  return entry;
}

/** The managers as they stand in metadata. */
export function managedFields(kind: Kind, managers: readonly Manager[]): readonly Json[] {
  return managers.map((manager) => entryOf(kind, manager));
}

/** Paths of a conflict as the API server words them. */
export function wordsOf(conflicts: readonly Conflict[]): string {
  const lines = conflicts.map(
    ({ manager, path }) => `conflict with "${manager}": ${path.split('\n').map(spelledStep).join('')}`,
  );
  return `Apply failed with ${conflicts.length} conflict${conflicts.length === 1 ? '' : 's'}: ${lines.join('; ')}`;
}

function spelledStep(step: string): string {
  if (step.startsWith('f:')) return `.${step.slice(2)}`;
  const keys = parsed(step.slice(2));
  return list({ keys: [keys] }, 'keys')
    .map((each) => `[${stable(each)}]`)
    .join('');
}
