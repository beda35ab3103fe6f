/**
 * Owns: a member that is lost for good, with its node or its volume: what is asked before anything of it goes, and in which
 * order. What is lost is its claim; the StatefulSet makes a pod on a new one, and Patroni copies the leader's data.
 *
 *   step  what                          why then
 *   1     the leader renews its key     one that died a moment ago holds it still, and what is given up may be all there is
 *   2     the leader object is read     who leads is asked, not remembered
 *   3     its claim goes                a pod that uses it keeps it, so nothing is made on the old volume any more
 *   4     its pod goes                  a node that lives ends it; from one that does not it is taken away
 *   5     the new one is waited for     until Patroni on it reports: how long the copy takes is not ours to say
 *
 * I1. Never the leader, the only member, or one that streams. What stood in the way when it was asked is asked again before
 *     step 3, and that it leads before each.
 * I2. What goes is named by uid: the claim that was there when it was taken, that member's pod, and a pod on that claim.
 */
import { claimName, ordinalOf, podName } from '../../shared/names.ts';
import type { ActiveRequest, Facts, LostMember } from '../facts.ts';
import { clusterName } from '../knowledge.ts';
import { desiredMembers, isPatroniPaused, leaderOf, memberCalled, podOf, type SeenPod } from '../members.ts';
import type { ObjectProjection } from '../observations.ts';
import { act, wait, type RolloutStep } from './step.ts';

/** A replica whose data is given up has nothing to write down. */
const graceSeconds = 30;

/** Timer: by then a node that lives has ended the pod. */
export function goneTimer(member: string): string {
  return `gone/${member}`;
}

/** Timer: a leader that is not silent by then has renewed its key since the member was asked to be given up. */
export function renewedTimer(member: string): string {
  return `renewed/${member}`;
}

/** The member that is given up once the leader has shown that it is there; null when none waits for that. */
export function unconfirmedMember(facts: Facts): string | null {
  const { request } = facts.memory;
  return request?.lost?.confirmed === false && leaderOf(facts).writable ? request.member : null;
}

function claimOf(facts: Facts, member: string): ObjectProjection | null {
  const cluster = clusterName(facts);
  const name = claimName(cluster, ordinalOf(cluster, member));
  return facts.world.objects[`PersistentVolumeClaim/${name}`]?.object ?? null;
}

/** What of a member is to go, as it is now. */
export function lostMember(facts: Facts, member: string): LostMember {
  return {
    claim: claimOf(facts, member)?.uid ?? null,
    pod: podOf(facts, member)?.object.uid ?? null,
    confirmed: false,
  };
}

/** Why nobody could ever be copied from, as a clause; null when somebody can. */
export function noCopy(facts: Facts): string | null {
  if (desiredMembers(facts) !== 1) return null;
  return `${podName(clusterName(facts), 0)} is the only member: nobody else has its data`;
}

/** Why it is not lost, as a clause; null when it may be. */
export function streamsStill(facts: Facts, member: string): string | null {
  return memberCalled(facts, member).ready ? `${member} streams, so nothing of it is lost` : null;
}

interface Lost {
  readonly member: string;
  readonly asked: LostMember;
  /** The claim that was there when it was asked, while it is there still. */
  readonly claim: ObjectProjection | null;
  /** The pod that has to go, while it is there. */
  readonly pod: SeenPod | null;
}

function lostOf(facts: Facts, { member, lost }: ActiveRequest): Lost | null {
  if (lost === undefined || member === null) return null;
  const [now, pod] = [claimOf(facts, member), podOf(facts, member)];
  const claim = now?.uid === lost.claim ? now : null;
  const isOld = pod !== null && (claim !== null || pod.object.uid === lost.pod);
  return { member, asked: lost, claim, pod: isOld ? pod : null };
}

/** The old claim stands as it stood: nothing has been given up yet. */
function isWhole({ asked, claim, pod }: Lost): boolean {
  return asked.claim === null ? pod !== null && !pod.object.deleting : claim !== null && !claim.deleting;
}

