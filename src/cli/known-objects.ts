/** Owns: which objects a question about a cluster can be about: those seen, those that effects were for, and those it is made of. */
import type { ObjectRef } from '#machines/cluster/observations.ts';
import { targetKey } from '#machines/cluster/intents.ts';
import { claimName, objectNames } from '#machines/shared/names.ts';
import type { DecidedRow } from '#src/export/decided.ts';

const nearMax = 8;

/** What a cluster is made of, whether it is there by now or not: that it is not may be the question. */
function partsOf(cluster: string, replicas: number): readonly string[] {
  const names = objectNames(cluster);
  const each = Array.from({ length: replicas }, (_, ordinal) => ordinal);
  const parts: Readonly<Record<string, readonly string[]>> = {
    PostgresCluster: [cluster],
    StatefulSet: [names.statefulSet],
    Service: [names.primaryService, names.replicaService, names.headlessService, ...names.dcsServices],
    Secret: [names.applicationSecret, names.credentials, names.credentialsInForce],
    ConfigMap: [names.patroniConfig],
    ServiceAccount: [names.access],
    Role: [names.access],
    RoleBinding: [names.access],
    PodDisruptionBudget: [names.disruptionBudget],
    PersistentVolumeClaim: each.map((ordinal) => claimName(cluster, ordinal)),
    Pod: each.map((ordinal) => `${cluster}-${ordinal}`),
  };
  return Object.entries(parts).flatMap(([kind, all]) => all.map((name) => `${kind}/${name}`));
}

function keyOf({ kind, name }: Pick<ObjectRef, 'kind' | 'name'>): string {
  return `${kind}/${name}`;
}

/** Keys of all objects that rows of a cluster know, and of what it is made of. */
export function knownObjects(cluster: string, replicas: number, all: readonly DecidedRow[]): ReadonlySet<string> {
  const found = new Set(partsOf(cluster, replicas));
  for (const { decision } of all) {
    const { observation, intents } = decision;
    if (observation.type === 'ObjectSeen') found.add(keyOf(observation.object));
    if (observation.type === 'Synced') for (const each of observation.objects) found.add(keyOf(each));
    for (const intent of intents) found.add(keyOf(intent.target)).add(targetKey(intent));
  }
  return found;
}

/** Of these keys the ones that may have been meant: of the same kind, or of the same name. */
export function nearObjects(known: ReadonlySet<string>, key: string): readonly string[] {
  const [kind = '', name = ''] = key.split('/');
  const near = [...known].filter((each) => each.startsWith(`${kind}/`) || each.endsWith(`/${name}`));
  return (near.length === 0 ? [...known] : near).toSorted().slice(0, nearMax);
}
