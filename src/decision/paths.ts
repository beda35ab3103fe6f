/** Owns: where each kind lives on the API server. One row per kind. */
import type { ObjectRef } from '#machines/cluster/observations.ts';

/** Where objects of a kind are: their API's path, and their name in it. */
export interface Place {
  readonly root: string;
  readonly resource: string;
}

const places: Readonly<Record<ObjectRef['kind'], Place>> = {
  PostgresCluster: { root: '/apis/postgres.example.com/v1alpha1', resource: 'postgresclusters' },
  StatefulSet: { root: '/apis/apps/v1', resource: 'statefulsets' },
  Pod: { root: '/api/v1', resource: 'pods' },
  Service: { root: '/api/v1', resource: 'services' },
  Endpoints: { root: '/api/v1', resource: 'endpoints' },
  ConfigMap: { root: '/api/v1', resource: 'configmaps' },
  Secret: { root: '/api/v1', resource: 'secrets' },
  PersistentVolumeClaim: { root: '/api/v1', resource: 'persistentvolumeclaims' },
  PodDisruptionBudget: { root: '/apis/policy/v1', resource: 'poddisruptionbudgets' },
  ServiceAccount: { root: '/api/v1', resource: 'serviceaccounts' },
  Role: { root: '/apis/rbac.authorization.k8s.io/v1', resource: 'roles' },
  RoleBinding: { root: '/apis/rbac.authorization.k8s.io/v1', resource: 'rolebindings' },
  Event: { root: '/api/v1', resource: 'events' },
};

/** Where objects of a kind are. */
export function placeOf(kind: ObjectRef['kind']): Place {
  return places[kind];
}

/** Absolute path of an object, or of its collection when `name` is null. */
export function resourcePath(kind: ObjectRef['kind'], namespace: string, name: string | null): string {
  const { root, resource } = placeOf(kind);
  const collection = `${root}/namespaces/${encodeURIComponent(namespace)}/${resource}`;
  return name === null ? collection : `${collection}/${encodeURIComponent(name)}`;
}
