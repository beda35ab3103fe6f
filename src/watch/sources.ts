/** Owns: what is watched and why, as one table. Only objects that bear our label, so that foreign Secrets are never read. */
import { labels, labelValues } from '#machines/shared/names.ts';
import type { WatchedKind } from '#machines/cluster/observations.ts';
import { placeOf, resourcePath, type Place } from '#src/decision/paths.ts';

export type SourceKind = WatchedKind | 'PostgresCluster';

export interface Source {
  /** Kind, and namespace when only one is watched: `Pod`, `Pod in team-a`. */
  readonly name: string;
  readonly kind: SourceKind;
  /** Null when all are watched together. */
  readonly namespace: string | null;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  /** True when a label selects: a DELETED may be a label taken off. */
  readonly labelled: boolean;
  readonly pathOf: (namespace: string, name: string) => string;
}

interface Row extends Place {
  readonly kind: SourceKind;
  readonly why: string;
}

function watched(kind: SourceKind, why: string): Row {
  return { kind, ...placeOf(kind), why };
}

/** What is watched, where it is, and what for. */
export const watchedSources: readonly Row[] = [
  watched('PostgresCluster', 'what is wanted'),
  watched('Pod', 'members: readiness, and Patroni’s report in an annotation'),
  watched('Endpoints', 'the leader key and the initialize key, Endpoints mode'),
  watched('ConfigMap', 'the same, ConfigMaps mode; the rendered configuration'),
  watched('StatefulSet', 'drift; what was accepted'),
  watched('Service', 'drift'),
  watched('Secret', 'existence and names of keys; values never pass the door'),
  watched('PersistentVolumeClaim', 'real sizes; retained volumes'),
  watched('PodDisruptionBudget', 'drift'),
  watched('ServiceAccount', 'drift'),
  watched('Role', 'drift'),
  watched('RoleBinding', 'drift'),
];

/** The sources for the given namespaces; all namespaces when the list is empty. */
export function sourcesOf(namespaces: readonly string[]): readonly Source[] {
  const scopes = namespaces.length === 0 ? [null] : namespaces;
  return scopes.flatMap((namespace) =>
    watchedSources.map(({ kind, root, resource }): Source => {
      const labelled = kind !== 'PostgresCluster';
      return {
        name: namespace === null ? kind : `${kind} in ${namespace}`,
        kind,
        namespace,
        path: namespace === null ? `${root}/${resource}` : resourcePath(kind, namespace, null),
        query: labelled ? { labelSelector: `${labels.managedBy}=${labelValues.managedBy}` } : {},
        labelled,
        pathOf: (where, name) => resourcePath(kind, where, name),
      };
    }),
  );
}
