/** G1: nothing owned is deleted by an operator unless its cluster, the very same, is on its way out. */
import { labels } from '#machines/shared/names.ts';
import { text } from '../json.ts';
import { isDeleting } from '../controllers/client.ts';
import { addressed } from '../api/places.ts';
import { uidOf } from '../api/store.ts';
import type { Invariant } from './invariant.ts';

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
      if (cluster === null || isDeleting(cluster) || (uid !== '' && uid !== uidOf(cluster))) return;
      tell(`${request.path} was deleted while PostgresCluster ${namespace}/${name} is wanted`);
    },
  }),
};
