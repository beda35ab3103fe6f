/**
 * Owns: values for every leaf of a schema: what a person, a template or a script might write there. Pure; the same values
 * each time, so that what became of each is a text to review.
 */
import type { Schema } from '#test/crds/schema.ts';

/** One value at one leaf. */
export interface Case {
  /** Path below `spec`: `storage.size`, `env[].name`. */
  readonly path: string;
  readonly value: unknown;
}

const long = 'x'.repeat(5000);
const quote = '\'; DROP TABLE users; -- "$(HOME)" \\ `id`';
/** Text that is wrong in most places, whatever it is for. */
const texts: readonly unknown[] = [
  '',
  ' ',
  'a b',
  'Grüße',
  'line\nbreak',
  quote,
  '../../etc/passwd',
  '-x',
  long,
  7,
  true,
  ['a'],
];
const quantities: readonly unknown[] = [
  '0',
  '-1Gi',
  '1e30',
  '1.5Gi',
  '1GiB',
  '',
  ' 1Gi',
  '1024Mi',
  '1Gi',
  '2Gi',
  '100m',
  'much',
  7,
];
const booleans: readonly unknown[] = [true, false, 'true', 'yes', 'False', 1, 0, '', []];
const lists: readonly unknown[] = [
  'text',
  {},
  7,
  true,
  [],
  [''],
  ['a', 'a'],
  [{}],
  [7],
  Array.from({ length: 300 }, () => 'a'),
];
const objects: readonly unknown[] = ['text', 7, true, [], [{}], {}, { a: 1 }, { a: { b: { c: [] } } }, { a: long }];
const maps: readonly unknown[] = [
  'text',
  7,
  [],
  {},
  { a: 7 },
  { a: ['b'] },
  { '': 'x' },
  { a: '' },
  { 'a b': 'x' },
  { Grüße: 'x' },
  { [long]: 'x' },
  { a: long },
  { a: quote },
  { 'postgres.example.com/cluster': 'other' },
];
/** What a database administrator may write, and what must not reach a server. */
const parameters: readonly unknown[] = [
  { work_mem: '8MB' },
  { work_mem: '8 MB' },
  { work_mem: 'much' },
  { work_mem: '-1' },
  { work_mem: '8mb' },
  { Work_Mem: '8MB' },
  { max_connections: '0' },
  { max_connections: '1e3' },
  { max_connections: '300' },
  { max_connections: '10000000' },
  { shared_buffers: '1' },
  { shared_buffers: '100000TB' },
  { shared_buffers: '25%' },
  { wal_level: 'minimal' },
  { wal_level: 'logical' },
  { hot_standby: 'off' },
  { max_wal_senders: '0' },
  { port: '5433' },
  { listen_addresses: 'localhost' },
  { data_directory: '/tmp' },
  { archive_command: 'rm -rf /' },
  { restore_command: 'false' },
  { primary_conninfo: 'host=x' },
  { synchronous_standby_names: '*' },
  { unix_socket_directories: '/tmp' },
  { fsync: 'off' },
  { fsync: 'maybe' },
  { log_line_prefix: 'it\'s %m "q" $(HOME) \\' },
  { log_line_prefix: 'a\nb' },
  { search_path: '' },
  { 'auto_explain.log_min_duration': '1s' },
  { 'no such': '1' },
  { nonsense: '1' },
  { random_page_cost: '1.1' },
  { random_page_cost: 'NaN' },
  { timezone: 'Mars/Olympus' },
  { shared_preload_libraries: 'nonsense' },
  { shared_preload_libraries: 'pg_stat_statements' },
];
/** Leaves whose meaning their type does not tell. */
const byPath: Readonly<Record<string, readonly unknown[]>> = {
  postgresqlParams: parameters,
  'storage.storageClass': ['standard', 'no-such-class', 'Upper'],
  image: ['registry.example/spilo:17', 'registry.example/spilo@sha256:abc', 'UPPER/case', ':17'],
  'database.name': ['app', 'orders', 'Orders', 'postgres', 'template1', 'pg_x', '1st', 'select', 'a-b'],
  'database.owner': ['app', 'orders', 'postgres', 'standby', 'public', 'pg_monitor', 'select'],
  'database.encoding': ['UTF8', 'utf-8', 'LATIN1', 'nonsense'],
  'database.locale': ['en_US.UTF-8', 'C', 'nonsense'],
};

