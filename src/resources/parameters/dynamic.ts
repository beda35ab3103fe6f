/** Owns: the parameters of a spec that Patroni keeps, each with what the machine must know to bring it into force. */
import type { DynamicParameter } from '#machines/cluster/plan.ts';
import { replicasFirst } from '#machines/cluster/tables/configuration.ts';
import type { PostgresClusterSpec } from '#crds/postgrescluster.gen.ts';
import { settingOf } from './settings.ts';
import { splitParameters } from './split.ts';
import { effectiveValue } from './validation.ts';

/** Parameters by name in lower case; values are valid. */
export function dynamicParameters(spec: PostgresClusterSpec): Readonly<Record<string, DynamicParameter>> {
  const { dcs } = splitParameters(spec.postgresqlParams ?? {});
  return Object.fromEntries(
    Object.entries(dcs).map(([name, value]): [string, DynamicParameter] => {
      const setting = settingOf(spec.version, name);
      return [
        name,
        {
          value,
          effective: setting === null ? null : effectiveValue(setting, value),
          needsRestart: setting?.context === 'postmaster',
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