/** How a replacement ends: not yet, done, or why it is given up. */
export type ReplacementEnd =
  | 'open'
  | 'done'
  | {
      readonly reason: 'TargetLeads' | 'StillStreams' | 'NoSuchMember';
      readonly because: string;
      readonly next: string;
    };

/** Whether a replacement is over on these facts. */
export function replacementEnd(facts: Facts, request: ActiveRequest): ReplacementEnd {
  const lost = lostOf(facts, request);
  if (lost === null) return 'done';
  const { member } = lost;
  if (ordinalOf(clusterName(facts), member) >= desiredMembers(facts))
    return { reason: 'NoSuchMember', because: `${member} is a member no more`, next: 'nothing has to be replaced' };
  if (leaderOf(facts).name === member)
    return { reason: 'TargetLeads', because: `${member} leads by now`, next: 'see whether it is lost at all' };
  const because = isWhole(lost) ? streamsStill(facts, member) : null;
  if (because !== null) return { reason: 'StillStreams', because, next: 'nothing has to be replaced' };
  const [claim, pod] = [claimOf(facts, member), podOf(facts, member)];
  const isMade = claim !== null && pod !== null && !claim.deleting && !pod.object.deleting;
  const isNew = lost.claim === null && lost.pod === null;
  return isMade && isNew && pod.detail.patroni !== null ? 'done' : 'open';
}

/** The step that a replacement is at. @param words what was asked, for sentences */
export function replacementStep(facts: Facts, request: ActiveRequest, words: string): RolloutStep {
  const lost = lostOf(facts, request);
  if (lost === null) return wait('rebuilding', words);
  const { member, asked, claim, pod } = lost;
  if (isPatroniPaused(facts)) return wait('rebuilding', 'Patroni is paused by hand; nothing goes until it is resumed');
  if (!asked.confirmed && !facts.memory.expired.includes(renewedTimer(member))) {
    const leader = leaderOf(facts).name ?? 'whoever leads';
    return wait(
      'rebuilding',
      `${words}: ${leader} has to renew the leader key first, and so show that it is there`,
      member,
    );
  }
  if (!asked.confirmed)
    return act('rebuilding', { type: 'confirm' }, `${words}: who leads has to be read first`, member);
  if (claim !== null && !claim.deleting) {
    const target = { kind: claim.kind, name: claim.name };
    const because = `${words}: ${claim.name} is lost, a new one takes its place`;
    return act('rebuilding', { type: 'discard', target, uid: claim.uid, graceSeconds: null }, because, member);
  }
  if (pod === null) return wait('rebuilding', `${member} has to be made anew: ${awaitedOf(facts, member)}`, member);
  const target = { kind: 'Pod', name: member } as const;
  const goes = { type: 'discard', target, uid: pod.object.uid } as const;
  if (!pod.object.deleting)
    return act('rebuilding', { ...goes, graceSeconds }, `${words}: its pod is lost with it`, member);
  if (!facts.memory.expired.includes(goneTimer(member)))
    return wait('rebuilding', `${member} has to end; if its node does not end it, it is taken away`, member);
  const because = `${words}: ${pod.detail.node ?? 'no node'} does not end it`;
  return act('rebuilding', { ...goes, graceSeconds: 0 }, because, member);
}

function awaitedOf(facts: Facts, member: string): string {
  return memberCalled(facts, member).trouble ?? 'it is there';
}

/** The member whose pod was told to end and that is taken away if it does not; null when none is. */
export function endingMember(facts: Facts): string | null {
  const { request } = facts.memory;
  const lost = request === null ? null : lostOf(facts, request);
  return lost?.pod?.object.deleting === true ? lost.member : null;
}

/** The request once the API server has said who leads. */
export function confirmedRequest(request: ActiveRequest): ActiveRequest {
  return request.lost === undefined ? request : { ...request, lost: { ...request.lost, confirmed: true } };
}

/** The request while nobody is known to write: who leads has to be read anew. */
export function doubtedRequest(facts: Facts, request: ActiveRequest): ActiveRequest {
  if (request.lost?.confirmed !== true || leaderOf(facts).writable) return request;
  return { ...request, lost: { ...request.lost, confirmed: false } };
}
