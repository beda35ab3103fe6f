/**
 * Owns: what an actor hears first, in this order: OperatorConfigSeen, ClusterSeen, PublishedStatusSeen, ObjectSeen for
 * each object, SourceWentStale for what is stale, Synced. (ProcessStarted is the actor's own and comes before all.)
 */
import type { ClusterObservation, DcsMode } from '#machines/cluster/observations.ts';
import { leaderObject } from '#machines/shared/names.ts';
import { sha256 } from '#src/decision/hash.ts';
import { type Desk, tell, tellSight } from './desk.ts';
import { publishedStatus } from './door/cluster.ts';
import type { Held, Room, Tenant } from './roster.ts';

/** Tells the watchdog what the leader object says, if this is one and it bears Patroni's key. */
export function watchLeader(desk: Desk, held: Held): void {
  const { tenant, name } = held.room;
  const mode: DcsMode | null =
    held.kind === 'Endpoints' ? 'Endpoints' : held.kind === 'ConfigMap' ? 'ConfigMaps' : null;
  if (mode === null || tenant === null || held.name !== leaderObject(name, mode)) return;
  const detail = held.sight?.projection.detail;
  if (detail?.type !== 'Endpoints' && detail?.type !== 'ConfigMap') return;
  const { leader, ttlSeconds } = detail.dcs;
  if (leader !== null) {
    const object = { mode, namespace: held.room.namespace, name: held.name };
    const { source, resourceVersion } = held;
    desk.watchdog.heard(tenant.cluster.uid, { source, object, resourceVersion, ttlSeconds });
  } else if (ttlSeconds !== null) {
    // The key was given back. In ConfigMaps mode an Endpoints of that name exists too, and never bears the key at all.
    desk.watchdog.forget(tenant.cluster.uid);
  }
}

/** Writes Synced, once, when every source has been listed. */
export function sync(desk: Desk, room: Room): void {
  const { tenant } = room;
  if (tenant === null || !tenant.introduced || tenant.synced || desk.unlisted.size > 0) return;
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
    tellSight(desk, tenant, held, 'ordinary');
    watchLeader(desk, held);
  }
  for (const [source, because] of desk.stale)
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
