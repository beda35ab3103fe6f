/**
 * Owns: how the outcome of an intent changes the facts. An outcome closes its intent; what failed waits for its timer;
 * what nobody knows is handled by the row of its type in `tables/recovery.ts`.
 */
import { assertNever } from '../shared/exhaustive.ts';
import { finalizer, leaderObject, objectNames } from '../shared/names.ts';
import {
  askAgainMs,
  awaitMs,
  conflictDelayMs,
  passwordsProbeMs,
  probeDelayMs,
  retryDelayMs,
  retryDelayMsMin,
  settleMs,
  settlingTimer,
  shownMs,
  sightMs,
  strangerMs,
  verifyAgainMs,
  withheldDelayMsMax,
} from './backoff.ts';
import type { Expected, Facts, Failure, Memory, OpenIntent } from './facts.ts';
import { effectClasses, objectKey } from './intents.ts';
import { clusterName } from './knowledge.ts';
import { podOf, runs } from './members.ts';
import { onGuard } from './undone.ts';
import { armed, isWatched, lostObject, sawObject, unwatched, withOccasional, without } from './world.ts';
import type { ClusterObservation, ObjectProjection, Outcome } from './observations.ts';
import { recoveryRules } from './tables/recovery.ts';
import { measured } from './tables/full-volume.ts';
import { confirmedRequest } from './tables/replacement.ts';
import { requestAfter } from './tables/requests.ts';

type OutcomeArrived = Extract<ClusterObservation, { readonly type: 'OutcomeArrived' }>;

interface Closed {
  readonly key: string;
  readonly intent: OpenIntent;
}

function findOpen(memory: Memory, observation: OutcomeArrived): Closed | null {
  for (const [key, intent] of Object.entries(memory.open)) {
    if (intent.seq === observation.seq && intent.ordinal === observation.ordinal) return { key, intent };
  }
  return null;
}

/** Reason of a question, or of a status, that was not answered. */
export const noAnswer = 'NoAnswer';

/** Reason of an object that was created and that no watch has shown. */
export const notShown = 'NotShown';

/** Neither side limits the wait. */
const asSoon = { mostDelayMs: Infinity, notBeforeMs: 0 } as const;

interface Trouble {
  readonly reason: string;
  readonly message: string;
  readonly permanent: boolean;
  readonly needsRead: boolean;
  /** First wait; doubles with every failure in a row. */
  readonly firstDelayMs: number;
  /** Never waits longer than this, but for what the server asked. */
  readonly mostDelayMs: number;
  /** The server asked for at least this long. */
  readonly notBeforeMs: number;
}

/**
 * Targets that are objects of the cluster; the PostgresCluster itself, its status and Events are told by the watch. A read
 * or a trial that failed is done again itself: nothing was changed that could be read.
 */
function isReadable(intent: OpenIntent): boolean {
  const { type, target } = intent;
  return (
    effectClasses[type] !== 'R' &&
    type !== 'CreateDatabase' &&
    type !== 'RequestSwitchover' &&
    type !== 'RestartPostgres' &&
    type !== 'ReloadPostgres' &&
    type !== 'ReinitializeMember' &&
    type !== 'LabelPod' &&
    type !== 'SetPasswords' &&
    type !== 'PublishStatus' &&
    target.kind !== 'PostgresCluster' &&
    target.kind !== 'Event'
  );
}

function failed(facts: Facts, closed: Closed, trouble: Trouble, at: number): Facts {
  const { memory } = facts;
  const before = memory.failures[closed.key];
  const count = (before?.count ?? 0) + 1;
  const failure: Failure = {
    count,
    reason: trouble.reason,
    message: trouble.message,
    permanent: trouble.permanent,
    ...(trouble.permanent ? { refusals: (before?.refusals ?? 0) + 1 } : {}),
    since: before?.since ?? at,
    waiting: true,
    needsRead: trouble.needsRead && isReadable(closed.intent),
  };
  const dueAt =
    at + Math.max(Math.min(retryDelayMs(count, trouble.firstDelayMs), trouble.mostDelayMs), trouble.notBeforeMs);
  return {
    ...facts,
    memory: {
      ...memory,
      failures: { ...memory.failures, [closed.key]: failure },
      timers: armed(memory.timers, `retry/${closed.key}`, dueAt, `${closed.key}: ${trouble.reason}`),
      lastError: `${closed.intent.type} ${objectKey(closed.intent.target)}: ${trouble.message}`,
      lastErrorAt: at,
    },
  };
}

