/**
 * Owns: members whose volume may be full: who is asked how much room there is, when, and what is done for a cluster whose
 * leader has none. Nothing that Kubernetes or Patroni tells says that a volume is full; it is asked only where that may be why.
 *
 *   asked is a member whose PostgreSQL                      when
 *   does not run: start failed, crashed, stopped, starting  after 10 s of that, then 30 s, 60 s … 300 s after the last answer
 *   is a replica although it holds the leader key           the same
 *   runs and does not follow, although somebody leads       the same
 *
 * On a volume with next to no room PostgreSQL starts as a replica, but the file that asks it to promote cannot be written.
 * Patroni keeps the key and tries again for ever, so that nobody else may lead. Its pod is deleted then: on its way out Patroni
 * gives the key back, and another member takes it.
 *
 * I1. Only if two answers in a row say that the volume is full, and it holds the key and does not lead.
 * I2. Only if another member could lead at once: it streams, is close enough, confirms commits where somebody has to, and its
 *     own volume is not known to be full.
 * I3. Once: not again before somebody has led. The pod is named by uid.
 * I4. As any switchover it is not had while mode is Observe, spec.paused is set, Patroni is paused by hand, or maxDisruption
 *     is below Switchover. It waits for no window and no turn: nobody writes.
 */
import type { Facts, Memory, OpenIntent, Room } from '../facts.ts';
import { retryDelayMs, roomAgainMs, roomTimer } from '../backoff.ts';
import type { Intent } from '../intents.ts';
import { knownFacts } from '../knowledge.ts';
import {
  followers,
  isPatroniPaused,
  lagBytesMax,
  leaderOf,
  leads,
  membersOf,
  podOf,
  runs,
  type Member,
  type SeenPod,
} from '../members.ts';
import { recalled } from '../recall.ts';
import { capacityOf, fullVolume, isFull, roomOf } from '../room.ts';
import { armed, keptKeys, withOccasional, without } from '../world.ts';
import { controllingSpec, isObserving, isPaused, rank } from './permission.ts';
import { standbysOf } from './synchrony.ts';

/** Patroni's words for a PostgreSQL that does not run and should. */
export const noServer: ReadonlySet<string> = new Set(['start failed', 'crashed', 'stopped', 'starting']);

function cannotLead(facts: Facts, { object, detail }: SeenPod): boolean {
  const leader = leaderOf(facts);
  const holds = leader.name === object.name && !leader.writable && facts.world.leaderSilentSince === null;
  return holds && runs(detail.patroni) && !leads(detail.patroni?.role ?? '');
}

/** Pods whose PostgreSQL cannot do what it should, and that may be asked about their volumes. */
export const crampedPods: (facts: Facts) => readonly SeenPod[] = recalled((facts) =>
  membersOf(facts).flatMap((member): readonly SeenPod[] => {
    const pod = member.ready ? null : podOf(facts, member.name);
    if (pod === null || pod.object.deleting || pod.detail.trouble !== null) return [];
    const { patroni } = pod.detail;
    if (patroni === null) return [];
    const isLeft = leaderOf(facts).writable && runs(patroni);
    return isLeft || noServer.has(patroni.state) || cannotLead(facts, pod) ? [pod] : [];
  }),
);

/** One question for each member that may have no room, once that has lasted. */
export function roomReads(facts: Facts): readonly Intent[] {
  return crampedPods(facts)
    .filter(({ object }) => facts.memory.expired.includes(roomTimer(object.name)))
    .map(({ object }) => ({
      type: 'MeasureVolume',
      target: { kind: 'Pod', name: object.name },
      uid: object.uid,
      because: `PostgreSQL of ${object.name} cannot do what it should, and a full volume may be why`,
    }));
}

/** What an answer says in bytes; null where it says nothing. */
function bytesOf({ free = '', total = '' }: Readonly<Record<string, string>>): Room['bytes'] {
  const isTold = [free, total].every((text) => /^\d{1,15}$/.test(text));
  return isTold ? { free: Number(free), total: Number(total) } : null;
}

/**
 * Facts after a pod was asked for the room on its volume: what it said, and when it is asked again.
 * @param asked the question, and its target key
 * @param result `free` and `total` in bytes, decimal; neither where it could not say
 */
export function measured(
  facts: Facts,
  asked: { readonly key: string; readonly intent: OpenIntent },
  result: Readonly<Record<string, string>>,
  at: number,
): Facts {
  const { memory } = facts;
  const { name: member } = asked.intent.target;
  const bytes = bytesOf(result);
  const before = roomOf(facts, member);
  const times = before !== null && isFull(before.bytes) === isFull(bytes) ? before.times + 1 : 1;
  const room: Room = { uid: asked.intent.uid ?? '', capacity: capacityOf(facts, member), bytes, times };
  const dueAt = at + retryDelayMs(times, roomAgainMs);
  const timers = armed(memory.timers, `await/${asked.key}`, dueAt, 'how much room there is was just asked');
  return { ...facts, memory: withOccasional({ ...memory, timers }, 'rooms', { ...memory.rooms, [member]: room }) };
}

