/**
 * Owns: what an actor hears first, in this order: OperatorConfigSeen, ClusterSeen, PublishedStatusSeen, ObjectSeen for
 * each object, SourceWentStale for what is stale, Synced. (ProcessStarted is the actor's own and comes before all.)
 */
import type { ClusterObservation, DcsMode } from '#machines/cluster/observations.ts';
import { leaderObject } from '#machines/shared/names.ts';
import { sha256 } from '#src/decision/hash.ts';
import { concerns, type Desk, isListed, tell, tellSight } from './desk.ts';
import { publishedStatus } from './door/cluster.ts';
import type { LeaderObject } from './leader-watchdog.ts';
import type { Held, Room, Tenant } from './roster.ts';

/** The leader object that `held` is by kind and name, in one mode or the other; null when it is none. */
function leaderObjectOf(held: Held): LeaderObject | null {
  if (held.kind !== 'Endpoints' && held.kind !== 'ConfigMap') return null;
  const mode: DcsMode = held.kind === 'Endpoints' ? 'Endpoints' : 'ConfigMaps';
  const { namespace, name } = held.room;
  return held.name === leaderObject(name, mode) ? { mode, namespace, name: held.name } : null;
}

/** Tells the watchdog what the leader object says, if this is one and it bears Patroni's key. */
export function watchLeader(desk: Desk, held: Held): void {
  const object = leaderObjectOf(held);
  const uid = held.room.tenant?.cluster.uid;
  const detail = held.sight?.projection.detail;
  if (object === null || uid === undefined || (detail?.type !== 'Endpoints' && detail?.type !== 'ConfigMap')) return;
  const { leader, ttlSeconds } = detail.dcs;
  const { source, resourceVersion } = held;
  if (leader !== null) desk.watchdog.heard(uid, { source, object, resourceVersion, ttlSeconds });
  // The key was given back. In ConfigMaps mode an Endpoints of that name exists too, and never bears the key at all.
  else if (ttlSeconds !== null) desk.watchdog.forget(uid);
}

/** Writes Synced, once, when every source that concerns it has been listed. */
export function sync(desk: Desk, room: Room): void {
  const { tenant } = room;
  if (tenant === null || !tenant.introduced || tenant.synced || !isListed(desk, room.namespace)) return;
  const objects = [...room.objects.values()]
    .flatMap(({ kind, name, uid, sight }) => (sight === null ? [] : [{ kind, name, uid, hash: sha256(sight.text) }]))
    .sort((left, right) => (`${left.kind}/${left.name}` < `${right.kind}/${right.name}` ? -1 : 1));
  tell(desk, tenant.cluster, { observation: { type: 'Synced', objects } });
  tenant.synced = true;
}

/**
 * Introduces a PostgresCluster to its actor, with all that was seen of it so far.
 * @param object the live PostgresCluster, for its status
 */
export function introduce(
  desk: Desk,
  room: Room,
  first: { readonly object: unknown; readonly seen: ClusterObservation },
): void {
  const { tenant } = room;
  if (tenant === null) return;
  tenant.introduced = true;
  if (desk.settings !== null)
    tell(desk, tenant.cluster, { observation: { type: 'OperatorConfigSeen', ...desk.settings } });
  tell(desk, tenant.cluster, { observation: first.seen, keeping: 'latest' });
  tell(desk, tenant.cluster, { observation: { type: 'PublishedStatusSeen', status: publishedStatus(first.object) } });
  for (const held of room.objects.values()) {
    tellSight(desk, held, 'ordinary');
    watchLeader(desk, held);
  }
  for (const [source, because] of desk.stale)
    if (concerns(desk, source, room.namespace))
      tell(desk, tenant.cluster, { observation: { type: 'SourceWentStale', source, because } });
  sync(desk, room);
}

/** The end of a tenant: its room stays for what it leaves behind. */
export function dismiss(desk: Desk, room: Room, tenant: Tenant): void {
  const { uid } = tenant.cluster;
  desk.watchdog.forget(uid);
  if (tenant.introduced) tell(desk, tenant.cluster, { observation: { type: 'ClusterGone', uid } });
  if (desk.unreadable.delete(uid)) desk.ports.reports.decodable(uid);
  desk.roster.moveOut(room);
}
