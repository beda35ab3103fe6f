/**
 * Owns: what is asked for once, by an annotation whose value is a token: whether it is taken, refused or has to wait, and
 * when it is over. Does not own: which step it is at (`request-steps.ts`).
 *
 *   kind        done at                            over when
 *   reload      every member, or the one named     each has been told
 *   restart     the same, replicas first           each runs since another time than before
 *   switchover  the leader                         somebody leads, or leads on another timeline
 *   reinit      the replica named                  it runs since another time than before, and streams
 *   replace     the replica named, that is lost    Patroni reports from a new pod on a new volume (`replacement.ts`)
 *   rotate-…    passwords, then every member       all Secrets, roles and pods say the same (`credentials.ts`)
 *
 * I1. A token is handled once: it stands in `handled` from the moment it is taken or refused, and nothing is sent before the
 *     API server has acknowledged that. Without its journal an operator finds it there, and does nothing.
 * I2. What is sent names what was read before (a start time, a leader), so that the same sent twice acts once.
 */
import { oneShotAnnotation, oneShots, ordinalOf, type OneShot, failoverObject } from '../../shared/names.ts';
import { likeMember } from '../../shared/like-member.ts';
import type { ActiveRequest, Facts, OpenIntent, RefusedRequest } from '../facts.ts';
import { clusterName, isLeaving, knownFacts } from '../knowledge.ts';
import {
  dcsOf,
  desiredMembers,
  isPatroniPaused,
  leaderOf,
  membersOf,
  podOf,
  runs,
  troubledMembers,
  type Member,
} from '../members.ts';
import { recalled } from '../recall.ts';
import { isRotated, refusedPassword, rotationDue, rotationWaits } from './credentials.ts';
import { isObserving, isPaused } from './permission.ts';
import { doubtedRequest, lostMember, noCopy, replacementEnd, streamsStill } from './replacement.ts';
import { successor } from './succession.ts';

/** Key under which a member's answer holds since when its PostgreSQL runs. */
export const startedKey = 'postmaster/started';
/** Instead of that where it does not run. */
export const notRunning = 'none';

/** Longest value that status takes. */
const tokenLengthMax = 256;

function valueOf(facts: Facts, kind: OneShot): string | null {
  return facts.world.cluster?.seen.annotations[oneShotAnnotation(kind)] ?? null;
}

function tokenOf(facts: Facts, kind: OneShot): string | null {
  return valueOf(facts, kind)?.slice(0, tokenLengthMax) ?? null;
}

/** `restart "2026-11-27"`, for sentences. */
function wordsOf(kind: OneShot, token: string): string {
  return `${kind} ${JSON.stringify(token)}`;
}

/** The words of a token that are names of members, wanted or not, each once. */
function namedMembers(facts: Facts, token: string): readonly string[] {
  const cluster = clusterName(facts);
  return [...new Set(token.split(/\s+/).filter((word) => ordinalOf(cluster, word) >= 0))];
}

function namedMember(facts: Facts, token: string): string | null {
  return namedMembers(facts, token)[0] ?? null;
}

interface Why {
  readonly reason: string;
  readonly because: string;
  readonly next: string;
}

type Verdict =
  | { readonly type: 'wait'; readonly because: string }
  | ({ readonly type: 'refuse' } & Why)
  | { readonly type: 'take'; readonly request: ActiveRequest };

interface Asked {
  readonly facts: Facts;
  readonly kind: OneShot;
  readonly token: string;
  readonly member: string | null;
  readonly leader: string;
}

interface Row {
  readonly reason: string;
  readonly next: string;
  /** Why it is refused, as a clause; null when this row has nothing against it. */
  readonly because: (asked: Asked) => string | null;
}

function memberOf({ facts, member }: Asked): Member | undefined {
  return membersOf(facts).find(({ name }) => name === member);
}

