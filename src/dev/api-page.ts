/**
 * Owns: `docs/api.md`, the reference of the API for people, made from the CRD and from the table of what takes effect.
 * Does not own: what is in them. Called by: gen.ts and its drift test.
 */
import { support, type Support } from '#src/resources/support.ts';

type Schema = { readonly [key: string]: unknown };

function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

interface Field {
  readonly path: string;
  readonly schema: Schema;
  readonly needed: boolean;
}

function childrenOf(path: string, schema: Schema): readonly Field[] {
  const items = schema['items'];
  const inner = isSchema(items) ? items : schema;
  const prefix = isSchema(items) ? `${path}[]` : path;
  const { properties } = inner;
  if (!isSchema(properties)) return [];
  const needed = Array.isArray(inner['required']) ? inner['required'] : [];
  return Object.entries(properties).flatMap(([name, each]): readonly Field[] => {
    if (!isSchema(each)) return [];
    const field = { path: `${prefix}.${name}`, schema: each, needed: needed.includes(name) };
    return [field, ...childrenOf(field.path, each)];
  });
}

/** Every field below `schema`, parents before children, with its path from `root`. */
export function fieldsOf(root: string, schema: unknown): readonly Field[] {
  return isSchema(schema) ? childrenOf(root, schema) : [];
}

function typeOf(schema: Schema): string {
  const { type, items, additionalProperties, minimum, maximum } = schema;
  if (Array.isArray(schema['enum'])) return schema['enum'].map((each) => `\`${String(each)}\``).join(', ');
  if (isSchema(items)) return `list of ${typeOf(items)}`;
  if (isSchema(additionalProperties)) return `map of ${typeOf(additionalProperties)}`;
  const range = [
    ...(minimum === undefined ? [] : [`from ${String(minimum)}`]),
    ...(maximum === undefined ? [] : [`to ${String(maximum)}`]),
  ];
  return [String(type), ...range].join(' ');
}

function rulesOf(schema: Schema): readonly string[] {
  const rules = schema['x-kubernetes-validations'];
  if (!Array.isArray(rules)) return [];
  return rules.filter(isSchema).map((rule) => String(rule['message']));
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}

function sentence(text: string): string {
  const trimmed = text.trim();
  return trimmed === '' || trimmed.endsWith('.') ? trimmed : `${trimmed}.`;
}

/** A path at the beginning of a sentence keeps its spelling. */
function capital(rule: string): string {
  return /^[\w]+\./.test(rule) ? rule : `${rule.charAt(0).toUpperCase()}${rule.slice(1)}`;
}

function meaning({ schema, needed }: Field): string {
  const description = typeof schema['description'] === 'string' ? schema['description'] : '';
  const rules = rulesOf(schema).map(capital);
  return [...(needed ? ['**Required.**'] : []), ...[description, ...rules].map(sentence)]
    .filter((each) => each !== '')
    .join(' ');
}

function effect({ creation, edit }: Support): string {
  if (creation === 'refused') return 'not yet';
  if (edit === 'refused') return 'creation';
  return edit === 'live' ? 'creation, edit' : 'creation, edit (procedure)';
}

function defaultOf(schema: Schema): string {
  const value = schema['default'];
  return value === undefined ? '' : `\`${typeof value === 'string' ? value : JSON.stringify(value)}\``;
}

function effectOf(path: string): string {
  const found = Object.entries(support).find(([field]) => path === `spec.${field}`);
  return found === undefined ? '' : effect(found[1]);
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map(cell).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

function specTable(schema: unknown): string {
  const rows = fieldsOf('spec', schema).map((field) => [
    `\`${field.path}\``,
    typeOf(field.schema),
    defaultOf(field.schema),
    effectOf(field.path),
    meaning(field),
  ]);
  return table(['field', 'type', 'default', 'takes effect', 'meaning and rules'], rows);
}

function statusTable(schema: unknown): string {
  const rows = fieldsOf('status', schema).map((field) => [
    `\`${field.path}\``,
    typeOf(field.schema),
    meaning({ ...field, needed: false }),
  ]);
  return table(['field', 'type', 'meaning'], rows);
}

function listed(texts: readonly string[]): string {
  return texts.map((text) => `- ${sentence(text)}`).join('\n');
}

/**
 * The page as Markdown.
 * @param root the CRD's schema: `openAPIV3Schema` of the served version
 */
export function apiPage(root: Schema): string {
  const properties = isSchema(root['properties']) ? root['properties'] : {};
  const spec = isSchema(properties['spec']) ? properties['spec'] : {};
  return `<!-- Generated from crds/postgrescluster.yaml and src/resources/support.ts by \`npm run gen\`. Do not edit. -->

# PostgresCluster

API version \`postgres.example.com/v1alpha1\`, kind \`PostgresCluster\`, namespaced, short name \`pgc\`. Everything but
\`spec.version\` and \`spec.storage.size\` may be left out; \`crds/samples/\` has manifests to begin with.

## Rules for the whole object

The API server refuses what breaks one of them, with the same words.

${listed([...rulesOf(root), ...rulesOf(spec)])}

## Spec

*Takes effect* says when a field does something. *creation*: when the cluster is created; an edit later is answered by
condition \`ConfigurationValid\` = \`False\` and the cluster stays as it is. *creation, edit*: an edit too, at once.
*creation, edit (procedure)*: an edit too, member by member, and taken back when it cannot become true. *not yet*:
refused by the same condition, and a new cluster waits in \`Pending\` with nothing created, unless the value is the same
as leaving the field out. Nothing is ever ignored in silence.

${specTable(spec)}

## Status

${statusTable(properties['status'])}
`;
}
