/** Owns: what the simulated API server serves, as clients discover it. Pure. */
import { isJson, list, text, type Json } from '../json.ts';
import type { Kind } from '../api/kinds.ts';

/** Version of Kubernetes whose behaviour is modelled. */
const version = { major: '1', minor: '34', gitVersion: 'v1.34.0+simulated', platform: 'simulated' };

const shortNames: Readonly<Record<string, readonly string[]>> = {
  pods: ['po'],
  services: ['svc'],
  endpoints: ['ep'],
  configmaps: ['cm'],
  persistentvolumeclaims: ['pvc'],
  serviceaccounts: ['sa'],
  events: ['ev'],
  namespaces: ['ns'],
  statefulsets: ['sts'],
  poddisruptionbudgets: ['pdb'],
};

const inAll: ReadonlySet<string> = new Set(['pods', 'services', 'statefulsets']);
const verbs = ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch'];

/** Group and version of a kind; the core group is ''. */
export function groupVersionOf({ apiVersion }: Kind): readonly [group: string, version: string] {
  const slash = apiVersion.indexOf('/');
  return slash < 0 ? ['', apiVersion] : [apiVersion.slice(0, slash), apiVersion.slice(slash + 1)];
}

function resourcesOf(kind: Kind, names: Json): readonly Json[] {
  const { resource, kind: name, namespaced } = kind;
  const shorts = kind.schema === null ? (shortNames[resource] ?? []) : list(names, 'shortNames');
  const categories = kind.schema === null ? (inAll.has(resource) ? ['all'] : []) : list(names, 'categories');
  const main = {
    name: resource,
    singularName: name.toLowerCase(),
    namespaced,
    kind: name,
    verbs,
    ...(shorts.length === 0 ? {} : { shortNames: shorts }),
    ...(categories.length === 0 ? {} : { categories }),
  };
  const below = { singularName: '', namespaced, verbs: ['get', 'patch', 'update'] };
  return [
    main,
    ...(kind.hasStatus ? [{ ...below, name: `${resource}/status`, kind: name }] : []),
    ...(scalable.has(name)
      ? [{ ...below, name: `${resource}/scale`, kind: 'Scale', group: 'autoscaling', version: 'v1' }]
      : []),
  ];
}

/** Kinds with a `scale` subresource. */
export const scalable: ReadonlySet<string> = new Set(['PostgresCluster', 'StatefulSet']);

function groupOf(name: string, versionName: string): Json {
  const preferredVersion = { groupVersion: `${name}/${versionName}`, version: versionName };
  return { name, versions: [preferredVersion], preferredVersion };
}

/** The answer to a path of discovery, or null when it is none. `names` are those of our CRD. */
export function discovered(kinds: readonly Kind[], names: Json, path: string): Json | null {
  if (path === '/version') return version;
  if (path === '/api') return { kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs: [] };
  const groups = new Map(kinds.map(groupVersionOf).filter(([group]) => group !== ''));
  if (path === '/apis')
    return { kind: 'APIGroupList', apiVersion: 'v1', groups: [...groups].map(([group, each]) => groupOf(group, each)) };
  const [, , group = '', versionName = '', more] = path.split('/');
  if (path.startsWith('/apis/') && versionName === '' && groups.has(group))
    return { kind: 'APIGroup', apiVersion: 'v1', ...groupOf(group, groups.get(group) ?? '') };
  const here = kinds.filter(({ root }) => root === path);
  if (more !== undefined || here.length === 0) return null;
  return {
    kind: 'APIResourceList',
    apiVersion: 'v1',
    groupVersion: text(here[0], 'apiVersion'),
    resources: here.flatMap((kind) => resourcesOf(kind, names)),
  };
}

/** Our CRD, as it is served, where a path names it; null where it does not. */
export function definitionAt(path: string, definition: Json): Json | null {
  const name = text(definition, 'metadata', 'name');
  if (path !== `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${name}` || !isJson(definition)) return null;
  return { ...definition, status: { conditions: [{ type: 'Established', status: 'True' }] } };
}