/** Whether this member could lead at once in the other's place. */
function isHeir(facts: Facts, { name, role, timeline }: Member): boolean {
  const pod = podOf(facts, name);
  const { patroni = null } = pod?.detail ?? {};
  if (role === 'leader' || pod === null || patroni === null || pod.object.deleting) return false;
  if (!pod.detail.ready || pod.detail.trouble !== null || !runs(patroni) || !followers.has(patroni.role)) return false;
  if (fullVolume(facts, name) !== null || standbysOf(facts)?.includes(name) === false) return false;
  const last = facts.memory.leader?.timeline ?? null;
  const ahead = leaderOf(facts).positionBytes;
  const isClose = ahead === null || (patroni.positionBytes !== null && ahead - patroni.positionBytes <= lagBytesMax);
  return isClose && (last === null || timeline === last);
}

interface Cramped {
  readonly pod: SeenPod;
  readonly heir: string;
}

/** The leader that keeps its key on a full volume, and who could lead at once; null when there are no two such. */
function crampedLeader(facts: Facts): Cramped | null {
  const { name } = leaderOf(facts);
  const pod = crampedPods(facts).find(({ object }) => object.name === name);
  const room = pod === undefined ? null : fullVolume(facts, pod.object.name);
  if (pod === undefined || room === null || room.times < 2) return null;
  const heir = membersOf(facts).find((member) => isHeir(facts, member));
  return heir === undefined ? null : { pod, heir: heir.name };
}

/** What keeps the pod of a leader from being deleted on our account, as a clause; null when nothing does. */
function hindranceOf(facts: Facts): string | null {
  if (isObserving(facts)) return 'mode is Observe';
  if (isPaused(facts)) return 'spec.paused is set';
  if (isPatroniPaused(facts)) return 'Patroni is paused by hand';
  const most = controllingSpec(facts)?.maxDisruption;
  return most !== undefined && rank(most) < rank('Switchover') ? `maxDisruption is ${most}` : null;
}

/** The pod that goes so that another member can lead; nothing when none has to, or may. */
export function relieving(facts: Facts): readonly Intent[] {
  const { relief } = facts.memory;
  const cramped = relief === undefined || hindranceOf(facts) !== null ? null : crampedLeader(facts);
  if (cramped === null || cramped.pod.object.uid !== relief?.uid) return [];
  const { pod, heir } = cramped;
  const { name, uid } = pod.object;
  const because = `${name} keeps the leader key and cannot lead on a full volume; ${heir} can`;
  return [{ type: 'DeleteObject', target: { kind: 'Pod', name }, uid, because }];
}

/** What is done, or would be, about a leader on a full volume, as a clause; null when nothing can be. */
function reliefWords(facts: Facts): string | null {
  const cramped = crampedLeader(facts);
  if (cramped === null) return null;
  const { pod, heir } = cramped;
  const { name, uid } = pod.object;
  const hindrance = hindranceOf(facts);
  if (hindrance !== null) return `${heir} could lead if pod ${name} were deleted, which is left to you: ${hindrance}`;
  if (facts.memory.relief?.uid === uid) return `pod ${name} is deleted, so that ${heir} can lead`;
  return facts.memory.relief === undefined ? null : `nobody has led since pod ${name} was deleted once`;
}

/** These words, and what is done about a leader on a full volume. */
export function withReliefWords(facts: Facts, words: string): string {
  const relief = reliefWords(facts);
  return relief === null ? words : `${words}; ${relief}`;
}

function withRelief(facts: Facts): Memory {
  const { memory } = facts;
  if (leaderOf(facts).writable) return withOccasional(memory, 'relief', undefined);
  const cramped = memory.relief === undefined && hindranceOf(facts) === null ? crampedLeader(facts) : null;
  if (cramped === null) return memory;
  return { ...memory, relief: { member: cramped.pod.object.name, uid: cramped.pod.object.uid } };
}

/** Facts without what was said of volumes that are no trouble any more, and with the leader that has to make way. */
export function withVolumesSeen(facts: Facts): Facts {
  const { rooms, relief } = facts.memory;
  if ((rooms === undefined && relief === undefined) || knownFacts(facts).answer !== 'yes') return facts;
  const cramped = new Set(crampedPods(facts).map(({ object }) => object.name));
  const kept = keptKeys(rooms ?? {}, (member) => cramped.has(member) && roomOf(facts, member) !== null);
  const gone = Object.keys(rooms ?? {}).filter((member) => !(member in kept));
  const timers = gone.reduce((all, member) => without(all, `await/Room/${member}`), facts.memory.timers);
  const seen =
    gone.length === 0 ? facts : { ...facts, memory: withOccasional({ ...facts.memory, timers }, 'rooms', kept) };
  const memory = withRelief(seen);
  return memory === seen.memory ? seen : { ...seen, memory };
}
