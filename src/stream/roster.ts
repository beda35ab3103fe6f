/**
 * Owns: which clusters there are, which objects bear their labels, and the newest version of each: the only place in the
 * program where a resourceVersion lives outside a request.
 *
 * I1. A room belongs to a namespace and a name, whoever moves in: objects that wait for their PostgresCluster, or that an
 *     earlier one of that name has left behind, are there when a new one comes.
 * I2. An object is in one room at most, the one its label names now.
 */
import type { WatchedKind } from '#machines/cluster/observations.ts';
import type { Versions } from '#src/decision/record.ts';
import type { ClusterName, Sight } from './items.ts';

/** An object around a cluster. */
export interface Held {
  readonly kind: WatchedKind;
  readonly name: string;
  readonly uid: string;
  readonly source: string;
  readonly room: Room;
  resourceVersion: string;
  /** Null while it cannot be decoded. */
  sight: Sight | null;
}

/** The PostgresCluster that lives in a room. */
export interface Tenant {
  readonly cluster: ClusterName;
  resourceVersion: string;
  /** Text of its last projection; null while it has not been decoded yet. */
  text: string | null;
  /** Its actor was told of it, with everything that belongs to it. */
  introduced: boolean;
  synced: boolean;
}

export interface Room {
  readonly namespace: string;
  readonly name: string;
  tenant: Tenant | null;
  /** By `Kind/name`. */
  readonly objects: Map<string, Held>;
}

export interface Roster {
  readonly roomOf: (namespace: string, cluster: string) => Room;
  readonly tenants: () => readonly Room[];
  readonly tenantOf: (clusterUid: string) => Room | null;
  readonly moveIn: (room: Room, tenant: Tenant) => void;
  /** The room without its tenant; forgotten when nothing else is in it. */
  readonly moveOut: (room: Room) => void;
  readonly find: (kind: WatchedKind, namespace: string, name: string) => Held | null;
  readonly hold: (held: Held) => void;
  readonly drop: (held: Held) => void;
  /** Newest uid and resourceVersion of the objects of a cluster, and of the PostgresCluster itself. */
  readonly versions: (clusterUid: string) => Versions;
}

/** An empty roster. */
export function createRoster(): Roster {
  const rooms = new Map<string, Room>();
  const homes = new Map<string, Room>();
  const all = new Map<string, Held>();

  function leaveIfEmpty(room: Room): void {
    if (room.tenant === null && room.objects.size === 0) rooms.delete(`${room.namespace}/${room.name}`);
  }

  function versionOf(clusterUid: string, kind: Parameters<Versions>[0], name: string): ReturnType<Versions> {
    const room = homes.get(clusterUid);
    const tenant = room?.tenant;
    if (room === undefined || tenant === null || tenant === undefined) return null;
    if (kind === 'PostgresCluster') {
      return name === room.name ? { uid: tenant.cluster.uid, resourceVersion: tenant.resourceVersion } : null;
    }
    const held = room.objects.get(`${kind}/${name}`);
    return held === undefined ? null : { uid: held.uid, resourceVersion: held.resourceVersion };
  }

  return {
    roomOf: (namespace, cluster) => {
      const key = `${namespace}/${cluster}`;
      const room = rooms.get(key) ?? { namespace, name: cluster, tenant: null, objects: new Map<string, Held>() };
      rooms.set(key, room);
      return room;
    },
    tenants: () => [...homes.values()],
    tenantOf: (clusterUid) => homes.get(clusterUid) ?? null,
    moveIn: (room, tenant) => {
      room.tenant = tenant;
      homes.set(tenant.cluster.uid, room);
    },
    moveOut: (room) => {
      if (room.tenant !== null) homes.delete(room.tenant.cluster.uid);
      room.tenant = null;
      leaveIfEmpty(room);
    },
    find: (kind, namespace, name) => all.get(`${kind}/${namespace}/${name}`) ?? null,
    hold: (held) => {
      all.set(`${held.kind}/${held.room.namespace}/${held.name}`, held);
      held.room.objects.set(`${held.kind}/${held.name}`, held);
    },
    drop: (held) => {
      all.delete(`${held.kind}/${held.room.namespace}/${held.name}`);
      held.room.objects.delete(`${held.kind}/${held.name}`);
      leaveIfEmpty(held.room);
    },
    versions: (clusterUid) => (kind, name) => versionOf(clusterUid, kind, name),
  };
}
