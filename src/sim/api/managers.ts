/**
 * Owns: who owns which field after a write, by apply or by update, as structured-merge-diff decides it.
 * I1. Defaulting has no manager. I2. Of several that apply the same value each owns it. I3. An update takes the fields it
 * changes away from everybody.
 */
import { at, parsed, type Json } from '../json.ts';
import { differenceOf, fieldsOf, mergedInto, nested, type FieldPath } from './fields.ts';
import type { Kind } from './kinds.ts';
import { pruned } from './pruning.ts';

export interface Manager {
  readonly name: string;
  readonly operation: 'Apply' | 'Update';
  readonly subresource: string;
  /** Null for an apply that changed nothing but who owns what. */
  readonly time: string | null;
  readonly fields: ReadonlySet<FieldPath>;
}

/** Who writes, and how. */
export type Writing = Omit<Manager, 'fields'>;

export interface Conflict {
  readonly manager: string;
  readonly operation: Manager['operation'];
  readonly subresource: string;
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

/** Whether two entries are of one manager and own the same, whenever they wrote. */
export function isSameSet(one: Manager, other: Manager): boolean {
  if (one === other) return true;
  if (!isSame(one, other) || one.fields.size !== other.fields.size) return false;
  return [...one.fields].every((path) => other.fields.has(path));
}

function withWriter(managers: readonly Manager[], writer: Manager): readonly Manager[] {
  const others = managers.filter((each) => !isSame(each, writer));
  return [...others, writer].filter(({ fields }) => fields.size > 0).sort(byKey);
}

function overlaps(fields: ReadonlySet<FieldPath>, taken: ReadonlySet<FieldPath>): boolean {
  for (const path of taken) if (fields.has(path)) return true;
  return false;
}

function less(managers: readonly Manager[], taken: ReadonlySet<FieldPath>): readonly Manager[] {
  if (taken.size === 0) return managers;
  return managers.map((manager) => {
    if (!overlaps(manager.fields, taken)) return manager;
    const left = [...manager.fields].filter((path) => !taken.has(path));
    return { ...manager, fields: new Set(left) };
  });
}

/** Who owns what was there before anybody owned anything. */
function unclaimed(kind: Kind, object: unknown, { time, subresource }: Writing): readonly Manager[] {
  const fields = differenceOf(kind, {}, object).changed;
  return fields.size === 0 ? [] : [{ name: 'before-first-apply', operation: 'Update', subresource, time, fields }];
}

/**
 * Server-side apply.
 * @param applied what the manager states, without the fields nobody owns
 * @returns the object and who owns it now, or who else owns what would change
 */
export function apply(
  kind: Kind,
  before: Managed,
  applied: Json,
  writing: Writing & { readonly force: boolean },
): (Managed & { readonly type: 'applied' }) | { readonly type: 'conflict'; readonly conflicts: readonly Conflict[] } {
  const live = before.managers.length > 0 ? before : { ...before, managers: unclaimed(kind, before.object, writing) };
  const stated = fieldsOf(kind, applied);
  const others = live.managers.filter((each) => !isSame(each, writing));
  const former = live.managers.find((each) => isSame(each, writing));
  const owned = [stated, ...others.map(({ fields }) => fields)];
  const merged = mergedInto(kind, live.object, applied);
  const object = former === undefined ? merged : pruned(kind, merged, former.fields, owned);
  const { changed, removed } = differenceOf(kind, live.object, object);
  const conflicts = others.flatMap(({ name, operation, subresource: of, fields }) =>
    [...fields]
      .filter((path) => changed.has(path))
      .map((path) => ({ manager: name, operation, subresource: of, path })),
  );
  if (conflicts.length > 0 && !writing.force) return { type: 'conflict', conflicts };
  const left = less(others, new Set([...changed, ...removed]));
  const { name, operation, subresource } = writing;
  // An apply that changes nothing has no time of its own.
  const time = changed.size + removed.size > 0 ? writing.time : (former?.time ?? null);
  const managers = former === undefined ? left : [...left, former];
  return {
    type: 'applied',
    object,
    managers: withWriter(managers, { name, operation, subresource, time, fields: stated }),
  };
}

/** What a create or an update did to ownership; `live` is null for a create. */
export function update(kind: Kind, live: Managed | null, next: unknown, writing: Writing): readonly Manager[] {
  const { changed, removed } = differenceOf(kind, live === null ? {} : live.object, next);
  const managers = live?.managers ?? [];
  // What nobody owns nobody begins to own by an update.
  if (live !== null && managers.length === 0) return managers;
  if (changed.size === 0 && removed.size === 0) return managers;
  const mine = managers.find((each) => isSame(each, writing))?.fields ?? new Set<FieldPath>();
  const others = less(
    managers.filter((each) => !isSame(each, writing)),
    new Set([...changed, ...removed]),
  );
  const before = managers.filter((each) => isSame(each, writing));
  const isMine = !overlaps(mine, removed) && [...changed].every((path) => mine.has(path));
  const fields = isMine ? mine : new Set([...[...mine].filter((path) => !removed.has(path)), ...changed]);
  return withWriter([...others, ...before], { ...writing, fields });
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
    ...(time === null ? {} : { time }),
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

function spelledStep(step: string): string {
  if (step.startsWith('f:')) return `.${step.slice(2)}`;
  if (step.startsWith('v:')) return `[=${step.slice(2)}]`;
  const keys = Object.entries(at(parsed(step.slice(2)))).map(([key, value]) => `${key}=${JSON.stringify(value)}`);
  return `[${keys.join(',')}]`;
}

function spelledPath(path: FieldPath): string {
  return path.split('\n').map(spelledStep).join('');
}

/** Members before what is below them, as the API server lists a set. */
function fieldOrder(one: FieldPath, other: FieldPath): number {
  const [left, right] = [one.split('\n'), other.split('\n')];
  const shared = left.findIndex((step, index) => step !== right[index]);
  const [leftEnds, rightEnds] = [left.length === shared + 1, right.length === shared + 1];
  if (leftEnds !== rightEnds) return leftEnds ? -1 : 1;
  return (left[shared] ?? '') < (right[shared] ?? '') ? -1 : 1;
}

function ownerOf({ apiVersion }: Kind, { manager, operation, subresource }: Conflict): string {
  const where = subresource === '' ? '' : ` with subresource "${subresource}"`;
  return `conflict with ${JSON.stringify(manager)}${where}${operation === 'Update' ? ` using ${apiVersion}` : ''}`;
}

/** Conflicts as the API server words them, and as its details list them. */
export function wordsOf(
  kind: Kind,
  conflicts: readonly Conflict[],
): { readonly message: string; readonly details: Json } {
  const found = [...conflicts]
    .sort((one, other) => fieldOrder(one.path, other.path))
    .map((conflict) => ({ who: ownerOf(kind, conflict), field: spelledPath(conflict.path) }));
  const owners = [...new Set(found.map(({ who }) => who))].sort();
  const lines = owners.map((owner) => {
    const fields = found.filter(({ who }) => who === owner).map(({ field }) => field);
    if (fields.length === 1) return `${owner}: ${fields[0] ?? ''}`;
    return `${owner.replace('conflict ', 'conflicts ')}:\n${fields.map((field) => `- ${field}`).join('\n')}`;
  });
  const count = `${conflicts.length} conflict${conflicts.length === 1 ? '' : 's'}`;
  const causes = found.map(({ who, field }) => ({ reason: 'FieldManagerConflict', message: who, field }));
  return { message: `Apply failed with ${count}: ${lines.join('\n')}`, details: { causes } };
}
