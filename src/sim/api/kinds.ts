/**
 * Owns: the kinds that the simulated API server knows: where they live, and how their lists and maps merge. From the
 * published OpenAPI of Kubernetes 1.34; of our own kind from its CRD.
 */
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { at, isJson, list, text, type Json } from '../json.ts';

export interface Kind {
  readonly kind: string;
  readonly apiVersion: string;
  /** `/api/v1`, `/apis/apps/v1`. */
  readonly root: string;
  readonly resource: string;
  readonly namespaced: boolean;
  /** A subresource `status` that alone changes the status. */
  readonly hasStatus: boolean;
  /** `metadata.generation` counts changes of what is wanted. */
  readonly hasGeneration: boolean;
  /** Deletion waits for the kubelet. */
  readonly graceful: boolean;
  /** Finalizers that admission adds. */
  readonly finalizers: readonly string[];
  /** Path of fields → how it merges; whatever is not named is granular when a map, atomic when a list. */
  readonly merges: Readonly<Record<string, Merge>>;
  /** Schema of a custom resource; null for built-in kinds. */
  readonly schema: Json | null;
}

/** `atomic`: one value. `set`: items are their own keys. Names: items of a list with these keys. */
export type Merge = 'atomic' | 'set' | readonly string[];

const podSpec: Readonly<Record<string, Merge>> = {
  containers: ['name'],
  'containers[].env': ['name'],
  'containers[].env[].valueFrom.fieldRef': 'atomic',
  'containers[].env[].valueFrom.secretKeyRef': 'atomic',
  'containers[].ports': ['containerPort', 'protocol'],
  'containers[].volumeMounts': ['mountPath'],
  initContainers: ['name'],
  volumes: ['name'],
  imagePullSecrets: ['name'],
  nodeSelector: 'atomic',
  topologySpreadConstraints: ['topologyKey', 'whenUnsatisfiable'],
};

function below(path: string, merges: Readonly<Record<string, Merge>>): Readonly<Record<string, Merge>> {
  return Object.fromEntries(Object.entries(merges).map(([key, merge]) => [`${path}.${key}`, merge]));
}

const metadata: Readonly<Record<string, Merge>> = {
  'metadata.ownerReferences': ['uid'],
  'metadata.finalizers': 'set',
};

interface Row {
  readonly kind: string;
  readonly root: string;
  readonly resource: string;
  readonly traits?: Partial<Pick<Kind, 'namespaced' | 'hasStatus' | 'hasGeneration' | 'graceful' | 'finalizers'>>;
  readonly merges?: Readonly<Record<string, Merge>>;
}

const rbac = '/apis/rbac.authorization.k8s.io/v1';

const builtIn: readonly Row[] = [
  {
    kind: 'StatefulSet',
    root: '/apis/apps/v1',
    resource: 'statefulsets',
    traits: { hasStatus: true, hasGeneration: true },
    merges: {
      'spec.selector': 'atomic',
      ...below('spec.template.spec', podSpec),
      'spec.template.metadata.finalizers': 'set',
    },
  },
  {
    kind: 'Pod',
    root: '/api/v1',
    resource: 'pods',
    traits: { hasStatus: true, graceful: true },
    merges: { ...below('spec', podSpec), 'status.conditions': ['type'], 'status.podIPs': ['ip'] },
  },
  {
    kind: 'Service',
    root: '/api/v1',
    resource: 'services',
    traits: { hasStatus: true },
    merges: { 'spec.ports': ['port', 'protocol'], 'spec.selector': 'atomic', 'status.conditions': ['type'] },
  },
  { kind: 'Endpoints', root: '/api/v1', resource: 'endpoints' },
  { kind: 'ConfigMap', root: '/api/v1', resource: 'configmaps' },
  { kind: 'Secret', root: '/api/v1', resource: 'secrets' },
  {
    kind: 'PersistentVolumeClaim',
    root: '/api/v1',
    resource: 'persistentvolumeclaims',
    traits: { hasStatus: true, finalizers: ['kubernetes.io/pvc-protection'] },
    merges: { 'spec.selector': 'atomic', 'status.conditions': ['type'] },
  },
  { kind: 'ServiceAccount', root: '/api/v1', resource: 'serviceaccounts', merges: { secrets: ['name'] } },
  { kind: 'Event', root: '/api/v1', resource: 'events', merges: { involvedObject: 'atomic' } },
  {
    kind: 'PodDisruptionBudget',
    root: '/apis/policy/v1',
    resource: 'poddisruptionbudgets',
    traits: { hasStatus: true, hasGeneration: true },
    merges: { 'spec.selector': 'atomic', 'status.conditions': ['type'] },
  },
  { kind: 'Role', root: rbac, resource: 'roles' },
  { kind: 'RoleBinding', root: rbac, resource: 'rolebindings', merges: { roleRef: 'atomic' } },
  { kind: 'Lease', root: '/apis/coordination.k8s.io/v1', resource: 'leases' },
  { kind: 'Namespace', root: '/api/v1', resource: 'namespaces', traits: { namespaced: false, hasStatus: true } },
];

function ofRow({ kind, root, resource, traits = {}, merges = {} }: Row): Kind {
  return {
    kind,
    root,
    resource,
    apiVersion: root.replace(/^\/apis?\//, ''),
    namespaced: true,
    hasStatus: false,
    hasGeneration: false,
    graceful: false,
    finalizers: [],
    ...traits,
    merges: { ...metadata, ...merges },
    schema: null,
  };
}

function merging(schema: unknown, path: string, into: Record<string, Merge>): void {
  for (const [name, property] of Object.entries(at(schema, 'properties'))) {
    const here = path === '' ? name : `${path}.${name}`;
    const listType = text(property, 'x-kubernetes-list-type');
    if (listType === 'map') into[here] = list(property, 'x-kubernetes-list-map-keys').map(String);
    if (listType === 'set') into[here] = 'set';
    if (text(property, 'x-kubernetes-map-type') === 'atomic') into[here] = 'atomic';
    merging(property, here, into);
    if (isJson(at(property)['items'])) merging(at(property)['items'], `${here}[]`, into);
  }
}

/** The kind that a CRD defines. */
function ofDefinition(definition: unknown): Kind {
  const spec = at(definition, 'spec');
  const version = list(spec, 'versions')[0];
  const schema = at(version, 'schema', 'openAPIV3Schema');
  const merges: Record<string, Merge> = { ...metadata };
  merging(schema, '', merges);
  const apiVersion = `${text(spec, 'group')}/${text(version, 'name')}`;
  return {
    kind: text(spec, 'names', 'kind'),
    apiVersion,
    root: `/apis/${apiVersion}`,
    resource: text(spec, 'names', 'plural'),
    namespaced: true,
    hasStatus: 'status' in at(version, 'subresources'),
    hasGeneration: true,
    graceful: false,
    finalizers: [],
    merges,
    schema,
  };
}

/** Put in by the bundler, which leaves no file to read. */
declare const CRD_YAML: string | undefined;

/** Our CRD. */
export function definition(): Json {
  const file = new URL('../../../crds/postgrescluster.yaml', import.meta.url);
  return at(parse(typeof CRD_YAML === 'string' ? CRD_YAML : readFileSync(file, 'utf8')));
}

let known: readonly Kind[] | null = null;

/** All kinds, built in and ours. */
export function allKinds(): readonly Kind[] {
  known ??= [...builtIn.map(ofRow), ofDefinition(definition())];
  return known;
}
