/** Owns: reading JSON of unknown shape. Every reader is total: what is not as expected is null, or empty. */
import { isObject } from '#machines/shared/json.ts';

export type JsonRecord = Readonly<Record<string, unknown>>;

/** What came of decoding something unknown; `problems` are clauses for a human, without values. */
export type Decoded<T> =
  | { readonly type: 'decoded'; readonly value: T }
  | { readonly type: 'undecodable'; readonly problems: readonly string[] };

/** The JSON object; an empty one when it is none. */
export function recordOf(value: unknown): JsonRecord {
  return isObject(value) ? value : {};
}

/** The list; an empty one when it is none. */
export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** The text; null when it is none or empty. */
export function textOf(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}

/** The finite number; null when it is none. */
export function numberOf(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}

/** The texts of a list, in its order; what is no text is left out. */
export function textsOf(value: unknown): readonly string[] {
  return listOf(value).filter((each): each is string => typeof each === 'string');
}

/** The texts of a JSON object, by key in code unit order; `keeps` is the allow-list. */
export function textMapOf(
  value: unknown,
  keeps: (key: string) => boolean = () => true,
): Readonly<Record<string, string>> {
  const kept: Record<string, string> = {};
  const record = recordOf(value);
  for (const key of Object.keys(record).sort()) {
    const text = record[key];
    if (typeof text === 'string' && keeps(key)) kept[key] = text;
  }
  return kept;
}

/** The JSON object written in `text`; null when it is absent or damaged: that costs only itself. */
export function parsedRecord(text: unknown): JsonRecord | null {
  if (typeof text !== 'string') return null;
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}
