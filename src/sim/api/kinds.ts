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
  /** Ways to delete add finalizers for the garbage collector. */
  readonly collects: boolean;
  /** A deletion is answered with what was deleted, not with a Status. */
  readonly returnsDeleted: boolean;
  /** An update of what is not there creates it. */
  readonly createsOnUpdate: boolean;
  /** An update has to name the version it was made from. */
  readonly needsVersion: boolean;
  /** The first write after its creation moves its version, even if nothing changes; so it was found on the real one. */
  readonly settlesLate: boolean;
  /** Finalizers that admission adds. */
  readonly finalizers: readonly string[];
  /** Path of fields → how it merges; whatever is not named is granular when a map, atomic when a list. */
  readonly merges: Readonly<Record<string, Merge>>;
  /** Path of fields that are never absent in the server's own form of the object, so that no update brings them. */
  readonly structs: ReadonlySet<string>;
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
  'topologySpreadConstraints[].labelSelector': 'atomic',
};

function below(path: string, merges: Readonly<Record<string, Merge>>): Readonly<Record<string, Merge>> {
  return Object.fromEntries(Object.entries(merges).map(([key, merge]) => [`${path}.${key}`, merge]));
}

const metadata: Readonly<Record<string, Merge>> = {
  'metadata.ownerReferences': ['uid'],
  'metadata.ownerReferences[]': 'atomic',
  'metadata.finalizers': 'set',
};

interface Row {
  readonly kind: string;
  readonly root: string;
  readonly resource: string;
  readonly traits?: Partial<Omit<Kind, 'kind' | 'apiVersion' | 'root' | 'resource' | 'merges' | 'structs' | 'schema'>>;
  readonly merges?: Readonly<Record<string, Merge>>;
  readonly structs?: readonly string[];
}

const usual = {
  namespaced: true,
  hasStatus: false,
  hasGeneration: false,
  graceful: false,
  collects: true,
  returnsDeleted: false,
  createsOnUpdate: false,
  needsVersion: false,
  settlesLate: false,
  finalizers: [],
} as const;

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
    structs: [
      'spec.template',
      'spec.template.metadata',
      'spec.template.spec',
      'spec.template.spec.containers',
      'spec.updateStrategy',
    ],
  },
  {
    kind: 'Pod',
    root: '/api/v1',
    resource: 'pods',
    traits: { hasStatus: true, hasGeneration: true, graceful: true, returnsDeleted: true },
    merges: { ...below('spec', podSpec), 'status.conditions': ['type'], 'status.podIPs': ['ip'] },
    structs: ['spec.containers'],
  },
  {
    kind: 'Service',
    root: '/api/v1',
    resource: 'services',
    traits: { hasStatus: true, returnsDeleted: true, createsOnUpdate: true },
    merges: { 'spec.ports': ['port', 'protocol'], 'spec.selector': 'atomic', 'status.conditions': ['type'] },
  },
  { kind: 'Endpoints', root: '/api/v1', resource: 'endpoints', traits: { createsOnUpdate: true } },
  { kind: 'ConfigMap', root: '/api/v1', resource: 'configmaps' },
  { kind: 'Secret', root: '/api/v1', resource: 'secrets' },
  {
    kind: 'PersistentVolumeClaim',
    root: '/api/v1',
    resource: 'persistentvolumeclaims',
    traits: {
      hasStatus: true,
      returnsDeleted: true,
      settlesLate: true,
      finalizers: ['kubernetes.io/pvc-protection'],
    },
    structs: ['spec.resources'],
    merges: { 'spec.selector': 'atomic', 'status.conditions': ['type'] },
  },
  {
    kind: 'ServiceAccount',
    root: '/api/v1',
    resource: 'serviceaccounts',
    traits: { returnsDeleted: true },
    merges: { secrets: ['name'] },
  },
  {
    kind: 'Event',
    root: '/api/v1',
    resource: 'events',
    traits: { collects: false, createsOnUpdate: true },
    merges: { involvedObject: 'atomic' },
    structs: ['source'],
  },
  {
    kind: 'PodDisruptionBudget',
    root: '/apis/policy/v1',
    resource: 'poddisruptionbudgets',
    traits: { hasStatus: true, hasGeneration: true, needsVersion: true },
    merges: { 'spec.selector': 'atomic', 'status.conditions': ['type'] },
  },
  { kind: 'Role', root: rbac, resource: 'roles', traits: { createsOnUpdate: true }, structs: ['rules'] },
  {
    kind: 'RoleBinding',
    root: rbac,
    resource: 'rolebindings',
    traits: { createsOnUpdate: true },
    merges: { roleRef: 'atomic' },
  },
  {
    kind: 'Lease',
    root: '/apis/coordination.k8s.io/v1',
    resource: 'leases',
    traits: { createsOnUpdate: true, needsVersion: true },
  },
  { kind: 'Namespace', root: '/api/v1', resource: 'namespaces', traits: { namespaced: false, hasStatus: true } },
];

function ofRow({ kind, root, resource, traits = {}, merges = {}, structs = [] }: Row): Kind {
  return {
    kind,
    root,
    resource,
    apiVersion: root.replace(/^\/apis?\//, ''),
    ...usual,
    ...traits,
    merges: { ...metadata, ...merges },
    structs: new Set(['metadata', 'spec', 'status', ...structs]),
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
    ...usual,
    hasStatus: 'status' in at(version, 'subresources'),
    hasGeneration: true,
    needsVersion: true,
    merges,
    structs: new Set(['metadata']),
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
