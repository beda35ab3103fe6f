/**
 * Owns: what the rows of a cluster show at their end: its objects as they were seen last, the status that was published last,
 * what failed and what is not heard. Made from the rows alone, so that it reads what any build wrote, redacted or not. Pure.
 */
import { phaseOf } from '#machines/cluster/chart.ts';
import type { Facts } from '#machines/cluster/facts.ts';
import type {
  ClusterObservation,
  ClusterProjection,
  ObjectProjection,
  PodDetail,
} from '#machines/cluster/observations.ts';
import { leads } from '#machines/cluster/members.ts';
import { leaderObject } from '#machines/shared/names.ts';
import { readFullVolumes } from '#machines/cluster/room.ts';
import { toldStatus, type DecidedRow, type ToldStatus } from './decided.ts';
import { incidentRows } from './incident.ts';
import { troublesOf, type TroubleTold } from './troubles.ts';

export interface Evidence {
  /** Null before it was seen. */
  readonly cluster: ClusterProjection | null;
  /** By `Kind/name`. */
  readonly objects: ReadonlyMap<string, ObjectProjection>;
  readonly status: ToldStatus | null;
  readonly troubles: readonly TroubleTold[];
  /** What was put right against somebody, by `Kind/name`. */
  readonly repairs: ReadonlyMap<string, Repairs>;
  /** What the procedure that is under way was begun for; null while none is. */
  readonly underWay: string | null;
  /** When Patroni said last that PostgreSQL crashed, within the last incident, by pod. */
  readonly crashes: ReadonlyMap<string, number>;
  /** Starts of the operator within the last incident, or within all rows while there was none. */
  readonly restarts: readonly { readonly at: number; readonly epoch: number }[];
}

/** How often an object was put right, why it was the last time, and which field managers were seen on what is ours. */
export interface Repairs {
  readonly count: number;
  readonly because: string;
  readonly managers: ReadonlySet<string>;
}

function takeIn(objects: Map<string, ObjectProjection>, observation: ClusterObservation): void {
  if (observation.type === 'ObjectSeen')
    objects.set(`${observation.object.kind}/${observation.object.name}`, observation.object);
  if (observation.type === 'ObjectGone') objects.delete(`${observation.object.kind}/${observation.object.name}`);
  if (observation.type !== 'Synced') return;
  const there = new Set(observation.objects.map(({ kind, name }) => `${kind}/${name}`));
  for (const key of [...objects.keys()]) if (!there.has(key)) objects.delete(key);
}

const repairTypes: ReadonlySet<string> = new Set(['RepairObject', 'RepairStatefulSet', 'RemoveForeignFields']);

function repairsOf(all: readonly DecidedRow[]): Evidence['repairs'] {
  const found = new Map<string, Repairs>();
  const managers = new Map<string, Set<string>>();
  for (const { decision } of all) {
    const { observation, intents } = decision;
    if (observation.type === 'ObjectSeen') {
      const { kind, name, foreign } = observation.object;
      const known = managers.get(`${kind}/${name}`) ?? new Set();
      for (const { manager } of foreign) known.add(manager);
      managers.set(`${kind}/${name}`, known);
    }
    for (const { type, target, because } of intents) {
      if (!repairTypes.has(type)) continue;
      const key = `${target.kind}/${target.name}`;
      found.set(key, { count: (found.get(key)?.count ?? 0) + 1, because, managers: managers.get(key) ?? new Set() });
    }
  }
  return found;
}

const begins: ReadonlySet<string> = new Set(['SpecChanged', 'RequestDue', 'ReplicaCountChanged']);
const procedures: ReadonlySet<string> = new Set(['Updating', 'Scaling']);

function underWayOf(all: readonly DecidedRow[]): string | null {
  const moves = all.flatMap(({ decision }) => decision.moves);
  const last = moves.at(-1);
  if (last === undefined || !procedures.has(phaseOf(last.to))) return null;
  return moves.findLast(({ signal }) => begins.has(signal))?.answers.at(-1)?.because ?? null;
}

