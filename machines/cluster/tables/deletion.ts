/**
 * Owns: the order in which a cluster is taken down, and what is kept. Objects are classified by what was seen, not by the
 * spec, so that a cluster with a spoilt spec can be deleted too.
 *
 *   order  what                                why not earlier
 *   0      StatefulSet, then wait for pods     a running leader re-creates Patroni's objects
 *   1      PodDisruptionBudget                 it protects pods that are no more
 *   2      Services                            Patroni's Endpoints go with theirs
 *   3      Patroni's Endpoints or ConfigMaps   else the next namesake waits for ever for a leader
 *   4      RoleBinding, Role, ServiceAccount   pods needed them until they were gone
 *   5      ConfigMap                           for reading only
 *   6      claims (volumePolicy Delete)        the data goes last, the keys to it after it
 *   7      Secrets (volumePolicy Delete)
 */
import { clusterName } from '../knowledge.ts';
import { objectsOf } from '../recall.ts';
import { dcsFinalizer, labels, labelValues } from '../../shared/names.ts';
import type { Facts } from '../facts.ts';
import { objectKey } from '../intents.ts';
import type { ObjectProjection } from '../observations.ts';
import { ownershipOf } from '../objects.ts';
import { isUnseen } from '../world.ts';

const stepOfKind: Readonly<Record<ObjectProjection['kind'], number>> = {
  StatefulSet: 0,
  Pod: 0,
  PodDisruptionBudget: 1,
  Service: 2,
  Endpoints: 3,
  ConfigMap: 5,
  RoleBinding: 4,
  Role: 4,
  ServiceAccount: 4,
  PersistentVolumeClaim: 6,
  Secret: 7,
};

/** Suffixes of the objects in which Patroni keeps its state, after the cluster's name. */
const patroniSuffixes: readonly string[] = ['', '-config', '-leader', '-failover', '-sync'];

/** Is this one of the Endpoints or ConfigMaps that Patroni itself made for the cluster? */
export function isPatroniObject(object: ObjectProjection, cluster: string): boolean {
  if (object.kind !== 'Endpoints' && object.kind !== 'ConfigMap') return false;
  if (object.labels[labels.component] !== labelValues.database) return false;
  return patroniSuffixes.some((suffix) => object.name === cluster + suffix);
}

function isKept(facts: Facts, object: ObjectProjection): boolean {
  const kept = object.kind === 'PersistentVolumeClaim' || object.kind === 'Secret';
  return kept && facts.world.cluster?.seen.spec.volumePolicy !== 'Delete';
}

function ourObjects(facts: Facts): readonly ObjectProjection[] {
  const cluster = clusterName(facts);
  return objectsOf(facts)
    .map((fact) => fact.object)
    .filter((object) => object.kind !== 'Pod')
    .filter((object) => isPatroniObject(object, cluster) || ownershipOf(facts, object).type === 'ours');
}

function stepOf(facts: Facts, object: ObjectProjection): number {
  const cluster = clusterName(facts);
  return isPatroniObject(object, cluster) ? 3 : stepOfKind[object.kind];
}

/**
 * Keys of objects that we created, or may have, and that no watch has shown: what is not seen is not gone. A watch may hang
 * for longer than a cluster lives.
 */
export function unseenObjects({ world, memory }: Facts): readonly string[] {
  const creating = Object.values(memory.open)
    .filter(({ type }) => type === 'CreateObject' || type === 'CreateSecret')
    .map(({ target }) => objectKey(target));
  const doubtful = Object.entries(memory.failures)
    .filter(([, failure]) => failure.needsRead)
    .map(([key]) => key);
  const all = [...creating, ...doubtful, ...Object.keys(memory.expected)];
  return [...new Set(all)].filter((key) => isUnseen(world, key)).sort();
}

/**
 * Keys of what is under way and has no outcome yet; status and Events apart, which may end with the cluster. A watch may tell
 * that an object is gone before the answer to its deletion is here, and once the cluster is gone nobody writes that down.
 */
export function unansweredEffects({ memory }: Facts): readonly string[] {
  return Object.entries(memory.open)
    .filter(([, { target }]) => target.kind !== 'PostgresCluster' && target.kind !== 'Event')
    .map(([key]) => key)
    .sort();
}

/** Keys of objects that have to go before the finalizer is released. */
export function remainingObjects(facts: Facts): readonly string[] {
  return ourObjects(facts)
    .filter((object) => !isKept(facts, object))
    .map(objectKey)
    .sort();
}

/** The objects whose turn it is: the lowest step that still has any. */
export function deletionStep(facts: Facts): readonly ObjectProjection[] {
  const left = ourObjects(facts).filter((object) => !isKept(facts, object));
  const step = Math.min(...left.map((object) => stepOf(facts, object)));
  return left.filter((object) => stepOf(facts, object) === step);
}

/** Kept objects that do not yet say so. One on its way out by another hand cannot be kept and is not waited for. */
export function objectsToMark(facts: Facts): readonly ObjectProjection[] {
  return ourObjects(facts).filter(
    (object) => isKept(facts, object) && !object.deleting && object.labels[labels.retained] !== 'true',
  );
}

/** Keys of objectsToMark. */
export function unmarkedObjects(facts: Facts): readonly string[] {
  return objectsToMark(facts).map(objectKey).sort();
}

/** Objects that still bear our uid or our finalizer. */
export function objectsToStrip(facts: Facts): readonly ObjectProjection[] {
  const uid = facts.world.cluster?.seen.uid ?? '';
  return ourObjects(facts).filter(
    (object) => object.labels[labels.clusterUid] === uid || object.finalizers.includes(dcsFinalizer),
  );
}

/** Keys of objectsToStrip. */
export function unstrippedObjects(facts: Facts): readonly string[] {
  return objectsToStrip(facts).map(objectKey).sort();
}
