/**
 * Owns: the derived picture of a cluster's members: who leads, who streams, who is missing and why. Pure functions of
 * facts. The leader is read from Patroni's leader object, never from labels: after a crash two pods carry `master`.
 */
import { claimName, leaderObject, podName, configObject } from '../shared/names.ts';
import type { Facts, Warning } from './facts.ts';
import { clusterName } from './knowledge.ts';
import type { DcsSeen, ObjectProjection, PatroniMember, PodDetail } from './observations.ts';
import { recalled } from './recall.ts';
import { withFullVolume } from './room.ts';
import { warningOf, warningWords } from './tables/warnings.ts';

/** A replica further behind the leader than this is not ready; equals Patroni's maximum_lag_on_failover. */
export const lagBytesMax = 32 * 1024 * 1024;

export interface Member {
  readonly name: string;
  readonly role: 'leader' | 'replica';
  /** Patroni's word, or ours: `missing`, `terminating`, `not reporting`. */
  readonly state: string;
  readonly timeline: number | null;
  /** Against the leader's position, in steps of 16 MiB; null when either is not known. */
  readonly lagBytes: number | null;
  readonly pendingRestart: boolean;
  readonly ready: boolean;
  /** Why it is not ready, as a clause; null when it is. */
  readonly trouble: string | null;
}

export interface Leader {
  /** Holder of the leader key; null when nobody holds it. */
  readonly name: string | null;
  readonly writable: boolean;
  readonly because: string;
  readonly timeline: number | null;
  readonly positionBytes: number | null;
}

/** Members the accepted spec asks for; 0 before there is one. */
export function desiredMembers(facts: Facts): number {
  return facts.memory.accepted?.spec.replicas ?? 0;
}

/** Names of the members the accepted spec asks for, by ordinal. */
function memberNames(facts: Facts): readonly string[] {
  const cluster = clusterName(facts);
  return Array.from({ length: desiredMembers(facts) }, (_, ordinal) => podName(cluster, ordinal));
}

/** Names of the claims of the members the accepted spec asks for; no others are theirs, whoever left them. */
export function claimNames(facts: Facts): ReadonlySet<string> {
  const cluster = clusterName(facts);
  return new Set(Array.from({ length: desiredMembers(facts) }, (_, ordinal) => claimName(cluster, ordinal)));
}

/** Members the StatefulSet has now; null before it is seen. */
export function actualMembers(facts: Facts): number | null {
  const detail = facts.world.objects[`StatefulSet/${clusterName(facts)}`]?.object.detail;
  return detail !== undefined && detail.type === 'StatefulSet' ? detail.replicas : null;
}

/** What Patroni keeps on its object called `name`; null when there is no such object. */
export function dcsOf(facts: Facts, name: string): DcsSeen | null {
  const kind = facts.memory.dcs === 'ConfigMaps' ? 'ConfigMap' : 'Endpoints';
  const detail = facts.world.objects[`${kind}/${name}`]?.object.detail;
  if (detail === undefined) return null;
  return detail.type === 'Endpoints' || detail.type === 'ConfigMap' ? detail.dcs : null;
}

/** What Patroni keeps on its leader object; null when there is none. */
function leaderKey(facts: Facts): DcsSeen | null {
  return dcsOf(facts, leaderObject(clusterName(facts), facts.memory.dcs ?? 'Endpoints'));
}

/** The `initialize` key: the PostgreSQL system identifier, once a member has bootstrapped; null before. */
export function systemIdentifier(facts: Facts): string | null {
  return dcsOf(facts, configObject(clusterName(facts)))?.systemIdentifier ?? null;
}

export interface SeenPod {
  readonly object: ObjectProjection;
  readonly detail: PodDetail;
}

/** The pod called `name`, or null when there is none. */
export function podOf(facts: Facts, name: string): SeenPod | null {
  const object = facts.world.objects[`Pod/${name}`]?.object;
  if (object === undefined || object.detail.type !== 'Pod') return null;
  return { object, detail: withFailedStart(facts, object, object.detail) };
}

/** Patroni says `starting` with each further try; a PostgreSQL that could not be started stays that, until it runs. */
function withFailedStart({ memory }: Facts, { name, uid }: ObjectProjection, detail: PodDetail): PodDetail {
  const { patroni } = detail;
  if (patroni?.state !== 'starting' || memory.failedStarts?.[name] !== uid) return detail;
  return { ...detail, patroni: { ...patroni, state: 'start failed' } };
}

/** Words for a member that follows; pods say the first, `/cluster` of Patroni 3.0 to 4.1 says the others. */
export const followers: ReadonlySet<string> = new Set(['replica', 'sync_standby', 'quorum_standby']);

