/**
 * Owns: the accepted spec as text on the StatefulSet, and back: what is being held true outlasts the journal.
 */
import type { PostgresClusterSpec } from '#crds/postgrescluster.gen.ts';

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1));
  return Object.fromEntries(entries.map(([key, each]) => [key, sorted(each)]));
}

/** The spec as JSON with sorted keys. */
export function acceptedSpecText(spec: PostgresClusterSpec): string {
  return JSON.stringify(sorted(spec));
}

function isSpec(value: unknown): value is PostgresClusterSpec {
  return typeof value === 'object' && value !== null && 'version' in value && 'storage' in value;
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