function succeeded(facts: Facts, key: string): Facts {
  const { memory } = facts;
  return {
    ...facts,
    memory: { ...memory, failures: without(memory.failures, key), timers: without(memory.timers, `retry/${key}`) },
  };
}

/** Off by our own hand: not to be taken off again, nor a status written, while the watch has not said so yet. */
function released(facts: Facts): Facts {
  const { cluster } = facts.world;
  if (cluster === null) return facts;
  const finalizers = cluster.seen.finalizers.filter((each) => each !== finalizer);
  return { ...facts, world: { ...facts.world, cluster: { ...cluster, seen: { ...cluster.seen, finalizers } } } };
}

function pathsOf(foreign: ObjectProjection['foreign']): string {
  return JSON.stringify(foreign.map(({ path }) => path).sort());
}

/** What was applied and not been shown yet is neither made nor put right again meanwhile. */
function awaitingSight(
  facts: Facts,
  { key, intent }: Closed,
  outcome: Extract<Outcome, { type: 'applied' }>,
  at: number,
): Memory['timers'] {
  const { timers } = facts.memory;
  if (intent.target.kind === 'PostgresCluster')
    return armed(timers, 'sight', at + sightMs, `${key} was written, the watch has not shown it`);
  const seen = facts.world.objects[objectKey(intent.target)]?.object;
  if (seen === undefined || seen.uid !== outcome.uid)
    return armed(timers, 'sight', at + sightMs, `${key} was created, the watch has not shown it`);
  // What does not bear our labels is shown once it does.
  if (!isWatched(facts.world, seen)) return shownSoon(timers, key, at);
  // What is taken away beside our fields leaves ours as they were.
  const isShown = seen.ownedHash === outcome.ownedHash && pathsOf(seen.foreign) === pathsOf(outcome.foreign);
  if (isShown) return timers;
  return shownSoon(timers, key, at);
}

function shownSoon(timers: Memory['timers'], key: string, at: number): Memory['timers'] {
  return armed(timers, `await/${key}`, at + shownMs, `${key} was written, the watch has not shown it`);
}

/** A default of the server that somebody else owns comes back whenever it is removed: that is seen once and let be. */
function tolerated(
  before: Expected | undefined,
  intent: OpenIntent,
  { uid, foreign }: Extract<Outcome, { type: 'applied' }>,
): Pick<Expected, 'tolerated'> {
  const known = before?.uid === uid ? (before.tolerated ?? []) : [];
  const left = intent.type === 'RemoveForeignFields' ? foreign.map(({ path }) => path) : [];
  const all = [...new Set([...known, ...left])].sort();
  return all.length === 0 ? {} : { tolerated: all };
}

