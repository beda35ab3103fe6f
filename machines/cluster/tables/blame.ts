/**
 * Owns: which field of the spec is named when a rollout fails: of those that changed the one that the trouble speaks of,
 * else the first in the order of this table.
 */
import type { PostgresClusterSpec } from '#crds/postgrescluster.gen.ts';
import type { Problem } from '../plan.ts';

/** Key in `status.handled` under which a failed generation is remembered beyond the journal. */
export const failedRolloutToken = 'rollout-failed';

interface Row {
  readonly field: keyof PostgresClusterSpec;
  readonly trouble: RegExp;
  /** The part of it that is named; the field itself when absent. */
  readonly part?: { readonly path: string; readonly of: (spec: PostgresClusterSpec) => string };
}

const rows: readonly Row[] = [
  {
    field: 'storage',
    trouble: /data-.* (cannot grow|grows)/,
    part: { path: 'storage.size', of: ({ storage }) => storage.size },
  },
  { field: 'image', trouble: /image/i },
  { field: 'resources', trouble: /unschedulable|insufficient|oomkilled/i },
  { field: 'placement', trouble: /unschedulable|node|affinity|toleration|topology|priority/i },
  { field: 'postgresqlParams', trouble: /start failed|restart/i },
  { field: 'env', trouble: /env|configerror|secret|configmap/i },
  { field: 'pgHba', trouble: /start failed/i },
  { field: 'synchronous', trouble: /confirm/ },
  { field: 'patroni', trouble: /./ },
  { field: 'podMetadata', trouble: /label|annotation/i },
];

function text(value: unknown): string {
  return JSON.stringify(value) ?? 'unset';
}

/** The problem to tell: field, its value, and what came of it. */
export function blamed(before: PostgresClusterSpec, failed: PostgresClusterSpec, because: string): Problem {
  const changed = rows.filter(({ field }) => text(before[field]) !== text(failed[field]));
  const row = changed.find(({ trouble }) => trouble.test(because)) ?? changed[0];
  const given = row === undefined ? null : (row.part?.of(failed) ?? failed[row.field]);
  const value = given === null || typeof given === 'string' ? given : text(given);
  return {
    field: row === undefined ? 'spec' : `spec.${row.part?.path ?? row.field}`,
    value: value === null || value.length <= 120 ? value : `${value.slice(0, 117)}…`,
    rule: `could not be rolled out and was taken back: ${because}`,
  };
}
