/**
 * Owns: what is asked for once, by an annotation whose value is a token: whether it is taken, refused or has to wait, which
 * step it is at, and when it is over.
 *
 *   kind        done at                            over when
 *   reload      every member, or the one named     each has been told
 *   restart     the same, replicas first           each runs since another time than before
 *   switchover  the leader                         somebody leads, or leads on another timeline
 *   reinit      the replica named                  it runs since another time than before, and streams
 *
 * I1. A token is handled once: it stands in `handled` from the moment it is taken or refused, and nothing is sent before the
 *     API server has acknowledged that. Without its journal an operator finds it there, and does nothing.
 * I2. What is sent names what was read before (a start time, a leader), so that the same sent twice acts once.
 */
import { oneShotAnnotation, oneShots, ordinalOf, podName, type OneShot, failoverObject } from '../../shared/names.ts';
import type { ActiveRequest, Facts, OpenIntent, RefusedRequest } from '../facts.ts';
import { knownFacts } from '../knowledge.ts';
import { dcsOf, desiredMembers, leaderOf, membersOf, podOf, troubledMembers, type Member } from '../members.ts';
import { isObserving, isPaused } from './permission.ts';
import { act, wait, type RolloutStage, type RolloutStep, type Scene } from './step.ts';
import { successor } from './succession.ts';
import { hindrance } from './synchrony.ts';

/** Key under which a member's answer holds since when its PostgreSQL runs. */
export const startedKey = 'postmaster/started';
/** Instead of that where it does not run. */
const notRunning = 'none';

/** Longest value that status takes. */
const tokenLengthMax = 256;

function tokenOf(facts: Facts, kind: OneShot): string | null {
  return facts.world.cluster?.seen.annotations[oneShotAnnotation(kind)]?.slice(0, tokenLengthMax) ?? null;
}

/** `restart "2026-11-27"`, for sentences. */
function wordsOf(kind: OneShot, token: string): string {
  return `${kind} ${JSON.stringify(token)}`;
}

/** The word of a token that is the name of a member, wanted or not; null when none is. */
function namedMember(facts: Facts, token: string): string | null {
  const cluster = facts.world.cluster?.seen.name ?? '';
  return token.split(/\s+/).find((word) => ordinalOf(cluster, word) >= 0) ?? null;
}

type Verdict =
  | { readonly type: 'wait'; readonly because: string }
  | { readonly type: 'refuse'; readonly reason: string; readonly because: string; readonly next: string }
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

function runs({ state }: Member): boolean {
  return state === 'running' || state === 'streaming';
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
    reason: 'NoSuchMember',
    next: 'name one of status.members',
    because: (asked) =>
      asked.member !== null && memberOf(asked) === undefined
        ? `${asked.member} is none of the ${desiredMembers(asked.facts)} members`
        : null,
  },
  {
    reason: 'NoMember',
    next: 'name the replica to copy anew, after the token',
    because: ({ kind, member }) => (kind === 'reinit' && member === null ? 'it names no member' : null),
  },
  {
    reason: 'TargetLeads',
    next: 'switch over first, or name another member',
    because: ({ kind, member, leader }) =>
      (kind === 'reinit' || kind === 'switchover') && member === leader ? `${leader} leads` : null,
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
    next: 'mend them first, or name one member',
    because: ({ facts, kind, member }) => {
      const troubled = membersOf(facts).some((each) => !each.ready);
      return kind === 'restart' && member === null && troubled
        ? `not ready: ${troubledMembers(membersOf(facts))}`
        : null;
    },
  },
  {
    reason: 'PodMissing',
    next: 'wait until its pod is there',
    because: ({ facts, kind, member }) =>
      kind === 'reinit' && member !== null && podOf(facts, member) === null ? `the pod ${member} is not there` : null,
  },
];

/** Why it has to wait, as a clause; null when it can be judged now. */
function delay(facts: Facts): string | null {
  const { request, accepted, rolledOutGeneration } = facts.memory;
  if (request !== null) return `${wordsOf(request.kind, request.token)} comes first`;
  const leader = leaderOf(facts);
  if (!leader.writable) return `nobody writes: ${leader.because}`;
  const isRolledOut = accepted !== null && rolledOutGeneration !== null && accepted.generation <= rolledOutGeneration;
  return isRolledOut ? null : 'the spec is being rolled out';
}

