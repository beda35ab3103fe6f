/**
 * Owns: how values of a spec are told to people. Of environment variables which there are, never what they hold: a journal has the
 * whole spec, but what is printed is pasted into tickets. Pure.
 */
import { annotations } from '#machines/shared/names.ts';

const unshown = '(values are not shown)';

function variables(value: unknown): ReadonlyMap<string, string> {
  const list: readonly unknown[] = Array.isArray(value) ? value : [];
  return new Map(
    list.map((each) => {
      const name: unknown = typeof each === 'object' && each !== null && 'name' in each ? each.name : '?';
      return [String(name), JSON.stringify(each)];
    }),
  );
}

/** A field's value as it may be shown; of `env` the names. */
export function shownValue(field: string, value: unknown): unknown {
  if (field !== 'env' || value === undefined || value === null) return value;
  return `${[...variables(value).keys()].join(', ')} ${unshown}`;
}

/** What an edit does to environment variables: `TEAM added, ROLE changed (values are not shown)`. */
export function variableEdits(before: unknown, after: unknown): string {
  const [old, now] = [variables(before), variables(after)];
  const words = [...new Set([...old.keys(), ...now.keys()])].flatMap((name) => {
    if (!old.has(name)) return [`${name} added`];
    if (!now.has(name)) return [`${name} removed`];
    return old.get(name) === now.get(name) ? [] : [`${name} changed`];
  });
  return `${words.length === 0 ? 'other order' : words.join(', ')} ${unshown}`;
}

/** Annotations of the StatefulSet that hold a whole spec. */
const specs: readonly string[] = [annotations.acceptedSpec, annotations.rolledOutSpec];

/** A change of an object as it was recorded, `path: old → new`, without the texts of specs. */
export function withoutSpecs(change: string): string {
  const [path = ''] = change.split(': ');
  return specs.some((name) => path.includes(name)) ? `${path}: it is another` : change;
}
