/**
 * Owns: how the members' volumes get the size that the spec asks for. Claims are patched one at a time, those of members in
 * trouble first, since a full disk may be the trouble, the leader's last; the next one only when the one before has grown.
 *
 *   claim                      step
 *   asked for less             asked for more, unless another one is growing
 *   asked for enough, smaller  awaited; one whose member does not run grows when that does, and holds nobody up
 *   large enough               done; a larger one stays as it is, volumes cannot shrink
 */
import { claimName, ordinalOf } from '../../shared/names.ts';
import { quantityBytes } from '../../shared/quantity.ts';
import type { Facts } from '../facts.ts';
import { clusterName } from '../knowledge.ts';
import { desiredMembers, leaderOf, membersOf, type Member } from '../members.ts';
import type { ObjectProjection, PersistentVolumeClaimDetail } from '../observations.ts';
import { recalled } from '../recall.ts';
import { act, wait, type RolloutStep } from './step.ts';

/** The volume of one member. */
export interface Volume {
  readonly claim: ObjectProjection;
  readonly detail: PersistentVolumeClaimDetail;
  readonly member: Member;
  /** As its claim asks. */
  readonly asked: boolean;
  /** As it is. */
  readonly grown: boolean;
}

function wantedSize(facts: Facts): string | null {
  return facts.memory.accepted?.spec.storage.size ?? null;
}

/** Is the first quantity at least the second? */
function covers(size: string | null, wanted: string): boolean {
  return size !== null && quantityBytes(size) >= quantityBytes(wanted);
}

/** Bound volumes of the members the spec asks for, by ordinal; none before a spec is accepted. */
export const volumesOf: (facts: Facts) => readonly Volume[] = recalled(allVolumes);

function allVolumes(facts: Facts): readonly Volume[] {
  const wanted = wantedSize(facts);
  const cluster = clusterName(facts);
  if (wanted === null || desiredMembers(facts) === 0) return [];
  return membersOf(facts).flatMap((member): Volume[] => {
    const name = claimName(cluster, ordinalOf(cluster, member.name));
    const claim = facts.world.objects[`PersistentVolumeClaim/${name}`]?.object;
    if (claim === undefined || claim.deleting || claim.detail.type !== 'PersistentVolumeClaim') return [];
    const { detail } = claim;
    if (detail.phase !== 'Bound') return [];
    return [{ claim, detail, member, asked: covers(detail.requested, wanted), grown: covers(detail.capacity, wanted) }];
  });
}

function inOrder(facts: Facts, volumes: readonly Volume[]): readonly Volume[] {
  const leader = leaderOf(facts).name;
  const rank = ({ member }: Volume): number => (!member.ready ? 0 : member.name === leader ? 2 : 1);
  return [...volumes].sort((one, other) => rank(one) - rank(other));
}

/** Claims that have to ask for more, those first that come first. */
export function smallClaims(facts: Facts): readonly Volume[] {
  return inOrder(
    facts,
    volumesOf(facts).filter((volume) => !volume.asked),
  );
}

/** Words of Kubernetes for a growth that will not come. */
const infeasible = /Infeasible$/;

/** The volume whose growth has been given up by its driver; null when there is none. */
export function hopelessVolume(facts: Facts): Volume | null {
  return volumesOf(facts).find(({ grown, detail }) => !grown && infeasible.test(detail.resizing ?? '')) ?? null;
}

function told(volume: Volume, wanted: string, done: string): string {
  const { claim, detail } = volume;
  const state = detail.resizing === undefined ? '' : `, ${detail.resizing}`;
  return `${claim.name} grows from ${detail.capacity ?? 'nothing'} to ${wanted}${state} (${done} done)`;
}

/** The next step towards the size that is asked for; null when every bound volume has it. */
export function growing(facts: Facts): RolloutStep | null {
  const wanted = wantedSize(facts) ?? '';
  const volumes = volumesOf(facts);
  const small = volumes.filter(({ grown }) => !grown);
  if (small.length === 0) return null;
  const done = `${volumes.length - small.length} of ${volumes.length}`;
  const under = small.find(({ asked, member }) => asked && member.ready);
  const [next] = smallClaims(facts);
  if (under === undefined && next !== undefined)
    return act('growing', { type: 'grow', claims: [next.claim.name] }, told(next, wanted, done), next.member.name);
  const [awaited] = under === undefined ? inOrder(facts, small) : [under];
  return awaited === undefined ? null : wait('growing', told(awaited, wanted, done), awaited.member.name);
}
