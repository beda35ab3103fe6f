/** Owns: the CRD read for tests, and its schema as JSON schema that refuses fields nobody declared. */
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';

export type Schema = { readonly [key: string]: unknown };

const root = new URL('../../', import.meta.url);

/** Text of a file of the repository. */
export function fileText(path: string): string {
  return readFileSync(new URL(path, root), 'utf8');
}

/** The schema of the CRD's only version, as written. */
export function openApiSchema(): Schema & { readonly properties: Readonly<Record<string, Schema>> } {
  const crd = parse(fileText('crds/postgrescluster.yaml')) as {
    spec: { versions: [{ schema: { openAPIV3Schema: Schema & { properties: Record<string, Schema> } } }] };
  };
  return crd.spec.versions[0].schema.openAPIV3Schema;
}

function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** JSON schema of a closed world: an object with declared properties has no others. The metadata stays open. */
export function closedSchema(schema: unknown, path = ''): unknown {
  if (Array.isArray(schema)) return schema.map((each: unknown) => closedSchema(each, path));
  if (!isSchema(schema)) return schema;
  const entries = Object.entries(schema)
    .filter(([key]) => !key.startsWith('x-kubernetes-') && key !== 'format' && key !== 'description')
    .map(([key, value]): [string, unknown] => [key, closedSchema(value, `${path}/${key}`)]);
  const open = schema['properties'] === undefined || path.endsWith('/metadata');
  return Object.fromEntries(open ? entries : [...entries, ['additionalProperties', false]]);
}
