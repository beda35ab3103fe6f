/**
 * Owns: the accepted spec as text on the StatefulSet, and back: what is being held true outlasts the journal.
 */
import { sortedKeys } from '#machines/shared/json.ts';
import type { PostgresClusterSpec } from '#crds/postgrescluster.gen.ts';

/** The spec as JSON with sorted keys. */
export function acceptedSpecText(spec: PostgresClusterSpec): string {
  return JSON.stringify(sortedKeys(spec));
}

function isSpec(value: unknown): value is PostgresClusterSpec {
  return typeof value === 'object' && value !== null && 'version' in value && 'storage' in value;
}

/** A map of texts as JSON with sorted keys. */
export function parametersText(parameters: Readonly<Record<string, string>>): string {
  return JSON.stringify(sortedKeys(parameters));
}

/** Reads a map of texts back; null when the text is none. */
export function parseParameters(text: string): Readonly<Record<string, string>> | null {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return null;
    const entries = Object.entries(value);
    return entries.every((entry): entry is [string, string] => typeof entry[1] === 'string')
      ? Object.fromEntries(entries)
      : null;
  } catch {
    return null;
  }
}

/** Reads it back; null when the text is not one of ours. */
export function parseAcceptedSpec(text: string): PostgresClusterSpec | null {
  try {
    const value: unknown = JSON.parse(text);
    return isSpec(value) ? value : null;
  } catch {
    return null;
  }
}
