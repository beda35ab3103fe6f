/**
 * O: what is asked for once is done at most once: no member restarts, is copied anew or replaced more often, and no leader
 * hands over more often, than tokens were given. Handing over has other causes too, once the spec or a Secret was edited.
 */
import { labels, oneShotAnnotation, type OneShot } from '#machines/shared/names.ts';
import { number, text } from '../json.ts';
import { nameOf, namespaceOf, uidOf } from '../api/store.ts';
import { isDeleting } from '../controllers/client.ts';
import type { Invariant } from './invariant.ts';
import { isScaledAway, memberOfClaim } from './lost.ts';

const kinds: readonly OneShot[] = ['restart', 'reinit', 'replace', 'switchover'];

const secret = /^(.*?)-(?:credentials|credentials-inforce|app)$/;

export const once: Invariant = {
  name: 'O',
  says: 'what is asked for once is done at most once',
  watch: (world, tell) => {
    /** By `namespace/cluster kind`. */
    const tokens = new Map<string, Set<string>>();
    const edited = new Set<string>();
    const deeds = new Map<string, number>();
    const claims = new Set<string>();
    const done = (key: string, cluster: string, deed: OneShot): void => {
      const count = (deeds.get(key) ?? 0) + 1;
      deeds.set(key, count);
      const given = tokens.get(`${cluster} ${deed}`)?.size ?? 0;
      if (count > given) tell(`${key} was done ${count} times, and asked for ${given} times`);
    };
    world.api.store.onChange(({ kind, object, type }) => {
      const [, cluster] = secret.exec(nameOf(object)) ?? [];
      const isSecret = kind.kind === 'Secret' && cluster !== undefined;
      if (isSecret && type !== 'ADDED') edited.add(`${namespaceOf(object)}/${cluster}`);
      if (kind.kind !== 'PostgresCluster') return;
      const key = `${namespaceOf(object)}/${nameOf(object)}`;
      if (number(object, 1, 'metadata', 'generation') > 1) edited.add(key);
      for (const each of kinds) {
        const token = text(object, 'metadata', 'annotations', oneShotAnnotation(each));
        const given = tokens.get(`${key} ${each}`) ?? new Set();
        tokens.set(`${key} ${each}`, token === '' ? given : given.add(token));
      }
    });
    world.kubelets.onDeed((pod, deed) => {
      const cluster = pod.replace(/-\d+$/, '');
      if (deed === 'pending restart') return;
      if (deed === 'switchover' && edited.has(cluster)) return;
      done(`${deed === 'switchover' ? cluster : pod} ${deed}`, cluster, deed);
    });
    return {
      onHandled: ({ request, reply }) => {
        const [, namespace = '', claim = ''] =
          /\/namespaces\/([^/]+)\/persistentvolumeclaims\/([^/]+)$/.exec(request.path) ?? [];
        const cluster = text(reply.body, 'metadata', 'labels', labels.cluster);
        const object = world.user.get('PostgresCluster', namespace, cluster);
        const isGone = object === null || isDeleting(object) || claims.has(uidOf(reply.body));
        if (request.method !== 'DELETE' || reply.status !== 200 || claim === '' || isGone) return;
        claims.add(uidOf(reply.body));
        if (isScaledAway(world, namespace, memberOfClaim(cluster, claim))) return;
        done(`${namespace}/${claim} replace`, `${namespace}/${cluster}`, 'replace');
      },
    };
  },
};
