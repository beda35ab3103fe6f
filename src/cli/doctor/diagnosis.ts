/** Owns: all that the doctor finds, from what was asked for. Pure. */
import { databaseChecks } from './database.ts';
import type { Examined } from './examine.ts';
import type { Finding } from './finding.ts';
import type { Schema } from './objects.ts';
import { platformChecks } from './platform.ts';

/** What is shared first, then cluster by cluster. @param ours the schema of a PostgresCluster that this build is made for */
export function diagnose(seen: Examined, ours: Schema): readonly Finding[] {
  const shared = platformChecks.map(({ check, look }) => ({ check, cluster: null, ...look(seen, ours) }));
  const each = seen.clusters.flatMap((one) => {
    const { namespace, name } = one.cluster.metadata;
    return databaseChecks.map(({ check, look }) => ({ check, cluster: `${namespace}/${name}`, ...look(one, seen) }));
  });
  return [...shared, ...each];
}
