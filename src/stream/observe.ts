/**
 * Owns: what a told item means for which cluster: items of sources, outcomes, timers and settings become letters.
 * Does not own: the projections (`door/`), the order of letters (`mailboxes.ts`), repetition (`sights.ts`).
 *
 * I1. Nothing is told to an actor before the ClusterSeen of its cluster.
 * I2. An item that cannot be read, or whose reading fails, costs only itself; of a PostgresCluster what is wrong is told.
 * I3. Another uid under a known name is the end of one object and the beginning of another.
 */
import { problemText } from '#machines/cluster/conditions.ts';
import type { ClusterObservation, WatchedKind } from '#machines/cluster/observations.ts';
import type { Versions } from '#src/decision/record.ts';
import { concerns, type Desk, isListed, type ObserverPorts, rooms, tell, tellAll, tellSight } from './desk.ts';
import { projectCluster } from './door/cluster.ts';
import { type Address, addressOf } from './door/metadata.ts';
import { dismiss, introduce, sync, watchLeader } from './introduction.ts';
import type { Addressed, Letter, SourceItem, StreamInput } from './items.ts';
import { createLeaderWatchdog } from './leader-watchdog.ts';
import { createRoster, type Held, type Tenant } from './roster.ts';
import { sightOf } from './sights.ts';
import { laneOf } from './urgency.ts';

export interface Observer {
  readonly accept: (input: StreamInput) => void;
  /** Newest uid and resourceVersion of the objects of a cluster; nothing for a cluster that is not there. */
  readonly versions: (clusterUid: string) => Versions;
}

type ObjectItem = Extract<SourceItem, { readonly type: 'seen' | 'gone' }>;

function reportUnreadable(
  desk: Desk,
  item: ObjectItem,
  fault: { readonly address: Address | null; readonly problems: readonly string[] },
): void {
  const { namespace = null, name = null, uid = null } = fault.address ?? {};
  if (item.kind === 'PostgresCluster' && uid !== null) desk.unreadable.add(uid);
  desk.ports.reports.undecodable({ kind: item.kind, namespace, name, uid, problems: fault.problems });
}

/** Whoever lives under this name now; a predecessor with another uid is dismissed first. */
function settledIn(desk: Desk, address: Address): Tenant {
  const { uid, namespace, name } = address;
  const room = desk.roster.roomOf(namespace, name);
  if (room.tenant !== null && room.tenant.cluster.uid !== uid) dismiss(desk, room, room.tenant);
  if (room.tenant !== null) return room.tenant;
  const tenant: Tenant = {
    cluster: { uid, namespace, name },
    resourceVersion: '',
    text: null,
    introduced: false,
    synced: false,
  };
  // Dismissing may have forgotten an empty room, so it is looked up again.
  desk.roster.moveIn(desk.roster.roomOf(namespace, name), tenant);
  return tenant;
}

/** What would have been told. */
function skipped(desk: Desk, tenant: Tenant, observation: ClusterObservation): Addressed {
  return { cluster: tenant.cluster, at: desk.ports.clock.nowMs(), causedBy: null, observation };
}

function clusterSeen(desk: Desk, item: ObjectItem, address: Address): void {
  const tenant = settledIn(desk, address);
  tenant.resourceVersion = address.resourceVersion;
  const projected = projectCluster(item.object);
  if (projected.type === 'undecodable') return reportUnreadable(desk, item, { address, problems: projected.problems });
  const text = JSON.stringify(projected.value);
  const repeated = tenant.text === text;
  tenant.text = text;
  const { misfits } = projected.value;
  if (misfits === undefined && desk.unreadable.delete(address.uid)) desk.ports.reports.decodable(address.uid);
  if (misfits !== undefined && !repeated) reportUnreadable(desk, item, { address, problems: misfits.map(problemText) });
  const seen: ClusterObservation = { type: 'ClusterSeen', cluster: projected.value };
  if (!tenant.introduced)
    introduce(desk, desk.roster.roomOf(address.namespace, address.name), { object: item.object, seen });
  else if (repeated) desk.ports.reports.repeated('PostgresCluster', skipped(desk, tenant, seen));
  // How a deletion was asked for stands in the object for milliseconds only: none of its sights may be skipped.
  else tell(desk, tenant.cluster, { observation: seen, keeping: projected.value.deleting ? 'each' : 'latest' });
}

function clusterGone(desk: Desk, uid: string): void {
  const room = desk.roster.tenantOf(uid);
  if (room !== null && room.tenant !== null) dismiss(desk, room, room.tenant);
}

function bearsLeader(held: Held): boolean {
  const detail = held.sight?.projection.detail;
  return (detail?.type === 'Endpoints' || detail?.type === 'ConfigMap') && detail.dcs.leader !== null;
}

function objectLeft(desk: Desk, held: Held): void {
  const { tenant } = held.room;
  desk.roster.drop(held);
  if (tenant === null || !tenant.introduced || held.sight === null) return;
  const { kind, name, uid } = held;
  if (bearsLeader(held)) desk.watchdog.forget(tenant.cluster.uid);
  const lane: Letter['lane'] = kind === 'Pod' || kind === 'Endpoints' ? 'urgent' : 'ordinary';
  tell(desk, tenant.cluster, {
    observation: { type: 'ObjectGone', object: { kind, name }, uid },
    about: `${kind}/${uid}`,
    lane,
  });
}

