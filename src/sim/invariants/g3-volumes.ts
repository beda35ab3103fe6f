/**
 * G3: no claim is deleted by an operator unless its cluster's policy says so, or somebody named its member as lost, which takes
 * no writes while another member does.
 */
import { labels } from '#machines/shared/names.ts';
import { text } from '../json.ts';
import { nameOf, namespaceOf } from '../api/store.ts';
import { isGivenUp, memberOfClaim } from './lost.ts';
import type { Invariant } from './invariant.ts';

export const g3: Invariant = {
  name: 'G3',
  says: 'no claim is deleted without volumePolicy Delete, but for that of a replica that was named as lost',
  watch: (world, tell) => ({
    onHandled: ({ request, reply }) => {
      if (request.method !== 'DELETE' || reply.status !== 200) return;
      if (!request.path.includes('/persistentvolumeclaims/')) return;
      const name = text(reply.body, 'metadata', 'labels', labels.cluster);
      if (isGivenUp(world, namespaceOf(reply.body), memberOfClaim(name, nameOf(reply.body)))) return;
      const cluster = world.user.get('PostgresCluster', namespaceOf(reply.body), name);
      if (text(cluster, 'spec', 'volumePolicy') !== 'Delete')
        tell(
          `${request.path} was deleted, but the policy of ${name} is ${text(cluster, 'spec', 'volumePolicy') || 'gone'}`,
        );
    },
  }),
};