/** Tried in this order on a cluster that is created. The first that has a reason refuses. */
const rows: readonly Row[] = [
  {
    reason: 'Paused',
    next: 'take spec.paused back',
    because: ({ facts }) => (isPaused(facts) ? 'spec.paused is set' : null),
  },
  {
    reason: 'Observing',
    next: 'set spec.mode to Manage',
    because: ({ facts }) => (isObserving(facts) ? 'spec.mode is Observe' : null),
  },
  {
    reason: 'TooLong',
    next: 'write a shorter value',
    // What is cut off may be the member: it would be asked of all.
    because: ({ facts, kind }) => {
      const { length } = valueOf(facts, kind) ?? '';
      return length > tokenLengthMax ? `its value has ${length} characters, and ${tokenLengthMax} are read` : null;
    },
  },
  {
    reason: 'NoSuchMember',
    next: 'name one of status.members',
    because: (asked) => {
      const { facts, kind, token, member } = asked;
      if (member !== null)
        return memberOf(asked) === undefined ? `${member} is none of the ${desiredMembers(facts)} members` : null;
      // Who misspells a name does not mean all members.
      const like = kind === 'rotate-credentials' ? null : likeMember(clusterName(facts), token);
      return like === null ? null : `${like} is like the name of a member, and is none`;
    },
  },
  {
    reason: 'SeveralMembers',
    next: 'name one, and when that is done the next',
    because: ({ facts, kind, token }) => {
      const named = kind === 'rotate-credentials' ? [] : namedMembers(facts, token);
      return named.length > 1 ? `it names ${named.join(' and ')}` : null;
    },
  },
  {
    reason: 'NoMember',
    next: 'name the replica, after the token',
    because: ({ kind, member }) =>
      (kind === 'reinit' || kind === 'replace') && member === null ? 'it names no member' : null,
  },
  {
    reason: 'TargetLeads',
    next: 'switch over first, or name another member',
    because: ({ kind, member, leader }) =>
      kind !== 'restart' && kind !== 'reload' && member === leader ? `${leader} leads` : null,
  },
  {
    reason: 'StillStreams',
    next: 'reinit copies its data anew; to have it elsewhere, end its PostgreSQL for good first',
    because: ({ facts, kind, member }) => (kind === 'replace' && member !== null ? streamsStill(facts, member) : null),
  },
  {
    reason: 'NoCandidate',
    next: 'mend a replica first, or name another one',
    because: ({ facts, kind, member }) => {
      if (kind !== 'switchover') return null;
      const answer = successor(facts, { template: null, below: Infinity, member });
      return answer.answer === 'yes' ? null : answer.because;
    },
  },
  {
    reason: 'NotRunning',
    next: 'Patroni starts it by itself; if it cannot, its log says why, and reinit copies its data anew',
    because: (asked) => {
      const member = memberOf(asked);
      return asked.kind === 'restart' && member !== undefined && !runs(member)
        ? `PostgreSQL on ${member.name} does not run: ${member.trouble ?? member.state}`
        : null;
    },
  },
  {
    reason: 'MembersMissing',
    next: 'mend them first, or restart one by its name',
    because: ({ facts, kind, member }) => {
      const troubled = membersOf(facts).some((each) => !each.ready);
      const isOfAll = kind === 'rotate-credentials' || (kind === 'restart' && member === null);
      return isOfAll && troubled ? `not ready: ${troubledMembers(membersOf(facts))}` : null;
    },
  },
  {
    reason: 'PodMissing',
    next: 'wait until its pod is there',
    because: ({ facts, kind, member }) =>
      kind === 'reinit' && member !== null && podOf(facts, member) === null ? `the pod ${member} is not there` : null,
  },
];

/** What is under way, in words. */
export function wordsOfRequest({ kind, token, unasked }: ActiveRequest): string {
  return unasked === true ? token : wordsOf(kind, token);
}

/** It mends a member that is not ready: what is being rolled out may wait for that member, and for nothing else. */
function isOfTroubled(facts: Facts, kind: OneShot, token: string): boolean {
  if (kind !== 'reinit' && kind !== 'replace') return false;
  const named = namedMember(facts, token);
  return membersOf(facts).some(({ name, ready }) => name === named && !ready);
}

/** Why it has to wait, as a clause; null when it can be judged now. */
export function delay(facts: Facts, kind: OneShot, token: string): string | null {
  const { request, accepted, rolledOutGeneration } = facts.memory;
  if (request !== null) return `${wordsOfRequest(request)} comes first`;
  const leader = leaderOf(facts);
  if (!leader.writable) return `nobody writes: ${leader.because}`;
  if (isPatroniPaused(facts)) return 'Patroni is paused by hand';
  const isRolledOut = accepted !== null && rolledOutGeneration !== null && accepted.generation <= rolledOutGeneration;
  if (!isRolledOut && !isOfTroubled(facts, kind, token)) return 'the spec is being rolled out';
  return kind === 'rotate-credentials' ? rotationWaits(facts) : null;
}

