/** Owns: spec.patroni: what is wrong with it, and what of Patroni's dynamic configuration it becomes. */
import type { JsonRecord, Problem } from '#machines/cluster/plan.ts';
import type { PostgresClusterSpec } from '#crds/postgrescluster.gen.ts';
import { problem } from './grammar.ts';

/** What every cluster begins with, and what a field that is not given means. */
export const patroniDefaults = {
  ttl: 30,
  loopWait: 10,
  retryTimeout: 10,
  failsafeMode: true,
  maximumLag: 33_554_432,
} as const;

type Timing = Readonly<Record<'ttl' | 'loopWait' | 'retryTimeout' | 'maximumLag', number>> & {
  readonly failsafeMode: boolean;
};

function timing(spec: Pick<PostgresClusterSpec, 'patroni'>): Timing {
  return { ...patroniDefaults, ...spec.patroni };
}

const ranges = [
  ['ttl', 20, 3600],
  ['loopWait', 1, 600],
  ['retryTimeout', 3, 600],
  ['maximumLag', 0, Number.MAX_SAFE_INTEGER],
] as const;

/** Faults of spec.patroni. */
export function patroniProblems(spec: PostgresClusterSpec): readonly Problem[] {
  const now = timing(spec);
  const outside = ranges.flatMap(([field, least, most]) =>
    Number.isInteger(now[field]) && now[field] >= least && now[field] <= most
      ? []
      : [problem(`spec.patroni.${field}`, now[field], `must be a whole number from ${least} to ${most}`)],
  );
  if (outside.length > 0) return outside;
  const needed = now.loopWait + 2 * now.retryTimeout;
  if (needed <= now.ttl) return [];
  const rule = `must be at least loopWait + 2 * retryTimeout, which is ${needed}: a leader that tries again must not lose its lock meanwhile`;
  return [problem('spec.patroni.ttl', now.ttl, rule)];
}

/** Timing and limits as Patroni spells them. */
export function patroniTiming(spec: Pick<PostgresClusterSpec, 'patroni'>): JsonRecord {
  const { ttl, loopWait, retryTimeout, maximumLag, failsafeMode } = timing(spec);
  return {
    ttl,
    loop_wait: loopWait,
    retry_timeout: retryTimeout,
    maximum_lag_on_failover: maximumLag,
    // An API server that is away must not demote a primary whose members still see it.
    failsafe_mode: failsafeMode,
  };
}