function judged(facts: Facts, kind: OneShot, token: string): Verdict {
  if (facts.memory.systemIdentifier === null) {
    const next = 'ask when it runs';
    return { type: 'refuse', reason: 'NotCreated', because: 'the cluster has not been created yet', next };
  }
  const because = delay(facts);
  const leader = leaderOf(facts);
  if (because !== null || leader.name === null) return { type: 'wait', because: because ?? leader.because };
  const member = namedMember(facts, token);
  const asked = { facts, kind, token, member, leader: leader.name };
  for (const row of rows) {
    const refusal = row.because(asked);
    if (refusal !== null) return { type: 'refuse', reason: row.reason, because: refusal, next: row.next };
  }
  const all = membersOf(facts).filter((each) => kind === 'reinit' || runs(each));
  const members = all.map(({ name }) => name).filter((name) => member === null || name === member);
  const { timeline } = leader;
  return {
    type: 'take',
    request: { kind, token, member, leader: leader.name, timeline, members, started: {}, done: [] },
  };
}

/** Requests that are not handled, in the order in which they are tried. */
function unhandled(facts: Facts): readonly { readonly kind: OneShot; readonly token: string }[] {
  if (facts.world.cluster?.seen.deleting !== false) return [];
  return oneShots.flatMap((kind) => {
    const token = tokenOf(facts, kind);
    return token === null || token === facts.memory.handled[kind] ? [] : [{ kind, token }];
  });
}

function refused(facts: Facts, kind: OneShot, refusal: RefusedRequest): Facts {
  const { memory } = facts;
  return { ...facts, memory: { ...memory, refused: { ...memory.refused, [kind]: refusal } } };
}

function handled(facts: Facts, kind: OneShot, token: string): Facts {
  const { memory } = facts;
  return { ...facts, memory: { ...memory, handled: { ...memory.handled, [kind]: token } } };
}