function applied(facts: Facts, closed: Closed, outcome: Extract<Outcome, { type: 'applied' }>, at: number): Facts {
  const { memory } = facts;
  const { intent } = closed;
  if (intent.type === 'PublishStatus') {
    const [textHash = '', urgentHash = ''] = (intent.textHash ?? '').split(':');
    return { ...facts, memory: { ...memory, published: { textHash, urgentHash, at, handled: intent.handled ?? {} } } };
  }
  if (intent.type === 'EmitEvent') return facts;
  if (intent.type === 'ReleaseFinalizer') return released(facts);
  if (intent.type === 'PatchPatroniConfig' || intent.type === 'RequestSwitchover') return asked(facts, closed, at);
  if (intent.type === 'AddFinalizer' && facts.world.cluster?.seen.finalizers.includes(finalizer) === true) return facts;
  const key = objectKey(intent.target);
  if (intent.type === 'LabelPod' || intent.type === 'GrowVolume')
    return { ...facts, memory: { ...memory, timers: shownSoon(memory.timers, closed.key, at) } };
  const kept = intent.type === 'MarkRetained' || intent.type === 'StripMarks' || intent.type === 'ReleaseObject';
  if (kept) return facts;
  const expected = {
    uid: outcome.uid,
    ownedHash: outcome.ownedHash,
    renderHash: intent.textHash,
    ...tolerated(memory.expected[key], intent, outcome),
  };
  const timers =
    intent.type === 'WriteSecret' ? shownSoon(memory.timers, key, at) : awaitingSight(facts, closed, outcome, at);
  // A new password for the application only takes effect when its role is told.
  const names = objectNames(clusterName(facts));
  const isOfApplication = key === `Secret/${names.applicationSecret}` || key === `Secret/${names.credentialsInForce}`;
  const handled =
    isOfApplication && intent.type === 'CreateSecret' ? without(memory.handled, 'database') : memory.handled;
  return { ...facts, memory: { ...memory, timers, handled, expected: { ...memory.expected, [key]: expected } } };
}

/** What Patroni was asked takes it a loop or two: not to be asked again meanwhile. */
function asked(facts: Facts, closed: Closed, at: number): Facts {
  const { memory } = facts;
  const { type } = closed.intent;
  const delayMs = type === 'VerifyParameters' ? verifyAgainMs : awaitMs;
  const timers = armed(memory.timers, `await/${closed.key}`, at + delayMs, `${type}: its effect has not been seen yet`);
  if (type !== 'PatchPatroniConfig') return { ...facts, memory: { ...memory, timers } };
  const settling = armed(timers, settlingTimer, at + settleMs, 'Patroni has to notice what must start anew');
  return { ...facts, memory: { ...memory, timers: settling, configuring: true, verified: {} } };
}

/** Whether PostgreSQL runs in the pod that was asked: an answer may come when another pod has its name, or it has ended. */
function stillRuns(facts: Facts, { target, uid }: OpenIntent): boolean {
  const pod = podOf(facts, target.name);
  return pod !== null && pod.object.uid === uid && runs(pod.detail.patroni);
}

/** Roles were told; what, is said in digests. */
function told(facts: Facts, closed: Closed, { keyId = '', ...values }: Readonly<Record<string, string>>): Facts {
  const { memory } = facts;
  const { name: leader } = closed.intent.target;
  // Somebody else leads by now: which timeline it was told on is not known, and whoever leads has to be looked at.
  if (memory.leader !== null && memory.leader.name !== leader) return facts;
  const set = { keyId, values, leader, timeline: memory.leader?.timeline ?? null };
  return { ...facts, memory: { ...memory, credentials: { ...memory.credentials, set } } };
}

/** What Kubernetes warns of at an object, or nothing; it is not read again for a while. */
function warned(
  facts: Facts,
  closed: Closed,
  { reason, message = '' }: Readonly<Record<string, string>>,
  at: number,
): Facts {
  const { memory } = facts;
  const { target, uid } = closed.intent;
  const before = without(memory.warnings ?? {}, objectKey(target));
  const warning = { uid: uid ?? '', reason: reason ?? '', message };
  const warnings = reason === undefined ? before : { ...before, [objectKey(target)]: warning };
  const timers = armed(memory.timers, `await/${closed.key}`, at + askAgainMs, 'what Kubernetes warns of was just read');
  return { ...facts, memory: withOccasional({ ...memory, timers }, 'warnings', warnings) };
}

/** A member said which settings it has, or nothing, while its PostgreSQL was down; or it was told to start anew. */
function answered(facts: Facts, closed: Closed, result: Readonly<Record<string, string>>, at: number): Facts {
  const { target, uid, type } = closed.intent;
  const { verified } = facts.memory;
  // Nothing is no answer, though it may run again by now: whoever believes that it has none of its settings waits in vain.
  const hasSaid = type === 'VerifyParameters' && Object.keys(result).length > 0;
  const now =
    hasSaid && stillRuns(facts, closed.intent)
      ? { ...verified, [target.name]: { uid: uid ?? '', settings: result } }
      : without(verified, target.name);
  const request = requestAfter(facts.memory.request, closed.intent, result);
  return asked({ ...facts, memory: { ...facts.memory, verified: now, request } }, closed, at);
}