/** Whether a role, as Patroni spells it, is that of who leads. */
export function leads(role: string): boolean {
  return role === 'master' || role === 'primary';
}

/**
 * Somebody paused Patroni itself (`patronictl pause`): nobody takes over, nothing that stopped is started. Whoever did that is
 * at work by hand, so until it is resumed no pod goes and nobody hands over on our account.
 */
export function isPatroniPaused(facts: Facts): boolean {
  return dcsOf(facts, configObject(clusterName(facts)))?.paused === true;
}

/** Who holds the leader key, and whether that member can be written to. */
export const leaderOf: (facts: Facts) => Leader = recalled((facts) => {
  const found = leaderAmong(facts);
  if (found.writable) return found;
  const words = withLeftOut(facts, found);
  const because = found.name === null ? words : withFullVolume(facts, found.name, words);
  const leader = { ...found, because };
  if (!isPatroniPaused(facts)) return leader;
  return {
    ...leader,
    because: `${leader.because}; Patroni is paused by hand, and nobody takes over until it is resumed`,
  };
});

/**
 * Why nobody leads, and who may not take over though it could: with failsafe mode Patroni elects nobody whom the last leader had
 * not written down yet, which it does with each of its heartbeats. Said only where another leader is needed.
 */
function withLeftOut(facts: Facts, { name, because }: Leader): string {
  const { failsafe } = leaderKey(facts) ?? {};
  const leader = name === null ? null : podOf(facts, name);
  const isAway = leader === null || leader.object.deleting || facts.world.leaderSilentSince !== null;
  if (failsafe === undefined || !isAway) return because;
  const running = memberNames(facts).filter((each) => each !== name && runs(podOf(facts, each)?.detail.patroni));
  if (running.length === 0 || running.some((each) => failsafe.includes(each))) return because;
  return `${because}; ${running.join(', ')} joined after the last leader had written down who may follow it: in failsafe mode Patroni elects none but ${failsafe.join(', ')}, until one of those is back`;
}

function leaderAmong(facts: Facts): Leader {
  const name = leaderKey(facts)?.leader ?? null;
  const none = { name, writable: false, timeline: null, positionBytes: null };
  if (name === null) return { ...none, because: 'no member holds the leader key' };
  const pod = podOf(facts, name);
  if (pod === null) return { ...none, because: `${name} holds the leader key but its pod is gone` };
  if (pod.object.deleting) return { ...none, because: `${name} holds the leader key but is terminating` };
  const patroni = pod.detail.patroni;
  if (patroni === null) return { ...none, because: `${name} holds the leader key but does not report` };
  const seen = { name, timeline: timelineOf(facts, name, patroni), positionBytes: patroni.positionBytes };
  if (facts.world.leaderSilentSince !== null) {
    return { ...seen, writable: false, because: `${name} has not renewed the leader key for its time to live` };
  }
  if (!leads(patroni.role) || patroni.state !== 'running') {
    return {
      ...seen,
      writable: false,
      because: `${name} holds the leader key but is ${patroni.role}, ${patroni.state}`,
    };
  }
  return { ...seen, writable: true, because: `${name} leads on timeline ${seen.timeline ?? 'unknown'}` };
}

/**
 * The timeline a leader writes on. Patroni leaves it out when its server did not answer in time, as it does on its way out of office: until
 * something else is told it is the one of before, for whoever begins another one is promoted first.
 */
function timelineOf({ memory }: Facts, name: string, { timeline }: PatroniMember): number | null {
  const isKnown = memory.leader?.name === name && memory.leaderLostAt === null;
  return timeline ?? (isKnown ? (memory.leader?.timeline ?? null) : null);
}

function missing(name: string, warning: Warning | null): Member {
  return {
    name,
    role: 'replica',
    state: 'missing',
    timeline: null,
    lagBytes: null,
    pendingRestart: false,
    ready: false,
    trouble: warned('its pod is gone', warning),
  };
}

/** Whether PostgreSQL runs, by the state that Patroni tells: since 3.0.4 a replica that follows is `streaming`. */
export function runs(told: { readonly state: string | null } | null | undefined): boolean {
  return told?.state === 'running' || told?.state === 'streaming';
}

/** A trouble in our words, and what Kubernetes warned of there. */
function warned(trouble: string, warning: Warning | null): string {
  return warning === null ? trouble : `${trouble}: ${warningWords(warning)}`;
}

/** From this release of Patroni on a replica that runs says apart whether it streams. */
const tellsOfStreaming = [3, 0, 4] as const;

