/**
 * Owns: volumes of members that were scaled away, and when they go. Under `volumePolicy: Retain` they stay, for whoever comes back.
 * Under `Delete` they go once nobody can miss them:
 *
 *   the member is not wanted      by the StatefulSet, the accepted spec and the newest one; it has no pod
 *   scaling is over               the StatefulSet's controller has seen its size, and the cluster is Running
 *   the data is elsewhere         a leader takes writes, and all other members are ready
 *   nothing else is under way     no request, no pause
 */
import { claimOrdinal, labels, podName } from '../../shared/names.ts';
import { phaseOf } from '../chart.ts';
import type { Facts } from '../facts.ts';
import { clusterName } from '../knowledge.ts';
import { actualMembers, desiredMembers, leaderOf, membersOf, podOf } from '../members.ts';
import { objectAt, ownershipOf } from '../objects.ts';
import type { ObjectProjection, ObjectRef } from '../observations.ts';
import { objectsOf } from '../recall.ts';
import type { View } from '../view.ts';
import { isPaused } from './permission.ts';
import { scalingStep } from './scaling.ts';

/** Members from this ordinal on are wanted by nobody; null while that is not known. */
function membersKept(facts: Facts): number | null {
  const actual = actualMembers(facts);
  const seen = facts.world.cluster?.seen;
  if (actual === null || seen === undefined || desiredMembers(facts) === 0) return null;
  return Math.max(actual, desiredMembers(facts), seen.spec.replicas ?? 1);
}

/** Whether this claim is of a member that was scaled away: who takes it away undoes nothing. */
export function isSpareClaim(facts: Facts, { kind, name }: ObjectRef): boolean {
  const kept = membersKept(facts);
  return kind === 'PersistentVolumeClaim' && kept !== null && claimOrdinal(clusterName(facts), name) >= kept;
}

function isSetSettled(facts: Facts): boolean {
  const detail = objectAt(facts, `StatefulSet/${clusterName(facts)}`)?.object.detail;
  return detail?.type === 'StatefulSet' && detail.current && scalingStep(facts).stage === 'done';
}

/** Nobody can miss what a member had that is not there any more. */
function isElsewhere(facts: Facts): boolean {
  return leaderOf(facts).writable && membersOf(facts).every(({ ready }) => ready);
}

/** Claims that have to go, by name. */
export function sparesToDelete({ facts, state }: View): readonly ObjectProjection[] {
  const { cluster } = facts.world;
  const { accepted, request } = facts.memory;
  const policies = [cluster?.seen.spec.volumePolicy, accepted?.spec.volumePolicy];
  const isAsked = policies.every((policy) => policy === 'Delete') && cluster?.seen.deleting === false;
  if (!isAsked || phaseOf(state) !== 'Running' || request !== null || isPaused(facts)) return [];
  if (!isSetSettled(facts) || !isElsewhere(facts)) return [];
  const { name, uid } = cluster.seen;
  return objectsOf(facts)
    .map(({ object }) => object)
    .filter((object) => isSpareClaim(facts, object) && !object.deleting)
    .filter((object) => object.labels[labels.clusterUid] === uid && ownershipOf(facts, object).type === 'ours')
    .filter((object) => podOf(facts, podName(name, claimOrdinal(name, object.name))) === null);
}
