/**
 * Owns: what an apply takes away: fields that its manager stated the last time, states no more, and nobody else owns.
 * I1. Whatever holds such a field and is then held by nobody goes too, with all that is in it: an apply that states no
 *     finalizers any more takes those along that nobody owns.
 */
import { at, isJson, parsed, same } from '../json.ts';
import { fieldsOf, type FieldPath } from './fields.ts';
import type { Kind } from './kinds.ts';

type Paths = ReadonlySet<FieldPath>;

/** The set with every named field on the way to one of its fields. */
function ensured(paths: Paths): Paths {
  const all = new Set(paths);
  for (const path of paths) {
    for (let end = path.lastIndexOf('\n'); end > 0; end = path.lastIndexOf('\n', end - 1)) {
      const above = path.slice(0, end);
      if (above.startsWith('f:', above.lastIndexOf('\n') + 1)) all.add(above);
    }
  }
  return all;
}

function holds(item: unknown, step: string): boolean {
  const wanted = parsed(step.slice(2));
  if (step.startsWith('v:')) return same(item, wanted);
  return Object.entries(at(wanted)).every(([key, value]) =>
    same(at(item)[key] ?? (key === 'protocol' ? 'TCP' : undefined), value),
  );
}

interface Tree {
  readonly children: Map<string, Tree>;
  isMember: boolean;
}

function treeOf(paths: Iterable<FieldPath>): Tree {
  const root: Tree = { children: new Map(), isMember: false };
  for (const path of paths) {
    let here = root;
    for (const step of path.split('\n')) {
      const child = here.children.get(step) ?? { children: new Map<string, Tree>(), isMember: false };
      here.children.set(step, child);
      here = child;
    }
    here.isMember = true;
  }
  return root;
}

/** The value without these fields; what becomes empty by it is null: it is there still, for who owns it. */
function without(value: unknown, tree: Tree): unknown {
  if (Array.isArray(value)) {
    const items = value.flatMap((item: unknown) => {
      const found = [...tree.children].find(([step]) => holds(item, step))?.[1];
      if (found === undefined) return [item];
      return found.isMember ? [] : [without(item, found)];
    });
    return items.length === 0 ? null : items;
  }
  if (!isJson(value)) return value;
  const result: Record<string, unknown> = { ...value };
  for (const [step, child] of tree.children) {
    const key = step.slice(2);
    if (!(key in result)) continue;
    if (child.isMember) delete result[key];
    else result[key] = without(result[key], child);
  }
  return Object.keys(result).length === 0 ? null : result;
}

function removing(object: unknown, paths: Paths): unknown {
  return paths.size === 0 ? object : (without(object, treeOf(paths)) ?? {});
}

function minus(paths: Paths, ...others: readonly Paths[]): Paths {
  return new Set([...paths].filter((path) => !others.some((other) => other.has(path))));
}

/**
 * @param last what the manager stated before
 * @param managed what every manager owns now, the one that applies included
 * @returns `merged` without what the manager let go of
 */
export function pruned(kind: Kind, merged: unknown, last: Paths, managed: readonly Paths[]): unknown {
  // Whoever applies states a name, and so holds metadata itself.
  const owned = new Set(['f:metadata', ...managed.flatMap((paths) => [...paths])]);
  if ([...last].every((path) => owned.has(path))) return merged;
  const former = ensured(last);
  const whole = ensured(fieldsOf(kind, merged));
  const without1 = ensured(fieldsOf(kind, removing(merged, former)));
  const kept = removing(merged, minus(whole, without1, ensured(owned)));
  const gone = minus(whole, ensured(fieldsOf(kind, kept)));
  return removing(merged, new Set([...gone].filter((path) => path !== 'f:metadata' && former.has(path))));
}
