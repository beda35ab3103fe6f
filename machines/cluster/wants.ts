/**
 * Owns: what is wished in a state on these facts: `wants(view) − open intents − targets that wait`. Levels, not entry
 * actions: asked after every observation, so that a lost effect is simply wished again.
 * Does not own: how a wish is spelled for Kubernetes (`src/resources`, `src/decision`).
 */
import { dcsFinalizer, finalizer, objectNames } from '../shared/names.ts';
import { phaseOf } from './chart.ts';
import type { Facts } from './facts.ts';
import { leaderWritable } from './guards.ts';
import { clusterName, knownFacts } from './knowledge.ts';
import { effectClasses, objectKey, targetKey, type Intent } from './intents.ts';
import { leaderOf, podOf } from './members.ts';
import { anythingCreated, driftOf, existsOrCreated, missingObjects, objectAt, ownershipOf } from './objects.ts';
import type { ObjectProjection, ObjectRef } from './observations.ts';
import type { DesiredObject, Plan } from './plan.ts';
import { recalled } from './recall.ts';
import { changedAgain } from './undone.ts';
import type { View } from './view.ts';
import { isWatched } from './world.ts';
import { procedureWants } from './procedure-wants.ts';
import { creationAllowed } from './tables/adoption.ts';
import { untoldLeader, waitsForKey } from './tables/credentials.ts';
import { isObserving, isPaused } from './tables/permission.ts';
import { isAskingTurn } from './tables/turns.ts';
import { roomReads } from './tables/full-volume.ts';
import { sparesToDelete } from './tables/spare-volumes.ts';
import { warningReads } from './tables/warnings.ts';
import { deletionStep, objectsToMark, objectsToStrip, unseenObjects } from './tables/deletion.ts';

function clusterRef(facts: Facts): ObjectRef {
  return { kind: 'PostgresCluster', name: clusterName(facts) };
}

function refOf(object: ObjectProjection): ObjectRef {
  return { kind: object.kind, name: object.name };
}

function holdsFinalizer(facts: Facts): boolean {
  const cluster = facts.world.cluster?.seen;
  return (
    cluster !== undefined &&
    (cluster.finalizers.includes(finalizer) || existsOrCreated(facts, objectKey(clusterRef(facts))))
  );
}

/** Objects an earlier cluster of this name left to us. */
const adoptions = recalled((facts, plan: Plan): readonly Intent[] =>
  plan.objects.flatMap((desired): readonly Intent[] => {
    const object = objectAt(facts, objectKey(desired.ref))?.object;
    if (object === undefined) return [];
    const { type } = ownershipOf(facts, object);
    const wish = { type: 'AdoptObject', target: desired.ref, uid: object.uid } as const;
    const key = objectKey(desired.ref);
    if (type === 'retained' || type === 'unclaimed')
      return [{ ...wish, because: `${key} is left from an earlier cluster of this name` }];
    // What is otherwise not put right bears our labels all the same, or nobody would see it any more.
    const isBare = type === 'ours' && !isWatched(facts.world, object) && desired.repair === 'none';
    return isBare ? [{ ...wish, because: `${key} does not bear our labels any more` }] : [];
  }),
);

function creations({ facts, plan }: View): readonly Intent[] {
  return missingObjects(facts, plan)
    .filter((desired) => desired.after.every((key) => existsOrCreated(facts, key)))
    .filter(({ ref, creation }) => creation !== 'C' || !waitsForKey(facts, ref.name))
    .map((desired): Intent => ({
      type: desired.creation === 'C' ? 'CreateSecret' : 'CreateObject',
      target: desired.ref,
      because: `${objectKey(desired.ref)} does not exist`,
    }));
}

/**
 * Claims of members that are added are made before the StatefulSet is told of them: its controller makes what is missing too,
 * as small as its template was when it was made. A claim that cannot be made keeps nothing else from being told.
 */
