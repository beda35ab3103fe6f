/**
 * Owns: what is wrong with a spec, field by field: for a cluster to be created, and for an edit of one that exists. The
 * schema refuses what it can; this says the rest, and says it again for what came in before the schema did.
 */
import type { OperatorConfig } from '#machines/cluster/observations.ts';
import type { Problem } from '#machines/cluster/plan.ts';
import { askedSynchrony } from '#machines/cluster/tables/synchrony.ts';
import { quantityBytes } from '#machines/shared/quantity.ts';
import type { PostgresClusterSpec } from '#crds/postgrescluster.gen.ts';
import { envProblems } from './fields/env.ts';
import { problem, shown, subdomainGrammar } from './fields/grammar.ts';
import { patroniProblems } from './fields/patroni.ts';
import { pgHbaProblems } from './fields/pg-hba.ts';
import { placementProblems } from './fields/placement.ts';
import { podMetadataProblems } from './fields/pod-metadata.ts';
import { resourceProblems } from './fields/resources.ts';
import { serviceProblems } from './fields/service.ts';
import { parameterProblems } from './parameters/validation.ts';
import { support, type SpecField } from './support.ts';
import { windowProblems } from './windows.ts';

function fieldsOf(spec: PostgresClusterSpec): readonly [SpecField, unknown][] {
  const fields = Object.keys(support) as SpecField[];
  return fields.flatMap((field): [SpecField, unknown][] => (spec[field] === undefined ? [] : [[field, spec[field]]]));
}

function isUsed(field: SpecField, value: unknown): boolean {
  return value !== undefined && !support[field].idle(value);
}

const unbuiltRule = 'does not take effect in this version of the operator yet; leave it out';

function unbuilt(spec: PostgresClusterSpec): readonly Problem[] {
  return fieldsOf(spec)
    .filter(([field, value]) => support[field].creation === 'refused' && isUsed(field, value))
    .map(([field, value]) => ({
      field: `spec.${field}`,
      value: shown(value),
      rule: unbuiltRule,
    }));
}

function storageProblems(spec: PostgresClusterSpec): readonly Problem[] {
  const { size, storageClass } = spec.storage;
  const found: Problem[] = [];
  if (!(quantityBytes(size) > 0))
    found.push({ field: 'spec.storage.size', value: size, rule: 'must be a quantity greater than 0, such as 10Gi' });
  if (storageClass !== undefined && !subdomainGrammar.test(storageClass))
    found.push({
      field: 'spec.storage.storageClass',
      value: shown(storageClass),
      rule: 'must be the name of a StorageClass: lower-case letters, digits, - and .',
    });
  return found;
}

/** What every image reference is made of; the kubelet knows the rest. */
const imageGrammar = /^[a-zA-Z0-9][a-zA-Z0-9.:_/@-]*$/;

function imageProblems(spec: PostgresClusterSpec, config: OperatorConfig): readonly Problem[] {
  if (spec.image !== undefined && !imageGrammar.test(spec.image))
    return [
      { field: 'spec.image', value: shown(spec.image), rule: 'must be an image reference, such as registry/name:tag' },
    ];
  if (spec.image !== undefined || config.images[spec.version] !== undefined) return [];
  const known = Object.keys(config.images).sort().join(', ');
  return [
    {
      field: 'spec.version',
      value: spec.version,
      rule: `has no image in the operator's catalog (it has ${known || 'none'}); name one in spec.image`,
    },
  ];
}

function replicaProblems(spec: PostgresClusterSpec): readonly Problem[] {
  const replicas = spec.replicas ?? 1;
  if (Number.isInteger(replicas) && replicas >= 1 && replicas <= 100) return [];
  return [{ field: 'spec.replicas', value: replicas, rule: 'must be from 1 to 100' }];
}

/** Databases and roles of PostgreSQL, Patroni and the image; making one of them the application's would break it. */
const reservedDatabases: ReadonlySet<string> = new Set(['postgres', 'template0', 'template1']);
const reservedOwners: ReadonlySet<string> = new Set([
  'postgres',
  'standby',
  'admin',
  'zalandos',
  'robot_zmon',
  'public',
]);
const identifierGrammar = /^[a-z_][a-z0-9_]{0,62}$/;

function nameRule(name: string, reserved: ReadonlySet<string>): string | null {
  if (!identifierGrammar.test(name))
    return 'must be at most 63 lower-case letters, digits and _, not beginning with a digit';
  if (reserved.has(name) || name.startsWith('pg_')) return 'belongs to PostgreSQL or to the image; choose another name';
  return null;
}

function databaseProblems(spec: PostgresClusterSpec): readonly Problem[] {
  const { name = 'app', owner = 'app', locale, encoding } = spec.database ?? {};
  const found: Problem[] = [];
  const add = (field: string, value: string, rule: string | null): void => {
    if (rule !== null) found.push({ field: `spec.database.${field}`, value, rule });
  };
  add('name', name, nameRule(name, reservedDatabases));
  add('owner', owner, nameRule(owner, reservedOwners));
  if (locale !== undefined) add('locale', locale, unbuiltRule);
  if (encoding !== undefined && !/^utf-?8$/i.test(encoding)) add('encoding', encoding, unbuiltRule);
  return found;
}

