/**
 * Owns: synchronous replication as the machine sees it: what the spec asks, what Patroni's configuration says, which replicas
 * confirm commits, and what has to wait for that. Who confirms is chosen by Patroni alone.
 *
 *   Patroni's configuration           mode       while no replica can confirm
 *   none of the three keys            Off        (nobody has to)
 *   synchronous_mode                  Preferred  writes go on
 *   synchronous_mode and its _strict  Required   writes wait
 *
 * In both modes nobody but a member that confirms takes over, on purpose or after a failure.
 * I1. Required is switched on only when as many replicas stream as have to confirm: else writes would wait at once.
 * I2. A spec that asks for it is true of the cluster only once commits are confirmed: what is written then is on two members.
 * I3. While Required is in force, no member goes of those that it needs.
 */
import type { PostgresClusterSpec } from '#crds/postgrescluster.gen.ts';
import { configObject, ordinalOf, syncObject } from '../../shared/names.ts';
import type { Facts } from '../facts.ts';
import { clusterName } from '../knowledge.ts';
import {
  dcsOf,
  isCutLoose,
  leaderOf,
  memberCalled,
  membersOf,
  podOf,
  runs,
  troubledMembers,
  type Member,
} from '../members.ts';
import type { JsonRecord } from '../plan.ts';
import { objectsOf, recalled } from '../recall.ts';
import type { Scene } from './step.ts';

export interface Synchrony {
  readonly mode: 'Off' | 'Preferred' | 'Required';
  /** Replicas that confirm each commit; Patroni takes fewer while fewer stream. */
  readonly count: number;
}

const off: Synchrony = { mode: 'Off', count: 1 };

/** Patroni's names. */
const keys = ['synchronous_mode', 'synchronous_mode_strict', 'synchronous_node_count'] as const;

/** What a spec asks for. */
export function askedSynchrony(spec: Pick<PostgresClusterSpec, 'synchronous'> | null): Synchrony {
  const { mode = 'Off', count = 1 } = spec?.synchronous ?? {};
  return mode === 'Off' ? off : { mode, count };
}

function isSet(value: unknown): boolean {
  return value === true || (typeof value === 'string' && /^(true|on|yes|1|quorum)$/i.test(value));
}

/** What Patroni's configuration says, whoever wrote it. */
export function statedSynchrony(config: JsonRecord): Synchrony {
  if (!isSet(config['synchronous_mode'])) return off;
  const count = Number(config['synchronous_node_count'] ?? 1);
  return {
    mode: isSet(config['synchronous_mode_strict']) ? 'Required' : 'Preferred',
    count: Number.isInteger(count) && count >= 1 ? count : 1,
  };
}

function isSame(one: Synchrony, other: Synchrony): boolean {
  return one.mode === other.mode && (one.mode === 'Off' || one.count === other.count);
}

/** A configuration that says this of synchronous replication; its own words when it says so already. */
export function withSynchrony(config: JsonRecord, wanted: Synchrony): JsonRecord {
  if (isSame(statedSynchrony(config), wanted)) return config;
  const rest = Object.fromEntries(Object.entries(config).filter(([key]) => !keys.some((each) => each === key)));
  if (wanted.mode === 'Off') return rest;
  const [on, strict, count] = keys;
  return { ...rest, [on]: true, [strict]: wanted.mode === 'Required', [count]: wanted.count };
}

/** What may be told to Patroni now: what is asked, unless writes would wait for members that do not stream yet. */
export function permittedSynchrony(found: Synchrony, wanted: Synchrony, streaming: number): Synchrony {
  const isStricter = wanted.mode === 'Required' && found.mode !== 'Required';
  return isStricter && streaming < wanted.count ? found : wanted;
}

/** What is in force, by Patroni's configuration; off before it is seen. */
export function synchronyOf(facts: Facts): Synchrony {
  return statedSynchrony(dcsOf(facts, configObject(clusterName(facts)))?.config ?? {});
}

/** Members that Patroni names as confirming the present leader's commits; null when it names no such leader. */
function named(facts: Facts): readonly string[] | null {
  const sync = dcsOf(facts, syncObject(clusterName(facts)));
  return sync === null || sync.leader === null || sync.leader !== leaderOf(facts).name
    ? null
    : (sync.syncStandbys ?? []);
}

/** Members that confirm commits, by name; null where nobody has to. */
export const standbysOf: (facts: Facts) => readonly string[] | null = recalled((facts) =>
  synchronyOf(facts).mode === 'Off' ? null : (named(facts) ?? []),
);

/** A member's role in Patroni's words, for people. */
export function roleOf(facts: Facts, { name, role }: Member): 'leader' | 'sync_standby' | 'replica' {
  return role === 'replica' && standbysOf(facts)?.includes(name) === true ? 'sync_standby' : role;
}

/**
 * Its last words are not enough: who is killed says nothing any more. Nor is that it runs: on an older timeline than the leader's
 * it has not followed it yet, and where its Patroni has a word for that it streams, it says so.
 */
