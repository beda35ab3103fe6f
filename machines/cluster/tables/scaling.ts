/**
 * Owns: how the number of members goes from what it is to what is wanted. Up at once; down one at a time, and never the
 * primary: it hands over first to a member that stays.
 */
import { failoverObject, ordinalOf } from '../../shared/names.ts';
import { oncePer } from '../../shared/once.ts';
import type { Facts } from '../facts.ts';
import { dcsOf, desiredMembers, leaderOf, membersOf } from '../members.ts';
import { successor } from './succession.ts';

export type ScalingStage = 'adding' | 'handingOver' | 'removing' | 'done';

export interface ScalingStep {
  readonly stage: ScalingStage;
  readonly because: string;
  /** Who hands over to whom; null when nobody has to, or nobody can. */
  readonly handOver: { readonly leader: string; readonly candidate: string } | null;
}

/** Members the StatefulSet has now; null before it is seen. */
function actualMembers(facts: Facts): number | null {
  const detail = facts.world.objects[`StatefulSet/${facts.world.cluster?.seen.name ?? ''}`]?.object.detail;
  return detail !== undefined && detail.type === 'StatefulSet' ? detail.replicas : null;
}

/** Pods with an ordinal of `from` and above. */
function podsFrom(facts: Facts, from: number): readonly string[] {
  const cluster = facts.world.cluster?.seen.name ?? '';
  return Object.values(facts.world.objects)
    .filter(({ object }) => object.kind === 'Pod' && ordinalOf(cluster, object.name) >= from)
    .map(({ object }) => object.name)
    .sort();
}

function removal(facts: Facts, actual: number, desired: number): ScalingStep {
  const leader = leaderOf(facts);
  const cluster = facts.world.cluster?.seen.name ?? '';
  if (!leader.writable || leader.name === null) return { stage: 'removing', because: leader.because, handOver: null };
  if (ordinalOf(cluster, leader.name) >= desired) {
    const asked = dcsOf(facts, failoverObject(cluster))?.failover ?? null;
    if (asked !== null) {
      const because = `${leader.name} is asked to hand over to ${asked.candidate ?? 'anybody'}`;
      return { stage: 'handingOver', because, handOver: null };
    }
    const answer = successor(facts, { template: null, below: desired, member: null });
    const candidate = answer.values['candidate'];
    return {
      stage: 'handingOver',
      because: `${leader.name} leads and is to go: ${answer.because}`,
      handOver: typeof candidate === 'string' ? { leader: leader.name, candidate } : null,
    };
  }
  const leaving = podsFrom(facts, actual);
  const because = leaving.length > 0 ? `${leaving.join(', ')} has to be gone first` : `${cluster}-${actual - 1} goes`;
  return { stage: 'removing', because, handOver: null };
}

/** The next step towards the wanted number of members. */
export const scalingStep: (facts: Facts) => ScalingStep = oncePer(nextStep);

function nextStep(facts: Facts): ScalingStep {
  const actual = actualMembers(facts);
  const desired = desiredMembers(facts);
  if (actual === null || desired === 0)
    return { stage: 'done', because: 'the StatefulSet has not been seen', handOver: null };
  if (desired > actual)
    return { stage: 'adding', because: `${desired} members are wanted, there are ${actual}`, handOver: null };
  if (desired < actual) return removal(facts, actual, desired);
  const leaving = podsFrom(facts, desired);
  if (leaving.length > 0) return { stage: 'removing', because: `${leaving.join(', ')} has to be gone`, handOver: null };
  return { stage: 'done', because: `there are ${desired} members`, handOver: null };
}

/** Members the StatefulSet shall have after the next step: one less than now while it shrinks, if that harms nobody. */
export function nextMembers(facts: Facts): number {
  const actual = actualMembers(facts);
  const desired = desiredMembers(facts);
  if (actual === null || desired >= actual) return desired;
  const { stage } = scalingStep(facts);
  const gone = podsFrom(facts, actual).length === 0;
  const healthy = membersOf(facts).every((member) => member.ready);
  return stage === 'removing' && gone && healthy && leaderOf(facts).writable ? actual - 1 : actual;
}