function accepted(facts: Facts, closed: Closed, at: number): Facts {
  const key = objectKey(closed.intent.target);
  const fact = facts.world.objects[key];
  if (fact === undefined) return facts;
  // A lost member's pod that was told once more is gone, and the watch says so.
  if (fact.object.deleting && facts.memory.request?.lost?.pod === fact.object.uid)
    return { ...facts, memory: { ...facts.memory, timers: shownSoon(facts.memory.timers, key, at) } };
  const leaving = { ...fact, object: { ...fact.object, deleting: true } };
  const world = { ...facts.world, objects: { ...facts.world.objects, [key]: leaving } };
  return { world, memory: isWatched(world, fact.object) ? facts.memory : askedFor(facts.memory, key, at) };
}

/** Who leads was read: what waits for that goes on. */
function confirming(facts: Facts, { name }: OpenIntent['target']): Facts {
  const { memory } = facts;
  const { request, dcs } = memory;
  if (request === null || name !== leaderObject(clusterName(facts), dcs ?? 'Endpoints')) return facts;
  return { ...facts, memory: { ...memory, request: confirmedRequest(request) } };
}

function read(facts: Facts, closed: Closed, outcome: Extract<Outcome, { type: 'read' }>, at: number): Facts {
  const { target } = closed.intent;
  const key = objectKey(target);
  const failure = facts.memory.failures[key];
  const told = confirming(facts, target);
  const answered: Facts =
    failure === undefined
      ? told
      : {
          ...told,
          memory: { ...told.memory, failures: { ...told.memory.failures, [key]: { ...failure, needsRead: false } } },
        };
  if (outcome.object === null) return lostObject(answered, target, null);
  const world = sawObject(answered.world, { object: outcome.object, since: at, changed: [] });
  const { memory } = answered;
  return { world, memory: unwatched(world).includes(key) ? askedFor(memory, key, at) : memory };
}

/** Memory with a timer to ask for what no watch tells of. */
function askedFor(memory: Memory, key: string, at: number): Memory {
  if (memory.timers['sight'] !== undefined) return memory;
  const because = `${key} does not bear our labels, and no watch tells when it goes`;
  return { ...memory, timers: armed(memory.timers, 'sight', at + strangerMs, because) };
}

function uncertain(before: Facts, closed: Closed, reason: string, at: number): Facts {
  // A configuration that may have been written makes what members said before as old as one that was.
  const facts = closed.intent.type === 'PatchPatroniConfig' ? asked(before, closed, at) : before;
  const rule = recoveryRules[closed.intent.type];
  const trouble = { reason: 'OutcomeUnknown', message: reason, permanent: false, ...asSoon };
  switch (rule) {
    case 'forget':
      return facts;
    case 'ask-again':
    case 'publish-latest':
      return failed(
        facts,
        closed,
        { ...trouble, reason: noAnswer, needsRead: false, firstDelayMs: conflictDelayMs },
        at,
      );
    case 'watch-tells':
      return failed(facts, closed, { ...trouble, needsRead: false, firstDelayMs: conflictDelayMs }, at);
    case 'read-and-compare':
      return failed(facts, closed, { ...trouble, needsRead: true, firstDelayMs: conflictDelayMs }, at);
    case 'wait-and-probe':
      return failed(
        facts,
        closed,
        { ...trouble, needsRead: false, firstDelayMs: probeDelays[closed.intent.type] ?? probeDelayMs },
        at,
      );
    default:
      return assertNever(rule);
  }
}