function streams(facts: Facts, member: Member): boolean {
  const { name, role, timeline } = member;
  const { ready = false, trouble = null, patroni = null } = podOf(facts, name)?.detail ?? {};
  const isUp = ready && trouble === null && patroni !== null && !isCutLoose(patroni);
  const { timeline: leaders } = leaderOf(facts);
  const follows = timeline === null || leaders === null || timeline === leaders;
  return isUp && role === 'replica' && runs(member) && follows;
}

/** Replicas that stream, also those on their way out. */
function streamingReplicas(facts: Facts): readonly Member[] {
  const cluster = clusterName(facts);
  return objectsOf(facts)
    .filter(({ object }) => object.kind === 'Pod' && ordinalOf(cluster, object.name) >= 0)
    .map(({ object }) => memberCalled(facts, object.name))
    .filter((member) => streams(facts, member));
}

/** Why commits wait although somebody leads, as a clause; null when they do not. */
export function commitsWait(facts: Facts): string | null {
  if (synchronyOf(facts).mode !== 'Required' || !leaderOf(facts).writable) return null;
  const replicas = streamingReplicas(facts).map(({ name }) => name);
  const gone = (standbysOf(facts) ?? []).filter((name) => !replicas.includes(name));
  if (replicas.length > 0 && gone.length === 0) return null;
  const why = gone.length === 0 ? 'no replica streams' : `${gone.join(', ')} does not stream`;
  const next = replicas.length > 0 ? 'Patroni chooses another one' : 'a replica has to come back';
  const troubled = troubledMembers(membersOf(facts));
  return `spec.synchronous is Required and ${why}; ${next}${troubled === '' ? '' : `; not ready: ${troubled}`}`;
}

/** Who confirms, as a clause; null where nobody has to. */
export function confirmedBy(facts: Facts): string | null {
  const standbys = standbysOf(facts);
  if (standbys === null) return null;
  return standbys.length === 0 ? 'no replica confirms commits' : `${standbys.join(', ')} confirms commits`;
}

function readyReplicas(facts: Facts): readonly Member[] {
  return membersOf(facts).filter(({ role, ready }) => role === 'replica' && ready);
}

/** Replicas that stream and are ready; as many may be asked to confirm. */
export function ableToConfirm(facts: Facts): number {
  return readyReplicas(facts).length;
}

/** What is awaited, as a clause, and of which member; null when of none. */
export interface Awaited {
  readonly because: string;
  readonly awaited: string | null;
}

/** What keeps it from being as the spec asks; null when it is. */
export function synchronyDue(facts: Facts): Awaited | null {
  const wanted = askedSynchrony(facts.memory.accepted?.spec ?? null);
  const confirming = named(facts);
  const replicas = membersOf(facts).filter(({ role }) => role === 'replica');
  const missing = replicas.find(({ ready }) => !ready);
  if (!isSame(synchronyOf(facts), wanted)) {
    const because =
      missing === undefined
        ? 'Patroni has to be told of synchronous replication'
        : `${missing.name} has to stream before it can be required to confirm commits: ${missing.trouble ?? ''}`;
    return { because, awaited: missing?.name ?? null };
  }
  if (wanted.mode === 'Off') {
    const still = confirming ?? [];
    return still.length === 0 ? null : { because: `${still.join(', ')} still confirms commits`, awaited: null };
  }
  const able = readyReplicas(facts).filter(({ name }) => confirming?.includes(name) !== true);
  const enough = Math.min(wanted.count, ableToConfirm(facts)) - (ableToConfirm(facts) - able.length);
  if (confirming !== null && enough <= 0) return null;
  const because = `Patroni has to choose who confirms commits: ${confirmedBy(facts) ?? ''}`;
  return { because, awaited: able[0]?.name ?? null };
}

/** Why the member called `but` may not go now: another one has to come first; null when it may. */
export function hindrance(scene: Pick<Scene, 'facts' | 'members'>, but: string): Awaited | null {
  const { facts, members } = scene;
  const other = members.find((member) => !member.ready && member.name !== but);
  if (other !== undefined)
    return { because: `${other.name}: ${other.trouble ?? 'it is not ready'}`, awaited: other.name };
  const standbys = standbysOf(facts);
  const replicas = readyReplicas(facts);
  if (standbys === null || replicas.length === 0 || replicas.some(({ name }) => standbys.includes(name))) return null;
  return { because: 'a replica that confirms commits again', awaited: replicas[0]?.name ?? null };
}

/** Why there may not be as few members yet, as a clause; null when there may. */
export function neededMembers(facts: Facts, members: number): string | null {
  const { mode, count } = synchronyOf(facts);
  if (mode === 'Required' && members < count + 1)
    return `Patroni has to be told first: ${count} of the replicas must confirm commits, so that ${count + 1} members have to stay`;
  const still = mode === 'Off' ? (named(facts) ?? []) : [];
  return still.length === 0 ? null : `${still.join(', ')} still confirms commits`;
}