/** A parameter of the spec, however its name is spelled; null when it is not given. */
function parameterOf(spec: PostgresClusterSpec, name: string): string | null {
  const given = Object.entries(spec.postgresqlParams ?? {}).find(([each]) => each.toLowerCase() === name);
  return given?.[1] ?? null;
}

function synchronyProblems(spec: PostgresClusterSpec): readonly Problem[] {
  const { mode, count } = askedSynchrony(spec);
  if (mode === 'Off') return [];
  if (!Number.isInteger(count) || count < 1 || count > 99)
    return [problem('spec.synchronous.count', count, 'must be a whole number from 1 to 99')];
  if (mode === 'Preferred') return [];
  const commit = parameterOf(spec, 'synchronous_commit');
  const unconfirmed =
    commit === null || !/^(off|false|no|0|local)$/i.test(commit)
      ? []
      : [
          problem(
            'spec.synchronous.mode',
            mode,
            `contradicts spec.postgresqlParams.synchronous_commit, which is ${commit}: commits would not wait for a replica`,
          ),
        ];
  const replicas = spec.replicas ?? 1;
  if (count < replicas) return unconfirmed;
  const rule = `must be below spec.replicas, which is ${replicas}: with fewer replicas than have to confirm commits, writes would wait for ever`;
  return [...unconfirmed, problem('spec.synchronous.count', count, rule)];
}

/** Faults of a spec for a cluster that is to be created; empty when it can be. */
export function creationProblems(spec: PostgresClusterSpec, config: OperatorConfig): readonly Problem[] {
  return [
    ...imageProblems(spec, config),
    ...replicaProblems(spec),
    ...storageProblems(spec),
    ...resourceProblems(spec),
    ...databaseProblems(spec),
    ...parameterProblems(spec.version, spec.postgresqlParams ?? {}),
    ...placementProblems(spec),
    ...serviceProblems(spec),
    ...podMetadataProblems(spec),
    ...envProblems(spec),
    ...pgHbaProblems(spec),
    ...patroniProblems(spec),
    ...synchronyProblems(spec),
    ...windowProblems(spec),
    ...unbuilt(spec),
  ];
}

function text(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'undefined';
  if (Array.isArray(value)) return `[${value.map(text).join(',')}]`;
  return `{${Object.entries(value)
    .filter(([, each]) => each !== undefined)
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([key, each]) => `${key}:${text(each)}`)
    .join(',')}}`;
}

function normalised(field: SpecField, value: unknown): string {
  const { idle, plain } = support[field];
  if (value === undefined || idle(value)) return 'idle';
  return text(plain === undefined ? value : plain(value));
}

/** Whether going from one spec to the other takes a procedure. */
export function needsRollout(accepted: PostgresClusterSpec, wanted: PostgresClusterSpec): boolean {
  return changedFields(accepted, wanted).some((field) => support[field].edit === 'rollout');
}

/** The field of the spec that a problem is about: `env` of `spec.env[0].name`. */
function topField({ field }: Problem): string {
  return field.split(/[.[]/)[1] ?? '';
}

/** Fields that say something else. */
export function changedFields(accepted: PostgresClusterSpec, wanted: PostgresClusterSpec): readonly SpecField[] {
  return (Object.keys(support) as SpecField[]).filter(
    (field) => normalised(field, accepted[field]) !== normalised(field, wanted[field]),
  );
}

/** What no edit can do to volumes that are there. A growth that has not come true may be taken back. */
function volumeProblems(
  { storage: { storageClass } }: PostgresClusterSpec,
  { storage }: PostgresClusterSpec,
  { storage: { size: least } }: PostgresClusterSpec,
): readonly Problem[] {
  if (storage.storageClass !== storageClass) {
    const rule = `cannot be changed; the volumes stay in ${storageClass ?? 'the default class of the day they were made'}`;
    return [problem('spec.storage.storageClass', storage.storageClass, rule)];
  }
  if (quantityBytes(storage.size) >= quantityBytes(least)) return [];
  return [problem('spec.storage.size', storage.size, `must not be below ${least}: volumes cannot shrink`)];
}

/** Faults of going from the accepted spec to the wanted one on a cluster that exists; empty when all takes effect live. */
export function editProblems(
  accepted: PostgresClusterSpec,
  wanted: PostgresClusterSpec,
  config: OperatorConfig,
  rolledOut: PostgresClusterSpec | null = null,
): readonly Problem[] {
  const changed = changedFields(accepted, wanted);
  // Something hollow says nothing else, and may be wrong all the same: `tolerations: [{}]`.
  const touched = new Set<string>(
    (Object.keys(support) as SpecField[]).filter((field) => text(accepted[field]) !== text(wanted[field])),
  );
  // What one field says can be wrong because of another.
  if (touched.has('replicas') || touched.has('postgresqlParams')) touched.add('synchronous');
  const invalid = creationProblems(wanted, config).filter((problem) => touched.has(topField(problem)));
  const named = new Set(invalid.map(topField));
  const refused = changed
    .filter((field) => support[field].edit === 'refused' && !named.has(field))
    .map((field): Problem => ({
      field: `spec.${field}`,
      value: shown(wanted[field]),
      rule: `cannot be changed on an existing cluster in this version of the operator; the cluster stays as it is (${shown(accepted[field]) ?? 'unset'})`,
    }));
  const volumes = named.has('storage') ? [] : volumeProblems(accepted, wanted, rolledOut ?? accepted);
  return [...invalid, ...refused, ...volumes];
}
