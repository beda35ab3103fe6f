/**
 * G9: a status never claims more than the API server's own objects support: Running is only written when, not long before,
 * all members of the spec that is held were ready, one of them held the leader key, and the others streamed by their own word.
 */
import { annotations } from '#machines/shared/names.ts';
import { at, number, parsed, text, type Json } from '../json.ts';
import { nameOf, namespaceOf, uidOf } from '../api/store.ts';
import { isReady } from '../patroni/report.ts';
import type { World } from '../world.ts';
import type { Invariant } from './invariant.ts';

/** A source that nothing was heard of is called stale after 75 s; until then the last that was seen is believed. */
const lagMs = 90_000;

/** Members that are to be there: of an edit that was taken back, or is held, status says that it is not rolled out. */
function membersWanted({ user }: World, cluster: Json): number {
  const newest = number(cluster, 1, 'spec', 'replicas');
  if (number(cluster, 0, 'status', 'rolledOutGeneration') === number(cluster, 0, 'metadata', 'generation'))
    return newest;
  const set = user.get('StatefulSet', namespaceOf(cluster), nameOf(cluster));
  const accepted = text(set, 'metadata', 'annotations', annotations.acceptedSpec);
  return accepted === '' ? newest : number(parsed(accepted), 1, 'replicas');
}

/** It leads, or streams; its own report says so, where its Patroni has a word for that. */
function follows(pod: Json | null, leader: string): boolean {
  const report = parsed(text(pod, 'metadata', 'annotations', 'status'));
  const isMute = text(report, 'version').startsWith('3.0.');
  return nameOf(pod) === leader || isMute || text(report, 'replication_state') === 'streaming';
}

/** Whether the objects say that a cluster runs. */
function runs(world: World, cluster: Json): boolean {
  const { user } = world;
  const [namespace, name] = [namespaceOf(cluster), nameOf(cluster)];
  const wanted = membersWanted(world, cluster);
  const pods = Array.from({ length: wanted }, (_, ordinal) => user.get('Pod', namespace, `${name}-${ordinal}`));
  const leaders = ['Endpoints', 'ConfigMap'].map((kind) =>
    user.get(kind, namespace, kind === 'ConfigMap' ? `${name}-leader` : name),
  );
  const leader = leaders.map((each) => text(each, 'metadata', 'annotations', 'leader')).find((each) => each !== '');
  return leader !== undefined && pods.every((pod) => isReady(pod) && follows(pod, leader));
}

export const g9: Invariant = {
  name: 'G9',
  says: 'status never claims more than the objects support',
  watch: (world, tell) => {
    const lastTrueMs = new Map<string, number>();
    world.api.store.onChange(({ kind }) => {
      if (kind.kind !== 'Pod' && kind.kind !== 'Endpoints' && kind.kind !== 'ConfigMap') return;
      for (const cluster of world.user.list('PostgresCluster', null))
        if (runs(world, cluster)) lastTrueMs.set(uidOf(cluster), world.schedule.elapsedMs());
    });
    return {
      onHandled: ({ request, reply }) => {
        if (!request.path.endsWith('/status') || reply.status !== 200) return;
        const status = at(reply.body, 'status');
        if (text(status, 'phase') !== 'Running' || runs(world, reply.body)) return;
        const since = world.schedule.elapsedMs() - (lastTrueMs.get(uidOf(reply.body)) ?? -Infinity);
        if (since > lagMs) tell(`${nameOf(reply.body)} was called Running, which it has not been for ${since} ms`);
      },
    };
  },
};
