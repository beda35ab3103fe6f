/** G3: no claim is deleted by an operator unless its cluster's policy says so. */
import { labels } from '#machines/shared/names.ts';
import { text } from '../json.ts';
import { namespaceOf } from '../api/store.ts';
import type { Invariant } from './invariant.ts';

export const g3: Invariant = {
  name: 'G3',
  says: 'no claim is deleted without volumePolicy Delete',
  watch: (world, tell) => ({
    onHandled: ({ request, reply }) => {
      if (request.method !== 'DELETE' || reply.status !== 200) return;
      if (!request.path.includes('/persistentvolumeclaims/')) return;
      const name = text(reply.body, 'metadata', 'labels', labels.cluster);
      const cluster = world.user.get('PostgresCluster', namespaceOf(reply.body), name);
      if (text(cluster, 'spec', 'volumePolicy') !== 'Delete')
        tell(
          `${request.path} was deleted, but the policy of ${name} is ${text(cluster, 'spec', 'volumePolicy') || 'gone'}`,
        );
    },
  }),
};
