/** Owns: the parameters of a spec that Patroni keeps, each with what the machine must know to bring it into force. */
import type { DynamicParameter } from '#machines/cluster/plan.ts';
import { replicasFirst } from '#machines/cluster/tables/configuration.ts';
import { askedSynchrony } from '#machines/cluster/tables/synchrony.ts';
import type { PostgresClusterSpec } from '#crds/postgrescluster.gen.ts';
import { needsStart, settingOf } from './settings.ts';
import { splitParameters } from './split.ts';
import { effectiveValue } from './validation.ts';

/**
 * What the operator states where a spec with synchronous replication does not. Nobody tells a primary that a replica's node
 * has died: until PostgreSQL gives the connection up, after a minute by itself, every writer waits for that replica, twice as
 * long as it takes to replace a primary.
 */
const whileConfirmed: Readonly<Record<string, string>> = { wal_sender_timeout: '15s' };

/** Values of parameters that Patroni's configuration has to state, by name in lower case, sorted. */
export function statedParameters(
  spec: Pick<PostgresClusterSpec, 'postgresqlParams' | 'synchronous'>,
): Readonly<Record<string, string>> {
  const { dcs } = splitParameters(spec.postgresqlParams ?? {});
  return askedSynchrony(spec).mode === 'Off' ? dcs : splitParameters({ ...whileConfirmed, ...dcs }).dcs;
}

/** Parameters by name in lower case; values are valid. */
export function dynamicParameters(spec: PostgresClusterSpec): Readonly<Record<string, DynamicParameter>> {
  return Object.fromEntries(
    Object.entries(statedParameters(spec)).map(([name, value]): [string, DynamicParameter] => {
      const setting = settingOf(spec.version, name);
      return [
        name,
        {
          value,
          effective: setting === null ? null : effectiveValue(setting, value),
          needsRestart: needsStart(spec.version, name),
          replicasFirst: replicasFirst.has(name),
        },
      ];
    }),
  );
}

/** Parameters of one spec that the other does not state any more. */
export function removedParameters(
  before: PostgresClusterSpec,
  now: PostgresClusterSpec,
): Readonly<Record<string, DynamicParameter>> {
  const stated = dynamicParameters(now);
  return Object.fromEntries(Object.entries(dynamicParameters(before)).filter(([name]) => stated[name] === undefined));
}