function crashesOf(all: readonly DecidedRow[]): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  for (const { row, decision } of incidentRows(all) ?? []) {
    const { observation } = decision;
    if (observation.type !== 'ObjectSeen' || observation.object.detail.type !== 'Pod') continue;
    if (observation.object.detail.patroni?.state === 'crashed') found.set(observation.object.name, row.at);
  }
  return found;
}

/** The first row of a journal is no restart: nothing ran before. */
function restartsOf(all: readonly DecidedRow[]): Evidence['restarts'] {
  return (incidentRows(all) ?? all.slice(1)).flatMap(({ row, decision }) =>
    decision.observation.type === 'ProcessStarted' ? [{ at: row.at, epoch: decision.observation.epoch }] : [],
  );
}

/**
 * What is known after the last of the rows.
 * @param all decided rows of one cluster, in order
 * @param before what was known before the first of them; null when that is the cluster's first
 */
export function evidenceOf(all: readonly DecidedRow[], before: Facts['world'] | null = null): Evidence {
  const objects = new Map(Object.entries(before?.objects ?? {}).map(([key, { object }]) => [key, object]));
  let cluster = before?.cluster?.seen ?? null;
  for (const { decision } of all) {
    const { observation } = decision;
    takeIn(objects, observation);
    if (observation.type === 'ClusterSeen') cluster = observation.cluster;
    if (observation.type === 'ClusterGone') cluster = null;
  }
  const [status, troubles] = [toldStatus(all), troublesOf(all)];
  return {
    cluster,
    objects,
    status,
    troubles,
    repairs: repairsOf(all),
    restarts: restartsOf(all),
    underWay: underWayOf(all),
    crashes: crashesOf(all),
  };
}

/** Whose name stands in Patroni's leader object, in either mode; null when nobody's does. */
export function holderOf({ cluster, objects }: Evidence): string | null {
  const modes = ['Endpoints', 'ConfigMaps'] as const;
  const holders = modes.map((mode) => {
    const kind = mode === 'Endpoints' ? mode : 'ConfigMap';
    const detail = objects.get(`${kind}/${leaderObject(cluster?.name ?? '', mode)}`)?.detail;
    return detail?.type === 'Endpoints' || detail?.type === 'ConfigMap' ? detail.dcs.leader : null;
  });
  return holders.find((each) => each !== null) ?? null;
}

/** A pod as it was seen last. */
export interface PodEvidence {
  readonly object: ObjectProjection;
  readonly detail: PodDetail;
  /** When PostgreSQL ended by itself, in an incident that is not over; null when it did not. */
  readonly crashed: number | null;
  /** Who runs as primary by its own word, and on which timeline; null while nobody does. */
  readonly leader: { readonly name: string; readonly timeline: number } | null;
  /** `0 B of 1 GiB free`, of a volume that is full; null of one that is not known to be. */
  readonly full: string | null;
}

/** One that died still says what it was: the newest timeline counts. */
function leaderOf(objects: Evidence['objects']): PodEvidence['leader'] {
  const seen = [...objects.values()].flatMap(({ name, detail }) => {
    if (detail.type !== 'Pod' || detail.patroni?.state !== 'running' || !leads(detail.patroni.role)) return [];
    return detail.patroni.timeline === null ? [] : [{ name, timeline: detail.patroni.timeline }];
  });
  return seen.toSorted((one, other) => other.timeline - one.timeline)[0] ?? null;
}

/** Pods in the order of their names. */
export function podsOf({ objects, crashes, status }: Evidence): readonly PodEvidence[] {
  const leader = leaderOf(objects);
  const storage = status?.conditions.find(({ type, reason }) => type === 'StorageReady' && reason === 'Full');
  const full = readFullVolumes(storage?.message ?? '');
  return [...objects.values()]
    .flatMap((object) =>
      object.detail.type === 'Pod'
        ? [
            {
              object,
              detail: object.detail,
              crashed: status?.phase === 'Running' ? null : (crashes.get(object.name) ?? null),
              leader,
              full: full.get(object.name) ?? null,
            },
          ]
        : [],
    )
    .toSorted((left, right) => (left.object.name < right.object.name ? -1 : 1));
}
