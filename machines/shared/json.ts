/** Owns: JSON as a type, and the two questions asked of it everywhere. Two objects in it stand for what the executor fills in: `{ "$effect": "" }` and its friends (`journal.md` §4). */

export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** A JSON object. */
export type JsonRecord = { readonly [key: string]: Json };

/** True for what has named fields: neither null nor a list. */
export function isObject(value: Json | undefined): value is JsonRecord;
export function isObject(value: unknown): value is { readonly [key: string]: unknown };
export function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The same value with its keys in order, at every depth: two spellings of one value become one text. */
export function sortedKeys(value: Json): Json;
export function sortedKeys(value: unknown): unknown;
export function sortedKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map((each: unknown) => sortedKeys(each));
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.keys(value)
      .sort()
      .map((key) => [key, sortedKeys(value[key])]),
  );
}