function judged(facts: Facts, kind: OneShot, token: string): Verdict {
  if (facts.memory.systemIdentifier === null) {
    const next = 'ask when it runs';
    return { type: 'refuse', reason: 'NotCreated', because: 'the cluster has not been created yet', next };
  }
  const alone = kind === 'replace' ? noCopy(facts) : null;
  if (alone !== null) return { type: 'refuse', reason: 'NoCopy', because: alone, next: 'restore it from a backup' };
  const because = delay(facts, kind, token);
  const leader = leaderOf(facts);
  if (because !== null || leader.name === null) return { type: 'wait', because: because ?? leader.because };
  const member = kind === 'rotate-credentials' ? null : namedMember(facts, token);
  const asked = { facts, kind, token, member, leader: leader.name };
  for (const row of rows) {
    const refusal = row.because(asked);
    if (refusal !== null) return { type: 'refuse', reason: row.reason, because: refusal, next: row.next };
  }
  const all = membersOf(facts).filter((each) => kind === 'reinit' || kind === 'replace' || runs(each));
  const members = all.map(({ name }) => name).filter((name) => member === null || name === member);
  const { timeline } = leader;
  const lost = kind === 'replace' && member !== null ? { lost: lostMember(facts, member) } : {};
  return {
    type: 'take',
    request: { kind, token, member, leader: leader.name, timeline, members, started: {}, done: [], ...lost },
  };
}

/** Requests that are not handled, in the order in which they are tried. */
const unhandled = recalled((facts): readonly { readonly kind: OneShot; readonly token: string }[] => {
  if (facts.world.cluster === null || isLeaving(facts)) return [];
  return oneShots.flatMap((kind) => {
    const token = tokenOf(facts, kind);
    return token === null || token === facts.memory.handled[kind] ? [] : [{ kind, token }];
  });
});

export function refused(facts: Facts, kind: OneShot, refusal: RefusedRequest): Facts {
  const { memory } = facts;
  return { ...facts, memory: { ...memory, refused: { ...memory.refused, [kind]: refusal } } };
}

function handled(facts: Facts, kind: OneShot, token: string): Facts {
  const { memory } = facts;
  return { ...facts, memory: { ...memory, handled: { ...memory.handled, [kind]: token } } };
}

/** What Secrets say is let be until they say something else. */
function notTaken(facts: Facts, words: string, { reason, because, next }: Why): RefusedRequest {
  const message = `${words}, and that is given up: ${because}; ${next}`;
  return { token: rotationDue(facts)?.mark ?? '', reason, message };
}

function refusal(kind: OneShot, token: string, why: Why): RefusedRequest {
  const message = `${wordsOf(kind, token)} is not done: ${why.because}; ${why.next}, then ask with another token`;
  return { token, reason: why.reason, message };
}

function taken(facts: Facts): Facts {
  return unhandled(facts).reduce((now, { kind, token }) => {
    const verdict = judged(now, kind, token);
    if (verdict.type === 'wait') return now;
    const next = handled(now, kind, token);
    if (verdict.type === 'refuse') return refused(next, kind, refusal(kind, token, verdict));
    const { [kind]: _before, ...others } = next.memory.refused;
    return { ...next, memory: { ...next.memory, request: verdict.request, refused: others } };
  }, facts);
}

/** What became of the request: nothing yet, done, or why it is given up. */
type End = 'open' | 'done' | Why;

/** Somebody was told, and has not answered or not acted yet: what is seen meanwhile says nothing of who is fit. */
function isHandingOver(facts: Facts): boolean {
  const { open, failures, timers } = facts.memory;
  const object = failoverObject(clusterName(facts));
  const key = `Switchover/${object}`;
  const isTold = open[key] !== undefined || failures[key] !== undefined || timers[`await/${key}`] !== undefined;
  return isTold || (dcsOf(facts, object)?.failover ?? null) !== null;
}

