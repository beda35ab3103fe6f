/**
 * G1: nothing owned is deleted by an operator unless its cluster, the very same, is on its way out. But for pods made from
 * another template than the StatefulSet's: those are made anew, one at a time of those that stay. And but for claim and pod of a
 * member that somebody gave up as lost (G3 says when), for the claim of one that was scaled away under volumePolicy Delete, and for
 * a leader that cannot lead for want of room while another could.
 */
import { annotations, labels, ordinalOf } from '#machines/shared/names.ts';
import { at, isJson, number, parsed, text } from '../json.ts';
import { isDeleting } from '../controllers/client.ts';
import { addressed } from '../api/places.ts';
import { nameOf, namespaceOf, uidOf } from '../api/store.ts';
import { isReady } from '../patroni/report.ts';
import { isGivenUp, isScaledAway, memberOfClaim } from './lost.ts';
import type { World } from '../world.ts';
import type { Invariant } from './invariant.ts';

function templateOf(object: unknown): string {
  return text(object, 'metadata', 'annotations', annotations.template);
}

/** It holds the leader key, its volume has no room, it takes no writes, and another member is up. */
function keepsOthersFromLeading(world: World, pod: unknown, cluster: string): boolean {
  const key = (name: string): string => `${namespaceOf(pod)}/${name}`;
  const members = world.kubelets.members();
  const member = members.get(key(nameOf(pod)));
  const holder = ['Endpoints', 'ConfigMap'].map((kind) => {
    const name = kind === 'ConfigMap' ? `${cluster}-leader` : cluster;
    return text(world.user.get(kind, namespaceOf(pod), name), 'metadata', 'annotations', 'leader');
  });
  const isUp = [...members].some(([other, each]) => other.startsWith(key(cluster)) && each !== member && each.isUp());
  return isUp && holder.includes(nameOf(pod)) && member?.directory.room !== 'enough' && member?.isWritable() !== true;
}

/**
 * Members with this ordinal and above are on their way out, by the spec or by the one that is held: nobody counts on them any more.
 * One that never becomes ready goes as well, and who waited for it would wait for ever.
 */
function membersThatStay(world: World, namespace: string, cluster: string): number {
  const set = world.user.get('StatefulSet', namespace, cluster);
  const held = parsed(text(set, 'metadata', 'annotations', annotations.acceptedSpec));
  const written = at(world.user.get('PostgresCluster', namespace, cluster), 'spec');
  return Math.min(...[held, written].filter(isJson).map((spec) => number(spec, 1, 'replicas')));
}

/** A pod may go when it runs another template, and nobody else is missing unless it is missing itself. */
function rolled(world: World, pod: unknown, tell: (because: string) => void): void {
  const cluster = text(pod, 'metadata', 'labels', labels.cluster);
  if (isGivenUp(world, namespaceOf(pod), nameOf(pod))) return;
  if (keepsOthersFromLeading(world, pod, cluster)) return;
  const set = world.user.get('StatefulSet', namespaceOf(pod), cluster);
  if (templateOf(pod) === templateOf(at(set, 'spec', 'template')))
    tell(`Pod ${nameOf(pod)} was deleted though it runs the template of its StatefulSet`);
  const staying = membersThatStay(world, namespaceOf(pod), cluster);
  const others = world.user
    .list('Pod', namespaceOf(pod))
    .filter((other) => text(other, 'metadata', 'labels', labels.cluster) === cluster && nameOf(other) !== nameOf(pod))
    .filter((other) => ordinalOf(cluster, nameOf(other)) < staying)
    .filter((other) => templateOf(other) === templateOf(at(set, 'spec', 'template')) && !isReady(other));
  if (isReady(pod) && others.length > 0)
    tell(`Pod ${nameOf(pod)} was deleted while ${others.map(nameOf).join(', ')} is not ready`);
}

export const g1: Invariant = {
  name: 'G1',
  says: 'nothing owned is deleted unless the cluster with the same uid is deleting',
  watch: (world, tell) => ({
    onHandled: ({ request, reply }) => {
      if (request.method !== 'DELETE' || reply.status !== 200) return;
      const place = addressed(world.api.kinds, request.path);
      const namespace = place?.namespace ?? '';
      const name = text(reply.body, 'metadata', 'labels', labels.cluster);
      const cluster = world.user.get('PostgresCluster', namespace, name);
      const uid = text(reply.body, 'metadata', 'labels', labels.clusterUid);
      if (place?.kind.kind === 'Pod') return rolled(world, reply.body, tell);
      const isLost =
        place?.kind.kind === 'PersistentVolumeClaim' &&
        [isGivenUp, isScaledAway].some((may) => may(world, namespace, memberOfClaim(name, nameOf(reply.body))));
      if (isLost || cluster === null || isDeleting(cluster) || (uid !== '' && uid !== uidOf(cluster))) return;
      tell(`${request.path} was deleted while PostgresCluster ${namespace}/${name} is wanted`);
    },
  }),
};
