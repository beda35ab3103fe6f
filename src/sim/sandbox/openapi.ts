/**
 * Owns: the OpenAPI documents that kubectl asks for: which kinds there are, that the server checks fields by itself, and the
 * schema of our own kind for `kubectl explain`. Built-in kinds have no schema here: kubectl brings its own.
 */
import { sha256 } from '#src/decision/hash.ts';
import { at, isJson, type Json } from '../json.ts';
import type { Kind } from '../api/kinds.ts';
import { groupVersionOf } from './discovery.ts';

const root = '/openapi/v3';

function schemaName(kind: Kind): string {
  const [group, version] = groupVersionOf(kind);
  return `${group === '' ? 'core' : group.split('.').toReversed().join('.')}.${version}.${kind.kind}`;
}

function schemaOf(kind: Kind): Json {
  const [group, version] = groupVersionOf(kind);
  const described = kind.schema ?? { type: 'object' };
  const strings = { type: 'string' };
  return {
    ...described,
    properties: {
      apiVersion: strings,
      kind: strings,
      metadata: { type: 'object', description: 'Standard metadata of an object.' },
      ...at(described, 'properties'),
    },
    'x-kubernetes-group-version-kind': [{ group, version, kind: kind.kind }],
  };
}

function pathsOf(kind: Kind): Json {
  const [group, version] = groupVersionOf(kind);
  const path = `${kind.root}${kind.namespaced ? '/namespaces/{namespace}' : ''}/${kind.resource}`;
  const content = { 'application/json': { schema: { $ref: `#/components/schemas/${schemaName(kind)}` } } };
  const operation = (action: string): Json => ({
    'x-kubernetes-action': action,
    'x-kubernetes-group-version-kind': { group, version, kind: kind.kind },
    responses: { '200': { description: 'OK', content } },
  });
  const parameters = ['dryRun', 'fieldManager', 'fieldValidation'].map((name) => ({
    name,
    in: 'query',
    schema: { type: 'string' },
  }));
  return {
    [path]: { get: operation('list'), post: { ...operation('post'), parameters } },
    [`${path}/{name}`]: {
      get: operation('get'),
      patch: { ...operation('patch'), parameters },
      put: { ...operation('put'), parameters },
      delete: operation('delete'),
    },
  };
}

function documentOf(kinds: readonly Kind[]): Json {
  return {
    openapi: '3.0.0',
    info: { title: 'Kubernetes, simulated', version: 'v1.34.0' },
    paths: Object.assign({}, ...kinds.map(pathsOf)) as Json,
    components: { schemas: Object.fromEntries(kinds.map((kind) => [schemaName(kind), schemaOf(kind)])) },
  };
}

/** The answer to a path below `/openapi/v3`, or null when there is none. */
export function openApi(kinds: readonly Kind[], path: string): Json | null {
  if (path !== root && !path.startsWith(`${root}/`)) return null;
  const roots = [...new Set(kinds.map((kind) => kind.root))];
  const documents = new Map(roots.map((each) => [each, documentOf(kinds.filter((kind) => kind.root === each))]));
  if (path === root) {
    const paths = [...documents].map(([each, document]) => {
      const hash = sha256(JSON.stringify(document)).slice(0, 16);
      return [each.slice(1), { serverRelativeURL: `${root}${each}?hash=${hash}` }];
    });
    return { paths: Object.fromEntries(paths) as Json };
  }
  return documents.get(path.slice(root.length)) ?? null;
}

/** Fields that a schema does not know, as paths. */
export function unknownFields(schema: unknown, value: unknown, path = ''): readonly string[] {
  if (Array.isArray(value))
    return value.flatMap((item: unknown, index) => unknownFields(at(schema)['items'], item, `${path}[${index}]`));
  const properties = at(schema)['properties'];
  if (!isJson(value) || !isJson(properties)) return [];
  return Object.entries(value).flatMap(([name, below]) => {
    const here = path === '' ? name : `${path}.${name}`;
    const isMeta = path === '' && ['apiVersion', 'kind', 'metadata'].includes(name);
    if (isMeta) return [];
    return name in properties ? unknownFields(properties[name], below, here) : [here];
  });
}
