/**
 * Owns: what Patroni's dynamic configuration shall say next, and whether a member follows it. Five parameters may never be
 * lower on a replica than on the primary, so increases go first and decreases wait until those are in force.
 * Invariant: only what the plan states, and what we stated earlier, is ever changed; everything else stays as it is found.
 */
import { isObject, sortedKeys } from '../../shared/json.ts';
import { oncePer, oncePerText } from '../../shared/once.ts';
import type { DynamicParameter, Json, JsonRecord, Plan } from '../plan.ts';
import { permittedSynchrony, statedSynchrony, withSynchrony, type Synchrony } from './synchrony.ts';

/** Our own key in the configuration: which parameters we stated, so that one that leaves the spec can be taken back. */
export const markKey = 'postgres-operator';

/** Parameters of shared memory that a standby checks against its primary. */
export const replicasFirst: ReadonlySet<string> = new Set([
  'max_connections',
  'max_locks_per_transaction',
  'max_prepared_transactions',
  'max_wal_senders',
  'max_worker_processes',
]);

function recordAt(value: JsonRecord, key: string): JsonRecord {
  const found = value[key];
  return isObject(found) ? found : {};
}

function textOf(value: Json | undefined): string | null {
  if (value === undefined || value === null || typeof value === 'object') return null;
  return String(value);
}

/** Parameters of a dynamic configuration as texts. */
export function parametersOf(config: JsonRecord): Readonly<Record<string, string>> {
  const parameters = recordAt(recordAt(config, 'postgresql'), 'parameters');
  return Object.fromEntries(
    Object.entries(parameters).flatMap(([name, value]): [string, string][] => {
      const text = textOf(value);
      return text === null ? [] : [[name, text]];
    }),
  );
}

/** Names of parameters that we stated in this configuration. */
export function statedNames(config: JsonRecord): readonly string[] {
  const names = recordAt(config, markKey)['parameters'];
  return typeof names === 'string' ? names.split(',').filter((name) => name !== '') : [];
}

type Stated = Readonly<Record<string, string>>;

/** Where a configuration puts each of those five: what it does not state, Patroni sets by itself. */
function levelOf(stated: Stated, name: string): number {
  return Number(stated[name] ?? patroniDefaults[name]);
}

/**
 * Decreases that must wait: names of those five that would be lower, while another one still rises. One that is not stated
 * before, or not any more, is at Patroni's own value then, and rises or falls like any other.
 */
function heldBack(found: Stated, wanted: Stated, restartsPending: boolean): ReadonlySet<string> {
  const five = [...replicasFirst];
  const lower = five.filter((name) => levelOf(wanted, name) < levelOf(found, name));
  const rises = five.some((name) => levelOf(wanted, name) > levelOf(found, name));
  return new Set(rises || restartsPending ? lower : []);
}

/** A value as it is found when it says the same, else as it is wanted: a number is not rewritten as a text. */
function unlessSame(found: Json | undefined, wanted: Json): Json {
  if (isObject(wanted)) {
    const below = isObject(found) ? found : {};
    const changed = Object.entries(wanted).map(([key, each]): [string, Json] => [key, unlessSame(below[key], each)]);
    return { ...below, ...Object.fromEntries(changed) };
  }
  return textOf(found) !== null && textOf(found) === textOf(wanted) ? (found ?? wanted) : wanted;
}

/** A configuration with its parameters replaced, and the mark that says which of them are ours. */
function withParameters(whole: JsonRecord, parameters: JsonRecord, names: readonly string[]): JsonRecord {
  return {
    ...whole,
    postgresql: { ...recordAt(whole, 'postgresql'), parameters },
    [markKey]: { parameters: [...names].sort().join(',') },
  };
}

/** All that the plan states, and nothing of what we stated earlier and it does not. */
function targetOf(found: JsonRecord, plan: Plan): JsonRecord {
  const gone = new Set(statedNames(found).filter((name) => plan.parameters[name] === undefined));
  const merged = unlessSame(found, plan.dynamic);
  const whole = isObject(merged) ? merged : {};
  const parameters = Object.fromEntries(
    Object.entries(recordAt(recordAt(whole, 'postgresql'), 'parameters')).filter(([name]) => !gone.has(name)),
  );
  return withParameters(whole, parameters, Object.keys(plan.parameters));
}

/** A target in which these parameters are as they are found, stated or not. */
function holding(found: JsonRecord, target: JsonRecord, held: ReadonlySet<string>): JsonRecord {
  if (held.size === 0) return target;
  const before = recordAt(recordAt(found, 'postgresql'), 'parameters');
  const after = Object.entries(recordAt(recordAt(target, 'postgresql'), 'parameters'));
  const kept = Object.entries(before).filter(([name]) => held.has(name));
  const parameters = Object.fromEntries([...after.filter(([name]) => !held.has(name)), ...kept]);
  // What is still to be taken back stays ours until it is.
  const ours = statedNames(found).filter((name) => held.has(name));
  return withParameters(target, parameters, [...new Set([...statedNames(target), ...ours])]);
}