function compared(facts: Facts, closed: Closed, outcome: Extract<Outcome, { type: 'compared' }>): Facts {
  const { memory } = facts;
  const before = memory.expected[objectKey(closed.intent.target)];
  const expected = {
    uid: outcome.uid,
    ownedHash: outcome.ownedHash,
    renderHash: closed.intent.textHash,
    ...(before?.uid === outcome.uid && before.tolerated !== undefined ? { tolerated: before.tolerated } : {}),
  };
  return {
    ...facts,
    memory: { ...memory, expected: { ...memory.expected, [objectKey(closed.intent.target)]: expected } },
  };
}

/** The database is there, on the timeline of whoever was asked; somebody else may lead by now. */
function done(facts: Facts, { intent }: Closed, result: Readonly<Record<string, string>>): Facts {
  const { memory } = facts;
  const database = memory.leader?.name === intent.target.name ? { timeline: memory.leader.timeline } : null;
  return { ...facts, memory: { ...memory, database, handled: { ...memory.handled, ...result } } };
}

/** Where the server is done with it sooner than with a database that is made. */
const probeDelays: Partial<Record<OpenIntent['type'], number>> = { SetPasswords: passwordsProbeMs };

const again = { permanent: false, needsRead: false, firstDelayMs: retryDelayMsMin, ...asSoon } as const;

/** Nobody was asked, so nobody is spared by waiting longer; an outage must not delay what follows it by minutes. */
const withheld = { ...again, firstDelayMs: conflictDelayMs, mostDelayMs: withheldDelayMsMax } as const;

/**
 * The PostgresCluster is gone and its watch is silent: what was to be told to it, or done for it, is still wished, and would be
 * sent again at once. Only the finalizer need not be taken off any more.
 */
function isUnheard({ type, target }: OpenIntent): boolean {
  return target.kind === 'PostgresCluster' && type !== 'ReleaseFinalizer';
}

const gone = { reason: 'NotFound', message: 'the PostgresCluster is not there, and no watch has told so' } as const;

/** Takes the outcome of an intent into the facts. One that belongs to no open intent changes nothing. */
export function learnOutcome(facts: Facts, observation: OutcomeArrived, at: number): Facts {
  const closed = findOpen(facts.memory, observation);
  if (closed === null) return facts;
  const next: Facts = { ...facts, memory: { ...facts.memory, open: without(facts.memory.open, closed.key) } };
  const { outcome } = observation;
  switch (outcome.type) {
    case 'applied':
      return onGuard(next, closed, applied(succeeded(next, closed.key), closed, outcome, at), at);
    case 'deleted':
      return accepted(succeeded(next, closed.key), closed, at);
    case 'absent':
      if (isUnheard(closed.intent)) return failed(next, closed, { ...again, ...gone }, at);
      return lostObject(succeeded(next, closed.key), closed.intent.target, closed.intent.uid);
    case 'read':
      return read(succeeded(next, closed.key), closed, outcome, at);
    case 'compared':
      return compared(succeeded(next, closed.key), closed, outcome);
    case 'done': {
      const after = succeeded(next, closed.key);
      if (closed.intent.type === 'CreateDatabase') return done(after, closed, outcome.result);
      if (closed.intent.type === 'ReadEvents') return warned(after, closed, outcome.result, at);
      if (closed.intent.type === 'MeasureVolume') return measured(after, closed, outcome.result, at);
      if (closed.intent.type === 'SetPasswords') return told(after, closed, outcome.result);
      return answered(after, closed, outcome.result, at);
    }
    case 'conflict':
      return failed(next, closed, { ...again, ...outcome, needsRead: true, firstDelayMs: conflictDelayMs }, at);
    case 'refused':
      return failed(next, closed, { ...again, ...outcome, permanent: true }, at);
    case 'transient':
      return failed(next, closed, { ...again, ...outcome, notBeforeMs: outcome.retryAfterMs ?? 0 }, at);
    case 'withheld':
      return failed(next, closed, { ...withheld, ...outcome, message: outcome.reason }, at);
    case 'unknown':
      return uncertain(next, closed, outcome.reason, at);
    default:
      return assertNever(outcome);
  }
}
