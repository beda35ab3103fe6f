/**
 * Owns: the table of what takes effect when (field × creation / edit). What is not built yet is refused with a sentence,
 * never ignored; a value equal to its default is not a use. A test lets this table only shrink.
 */
import type { PostgresClusterSpec } from '#crds/postgrescluster.gen.ts';

export type SpecField = keyof PostgresClusterSpec;

export interface Support {
  /** `built`: takes effect at creation. */
  readonly creation: 'built' | 'refused';
  /** `live`: an edit takes effect at once, with no rollout. */
  readonly edit: 'live' | 'refused';
  /** Value that is the same as leaving the field out, as JSON text; null when every value is a use. */
  readonly idle: (value: unknown) => boolean;
}

const never = (): boolean => false;

function disabled(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'enabled' in value && value.enabled === false;
}

function modeOff(value: unknown): boolean {
  return typeof value === 'object' && value !== null && (!('mode' in value) || value.mode === 'Off');
}

function emptyList(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0;
}

/** True for `{}` and for objects whose every field is idle by its own default. */
function empty(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0;
}

function plainService(value: unknown): boolean {
  return empty(value) || JSON.stringify(value) === '{"type":"ClusterIP"}';
}

const built = { creation: 'built', edit: 'refused', idle: never } as const;
const live = { creation: 'built', edit: 'live', idle: never } as const;
const later = { creation: 'refused', edit: 'refused' } as const;

export const support: Readonly<Record<SpecField, Support>> = {
  version: built,
  replicas: built,
  storage: built,
  resources: built,
  postgresqlParams: built,
  database: built,
  image: built,
  dcs: built,
  paused: live,
  deletionProtection: live,
  volumePolicy: live,
  mode: { ...later, idle: (value) => value === 'Manage' },
  maxDisruption: { ...later, idle: never },
  maintenanceWindows: { ...later, idle: emptyList },
  synchronous: { ...later, idle: modeOff },
  placement: { ...later, idle: empty },
  service: { ...later, idle: plainService },
  podMetadata: { ...later, idle: empty },
  env: { ...later, idle: emptyList },
  pgHba: { ...later, idle: emptyList },
  patroni: { ...later, idle: empty },
  backup: { ...later, idle: never },
  restore: { ...later, idle: never },
  clone: { ...later, idle: never },
  pgbouncer: { ...later, idle: disabled },
  tls: { ...later, idle: disabled },
  metrics: { ...later, idle: disabled },
};
