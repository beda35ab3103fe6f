/** Owns: whether the loss of a leader is what was asked for: told as news, and not as trouble. */
import { failoverObject, podName } from '../../shared/names.ts';
import type { Facts } from '../facts.ts';
import { clusterName } from '../knowledge.ts';
import { dcsOf, desiredMembers, podOf } from '../members.ts';

/**
 * Whether the leader was about to go because somebody wants it to: it was told to hand over or to start anew, or is a cluster's
 * only member, whose pod is made anew.
 * @param facts as they were right before it was seen to be gone: seeing it ends what was waited for
 * @param state in which that was seen
 */
export function isLossPlanned(facts: Facts, state: string): boolean {
  const { open, timers, leader } = facts.memory;
  const isTold = (key: string): boolean => open[key] !== undefined || timers[`await/${key}`] !== undefined;
  const object = failoverObject(clusterName(facts));
  if (isTold(`Switchover/${object}`) || (dcsOf(facts, object)?.failover ?? null) !== null) return true;
  if (leader === null) return false;
  if (isTold(`Restart/${leader.name}`)) return true;
  const isOnly = desiredMembers(facts) === 1 && leader.name === podName(clusterName(facts), 0);
  const goes = isTold(`Pod/${leader.name}`) || podOf(facts, leader.name)?.object.deleting === true;
  return isOnly && state === 'Alive.Updating.replacing' && goes;
}
