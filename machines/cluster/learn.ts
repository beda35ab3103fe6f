/**
 * Owns: the only reading of observations: (facts, observation, at) → facts. Total: every observation is defined in every
 * state, and none is an error.
 * Does not own: what follows from the facts (`guards.ts`, `wants.ts`), nor how outcomes change memory (`outcomes.ts`).
 */
import { assertNever } from '../shared/exhaustive.ts';
import { annotations, finalizer, objectNames } from '../shared/names.ts';
import { clusterName, isLeaving } from './knowledge.ts';
import { initialConditions } from './published.ts';
import type { Facts, Memory, World } from './facts.ts';
import { memoryVersion } from './facts.ts';
import type { ClusterObservation, ClusterProjection, ObjectProjection, PublishedStatus } from './observations.ts';
import { objectKey } from './intents.ts';
import { runs } from './members.ts';
import { learnOutcome, notShown } from './outcomes.ts';
import { sightMs, stoppingTimer, strangerMs, windowTimer } from './backoff.ts';
import { turnTold } from './tables/turns.ts';
import { finalizerTaken, takenAway } from './undone.ts';
import { armed, isUnseen, keptKeys, lostObject, sawObject, unwatched, withOccasional, without } from './world.ts';

/** Facts before anything is known. */
export function initialFacts(at: number): Facts {
  const world: World = {
    knowledge: { type: 'unknown', since: at, because: 'the operator has just started' },
    stale: [],
    cluster: null,
    config: null,
    objects: {},
    leaderSilentSince: null,
  };
  const memory: Memory = {
    version: memoryVersion,
    accepted: null,
    dcs: null,
    image: null,
    systemIdentifier: null,
    rolledOutGeneration: null,
    rolledOut: null,
    failedRollout: null,
    bootstrapParameters: null,
    configuring: false,
    verified: {},
    expected: {},
    open: {},
    failures: {},
    retryCount: 0,
    lastError: null,
    lastErrorAt: null,
    handled: {},
    database: null,
    held: null,
    request: null,
    refused: {},
    credentials: { revision: null, settled: null, set: null },
    timers: {},
    expired: [],
    conditions: {},
    previousReplicas: null,
    leader: null,
    leaderLostAt: null,
    stateSince: at,
    failedGeneration: null,
    published: null,
    found: null,
    marked: [],
    amnesia: false,
    events: [],
  };
  return { world, memory };
}

function withWorld(facts: Facts, change: Partial<World>): Facts {
  return { ...facts, world: { ...facts.world, ...change } };
}

/**
 * That our finalizer was added is remembered until the watch shows it, and no longer: whoever writes the whole object, as
 * `kubectl replace` does, takes it off, and without it a deletion is ordered by nobody.
 */
function withFinalizer(facts: Facts, before: ClusterProjection | null, at: number): Facts {
  const seen = facts.world.cluster?.seen;
  if (seen === undefined) return facts;
  const { memory } = facts;
  if (seen.finalizers.includes(finalizer))
    return { ...facts, memory: { ...memory, expected: without(memory.expected, `PostgresCluster/${seen.name}`) } };
  const had = before !== null && before.uid === seen.uid && before.finalizers.includes(finalizer);
  return had && !seen.deleting ? finalizerTaken(facts, seen.name, at) : facts;
}

function sawCluster(facts: Facts, seen: ClusterProjection, at: number): Facts {
  return withFinalizer(sawSpec(facts, seen, at), facts.world.cluster?.seen ?? null, at);
}

