/**
 * Owns: questions about the objects around a cluster: which exist, whose they are, which differ from what was applied.
 * Pure functions of facts and plan; used by guards, wants and conditions alike, so that all three agree.
 */
import { annotations, labels } from '../shared/names.ts';
import type { Facts, ObjectFact } from './facts.ts';
import { objectKey, type Difference } from './intents.ts';
import type { ObjectProjection } from './observations.ts';
import type { DesiredObject, Plan } from './plan.ts';
import { objectsOf, recalled } from './recall.ts';

/** Whose an object is, seen from this cluster. */
export type Ownership =
  /** It bears our uid, or what landed on it last was ours. */
  | { readonly type: 'ours' }
  /** It bears our cluster's name but nobody's uid: orphaned on purpose. */
  | { readonly type: 'unclaimed' }
  /** A predecessor's deletion kept it. */
  | {
      readonly type: 'retained';
      readonly uid: string;
      readonly systemIdentifier: string | null;
      readonly major: string | null;
    }
  /** Somebody else's. */
  | { readonly type: 'foreign'; readonly because: string; readonly wayOut?: string };

function uidOf(facts: Facts): string {
  return facts.world.cluster?.seen.uid ?? '';
}

/** The object at `key` (`Kind/name`), or null when there is none. */
export function objectAt(facts: Facts, key: string): ObjectFact | null {
  return facts.world.objects[key] ?? null;
}

function foreignOwner(object: ObjectProjection, uid: string): string | null {
  const owner = object.owners.find((candidate) => candidate.controller && candidate.uid !== uid);
  return owner === undefined ? null : `${owner.kind} ${owner.name} controls it`;
}

/** What landed on it last was ours, though somebody took all labels off: no watch shows it any more, and they are put back. */
function isOfOurHand({ effect }: ObjectProjection, uid: string): boolean {
  return uid !== '' && effect?.startsWith(`${uid}-`) === true;
}

/** Whose `object` is. Pods and Patroni's own objects carry no uid mark and are never asked about. */
export function ownershipOf(facts: Facts, object: ObjectProjection): Ownership {
  const cluster = facts.world.cluster?.seen;
  const uid = uidOf(facts);
  const owner = foreignOwner(object, uid);
  if (owner !== null) return { type: 'foreign', because: owner };
  const mark = object.labels[labels.clusterUid];
  if (mark === uid || facts.memory.expected[objectKey(object)]?.uid === object.uid) return { type: 'ours' };
  const name = object.labels[labels.cluster];
  if (name === undefined && mark === undefined && isOfOurHand(object, uid)) return { type: 'ours' };
  if (name !== cluster?.name) {
    return {
      type: 'foreign',
      because: name === undefined ? 'it does not bear our labels' : `it belongs to cluster ${name}`,
    };
  }
  if (mark === undefined) return { type: 'unclaimed' };
  if (object.labels[labels.retained] === 'true') {
    return {
      type: 'retained',
      uid: mark,
      systemIdentifier: object.annotations[annotations.systemIdentifier] ?? null,
      major: object.annotations[annotations.major] ?? null,
    };
  }
  const wayOut = `if there is no such PostgresCluster any more, take its label ${labels.clusterUid} off to have it taken over, or delete it`;
  return { type: 'foreign', because: `it belongs to PostgresCluster uid ${mark}`, wayOut };
}

/** Desired objects that are neither seen nor known to have been created by us. */
export const missingObjects: (facts: Facts, plan: Plan) => readonly DesiredObject[] = recalled((facts, plan: Plan) =>
  plan.objects.filter((desired) => {
    const key = objectKey(desired.ref);
    return objectAt(facts, key) === null && facts.memory.expected[key] === undefined;
  }),
);

/** True when the object exists, or our own create was answered and the watch will show it. */
export function existsOrCreated(facts: Facts, key: string): boolean {
  return objectAt(facts, key) !== null || facts.memory.expected[key] !== undefined;
}

