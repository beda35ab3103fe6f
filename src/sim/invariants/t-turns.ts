/**
 * T: no more clusters than the operators' flag says have a member down because an operator took it for an edit. A member that was
 * given up as lost is down already.
 */
import { settings } from '#src/config.ts';
import { labels } from '#machines/shared/names.ts';
import { number, text } from '../json.ts';
import { addressed } from '../api/places.ts';
import { isDeleting } from '../controllers/client.ts';
import { nameOf, namespaceOf } from '../api/store.ts';
import { isReady } from '../patroni/report.ts';
import type { World } from '../world.ts';
import type { Invariant } from './invariant.ts';
import { isGivenUp } from './lost.ts';

function mostOf({ flags }: World): number {
  const { flag, default: usual } = settings.maxDisruptions;
  const most = Number(flags[flags.indexOf(flag) + 1] ?? usual);
  return flags.includes(flag) ? (most === 0 ? Infinity : most) : Number(usual);
}

/** Every member that is wanted is there and ready. */
function isWhole(world: World, namespace: string, name: string): boolean {
  const cluster = world.user.get('PostgresCluster', namespace, name);
  const pods = world.user
    .list('Pod', namespace)
    .filter((pod) => text(pod, 'metadata', 'labels', labels.cluster) === name);
  const isAll = pods.length >= number(cluster, 1, 'spec', 'replicas');
  return cluster === null || isDeleting(cluster) || (isAll && pods.every((pod) => isReady(pod) && !isDeleting(pod)));
}

export const paced: Invariant = {
  name: 'T',
  says: 'no more clusters are disrupted by edits at a time than the operators were told',
  watch: (world, tell) => {
    const most = mostOf(world);
    const disrupted = new Set<string>();
    return {
      onHandled: ({ request, reply }) => {
        if (request.method !== 'DELETE' || reply.status !== 200) return;
        if (addressed(world.api.kinds, request.path)?.kind.kind !== 'Pod') return;
        const [namespace, name] = [namespaceOf(reply.body), text(reply.body, 'metadata', 'labels', labels.cluster)];
        if (isGivenUp(world, namespace, nameOf(reply.body))) return;
        for (const key of disrupted) {
          const [where = '', called = ''] = key.split('/');
          if (isWhole(world, where, called)) disrupted.delete(key);
        }
        disrupted.add(`${namespace}/${name}`);
        if (disrupted.size > most) tell(`${[...disrupted].join(', ')} are disrupted together, and ${most} may be`);
      },
    };
  },
};