function overtaken({ member, leader: before, timeline: since }: ActiveRequest, facts: Facts): End {
  const leader = leaderOf(facts);
  if (!leader.writable || leader.name === null) return 'open';
  if (leader.name === before && leader.timeline === since) {
    if (isHandingOver(facts)) return 'open';
    const answer = successor(facts, { template: null, below: Infinity, member });
    const next = 'mend a replica first';
    return answer.answer === 'no' ? { reason: 'NoCandidate', because: answer.because, next } : 'open';
  }
  if (member === null || leader.name === member) return 'done';
  return { reason: 'Overtaken', because: `${leader.name} has taken over meanwhile`, next: 'see who leads' };
}

function endOf(facts: Facts, request: ActiveRequest): End {
  if (request.kind === 'switchover') return overtaken(request, facts);
  if (request.kind === 'replace') return replacementEnd(facts, request);
  if (request.kind === 'rotate-credentials') {
    const because = refusedPassword(facts);
    if (because !== null) return { reason: 'PasswordRefused', because, next: 'put another one into the Secret' };
    return isRotated(facts, request) ? 'done' : 'open';
  }
  const members = membersOf(facts).filter(({ name }) => request.members.includes(name));
  const isDone = members.every(
    ({ name, ready }) => request.done.includes(name) && (request.kind !== 'reinit' || ready),
  );
  return isDone ? 'done' : 'open';
}

function isLate({ memory }: Facts): boolean {
  return memory.expired.some((timer) => /^deadline\/(updating|scaling\/rebuilding)/.test(timer));
}

function ended(facts: Facts): Facts {
  const { request } = facts.memory;
  if (request === null) return facts;
  const end = endOf(facts, request);
  if (end === 'open' && !isLate(facts)) {
    const now = doubtedRequest(facts, request);
    return now === request ? facts : { ...facts, memory: { ...facts.memory, request: now } };
  }
  const over: Facts = { ...facts, memory: { ...facts.memory, request: null } };
  if (end === 'done') return over;
  const late = { reason: 'TimedOut', because: 'it took too long', next: 'see what status.lastError and the log say' };
  const why = end === 'open' ? late : end;
  return refused(
    over,
    request.kind,
    request.unasked === true ? notTaken(facts, request.token, why) : refusal(request.kind, request.token, why),
  );
}

/** Facts with what is asked for once taken, refused, or found to be over. */
export function withRequests(facts: Facts): Facts {
  return knownFacts(facts).answer === 'yes' ? taken(ended(facts)) : facts;
}

/** Refusals whose annotation stands still, in the order of kinds. */
export function standingRefusals(facts: Facts): readonly RefusedRequest[] {
  return oneShots.flatMap((kind) => {
    const standing = facts.memory.refused[kind];
    const isOfSecrets = kind === 'rotate-credentials' && standing?.token === rotationDue(facts)?.mark;
    return standing !== undefined && (isOfSecrets || standing.token === tokenOf(facts, kind)) ? [standing] : [];
  });
}

/** The first request that waits, as a sentence; null when none does. */
export function waitingRequest(facts: Facts): string | null {
  const [first] = unhandled(facts);
  const because = first === undefined ? null : delay(facts, first.kind, first.token);
  return first === undefined || because === null ? null : `${wordsOf(first.kind, first.token)} waits: ${because}`;
}

/** The request after a member has answered: since when it runs, or that it was told. */
export function requestAfter(
  request: ActiveRequest | null,
  intent: Pick<OpenIntent, 'type' | 'target'>,
  result: Readonly<Record<string, string>>,
): ActiveRequest | null {
  const { name } = intent.target;
  if (request === null || !request.members.includes(name) || request.done.includes(name)) return request;
  const done = { ...request, done: [...request.done, name].sort() };
  if (intent.type === 'ReloadPostgres') return request.kind === 'reload' ? done : request;
  if (intent.type !== 'VerifyParameters' || (request.kind !== 'restart' && request.kind !== 'reinit')) return request;
  const now = result[startedKey] ?? (request.kind === 'reinit' ? notRunning : null);
  const before = request.started[name];
  if (now === null || now === before) return request;
  if (before === undefined) return { ...request, started: { ...request.started, [name]: now } };
  return now === notRunning ? request : done;
}
