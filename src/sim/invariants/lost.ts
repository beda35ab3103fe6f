/** Owns: whether a member may be given up: somebody named it as lost, it takes no writes, and another one does. */
import { claimName, oneShotAnnotation, ordinalOf } from '#machines/shared/names.ts';
import { text } from '../json.ts';
import type { World } from '../world.ts';

/** The member of this cluster that a claim belongs to. */
export function memberOfClaim(cluster: string, claim: string): string {
  const prefix = claimName(cluster, 0).replace(/0$/, '');
  return `${cluster}-${claim.slice(prefix.length)}`;
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