function waitsForClaims(facts: Facts, { ref, after }: DesiredObject): boolean {
  if (ref.kind !== 'StatefulSet') return false;
  const claims = after.filter((key) => key.startsWith('PersistentVolumeClaim/'));
  return claims.some((key) => !existsOrCreated(facts, key) && facts.memory.failures[key] === undefined);
}

function repair(facts: Facts, desired: DesiredObject): readonly Intent[] {
  const object = objectAt(facts, objectKey(desired.ref))?.object;
  if (object === undefined || ownershipOf(facts, object).type !== 'ours') return [];
  const drift = driftOf(facts, desired);
  const key = objectKey(desired.ref);
  const wish = { target: desired.ref, uid: object.uid };
  const type = desired.ref.kind === 'StatefulSet' ? 'RepairStatefulSet' : 'RepairObject';
  switch (drift.type) {
    case 'none':
      return [];
    case 'unknown':
      return [{ ...wish, type: 'CompareObject', because: `what was last applied to ${key} is not known` }];
    case 'foreign':
      return [
        {
          ...wish,
          type: 'RemoveForeignFields',
          paths: drift.paths,
          diff: drift.diff,
          because: `${drift.managers.join(', ')} added ${drift.paths.join(', ')} to ${key}`,
        },
      ];
    case 'owned':
      return [
        {
          ...wish,
          type,
          diff: drift.diff,
          because: `${key} was changed by hand: ${drift.changed.length > 0 ? drift.changed.join('; ') : 'fields we own differ from what was applied'}`,
        },
      ];
    case 'rendering':
      return waitsForClaims(facts, desired) || isAskingTurn(facts.memory)
        ? []
        : [{ ...wish, type, because: `what the spec asks of ${key} has changed` }];
  }
}

const repairs = recalled((facts, plan: Plan): readonly Intent[] => {
  // Once the deletion mark is there a leaf keeps the reference it has: taking it off would look like an orphaning.
  const isLeaving = facts.world.cluster?.seen.deleting === true;
  return plan.objects.filter((desired) => !(isLeaving && desired.leaf)).flatMap((desired) => repair(facts, desired));
});

function reads(facts: Facts): readonly Intent[] {
  return Object.entries(facts.memory.failures).flatMap(([key, failure]): readonly Intent[] => {
    const [kind, name] = key.split('/');
    const open = facts.memory.open[key] !== undefined;
    if (!failure.needsRead || failure.waiting || open || name === undefined || kind === 'PostgresCluster') return [];
    return [
      {
        type: 'ReadObject',
        target: { kind: kind as ObjectRef['kind'], name },
        because: `${failure.reason}: what is there now must be read`,
      },
    ];
  });
}

/**
 * The application's database, once. Replication is asynchronous by default: a failover may leave behind that it was made,
 * and its owner's role with it, so it is looked for again wherever a new timeline begins.
 */
function database(view: View): readonly Intent[] {
  const { facts, plan } = view;
  const names = objectNames(clusterName(facts));
  const wanted = `${plan.database.name}/${plan.database.owner}`;
  const leader = leaderOf(facts);
  if (leaderWritable(view).answer !== 'yes' || leader.name === null) return [];
  const isMade = facts.memory.handled['database'] === wanted;
  const isHere = isMade && facts.memory.database?.timeline === leader.timeline;
  if (isHere || !existsOrCreated(facts, `Secret/${names.applicationSecret}`)) return [];
  return [
    {
      type: 'CreateDatabase',
      target: { kind: 'Pod', name: leader.name },
      database: plan.database.name,
      owner: plan.database.owner,
      because: isMade
        ? `${leader.because}: whether database ${plan.database.name} came along has to be seen`
        : `database ${plan.database.name} with owner ${plan.database.owner} is wanted and ${leader.name} can be written to`,
    },
  ];
}

/** Roles' passwords, where a failover may have left behind that they were told. */
function passwords({ facts, plan }: View): readonly Intent[] {
  const leader = untoldLeader(facts);
  const pod = leader === null ? null : podOf(facts, leader);
  if (leader === null || pod === null) return [];
  const because = `${leaderOf(facts).because}: whether what roles were told came along has to be seen to`;
  const target = { kind: 'Pod', name: leader } as const;
  return [{ type: 'SetPasswords', target, uid: pod.object.uid, owner: plan.database.owner, because }];
}

