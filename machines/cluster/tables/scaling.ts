/**
 * Owns: how the number of members goes from what it is to what is wanted. Up at once; down one at a time, and never the
 * primary: it hands over first to a member that stays. Where commits have to be confirmed only who confirms them can take
 * over, and that may be one that is to go: the members above the primary go first then, or it hands over to that one, and
 * Patroni chooses another. Each time there is one member less that is to go.
 * Nobody goes while Patroni is paused by hand.
 */
import { failoverObject, ordinalOf } from '../../shared/names.ts';
import type { Facts } from '../facts.ts';
import { clusterName } from '../knowledge.ts';
import {
  actualMembers,
  dcsOf,
  desiredMembers,
  isPatroniPaused,
  leaderOf,
  memberCalled,
  membersOf,
  podOf,
} from '../members.ts';
import { objectsOf, recalled } from '../recall.ts';
import { successor } from './succession.ts';
import { neededMembers, standbysOf } from './synchrony.ts';

export type ScalingStage = 'adding' | 'handingOver' | 'removing' | 'done';

export interface ScalingStep {
  readonly stage: ScalingStage;
  readonly because: string;
  /** Who hands over to whom; null when nobody has to, or nobody can. */
  readonly handOver: { readonly leader: string; readonly candidate: string } | null;
  /** Nobody may go yet: Patroni still needs as many for commits to be confirmed. */
  readonly isHeld: boolean;
}

function step(stage: ScalingStage, because: string, change: Partial<ScalingStep> = {}): ScalingStep {
  return { stage, because, handOver: null, isHeld: false, ...change };
}

/** Pods with an ordinal of `from` and above. */
function podsFrom(facts: Facts, from: number): readonly string[] {
  const cluster = clusterName(facts);
  return objectsOf(facts)
    .filter(({ object }) => object.kind === 'Pod' && ordinalOf(cluster, object.name) >= from)
    .map(({ object }) => object.name)
    .sort();
}

/** Names of pods that go, with the node that has to end each: one that is lost never does. */
function leavingWords(facts: Facts, names: readonly string[]): string {
  return names
    .map((name) => {
      const pod = podOf(facts, name);
      return pod?.object.deleting === true && pod.detail.node !== null
        ? `${name} (terminating on ${pod.detail.node})`
        : name;
    })
    .join(', ');
}

/** A member that is to go too, but below the leader, and confirms commits; null when there is none. */
function passingOn(facts: Facts, leader: string): string | null {
  const cluster = clusterName(facts);
  const below = (standbysOf(facts) ?? []).filter((name) => ordinalOf(cluster, name) < ordinalOf(cluster, leader));
  return below.find((name) => memberCalled(facts, name).ready) ?? null;
}

function handingOver(facts: Facts, leader: string, desired: number, isLast: boolean): ScalingStep | null {
  const cluster = clusterName(facts);
  const asked = dcsOf(facts, failoverObject(cluster))?.failover ?? null;
  if (asked !== null) return step('handingOver', `${leader} is asked to hand over to ${asked.candidate ?? 'anybody'}`);
  const answer = successor(facts, { template: null, below: desired, member: null });
  const candidate = answer.values['candidate'];
  const because = `${leader} leads and is to go: ${answer.because}`;
  if (typeof candidate === 'string') return step('handingOver', because, { handOver: { leader, candidate } });
  if (standbysOf(facts) === null) return step('handingOver', because);
  if (!isLast) return null;
  const next = passingOn(facts, leader);
  return next === null
    ? step('handingOver', because)
    : step('handingOver', `${leader} leads and is to go before ${next}, which confirms commits`, {
        handOver: { leader, candidate: next },
      });
}

function removal(facts: Facts, actual: number, desired: number): ScalingStep {
  const leader = leaderOf(facts);
  const cluster = clusterName(facts);
  if (!leader.writable || leader.name === null) return step('removing', leader.because);
  if (isPatroniPaused(facts))
    return step('removing', 'Patroni is paused by hand; no member goes until it is resumed', { isHeld: true });
  const ordinal = ordinalOf(cluster, leader.name);
  const handOver = ordinal >= desired ? handingOver(facts, leader.name, desired, ordinal === actual - 1) : null;
  if (handOver !== null) return handOver;
  const leaving = podsFrom(facts, actual);
  if (leaving.length > 0) return step('removing', `${leavingWords(facts, leaving)} has to be gone first`);
  const held = neededMembers(facts, actual - 1);
  const because = `${cluster}-${actual - 1} goes`;
  return held === null ? step('removing', because) : step('removing', held, { isHeld: true });
}

/** The next step towards the wanted number of members. */
export const scalingStep: (facts: Facts) => ScalingStep = recalled(nextStep);

function nextStep(facts: Facts): ScalingStep {
  const actual = actualMembers(facts);
  const desired = desiredMembers(facts);
  if (actual === null || desired === 0) return step('done', 'the StatefulSet has not been seen');
  if (desired > actual) return step('adding', `${desired} members are wanted, there are ${actual}`);
  if (desired < actual) return removal(facts, actual, desired);
  const leaving = podsFrom(facts, desired);
  if (leaving.length > 0) return step('removing', `${leavingWords(facts, leaving)} has to be gone`);
  return step('done', `there are ${desired} members`);
}

/** Members the StatefulSet shall have after the next step: one less than now while it shrinks, if that harms nobody. */
export function nextMembers(facts: Facts): number {
  const actual = actualMembers(facts);
  const desired = desiredMembers(facts);
  if (actual === null || desired >= actual) return desired;
  const { stage, isHeld } = scalingStep(facts);
  const gone = podsFrom(facts, actual).length === 0;
  const healthy = membersOf(facts).every((member) => member.ready);
  return stage === 'removing' && !isHeld && gone && healthy && leaderOf(facts).writable ? actual - 1 : actual;
}