/** True once anything of this cluster has been created: from then on its spec is held, not re-chosen. */
export const anythingCreated: (facts: Facts) => boolean = recalled(
  (facts) =>
    Object.keys(facts.memory.expected).some((key) => !key.startsWith('PostgresCluster/')) ||
    objectsOf(facts).some(
      (fact) => fact.object.kind !== 'Pod' && fact.object.labels[labels.clusterUid] === uidOf(facts),
    ),
);

/** How an object differs from what we applied. */
export type Drift =
  | { readonly type: 'none' }
  /** We do not know what we applied: ask by a dry run. */
  | { readonly type: 'unknown' }
  /** Our text changed since it was applied. */
  | { readonly type: 'rendering' }
  /** Somebody changed a field that is ours. */
  | { readonly type: 'owned'; readonly changed: readonly string[]; readonly diff: Difference }
  /** Somebody added to what we state. */
  | {
      readonly type: 'foreign';
      readonly paths: readonly string[];
      readonly managers: readonly string[];
      readonly diff: Difference;
    };

/** `/spec/ports/0/port` → `spec.ports.0.port`. */
function dotted(pointer: string): string {
  return pointer.replace(/^\//, '').replaceAll('/', '.');
}

/** What of an object somebody changed, and who: what is held by others, and what differed in the last sight. */
function differenceOf({ object, changed }: ObjectFact, foreign: ObjectProjection['foreign']): Difference {
  const names = changed.map((words) => dotted(words.slice(0, words.indexOf(': '))));
  const stated = names.filter((name) => /^(spec|metadata|data|rules|subjects|roleRef)\b/.test(name));
  const fields = [...foreign.map(({ path }) => dotted(path)), ...stated];
  return {
    fields: [...new Set(fields)].sort(),
    by: [...new Set(object.foreign.map(({ manager }) => manager))].sort(),
  };
}

/** Compares a seen object of ours with what was applied. An object on its way out has no drift: it will be made anew. */
export function driftOf(facts: Facts, desired: DesiredObject): Drift {
  const key = objectKey(desired.ref);
  const fact = objectAt(facts, key);
  if (fact === null || fact.object.deleting || desired.repair === 'none') return { type: 'none' };
  const expected = facts.memory.expected[key];
  if (expected === undefined || expected.uid !== fact.object.uid || expected.renderHash === null)
    return { type: 'unknown' };
  // A field of ours that somebody took over looks foreign too: taking it back comes first, removing it would be wrong.
  const foreign = fact.object.foreign.filter(({ path }) => expected.tolerated?.includes(path) !== true);
  if (expected.ownedHash !== fact.object.ownedHash)
    return { type: 'owned', changed: fact.changed, diff: differenceOf(fact, foreign) };
  if (foreign.length > 0) {
    return {
      type: 'foreign',
      paths: foreign.map(({ path }) => path),
      managers: [...new Set(foreign.map(({ manager }) => manager))].sort(),
      diff: differenceOf({ ...fact, changed: [] }, foreign),
    };
  }
  if (expected.renderHash !== desired.renderHash) return { type: 'rendering' };
  return { type: 'none' };
}

export interface Obstacle {
  readonly key: string;
  readonly because: string;
}

/** Objects at our names that stand in the way of creation, each with the reason. */
export const obstacles: (facts: Facts, plan: Plan) => readonly Obstacle[] = recalled((facts, plan: Plan) => {
  const found: Obstacle[] = [];
  for (const desired of plan.objects) {
    const key = objectKey(desired.ref);
    const object = objectAt(facts, key)?.object;
    if (object === undefined) continue;
    const ownership = ownershipOf(facts, object);
    if (ownership.type === 'foreign') {
      const { because, wayOut } = ownership;
      found.push({ key, because: wayOut === undefined ? because : `${because}; ${wayOut}` });
    } else if (object.deleting && ownership.type !== 'ours') found.push({ key, because: 'it is still being deleted' });
  }
  return found;
});
