/** Owns: reading and changing JSON whose shape is not known: objects are values, every change is a new one. */

export type Json = { readonly [key: string]: unknown };

export function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The object at a path of keys; empty where there is none. */
export function at(value: unknown, ...keys: readonly string[]): Json {
  const found = valueOf(value, keys);
  return isJson(found) ? found : {};
}

function valueOf(value: unknown, keys: readonly string[]): unknown {
  let here: unknown = value;
  for (const key of keys) here = isJson(here) ? here[key] : undefined;
  return here;
}

/** The text at a path of keys; empty where there is none. */
export function text(value: unknown, ...keys: readonly string[]): string {
  const found = valueOf(value, keys);
  return typeof found === 'string' ? found : '';
}

/** The number at a path of keys, or `otherwise`. */
export function number(value: unknown, otherwise: number, ...keys: readonly string[]): number {
  const found = valueOf(value, keys);
  return typeof found === 'number' ? found : otherwise;
}

/** The list at a path of keys; empty where there is none. */
export function list(value: unknown, ...keys: readonly string[]): readonly unknown[] {
  const found = valueOf(value, keys);
  return Array.isArray(found) ? found : [];
}

/** The object with `change` put over the one at a path of keys; a key whose value is undefined is taken out. */
export function put(value: Json, keys: readonly string[], change: Json): Json {
  const [first, ...rest] = keys;
  if (first !== undefined) return { ...value, [first]: put(at(value, first), rest, change) };
  const result: Record<string, unknown> = {};
  for (const key of Object.keys(value)) {
    const stays = key in change ? change[key] : value[key];
    if (stays !== undefined) result[key] = stays;
  }
  for (const key of Object.keys(change)) if (change[key] !== undefined && !(key in value)) result[key] = change[key];
  return result;
}

/** Whether two values are equal, whatever the order of keys; parts that are one and the same are not looked into. */
export function same(one: unknown, other: unknown): boolean {
  if (one === other) return true;
  if (Array.isArray(one))
    return (
      Array.isArray(other) &&
      one.length === other.length &&
      one.every((item: unknown, index) => same(item, other[index]))
    );
  if (!isJson(one) || !isJson(other)) return false;
  const keys = Object.keys(one);
  return keys.length === Object.keys(other).length && keys.every((key) => key in other && same(one[key], other[key]));
}

/** JSON merge patch (RFC 7386). What stays as it was is the very same, the whole if nothing changes. */
export function merged(value: unknown, patch: unknown): unknown {
  if (!isJson(patch)) return same(value, patch) ? value : patch;
  const before: Json = isJson(value) ? value : {};
  let result: Record<string, unknown> | null = before === value ? null : {};
  for (const key of Object.keys(patch)) {
    const isThere = key in before;
    const after = patch[key] === null ? undefined : merged(before[key], patch[key]);
    if (after === undefined ? !isThere : isThere && after === before[key]) continue;
    result ??= { ...before };
    if (after === undefined) delete result[key];
    else result[key] = after;
  }
  return result ?? before;
}

/** JSON text with sorted keys: equal values are equal text. */
export function stable(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(stable).join(',')}]`;
  if (!isJson(value)) return JSON.stringify(value) ?? 'null';
  const parts = Object.keys(value)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${stable(value[key])}`);
  return `{${parts.join(',')}}`;
}

/** Parsed text; undefined when it is no JSON. */
export function parsed(source: string | null): unknown {
  try {
    return source === null ? undefined : JSON.parse(source);
  } catch {
    return undefined;
  }
}

/** An operation of a JSON patch (RFC 6902) that could not be done. */
export class PatchRefused extends Error {}

function stepsOf(pointer: string): readonly string[] {
  return pointer
    .split('/')
    .slice(1)
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function childOf(value: unknown, step: string): unknown {
  if (Array.isArray(value)) return value[Number(step)];
  return isJson(value) ? value[step] : undefined;
}

function without(value: unknown, [step = '', ...rest]: readonly string[]): unknown {
  if (childOf(value, step) === undefined) throw new PatchRefused(`remove: ${step} is not there`);
  if (Array.isArray(value)) {
    return rest.length === 0
      ? value.filter((_, index) => index !== Number(step))
      : value.map((each: unknown, index) => (index === Number(step) ? without(each, rest) : each));
  }
  const object = at(value);
  return rest.length === 0
    ? put(object, [], { [step]: undefined })
    : { ...object, [step]: without(object[step], rest) };
}

/** JSON patch as far as it is used here: test and remove. @throws PatchRefused */
export function patched(value: unknown, operations: readonly unknown[]): unknown {
  return operations.reduce<unknown>((here, operation) => {
    const steps = stepsOf(text(operation, 'path'));
    if (text(operation, 'op') === 'remove') return without(here, steps);
    if (text(operation, 'op') !== 'test') throw new PatchRefused(`operation ${text(operation, 'op')} is not modelled`);
    const found = steps.reduce<unknown>(childOf, here);
    if (stable(found) !== stable(at(operation)['value']))
      throw new PatchRefused(`test of ${text(operation, 'path')} failed`);
    return here;
  }, value);
}
