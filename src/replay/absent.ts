/**
 * Owns: watching which fields of recorded objects are read and not there. A field that the door did not let pass when a row was
 * written is missing from it; a build that asks for it cannot be answered. Pure.
 */

/** Below these, an absent name says something: maps of the user's own keys, and the spec, which passes whole. */
const openMaps: ReadonlySet<string> = new Set(['labels', 'annotations', 'spec', 'handled', 'selector', 'images']);

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

/**
 * Wraps a value; every read of a name that is not there is told.
 * @param absent gets the path from the nearest `object` or `cluster` above, `Pod.detail.startedAt`
 */
function watched(value: object, path: string, absent: (path: string) => void): object {
  return new Proxy(value, {
    get: (target, name, receiver) => {
      const found: unknown = Reflect.get(target, name, receiver);
      if (typeof name === 'symbol' || name in Object.prototype || Array.isArray(target))
        return isObject(found) ? watched(found, path, absent) : found;
      if (found === undefined) absent(`${path}.${name}`);
      return isObject(found) && !openMaps.has(name) ? watched(found, `${path}.${name}`, absent) : found;
    },
  });
}

function kindOf(value: object): string {
  return 'kind' in value && typeof value.kind === 'string' ? value.kind : 'PostgresCluster';
}

/** A copy of `value` in which recorded projections are watched; everything else is as it is. */
export function withWatchedProjections<T>(value: T, absent: (path: string) => void): T {
  const copy = (each: unknown): unknown => {
    if (Array.isArray(each)) return each.map(copy);
    if (!isObject(each)) return each;
    return Object.fromEntries(
      Object.entries(each).map(([key, below]) => {
        const projection = (key === 'object' || key === 'cluster' || key === 'seen') && isObject(below);
        if (projection && 'uid' in below && 'name' in below) return [key, watched(below, kindOf(below), absent)];
        return [key, copy(below)];
      }),
    );
  };
  return copy(value) as T;
}