function addFinalizer(facts: Facts, uid: string): Intent {
  const because = 'nothing may be created before its deletion can be ordered';
  return { type: 'AddFinalizer', target: clusterRef(facts), uid, because };
}

function spareVolumes(view: View): readonly Intent[] {
  return sparesToDelete(view).map((object): Intent => ({
    type: 'DeleteObject',
    target: refOf(object),
    uid: object.uid,
    because: `volumePolicy is Delete, and the member of ${objectKey(object)} was scaled away`,
  }));
}

function alive(view: View): readonly Intent[] {
  const { facts, plan } = view;
  const cluster = facts.world.cluster?.seen;
  if (cluster === undefined || facts.memory.accepted === null || plan.problems.length > 0) return [];
  if (creationAllowed(facts, plan).answer !== 'yes') return reads(facts);
  const held = holdsFinalizer(facts);
  const finalizers = held ? [] : [addFinalizer(facts, cluster.uid)];
  if (!held && cluster.deleting) return [];
  // What is there already is cared for, however often somebody takes the finalizer off.
  if (!held && !anythingCreated(facts)) return finalizers;
  const paused = isPaused(facts);
  return [
    ...finalizers,
    ...reads(facts),
    ...warningReads(facts),
    ...roomReads(facts),
    ...(held ? [...adoptions(facts, plan), ...creations(view)] : []),
    ...(paused ? [] : repairs(facts, plan)),
    ...database(view),
    ...(paused ? [] : [...passwords(view), ...procedureWants(view)]),
    ...spareVolumes(view),
  ];
}

function leaving(view: View): readonly Intent[] {
  return deletionStep(view.facts).flatMap((object): readonly Intent[] => {
    const wish = { target: refOf(object), uid: object.uid };
    const key = objectKey(object);
    if (!object.deleting)
      return [{ ...wish, type: 'DeleteObject', because: `the PostgresCluster was deleted; it is the turn of ${key}` }];
    if (!object.finalizers.includes(dcsFinalizer)) return [];
    return [{ ...wish, type: 'ReleaseObject', because: `no pod needs ${key} any more` }];
  });
}

/** What was created and not seen is read by name: a watch that hangs must not leave it behind. */
function sightings(facts: Facts): readonly Intent[] {
  const { open, expected, failures } = facts.memory;
  return unseenObjects(facts).flatMap((key): readonly Intent[] => {
    const [kind, name] = key.split('/');
    const waits = open[key] !== undefined || expected[key] === undefined || failures[key] !== undefined;
    if (waits || name === undefined) return [];
    const target = { kind: kind as ObjectRef['kind'], name };
    return [{ type: 'ReadObject', target, because: 'it was created and no watch has shown it' }];
  });
}

function deleting(view: View): readonly Intent[] {
  const { facts, state } = view;
  const cluster = facts.world.cluster?.seen;
  if (cluster === undefined) return [];
  switch (state) {
    case 'Deleting.stopping':
      return [
        ...reads(facts),
        ...sightings(facts),
        ...leaving(view).filter((intent) => intent.target.kind === 'StatefulSet'),
      ];
    case 'Deleting.clearing': {
      const marks = objectsToMark(facts).map((object): Intent => ({
        type: 'MarkRetained',
        target: refOf(object),
        uid: object.uid,
        because: 'volumePolicy is Retain: it is kept for a namesake or a human',
      }));
      return [...reads(facts), ...sightings(facts), ...marks, ...leaving(view)];
    }
    case 'Deleting.stripping':
      return [
        ...reads(facts),
        ...sightings(facts),
        ...objectsToStrip(facts).map((object): Intent => ({
          type: 'StripMarks',
          target: refOf(object),
          uid: object.uid,
          because: 'deleted with --cascade=orphan: it lives on without us',
        })),
      ];
    default:
      if (!cluster.finalizers.includes(finalizer)) return [];
      return [
        { type: 'ReleaseFinalizer', target: clusterRef(facts), uid: cluster.uid, because: 'nothing is left to do' },
      ];
  }
}

