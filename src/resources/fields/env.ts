/**
 * Owns: spec.env: which variables of the database container are the user's to set, and what else is wrong with them. Values
 * are never shown: somebody may have put a password there.
 */
import { isObject } from '#machines/shared/json.ts';
import type { Problem } from '#machines/cluster/plan.ts';
import type { Json } from '#machines/cluster/plan.ts';
import type { PostgresClusterSpec } from '#crds/postgrescluster.gen.ts';
import { problem } from './grammar.ts';

/** Set by the operator, baked into the image, or the base of what it does with its volume; the CRD has the same lists. */
export const protectedNames = [
  'ALLOW_NOSSL',
  'APIPORT',
  'BACKUP_SCHEDULE',
  'CALLBACK_SCRIPT',
  'DCS_ENABLE_KUBERNETES_API',
  'HOME',
  'HOSTNAME',
  'INITDB_LOCALE',
  'LD_PRELOAD',
  'PATH',
  'PGDATA',
  'PGHOME',
  'PGLOG',
  'PGPORT',
  'PGROOT',
  'PGVERSION',
  'PG_CONNECT_ADDRESS',
  'POD_IP',
  'POD_NAMESPACE',
  'RW_DIR',
  'SCOPE',
] as const;

/** Families of names that Spilo and Patroni read. */
export const protectedPrefixes = [
  'CLONE_',
  'CONSUL_',
  'ETCD',
  'EXHIBITOR_',
  'KUBERNETES_',
  'PATRONI_',
  'PGPASSWORD_',
  'PGUSER_',
  'RESTAPI_',
  'SPILO_',
  'SSL_',
  'STANDBY_',
  'USE_WALG_',
  'WALE_',
  'WALG_',
  'WAL_',
  'ZOOKEEPER_',
] as const;

const protectedRule =
  'is set or read by the operator, Spilo or Patroni; a cluster whose members disagree about it would break';

function isProtected(name: string): boolean {
  return (
    (protectedNames as readonly string[]).includes(name) || protectedPrefixes.some((prefix) => name.startsWith(prefix))
  );
}

const nameGrammar = /^[A-Za-z_][A-Za-z0-9_]*$/;
/** What Kubernetes can take a value from, and what each must name. */
const sources: Readonly<Record<string, readonly string[]>> = {
  secretKeyRef: ['name', 'key'],
  configMapKeyRef: ['name', 'key'],
  fieldRef: ['fieldPath'],
  resourceFieldRef: ['resource'],
};
const optional: ReadonlySet<string> = new Set([
  'name',
  'key',
  'optional',
  'apiVersion',
  'fieldPath',
  'containerName',
  'resource',
  'divisor',
]);

function sourceProblems(path: string, from: Readonly<Record<string, unknown>>): readonly Problem[] {
  const [source = '', ...more] = Object.keys(from);
  const needs = sources[source];
  if (needs === undefined || more.length > 0)
    return [problem(path, Object.keys(from).join(', '), `must have one of ${Object.keys(sources).join(', ')}`)];
  const below = from[source];
  if (!isObject(below)) return [problem(`${path}.${source}`, null, 'must be an object')];
  const missing = needs.filter((key) => typeof below[key] !== 'string' || below[key] === '');
  const unknown = Object.keys(below).filter((key) => !optional.has(key));
  return [
    ...missing.map((key) => problem(`${path}.${source}.${key}`, null, 'must be given')),
    ...unknown.map((key) => problem(`${path}.${source}.${key}`, null, 'is no field of it')),
  ];
}

/** Faults of spec.env. */
export function envProblems({ env = [] }: PostgresClusterSpec): readonly Problem[] {
  const names = env.map(({ name }) => name);
  return env.flatMap(({ name, value, valueFrom }, index): readonly Problem[] => {
    const path = `spec.env[${index}]`;
    if (!nameGrammar.test(name))
      return [problem(`${path}.name`, name, 'must be letters, digits and _, not beginning with a digit')];
    if (isProtected(name)) return [problem(`${path}.name`, name, protectedRule)];
    if (names.indexOf(name) < index) return [problem(`${path}.name`, name, 'stands there twice')];
    if (value !== undefined && value !== '' && valueFrom !== undefined)
      return [problem(`${path}.valueFrom`, name, 'must not be given beside value')];
    return valueFrom === undefined ? [] : sourceProblems(`${path}.valueFrom`, valueFrom);
  });
}

/** The variables as a container has them, after the operator's own. */
export function variables({ env = [] }: PostgresClusterSpec): readonly Json[] {
  // The spec was validated: valueFrom is JSON of Kubernetes' own type.
  return env.map(({ name, value, valueFrom }): Json => ({
    name,
    ...(value === undefined ? {} : { value }),
    ...(valueFrom === undefined ? {} : { valueFrom: valueFrom as Json }),
  }));
}
