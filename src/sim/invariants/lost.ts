/**
 * Owns: whether a member, or what is left of one, may be given up: somebody named it as lost, or it was scaled away; it takes no
 * writes, and another one does.
 */
import { claimOrdinal, oneShotAnnotation, ordinalOf, podName } from '#machines/shared/names.ts';
import { at, text } from '../json.ts';
import type { World } from '../world.ts';

/** The member of this cluster that a claim belongs to. */
export function memberOfClaim(cluster: string, claim: string): string {
  return podName(cluster, claimOrdinal(cluster, claim));
}

/** Whether this member was asked to be replaced, and nobody would miss it. */
export function isGivenUp(world: World, namespace: string, member: string): boolean {
  const cluster = member.replace(/-\d+$/, '');
  const asked = text(
    world.user.get('PostgresCluster', namespace, cluster),
    'metadata',
    'annotations',
    oneShotAnnotation('replace'),
  );
  if (ordinalOf(cluster, member) < 0 || !asked.split(/\s+/).includes(member)) return false;
  const writers = [...world.kubelets.members()].filter(([, each]) => each.isWritable()).map(([key]) => key);
  return writers.length > 0 && !writers.includes(`${namespace}/${member}`);
}

/** Whether this member was scaled away under volumePolicy Delete, is gone, and all that stay are there with a leader that writes. */
export function isScaledAway(world: World, namespace: string, member: string): boolean {
  const cluster = member.replace(/-\d+$/, '');
  const ordinal = ordinalOf(cluster, member);
  const owner = world.user.get('PostgresCluster', namespace, cluster);
  const set = world.user.get('StatefulSet', namespace, cluster);
  if (ordinal < 0 || owner === null || set === null || text(owner, 'spec', 'volumePolicy') !== 'Delete') return false;
  const wanted = Math.max(Number(at(owner, 'spec')['replicas'] ?? 1), Number(at(set, 'spec')['replicas'] ?? 1));
  if (ordinal < wanted || world.user.get('Pod', namespace, member) !== null) return false;
  const writers = [...world.kubelets.members()].filter(([, each]) => each.isWritable()).map(([key]) => key);
  return writers.some((key) => key.startsWith(`${namespace}/${cluster}-`));
}