/** Whether a release of Patroni is that one or a later one; not where its name is none. */
function isSince([major, minor, patch]: readonly [number, number, number], version: string | null): boolean {
  const parts = /^(\d+)\.(\d+)(?:\.(\d+))?/.exec(version ?? '');
  if (parts === null) return false;
  const [first, second, third] = [1, 2, 3].map((part) => Number(parts[part] ?? '0')) as [number, number, number];
  return first !== major ? first > major : second !== minor ? second > minor : third >= patch;
}

/**
 * Whether a replica runs and does not stream: its Patroni has a word for that it does, and it was not said. It may be as close to the
 * leader as can be, since nothing was written. An older Patroni has no such word; of its replicas position and timeline tell.
 */
export function isCutLoose({ state, version }: PatroniMember): boolean {
  return state === 'running' && isSince(tellsOfStreaming, version);
}

/** Why a replica is not ready by Patroni's report, or null. */
function replicaTrouble(patroni: PatroniMember, leader: Leader, lagBytes: number | null): string | null {
  if (!runs(patroni)) return `Patroni says ${patroni.state}`;
  if (!followers.has(patroni.role)) return `Patroni says role ${patroni.role} without the leader key`;
  if (leader.timeline === null || patroni.timeline !== leader.timeline) {
    return `it is on timeline ${patroni.timeline ?? 'unknown'}, the leader on ${leader.timeline ?? 'unknown'}`;
  }
  if (isCutLoose(patroni)) return 'it does not stream from the leader';
  if (lagBytes === null) return 'its position is not known';
  return lagBytes > lagBytesMax ? `it is ${lagBytes} bytes behind` : null;
}

function troubleOf(pod: SeenPod, leader: Leader, lagBytes: number | null, warning: Warning | null): string | null {
  const { object, detail } = pod;
  if (object.deleting) return 'it is terminating';
  if (detail.trouble !== null) return warned(detail.trouble, warning);
  if (detail.patroni === null) return warned('Patroni does not report yet', warning);
  const isLeader = object.name === leader.name;
  const trouble = isLeader
    ? leader.writable
      ? null
      : leader.because
    : replicaTrouble(detail.patroni, leader, lagBytes);
  return trouble ?? (detail.ready ? null : 'its pod is not Ready');
}

function memberOf(pod: SeenPod, leader: Leader, warning: Warning | null): Member {
  const patroni = pod.detail.patroni;
  const isLeader = pod.object.name === leader.name;
  const position = patroni?.positionBytes ?? null;
  const behind =
    position === null || leader.positionBytes === null ? null : Math.max(0, leader.positionBytes - position);
  const lagBytes = isLeader ? 0 : behind;
  const trouble = troubleOf(pod, leader, lagBytes, warning);
  return {
    name: pod.object.name,
    role: isLeader ? 'leader' : 'replica',
    state: pod.object.deleting ? 'terminating' : (patroni?.state ?? 'not reporting'),
    timeline: patroni?.timeline ?? null,
    lagBytes,
    pendingRestart: patroni?.pendingRestart ?? false,
    ready: trouble === null,
    trouble,
  };
}

/** The member called `name`, wanted or not. */
export function memberCalled(facts: Facts, name: string): Member {
  const pod = podOf(facts, name);
  if (pod !== null) {
    const member = memberOf(pod, leaderOf(facts), warningOf(facts, pod.object));
    const { role, trouble } = member;
    // What is said of who leads says so already.
    return role === 'leader' || trouble === null
      ? member
      : { ...member, trouble: withFullVolume(facts, name, trouble) };
  }
  return missing(name, warningOf(facts, { kind: 'StatefulSet', name: clusterName(facts) }));
}

/** All members the spec asks for, by ordinal, the missing ones too. */
export const membersOf: (facts: Facts) => readonly Member[] = recalled(allMembers);

function allMembers(facts: Facts): readonly Member[] {
  return memberNames(facts).map((name) => memberCalled(facts, name));
}

/** Members that have a pod and that the spec asks for no more, by ordinal. */
export function leavingMembers(facts: Facts): readonly Member[] {
  const cluster = clusterName(facts);
  const made = Array.from({ length: actualMembers(facts) ?? 0 }, (_, ordinal) => podName(cluster, ordinal));
  return made
    .slice(desiredMembers(facts))
    .filter((name) => podOf(facts, name) !== null)
    .map((name) => memberCalled(facts, name));
}

/** Names and troubles of the members that are not ready, as one clause: `shop-1 (its pod is gone)`. */
export function troubledMembers(members: readonly Member[]): string {
  return members
    .filter((member) => !member.ready)
    .map((member) => `${member.name} (${member.trouble ?? 'not ready'})`)
    .join(', ');
}
