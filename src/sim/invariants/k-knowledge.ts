/** K: at rest whoever leads knows every object of a cluster as it is, and no other. */
import { labels, labelValues } from '#machines/shared/names.ts';
import { type ObjectProjection, watchedKinds, type WatchedKind } from '#machines/cluster/observations.ts';
import { projectObject } from '#src/stream/door/project.ts';
import { stable, text } from '../json.ts';
import { nameOf, namespaceOf } from '../api/store.ts';
import type { World } from '../world.ts';
import type { Invariant } from './invariant.ts';

/** What stands around a cluster, as the door would tell it, by kind and name. */
function standing({ user }: World, namespace: string, cluster: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const kind of watchedKinds satisfies readonly WatchedKind[]) {
    for (const object of user.list(kind, namespace)) {
      const isOurs = text(object, 'metadata', 'labels', labels.managedBy) === labelValues.managedBy;
      if (!isOurs || text(object, 'metadata', 'labels', labels.cluster) !== cluster) continue;
      const projected = projectObject(kind, object);
      if (projected.type === 'decoded') found.set(`${kind}/${nameOf(object)}`, stable(projected.value));
    }
  }
  return found;
}

/** Without digests: the world does not know with which key they were made. */
function undigested(object: ObjectProjection): ObjectProjection {
  const { detail } = object;
  return detail.type === 'Secret' ? { ...object, detail: { type: detail.type, keys: detail.keys } } : object;
}

export const knowsWhatIsThere: Invariant = {
  name: 'K',
  says: 'at rest the leader knows every object as it is',
  watch: (world, tell) => ({
    atEnd: () => {
      for (const cluster of world.user.list('PostgresCluster', null)) {
        const [namespace, name] = [namespaceOf(cluster), nameOf(cluster)];
        const there = standing(world, namespace, name);
        for (const seat of world.operators) {
          const known = seat.actors()?.snapshotOf(text(cluster, 'metadata', 'uid')) ?? null;
          if (known === null) continue;
          const objects = new Map(
            Object.entries(known.facts.world.objects).map(([key, { object }]) => [key, stable(undigested(object))]),
          );
          for (const key of new Set([...there.keys(), ...objects.keys()])) {
            const [is, believed] = [there.get(key) ?? 'not there', objects.get(key) ?? 'not there'];
            if (is !== believed) tell(`${seat.name} believes ${key} is ${believed}, but it is ${is}`);
          }
        }
      }
    },
  }),
};