/** The entry of an object in the room its label names; a former one under this name is left first (I3). Null: nobody's. */
function entryOf(desk: Desk, item: ObjectItem, address: Address & { readonly kind: WatchedKind }): Held | null {
  const { kind, namespace, name, uid, resourceVersion, cluster } = address;
  const before = desk.roster.find(kind, namespace, name);
  if (before !== null && before.uid === uid && before.room.name === cluster) return before;
  if (before !== null) objectLeft(desk, before);
  if (cluster === null) return null;
  const held: Held = {
    kind,
    name,
    uid,
    source: item.source,
    room: desk.roster.roomOf(namespace, cluster),
    resourceVersion,
    sight: null,
  };
  desk.roster.hold(held);
  return held;
}

function objectSeen(desk: Desk, item: ObjectItem, address: Address & { readonly kind: WatchedKind }): void {
  const held = entryOf(desk, item, address);
  if (held === null) return;
  held.resourceVersion = address.resourceVersion;
  const sight = sightOf(address.kind, item.object, held.sight, desk.ports.digest());
  if (sight.type === 'undecodable') return reportUnreadable(desk, item, { address, problems: sight.problems });
  const before = held.sight;
  held.sight = sight.value;
  watchLeader(desk, held);
  const { tenant } = held.room;
  const seen: ClusterObservation = { type: 'ObjectSeen', object: sight.value.projection, changed: [] };
  if (before === sight.value)
    desk.ports.reports.repeated(address.kind, tenant?.introduced === true ? skipped(desk, tenant, seen) : null);
  else tellSight(desk, held, laneOf(before, sight.value));
}

function itemTold(desk: Desk, item: ObjectItem): void {
  const decoded = addressOf(item.object);
  if (decoded.type === 'undecodable')
    return reportUnreadable(desk, item, { address: null, problems: decoded.problems });
  const address = decoded.value;
  const { kind } = item;
  if (kind === 'PostgresCluster')
    return item.type === 'seen' ? clusterSeen(desk, item, address) : clusterGone(desk, address.uid);
  if (item.type === 'seen') return objectSeen(desk, item, { ...address, kind });
  const held = desk.roster.find(kind, address.namespace, address.name);
  if (held?.uid === address.uid) objectLeft(desk, held);
}

function wasListed(desk: Desk, source: string): void {
  const isWhole = (namespace: string): boolean => concerns(desk, source, namespace) && isListed(desk, namespace);
  for (const room of rooms(desk)) if (isWhole(room.namespace)) sync(desk, room);
  for (const cluster of desk.ports.expected) {
    if (isWhole(cluster.namespace) && desk.roster.tenantOf(cluster.uid) === null)
      tell(desk, cluster, { observation: { type: 'ClusterGone', uid: cluster.uid } });
  }
}

/** An item whose reading must not cost more than itself (I2). */
function itemTried(desk: Desk, item: ObjectItem): void {
  try {
    itemTold(desk, item);
  } catch (cause) {
    reportUnreadable(desk, item, { address: null, problems: [`reading it failed: ${String(cause)}`] });
  }
}

function wentStale(desk: Desk, source: string, because: string): void {
  desk.stale.set(source, because);
  desk.watchdog.sourceWentStale(source);
  tellAll(desk, { observation: { type: 'SourceWentStale', source, because }, lane: 'urgent' }, source);
}

function becameFresh(desk: Desk, source: string): void {
  if (!desk.stale.delete(source)) return;
  desk.watchdog.sourceFresh(source);
  tellAll(desk, { observation: { type: 'SourceFresh', source } }, source);
}

function configured(desk: Desk, settings: NonNullable<Desk['settings']>): void {
  if (desk.settings?.hash === settings.hash) return;
  desk.settings = settings;
  tellAll(desk, { observation: { type: 'OperatorConfigSeen', ...settings } });
}

function accept(desk: Desk, input: StreamInput): void {
  switch (input.type) {
    case 'seen':
    case 'gone':
      return itemTried(desk, input);
    case 'listed':
      if (desk.unlisted.delete(input.source)) wasListed(desk, input.source);
      return;
    case 'stale':
      return wentStale(desk, input.source, input.because);
    case 'fresh':
      return becameFresh(desk, input.source);
    case 'feedback':
      return tell(desk, input.cluster, { observation: input.observation, causedBy: input.causedBy });
    case 'config':
      return configured(desk, { hash: input.hash, config: input.config });
  }
}

/** An observer that has seen nothing yet. */
export function createObserver(ports: ObserverPorts): Observer {
  const roster = createRoster();
  const tellUid = (uid: string, observation: ClusterObservation, lane: Letter['lane']): void => {
    const tenant = roster.tenantOf(uid)?.tenant ?? null;
    if (tenant !== null) tell(desk, tenant.cluster, { observation, lane });
  };
  const watchdog = createLeaderWatchdog({
    clock: ports.clock,
    ticks: ports.ticks,
    readVersion: ports.readVersion,
    silent: (uid, silentMs) => tellUid(uid, { type: 'LeaderSilent', silentMs }, 'urgent'),
    heardAgain: (uid) => tellUid(uid, { type: 'LeaderHeard' }, 'ordinary'),
  });
  const desk: Desk = {
    ports,
    roster,
    watchdog,
    scopes: new Map(ports.sources.map(({ name, namespace }) => [name, namespace])),
    unlisted: new Set(ports.sources.map(({ name }) => name)),
    stale: new Map(),
    unreadable: new Set(),
    settings: null,
  };
  return { accept: (input) => accept(desk, input), versions: roster.versions };
}
