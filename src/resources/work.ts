/** Owns: what each changed field of a spec makes necessary at the members. */
import type { FieldWork, Work } from '#machines/cluster/tables/permission.ts';
import type { PostgresClusterSpec } from '#crds/postgrescluster.gen.ts';
import { dynamicParameters } from './parameters/dynamic.ts';
import { splitParameters } from './parameters/split.ts';
import { support, type SpecField } from './support.ts';
import { changedFields } from './validation.ts';

/** Fields that take a procedure but make no pod anew. Every other one that takes a procedure does. */
const gentle: Partial<Readonly<Record<SpecField, Work>>> = {
  replicas: 'nothing',
  storage: 'nothing',
  podMetadata: 'nothing',
  patroni: 'reload',
  synchronous: 'reload',
};

function parameterWork(before: PostgresClusterSpec, wanted: PostgresClusterSpec): Work {
  const localOf = (spec: PostgresClusterSpec): string =>
    JSON.stringify(splitParameters(spec.postgresqlParams ?? {}).local);
  if (localOf(before) !== localOf(wanted)) return 'replace';
  const [old, now] = [dynamicParameters(before), dynamicParameters(wanted)];
  const names = [...new Set([...Object.keys(old), ...Object.keys(now)])];
  const changed = names.filter((name) => old[name]?.value !== now[name]?.value);
  if (changed.some((name) => (now[name] ?? old[name])?.needsRestart === true)) return 'restart';
  return changed.length > 0 ? 'reload' : 'nothing';
}

/** What going from one spec to the other makes necessary, for each field that takes a procedure. */
export function workOf(before: PostgresClusterSpec, wanted: PostgresClusterSpec): readonly FieldWork[] {
  return changedFields(before, wanted)
    .filter((field) => support[field].edit === 'rollout')
    .map((field) => ({
      field: `spec.${field}`,
      work: field === 'postgresqlParams' ? parameterWork(before, wanted) : (gentle[field] ?? 'replace'),
    }));
}