function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function numbers({ minimum, maximum }: Schema): readonly unknown[] {
  const around = [minimum, maximum].flatMap((edge) => (typeof edge === 'number' ? [edge - 1, edge, edge + 1] : []));
  return [...new Set([...around, 0, -1, 2, 2 ** 31, 2 ** 53, 1.5])]
    .concat([])
    .map((each): unknown => each)
    .concat(['3', '', true, [1]]);
}

function words(allowed: readonly unknown[]): readonly unknown[] {
  const first = String(allowed[0]);
  const changed = first === first.toLowerCase() ? first.toUpperCase() : first.toLowerCase();
  return [...allowed, changed, `${first} `, '', 'Nonsense', 7, true, [first], long];
}

/** Values for one leaf: at least eight, none twice. */
export function valuesFor(path: string, schema: Schema): readonly unknown[] {
  const own = byPath[path] ?? [];
  const rules = JSON.stringify(schema['x-kubernetes-validations'] ?? '');
  const ofType = (): readonly unknown[] => {
    if (Array.isArray(schema['enum'])) return words(schema['enum']);
    if (rules.includes('isQuantity')) return quantities;
    if (schema['type'] === 'integer') return numbers(schema);
    if (schema['type'] === 'boolean') return booleans;
    if (schema['type'] === 'array') return lists;
    if (schema['type'] === 'object') return schema['additionalProperties'] === undefined ? objects : maps;
    return texts;
  };
  const seen = new Set<string>();
  return [...own, ...ofType()].filter((value) => {
    const text = JSON.stringify(value);
    if (seen.has(text)) return false;
    seen.add(text);
    return true;
  });
}

/** All cases of a schema of properties, in the order it declares them. */
export function casesOf(schema: Schema, path = ''): readonly Case[] {
  const properties = isSchema(schema['properties']) ? schema['properties'] : null;
  const items = isSchema(schema['items']) ? schema['items'] : null;
  const own = path === '' ? [] : valuesFor(path, schema).map((value): Case => ({ path, value }));
  if (properties !== null) {
    const below = Object.entries(properties).flatMap(([name, each]) =>
      isSchema(each) ? casesOf(each, path === '' ? name : `${path}.${name}`) : [],
    );
    // An object with declared fields is a leaf too: it may be given as something else.
    return [...own.filter(({ value }) => !isSchema(value)), ...below];
  }
  if (items !== null && (isSchema(items['properties']) || items['x-kubernetes-preserve-unknown-fields'] === true))
    return [...own, ...casesOf(items, `${path}[]`)];
  return own;
}

/** `spec` with the case's value in its place; what is missing on the way there is taken from `around`. */
export function placed(spec: Schema, { path, value }: Case, around: Schema): Schema {
  const [head = '', ...rest] = path.split('.');
  const name = head.replace('[]', '');
  const inList = head.endsWith('[]');
  if (rest.length === 0) return { ...spec, [name]: inList ? [value] : value };
  const given = spec[name] ?? around[name];
  const inner = inList && Array.isArray(given) ? (given as readonly unknown[])[0] : given;
  const template = Array.isArray(around[name]) ? (around[name] as readonly unknown[])[0] : around[name];
  const next = placed(
    isSchema(inner) ? inner : {},
    { path: rest.join('.'), value },
    isSchema(template) ? template : {},
  );
  return { ...spec, [name]: inList ? [next] : next };
}

/** A value on one line, shortened. */
export function shown(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > 90 ? `${text.slice(0, 60)}… (${text.length} characters)` : text;
}
