/** Owns: what is watched and why, as one table. Only objects that bear our label, so that foreign Secrets are never read. */
import { labels, labelValues } from '#machines/shared/names.ts';
import type { WatchedKind } from '#machines/cluster/observations.ts';

export type SourceKind = WatchedKind | 'PostgresCluster';

export interface Source {
  /** Kind, and namespace when only one is watched: `Pod`, `Pod in team-a`. */
  readonly name: string;
  readonly kind: SourceKind;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  /** True when a label selects: a DELETED may be a label taken off. */
  readonly labelled: boolean;
  readonly pathOf: (namespace: string, name: string) => string;
}

interface Row {
  readonly kind: SourceKind;
  readonly root: string;
  readonly resource: string;
  readonly why: string;
}

const core = '/api/v1';

/** What is watched, and what for. */
export const watchedSources: readonly Row[] = [
  {
    kind: 'PostgresCluster',
    root: '/apis/postgres.example.com/v1alpha1',
    resource: 'postgresclusters',
    why: 'what is wanted',
  },
  { kind: 'Pod', root: core, resource: 'pods', why: 'members: readiness, and Patroni’s report in an annotation' },
  {
    kind: 'Endpoints',
    root: core,
    resource: 'endpoints',
    why: 'the leader key and the initialize key, Endpoints mode',
  },
  {
    kind: 'ConfigMap',
    root: core,
    resource: 'configmaps',
    why: 'the same, ConfigMaps mode; the rendered configuration',
  },
  { kind: 'StatefulSet', root: '/apis/apps/v1', resource: 'statefulsets', why: 'drift; what was accepted' },
  { kind: 'Service', root: core, resource: 'services', why: 'drift' },
  { kind: 'Secret', root: core, resource: 'secrets', why: 'existence and names of keys; values never pass the door' },
  {
    kind: 'PersistentVolumeClaim',
    root: core,
    resource: 'persistentvolumeclaims',
    why: 'real sizes; retained volumes',
  },
  { kind: 'PodDisruptionBudget', root: '/apis/policy/v1', resource: 'poddisruptionbudgets', why: 'drift' },
  { kind: 'ServiceAccount', root: core, resource: 'serviceaccounts', why: 'drift' },
  { kind: 'Role', root: '/apis/rbac.authorization.k8s.io/v1', resource: 'roles', why: 'drift' },
  { kind: 'RoleBinding', root: '/apis/rbac.authorization.k8s.io/v1', resource: 'rolebindings', why: 'drift' },
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
        path: namespace === null ? `${root}/${resource}` : `${root}/namespaces/${namespace}/${resource}`,
        query: labelled ? { labelSelector: `${labels.managedBy}=${labelValues.managedBy}` } : {},
        labelled,
        pathOf: (where, name) =>
          `${root}/namespaces/${encodeURIComponent(where)}/${resource}/${encodeURIComponent(name)}`,
      };
    }),
  );
}
