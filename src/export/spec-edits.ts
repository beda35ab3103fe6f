/** Owns: which fields of the spec somebody edited, as one sight of a PostgresCluster differs from the one before. Pure. */
import type { ClusterProjection } from '#machines/cluster/observations.ts';
import { variableEdits } from './spec-values.ts';

/** Longest value that is told. */
const valueMax = 80;

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? 'unset';
  return text.length <= valueMax ? text : `${text.slice(0, valueMax - 1)}…`;
}

/** `spec.image: unset → "spilo:next"`, for each field of the newer spec that says something else; no value of a variable. */
export function specEdits(before: ClusterProjection, after: ClusterProjection): readonly string[] {
  if (before.uid !== after.uid) return [];
  const [old, now]: readonly Readonly<Record<string, unknown>>[] = [{ ...before.spec }, { ...after.spec }];
  const fields = [...new Set([...Object.keys(old ?? {}), ...Object.keys(now ?? {})])].toSorted();
  return fields
    .filter((field) => JSON.stringify(old?.[field]) !== JSON.stringify(now?.[field]))
    .map((field) =>
      field === 'env'
        ? `spec.env: ${variableEdits(old?.[field], now?.[field])}`
        : `spec.${field}: ${shown(old?.[field])} → ${shown(now?.[field])}`,
    );
}

/** Remembers the newest sight; told each one in order, gives what it edited. @param known what was seen before the first */
export function editsTeller(known: ClusterProjection | null = null): (seen: ClusterProjection) => readonly string[] {
  let last = known;
  return (seen) => {
    const before = last;
    last = seen;
    return before === null ? [] : specEdits(before, seen);
  };
}