function events(facts: Facts): readonly Intent[] {
  const next = facts.memory.events[0];
  const name = clusterName(facts);
  if (next === undefined || facts.world.cluster === null) return [];
  return [{ type: 'EmitEvent', target: { kind: 'Event', name }, ...next, because: next.note }];
}

/** True when nothing is under way at the target and nothing makes it wait. */
function isFree(facts: Facts, intent: Intent): boolean {
  const key = targetKey(intent);
  if (facts.memory.open[key] !== undefined) return false;
  if (facts.memory.timers[`await/${key}`] !== undefined) return false;
  // What is being written now need not be asked about: its answer will tell.
  if (intent.type === 'CompareObject' && facts.memory.open[objectKey(intent.target)] !== undefined) return false;
  const failure = facts.memory.failures[key];
  if (failure === undefined) return true;
  // What one hand changed and added is put right in two steps, and the second need not wait for the first.
  const isSecondStep = failure.reason === changedAgain && failure.count === 1 && intent.type === 'RemoveForeignFields';
  return isSecondStep || (!failure.waiting && !failure.needsRead);
}

const due = recalled((facts, state: string, plan: Plan): readonly Intent[] => {
  const view = { facts, state, plan };
  return phaseOf(state) === 'Deleting' ? deleting(view) : alive(view);
});

/** In mode Observe only what changes nothing; but who is deleted is let go. */
function permitted({ facts, state, plan }: View): readonly Intent[] {
  const all = [...due(facts, state, plan), ...events(facts)];
  const mayChange = phaseOf(state) === 'Deleting' || !isObserving(facts);
  return mayChange ? all : all.filter(({ type }) => effectClasses[type] === 'R');
}

/** What mode Observe keeps back; nothing in mode Manage. */
export function keptBack(view: View): readonly Intent[] {
  const { facts, state } = view;
  if (!isObserving(facts) || phaseOf(state) === 'Deleting' || knownFacts(facts).answer !== 'yes') return [];
  return due(facts, state, view.plan).filter(({ type }) => effectClasses[type] !== 'R');
}

/**
 * The intents to send now, without status, in a fixed order.
 * Nothing is wished on an incomplete picture: a failed read is Unknown, never empty.
 */
export function wants(view: View): readonly Intent[] {
  const { facts } = view;
  if (knownFacts(facts).answer !== 'yes') return [];
  const seen = new Set<string>();
  return permitted(view).filter((intent) => {
    const key = targetKey(intent);
    if (seen.has(key) || !isFree(facts, intent)) return false;
    seen.add(key);
    return true;
  });
}

/** Target keys of all that is wished, whatever makes it wait; nothing on an incomplete picture. */
export function wishedKeys(view: View): ReadonlySet<string> {
  return new Set(knownFacts(view.facts).answer === 'yes' ? permitted(view).map(targetKey) : []);
}

/** Facts without the failures of what nobody wishes any more: the trouble is over with the wish. */
export function withoutForgotten(view: View): Facts {
  const { facts } = view;
  const { failures, open } = facts.memory;
  const idle = Object.entries(failures).filter(
    ([key, failure]) => !failure.waiting && !failure.needsRead && open[key] === undefined && key !== 'Status',
  );
  if (idle.length === 0 || knownFacts(facts).answer !== 'yes') return facts;
  const wished = new Set(wants(view).map(targetKey));
  const gone = new Set(idle.map(([key]) => key).filter((key) => !wished.has(key)));
  if (gone.size === 0) return facts;
  const kept = Object.fromEntries(Object.entries(failures).filter(([key]) => !gone.has(key)));
  return { ...facts, memory: { ...facts.memory, failures: kept } };
}