function sawSpec(facts: Facts, seen: ClusterProjection, at: number): Facts {
  const before = facts.world.cluster;
  const newSpec = before !== null && before.seen.generation !== seen.generation;
  const same = before !== null && JSON.stringify(before.seen) === JSON.stringify(seen);
  const world = { ...facts.world, cluster: { seen, since: same ? before.since : at } };
  if (!newSpec) return { ...facts, world };
  // A new spec starts with a clean slate: what was refused before may be right now. What must be read must still be read:
  // a deletion is a new generation too, and would leave behind what nobody knows of.
  const failures = Object.fromEntries(
    Object.entries(facts.memory.failures)
      .filter(([, failure]) => failure.needsRead)
      .map(([key, failure]) => [key, { ...failure, waiting: false }]),
  );
  const timers = Object.fromEntries(Object.entries(facts.memory.timers).filter(([id]) => !/^(retry|loop)\//.test(id)));
  return { world, memory: { ...withOccasional(facts.memory, 'loops', {}), failures, retryCount: 0, timers } };
}

/** What our own status held, for a cluster whose journal is new: the part of memory that lives in the API. */
function sawPublished(facts: Facts, status: PublishedStatus, at: number): Facts {
  const { memory } = facts;
  if (memory.published !== null || memory.found !== null || status.phase === null) return facts;
  const errorAt = status.lastErrorTime === null ? null : Date.parse(status.lastErrorTime);
  return {
    ...facts,
    memory: {
      ...memory,
      amnesia: true,
      found: status,
      dcs: memory.dcs ?? status.dcs,
      image: memory.image ?? status.image,
      systemIdentifier: memory.systemIdentifier ?? status.systemIdentifier,
      rolledOutGeneration: memory.rolledOutGeneration ?? status.rolledOutGeneration,
      retryCount: status.retryCount,
      lastError: status.lastError,
      lastErrorAt: errorAt === null || Number.isNaN(errorAt) ? null : errorAt,
      handled: status.handled,
      previousReplicas: status.previousReplicas,
      conditions: initialConditions(status, at),
      published: { textHash: status.textHash, urgentHash: status.textHash, at, handled: status.handled },
    },
  };
}

function synced(
  facts: Facts,
  listed: readonly { readonly kind: string; readonly name: string; readonly uid: string }[],
  at: number,
): Facts {
  const present = new Set(listed.map((object) => `${object.kind}/${object.name}/${object.uid}`));
  const gone = Object.values(facts.world.objects).filter(
    ({ object }) => !present.has(`${object.kind}/${object.name}/${object.uid}`),
  );
  const left = gone.reduce((each, { object }) => lostObject(each, object, object.uid), facts);
  const known = withWorld(left, { knowledge: { type: 'known', since: at } });
  // What we once created and nobody lists any more is gone too.
  const seenUids = new Set(listed.map((object) => object.uid));
  const expected = Object.fromEntries(
    Object.entries(known.memory.expected).filter(
      ([key, value]) => key.startsWith('PostgresCluster/') || seenUids.has(value.uid),
    ),
  );
  return { ...known, memory: { ...known.memory, expected } };
}

function timerFired(facts: Facts, id: string, at: number): Facts {
  const memory = { ...facts.memory, timers: without(facts.memory.timers, id) };
  if (id.startsWith('retry/')) {
    const key = id.slice('retry/'.length);
    const failure = memory.failures[key];
    if (failure === undefined) return { ...facts, memory };
    return { ...facts, memory: { ...memory, failures: { ...memory.failures, [key]: { ...failure, waiting: false } } } };
  }
  if (id === 'status' || id === windowTimer || id.startsWith('await/')) return { ...facts, memory };
  if (id === 'sight') {
    // Of a cluster on its way out all that is not seen is read anyway; what bears no label of ours is not told to go either.
    if (isLeaving(facts)) return { ...facts, memory: doubted(facts, memory, [], at) };
    // The finalizer that was added and that no watch has shown may have been taken off meanwhile: it is added once more.
    const expected = keptKeys(memory.expected, (key) => !key.startsWith('PostgresCluster/'));
    const unseen = Object.keys(expected).filter((key) => isUnseen(facts.world, key));
    return { ...facts, memory: doubted(facts, { ...memory, expected }, unseen, at) };
  }
  const expired = memory.expired.includes(id) ? memory.expired : [...memory.expired, id].sort();
  return { ...facts, memory: withSetDoubted(facts, { ...memory, expired }, id, at) };
}

/** Members were to be stopped by now: a StatefulSet whose labels were taken off while nobody looked is found by its name alone. */
function withSetDoubted({ world }: Facts, memory: Memory, id: string, at: number): Memory {
  const key = `StatefulSet/${world.cluster?.seen.name ?? ''}`;
  if (id !== stoppingTimer || !isUnseen(world, key) || memory.failures[key] !== undefined) return memory;
  const message = `members are there still, and ${key} is not seen`;
  return { ...memory, failures: { ...memory.failures, [key]: doubt(message, at) } };
}

/**
 * What was created and has not been shown for long is gone, or its watch hangs: it is read by name, until an answer tells.
 * To take it for gone would leave it behind when the cluster is deleted.
 */
function doubted(facts: Facts, memory: Memory, unseen: readonly string[], at: number): Memory {
  const strangers = unwatched(facts.world);
  if (unseen.length + strangers.length === 0) return memory;
  const doubts = [
    ...unseen.map((key) => [key, doubt(`${key} was created and no watch has shown it`, at)] as const),
    ...strangers.map(
      (key) => [key, doubt(`${key} does not bear our labels, and no watch tells when it goes`, at)] as const,
    ),
  ].filter(([key]) => memory.failures[key] === undefined);
  const afterMs = unseen.length > 0 ? sightMs : strangerMs;
  const because = `no watch has shown ${[...unseen, ...strangers].join(', ')}`;
  const timers = armed(memory.timers, 'sight', at + afterMs, because);
  return { ...memory, timers, failures: { ...memory.failures, ...Object.fromEntries(doubts) } };
}

function doubt(message: string, at: number): Memory['failures'][string] {
  return { count: 1, reason: notShown, message, permanent: false, since: at, waiting: false, needsRead: true };
}

function processStarted(facts: Facts, at: number): Facts {
  return withWorld(facts, {
    knowledge: { type: 'unknown', since: at, because: 'the operator has just started' },
    stale: [],
    leaderSilentSince: null,
  });
}

/** What was awaited of an object need not be any more once it is shown to have changed. */
function awaitedNoMore(facts: Facts, world: World, object: ObjectProjection): Memory['timers'] {
  const { timers } = facts.memory;
  const key = objectKey(object);
  // An equal sight is not told, so it may not change anything either.
  if (world.objects[key]?.since === facts.world.objects[key]?.since) return timers;
  const before = facts.world.objects[key]?.object.annotations[annotations.podMetadata];
  const isLabelled = before !== object.annotations[annotations.podMetadata];
  const awaited = without(timers, `await/${key}`);
  const shown = isLabelled ? without(awaited, `await/Labels/${object.name}`) : awaited;
  const pending = object.detail.type === 'Pod' && object.detail.patroni?.pendingRestart === true;
  return pending ? shown : without(shown, `await/Restart/${object.name}`);
}

/**
 * What a member said of its settings holds while the same PostgreSQL runs: one that stops, or has taken what waited for a
 * start, is another one. The start is not always ours, and the answer to ours may be lost.
 */
function answersOf(facts: Facts, object: ObjectProjection): Memory['verified'] {
  const { verified } = facts.memory;
  const before = facts.world.objects[objectKey(object)]?.object.detail;
  if (object.detail.type !== 'Pod') return verified;
  const [was, is] = [before?.type === 'Pod' ? before.patroni : null, object.detail.patroni];
  const taken = was?.pendingRestart === true && is?.pendingRestart !== true;
  return object.name in verified && (!runs(is) || taken) ? without(verified, object.name) : verified;
}

/**
 * Patroni tries a PostgreSQL that could not be started again with every loop, and says `starting` each time. Until it runs, it is one that
 * could not be started: what people read does not change with every try.
 */
function failedStartsOf(
  { failedStarts = {} }: Memory,
  { name, uid, detail }: ObjectProjection,
): Memory['failedStarts'] {
  if (detail.type !== 'Pod') return failedStarts;
  const state = detail.patroni?.state;
  if (state === 'start failed') return { ...failedStarts, [name]: uid };
  const isTriedAgain = state === 'starting' && failedStarts[name] === uid;
  return isTriedAgain ? failedStarts : without(failedStarts, name);
}

/** The Secret in force says which credentials it holds; made anew it does not, and the StatefulSet still tells. */
function withRevision(facts: Facts, object: ObjectProjection): Facts {
  const { credentials } = facts.memory;
  const said = object.annotations[annotations.credentials];
  const names = objectNames(clusterName(facts));
  const isInForce = object.kind === 'Secret' && object.name === names.credentialsInForce;
  const isTold = isInForce || (object.kind === 'StatefulSet' && credentials.revision === null);
  if (said === undefined || !isTold || said === credentials.revision) return facts;
  return { ...facts, memory: { ...facts.memory, credentials: { ...credentials, revision: said } } };
}

function sawObjectOf(facts: Facts, object: ObjectProjection, changed: readonly string[], at: number): Facts {
  const world = sawObject(facts.world, { object, since: at, changed });
  const [timers, verified] = [awaitedNoMore(facts, world, object), answersOf(facts, object)];
  const remembered = withOccasional(facts.memory, 'failedStarts', failedStartsOf(facts.memory, object));
  const next = withRevision({ world, memory: { ...remembered, timers, verified } }, object);
  if (object.detail.type !== 'StatefulSet') return next;
  // The resolved mode and image also live on the StatefulSet: they outlast journal and status.
  const dcs = object.annotations[annotations.dcs];
  const mode = dcs === 'Endpoints' || dcs === 'ConfigMaps' ? dcs : null;
  const { memory } = next;
  // Status is written after it, and may not have been: until a spec is held again the StatefulSet's word is the newer one.
  const image = object.annotations[annotations.image] ?? null;
  return {
    ...next,
    memory: {
      ...memory,
      dcs: memory.dcs ?? mode,
      image: memory.accepted === null ? (image ?? memory.image) : (memory.image ?? image),
    },
  };
}

/**
 * Takes facts and one observation, gives the facts after it.
 * @param at stamp of the row, milliseconds; becomes a `since`, is never compared
 */
export function learn(facts: Facts, observation: ClusterObservation, at: number): Facts {
  const { world } = facts;
  switch (observation.type) {
    case 'ProcessStarted':
      return processStarted(facts, at);
    case 'OperatorConfigSeen':
      return withWorld(facts, { config: observation.config });
    case 'ClusterSeen':
      return sawCluster(facts, observation.cluster, at);
    case 'ClusterGone':
      return world.cluster?.seen.uid === observation.uid ? withWorld(facts, { cluster: null }) : facts;
    case 'PublishedStatusSeen':
      return sawPublished(facts, observation.status, at);
    case 'ObjectSeen':
      return sawObjectOf(facts, observation.object, observation.changed, at);
    case 'ObjectGone':
      return lostObject(takenAway(facts, observation.object, observation.uid, at), observation.object, observation.uid);
    case 'Synced':
      return synced(facts, observation.objects, at);
    case 'SourceWentStale':
      return world.stale.includes(observation.source)
        ? facts
        : withWorld(facts, { stale: [...world.stale, observation.source].sort() });
    case 'SourceFresh':
      return withWorld(facts, { stale: world.stale.filter((source) => source !== observation.source) });
    case 'LeaderSilent':
      return world.leaderSilentSince === null ? withWorld(facts, { leaderSilentSince: at }) : facts;
    case 'LeaderHeard':
      return withWorld(facts, { leaderSilentSince: null });
    case 'TurnTold':
      return turnTold(facts, observation);
    case 'TimerFired':
      return timerFired(facts, observation.id, at);
    case 'OutcomeArrived':
      return learnOutcome(facts, observation, at);
    default:
      return assertNever(observation);
  }
}
