/**
 * Owns: what a member's pod may do at the API server: exactly the verbs Patroni issues in its mode (`docs/patroni.md`).
 */
import { objectNames } from '#machines/shared/names.ts';
import type { Json } from '#machines/cluster/plan.ts';
import { metadata, objectLabels, type BuildInput } from '../metadata.ts';

const dcsVerbs = ['create', 'get', 'list', 'patch', 'update', 'watch', 'delete', 'deletecollection'];

/** The pods' identity. */
export function serviceAccount(input: BuildInput): Json {
  return {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: metadata(input, { name: objectNames(input.name).access, labels: objectLabels(input) }),
  };
}

/** Patroni's rights in the namespace. */
export function role(input: BuildInput): Json {
  return {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'Role',
    metadata: metadata(input, { name: objectNames(input.name).access, labels: objectLabels(input) }),
    rules: [
      { apiGroups: [''], resources: [input.dcs === 'Endpoints' ? 'endpoints' : 'configmaps'], verbs: dcsVerbs },
      { apiGroups: [''], resources: ['pods'], verbs: ['get', 'list', 'patch', 'update', 'watch'] },
    ],
  };
}

/** Binds the two. */
export function roleBinding(input: BuildInput): Json {
  const name = objectNames(input.name).access;
  return {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'RoleBinding',
    metadata: metadata(input, { name, labels: objectLabels(input) }),
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name },
    subjects: [{ kind: 'ServiceAccount', name, namespace: input.namespace }],
  };
}
