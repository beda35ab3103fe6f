/**
 * Owns: the table of what takes effect when (field × creation / edit). What is not built yet is refused with a sentence,
 * never ignored; a value equal to its default is not a use. A test lets this table only shrink.
 */
import type { PostgresClusterSpec } from '#crds/postgrescluster.gen.ts';
import { isHollow } from './fields/grammar.ts';
import { patroniDefaults } from './fields/patroni.ts';
import { plainResources } from './fields/resources.ts';

export type SpecField = keyof PostgresClusterSpec;

export interface Support {
  /** `built`: takes effect at creation. */
  readonly creation: 'built' | 'refused';
  /** `live`: an edit takes effect at once. `rollout`: by a procedure. */
  readonly edit: 'live' | 'rollout' | 'refused';
  /** Whether a value is the same as leaving the field out. */
  readonly idle: (value: unknown) => boolean;
  /** The same value for all that say the same; absent where each spelling says something else. */
  readonly plain?: (value: unknown) => unknown;
}

const never = (): boolean => false;

/** Switched off, whatever else it says; `enabled` is false by default. */
function disabled(value: unknown): boolean {
  return typeof value === 'object' && value !== null && (!('enabled' in value) || value.enabled === false);
}

function modeOff(value: unknown): boolean {
  return typeof value === 'object' && value !== null && (!('mode' in value) || value.mode === 'Off');
}

/** True for objects whose every field is empty or equal to its default. */
function defaults(expected: Readonly<Record<string, unknown>>): (value: unknown) => boolean {
  return (value) =>
    typeof value === 'object' &&
    value !== null &&
    Object.entries(value).every(([key, each]) => isHollow(each) || (key in expected && each === expected[key]));
}

const is =
  (expected: unknown) =>
  (value: unknown): boolean =>
    value === expected;

const built = { creation: 'built', edit: 'refused' } as const;
const rolled = { creation: 'built', edit: 'rollout' } as const;
const live = { creation: 'built', edit: 'live' } as const;
const later = { creation: 'refused', edit: 'refused' } as const;

export const support: Readonly<Record<SpecField, Support>> = {
  version: { ...built, idle: never },
  replicas: { ...rolled, idle: is(1) },
  storage: { ...rolled, idle: never },
  resources: { ...rolled, idle: isHollow, plain: plainResources },
  postgresqlParams: { ...rolled, idle: isHollow },
  database: { ...built, idle: defaults({ name: 'app', owner: 'app' }) },
  image: { ...rolled, idle: never },
  dcs: { ...built, idle: never },
  paused: { ...live, idle: is(false) },
  deletionProtection: { ...live, idle: is(false) },
  volumePolicy: { ...live, idle: is('Retain') },
  mode: { ...live, idle: is('Manage') },
  maxDisruption: { ...live, idle: never },
  maintenanceWindows: { ...live, idle: isHollow },
  synchronous: { ...rolled, idle: modeOff },
  placement: { ...rolled, idle: isHollow },
  service: { ...live, idle: defaults({ type: 'ClusterIP' }) },
  podMetadata: { ...rolled, idle: isHollow },
  logs: { ...rolled, idle: defaults({ stdout: false }) },
  env: { ...rolled, idle: isHollow },
  pgHba: { ...rolled, idle: isHollow },
  patroni: { ...rolled, idle: defaults(patroniDefaults) },
  backup: { ...later, idle: never },
  restore: { ...later, idle: never },
  clone: { ...later, idle: never },
  pgbouncer: { ...later, idle: disabled },
  tls: { ...later, idle: disabled },
  metrics: { ...later, idle: disabled },
};
