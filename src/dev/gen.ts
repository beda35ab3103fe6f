/**
 * Owns: generated files. `npm run gen` writes `crds/postgrescluster.gen.ts` and `docs/api.md` from the CRD, and
 * `docs/machines/cluster.md` from the chart; drift tests hold them together.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { compile, type JSONSchema } from 'json-schema-to-typescript';
import { parse } from 'yaml';
import { apiPage } from './api-page.ts';
import { chartPage } from './chart-page.ts';

const root = new URL('../../', import.meta.url);

type Schema = { [key: string]: unknown };

function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** OpenAPI as JSON schema: closed objects, defaults present after admission, API-machinery extensions dropped. */
function closed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(closed);
  if (!isSchema(value)) return value;
  const entries = Object.entries(value)
    .filter(([key]) => !key.startsWith('x-kubernetes-') && key !== 'maxItems' && key !== 'minItems')
    .map(([key, each]): [string, unknown] => [key, closed(each)]);
  const schema: Schema = Object.fromEntries(entries);
  const open = value['x-kubernetes-preserve-unknown-fields'] === true;
  if (schema['type'] === 'object' && !('additionalProperties' in schema)) schema['additionalProperties'] = open;
  return schema;
}

/** The schema of the CRD's only version. */
function crdSchema(): Schema {
  const crd: unknown = parse(readFileSync(new URL('crds/postgrescluster.yaml', root), 'utf8'));
  const { versions } = (crd as { spec: { versions: { schema: { openAPIV3Schema: Schema } }[] } }).spec;
  return versions[0]?.schema.openAPIV3Schema ?? {};
}

/** The API's reference page, Markdown. */
export function generatePage(): string {
  return apiPage(crdSchema());
}

/** TypeScript types of the PostgresCluster, generated from the CRD's schema. */
export async function generateTypes(): Promise<string> {
  const properties = crdSchema()['properties'] as Schema;
  const schema = {
    title: 'PostgresCluster',
    type: 'object',
    additionalProperties: false,
    required: ['spec'],
    properties: {
      spec: { title: 'PostgresClusterSpec', ...(closed(properties['spec']) as Schema) },
      status: { title: 'PostgresClusterStatus', ...(closed(properties['status']) as Schema) },
    },
  } as JSONSchema;
  const text = await compile(schema, 'PostgresCluster', {
    bannerComment: '/* Generated from crds/postgrescluster.yaml by `npm run gen`. Do not edit. */',
    style: { singleQuote: true, printWidth: 120 },
    unknownAny: true,
  });
  return text
    .replaceAll(/^( +)(['A-Za-z0-9_[\]: ]+\??):(?=\s)/gm, '$1readonly $2:')
    .replaceAll('readonly readonly ', 'readonly ');
}

if (import.meta.main) {
  writeFileSync(new URL('crds/postgrescluster.gen.ts', root), await generateTypes());
  writeFileSync(new URL('docs/api.md', root), generatePage());
  mkdirSync(new URL('docs/machines', root), { recursive: true });
  writeFileSync(new URL('docs/machines/cluster.md', root), chartPage());
}