/** What decides how much of it may be written now. */
export interface Standing {
  /** Whether some member does not run with what stands there yet, as far as is known. */
  readonly restartsPending: boolean;
  /** What the spec asks of synchronous replication. */
  readonly synchrony: Synchrony;
  /** Replicas that could confirm commits. */
  readonly streaming: number;
}

/**
 * The configuration to write now; null when the one that stands is as it should be, or must first be in force everywhere.
 * @param found as Patroni keeps it
 */
export function nextConfiguration(found: JsonRecord, plan: Plan, standing: Standing): JsonRecord | null {
  const { restartsPending, synchrony, streaming } = standing;
  const permitted = permittedSynchrony(statedSynchrony(found), synchrony, streaming);
  return configurations(found)(plan)(JSON.stringify({ restartsPending, permitted }));
}

/** Most often what stands is asked about again and again, and for one plan. */
const configurations = oncePer((found: JsonRecord) =>
  oncePer((plan: Plan) => oncePerText((limits) => configurationWithin(found, plan, JSON.parse(limits) as Limits))),
);

interface Limits {
  readonly restartsPending: boolean;
  readonly permitted: Synchrony;
}

function configurationWithin(found: JsonRecord, plan: Plan, { restartsPending, permitted }: Limits): JsonRecord | null {
  const all = targetOf(found, plan);
  const whole = holding(found, all, heldBack(parametersOf(found), parametersOf(all), restartsPending));
  const target = sortedKeys(withSynchrony(whole, permitted));
  if (!isObject(target) || JSON.stringify(target) === JSON.stringify(sortedKeys(found))) return null;
  return target;
}

/**
 * The configuration without what neither spec says: parameters that a spec between the two had stated are as the plan has them. Null
 * where there are none.
 * @param before parameters of the spec that was true of every member
 */
export function withoutUnwanted(found: JsonRecord, plan: Plan, before: Stated): JsonRecord | null {
  const stated = parametersOf(found);
  const isWanted = (name: string): boolean =>
    stated[name] === plan.parameters[name]?.value || stated[name] === before[name];
  const unwanted = new Set(statedNames(found).filter((name) => !isWanted(name)));
  if (unwanted.size === 0) return null;
  const target = targetOf(found, plan);
  const names = [...Object.keys(stated), ...Object.keys(parametersOf(target))];
  const config = sortedKeys(holding(found, target, new Set(names.filter((name) => !unwanted.has(name)))));
  return isObject(config) ? config : null;
}

/** Does a member's own value follow what is wanted? Numbers are compared as numbers; what only PostgreSQL can read counts as yes. */
export function follows(setting: string | undefined, { effective }: DynamicParameter): boolean {
  if (effective === null || setting === undefined) return effective === null;
  if (setting === effective) return true;
  return effective !== '' && setting !== '' && Number(setting) === Number(effective);
}

/** What Patroni takes for parameters that its configuration does not state. */
export const patroniDefaults: Readonly<Record<string, string>> = {
  max_connections: '100',
  max_locks_per_transaction: '64',
  max_prepared_transactions: '0',
  max_replication_slots: '10',
  max_wal_senders: '10',
  max_worker_processes: '8',
  track_commit_timestamp: 'off',
  wal_level: 'replica',
};

/** Key under which a member's answer holds what a parameter is by itself. */
export function bootKey(name: string): string {
  return `${name}/boot`;
}

/** Key under which a member's answer holds how much WAL there is: written by a primary, replayed by a replica, in bytes. */
export const positionKey = 'wal/position';

/**
 * Has a replica replayed all that its primary had written when that one said what it runs with? Not known of either: no.
 * @param primary what the primary said after its own start
 */
export function hasReplayed(replica: Stated, primary: Stated): boolean {
  return Number(replica[positionKey]) >= Number(primary[positionKey]);
}

/** Is a parameter that is not stated any more back at what it is by itself? */
export function isUnset(settings: Readonly<Record<string, string>>, name: string): boolean {
  const own = patroniDefaults[name] ?? settings[bootKey(name)];
  return own !== undefined && settings[name] === own;
}

/** Parameters the primary still has higher than the configuration says: then it restarts before its replicas. */
export function isDecrease(settings: Stated, stated: Stated): boolean {
  return [...replicasFirst].some((name) => levelOf(stated, name) < Number(settings[name]));
}

/** Parameters that would be higher than a member has them. */
export function isIncrease(settings: Stated, stated: Stated): boolean {
  return [...replicasFirst].some((name) => levelOf(stated, name) > Number(settings[name]));
}