function refusal(kind: OneShot, token: string, why: { reason: string; because: string; next: string }): RefusedRequest {
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
type End = 'open' | 'done' | { readonly reason: string; readonly because: string; readonly next: string };

/** Somebody was told, and has not answered or not acted yet: what is seen meanwhile says nothing of who is fit. */
function isHandingOver(facts: Facts): boolean {
  const { open, failures, timers } = facts.memory;
  const object = failoverObject(facts.world.cluster?.seen.name ?? '');
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
  const members = membersOf(facts).filter(({ name }) => request.members.includes(name));
  const isDone = members.every(
    ({ name, ready }) => request.done.includes(name) && (request.kind !== 'reinit' || ready),
  );
  return isDone ? 'done' : 'open';
}

function isLate({ memory }: Facts): boolean {
  return memory.expired.some((timer) => timer.startsWith('deadline/updating'));
}

function ended(facts: Facts): Facts {
  const { request } = facts.memory;
  if (request === null) return facts;
  const end = endOf(facts, request);
  if (end === 'open' && !isLate(facts)) return facts;
  const over: Facts = { ...facts, memory: { ...facts.memory, request: null } };
  if (end === 'done') return over;
  const late = { reason: 'TimedOut', because: 'it took too long', next: 'see what status.lastError and the log say' };
  return refused(over, request.kind, refusal(request.kind, request.token, end === 'open' ? late : end));
}

/** Facts with what is asked for once taken, refused, or found to be over. */
export function withRequests(facts: Facts): Facts {
  return knownFacts(facts).answer === 'yes' ? taken(ended(facts)) : facts;
}

/** Refusals whose annotation stands still, in the order of kinds. */
export function standingRefusals(facts: Facts): readonly RefusedRequest[] {
  return oneShots.flatMap((kind) => {
    const standing = facts.memory.refused[kind];
    return standing !== undefined && standing.token === tokenOf(facts, kind) ? [standing] : [];
  });
}

/** The first request that waits, as a sentence; null when none does. */
export function waitingRequest(facts: Facts): string | null {
  const [first] = unhandled(facts);
  const because = first === undefined ? null : delay(facts);
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

const stages: Readonly<Record<OneShot, RolloutStage>> = {
  reload: 'configuring',
  restart: 'restarting',
  switchover: 'switching',
  reinit: 'rebuilding',
};

function due(scene: Scene, request: ActiveRequest): readonly Member[] {
  const cluster = scene.facts.world.cluster?.seen.name ?? '';
  const rank = ({ name }: Member): number => (name === scene.leader ? Infinity : ordinalOf(cluster, name));
  return scene.members
    .filter(({ name }) => request.members.includes(name) && !request.done.includes(name))
    .toSorted((one, other) => rank(one) - rank(other));
}

function restartStep(scene: Scene, request: ActiveRequest, words: string): RolloutStep {
  const all = due(scene, request);
  const unasked = all.filter((member) => request.started[member.name] === undefined).map(({ name }) => name);
  const [next] = all;
  if (next === undefined) return wait('restarting', `${words} is done`);
  if (unasked.length > 0)
    return act('restarting', { type: 'verify', members: unasked }, `${words}: since when ${unasked.join(', ')} runs`);
  const { name } = next;
  const other = request.member === null ? hindrance(scene, name) : null;
  if (other !== null) return wait('restarting', `${name} waits for ${other.because}`, other.awaited);
  if (!runs(next)) return wait('restarting', `${name} is ${next.state}`, name);
  const isTold = scene.facts.memory.timers[`await/Restart/${name}`] !== undefined;
  if (isTold) return act('restarting', { type: 'verify', members: [name] }, `${name} is to start anew`, name);
  const started = request.started[name] ?? null;
  return act('restarting', { type: 'restart', member: name, started }, `${words} is due at ${name}`, name);
}

function rebuildStep(scene: Scene, request: ActiveRequest, words: string): RolloutStep {
  const name = request.member ?? podName(scene.facts.world.cluster?.seen.name ?? '', 0);
  const started = request.started[name];
  const member = scene.members.find((each) => each.name === name);
  if (member === undefined || request.done.includes(name))
    return wait('rebuilding', `${name} has to stream: ${member?.trouble ?? 'it is not seen'}`, name);
  if (started === undefined)
    return act('rebuilding', { type: 'verify', members: [name] }, `${words}: since when ${name} runs`, name);
  const isTold = scene.facts.memory.timers[`await/Reinitialize/${name}`] !== undefined;
  const isCopying = !runs(member) && (started !== notRunning || member.state === 'creating replica');
  if (isCopying) return wait('rebuilding', `${name} is ${member.state}`, name);
  if (isTold) return act('rebuilding', { type: 'verify', members: [name] }, `${name} is to copy its data anew`, name);
  return act('rebuilding', { type: 'reinitialize', member: name, started }, `${words} is due at ${name}`, name);
}

function switchStep({ facts, leader }: Scene, request: ActiveRequest, words: string): RolloutStep {
  const asked = dcsOf(facts, failoverObject(facts.world.cluster?.seen.name ?? ''))?.failover ?? null;
  if (asked !== null) return wait('switching', `${leader} is asked to hand over to ${asked.candidate ?? 'anybody'}`);
  const answer = successor(facts, { template: null, below: Infinity, member: request.member });
  const candidate = answer.values['candidate'];
  if (answer.answer !== 'yes' || typeof candidate !== 'string') return wait('switching', answer.because);
  return act('switching', { type: 'switchover', leader, candidate }, `${words}: ${answer.because}`, candidate);
}

/** The step that what was asked for once is at; null when nothing is asked for. */
export function requestStep(scene: Scene): RolloutStep | null {
  const { request, published } = scene.facts.memory;
  if (request === null) return null;
  const { kind, token } = request;
  const words = wordsOf(kind, token);
  if (published?.handled[kind] !== token) return wait(stages[kind], `${words} has to stand in status.handled first`);
  switch (kind) {
    case 'reload': {
      const members = due(scene, request).map(({ name }) => name);
      return act('configuring', { type: 'reload', members }, `${words} is due at ${members.join(', ')}`);
    }
    case 'restart':
      return restartStep(scene, request, words);
    case 'switchover':
      return switchStep(scene, request, words);
    case 'reinit':
      return rebuildStep(scene, request, words);
  }
}
