/**
 * Owns: writing letters: one observation, or one sight, addressed, stamped and given its place in the mailbox.
 * Called by: `observe.ts`.
 */
import type { ClusterObservation, ObservationType, OperatorConfig } from '#machines/cluster/observations.ts';
import type { Clock, Ticks } from '#src/ports.ts';
import type { Digest } from './door/objects.ts';
import type { ClusterName, Letter, StreamReports } from './items.ts';
import type { LeaderWatchdog, ReadVersion } from './leader-watchdog.ts';
import type { Held, Room, Roster, Tenant } from './roster.ts';

/** A source by its name, and the one namespace that it tells of; null when it tells of all. */
export interface ScopedSource {
  readonly name: string;
  readonly namespace: string | null;
}

export interface ObserverPorts {
  readonly clock: Clock;
  readonly ticks: Ticks;
  /** Every source; those that concern a cluster must be listed before its picture is whole. */
  readonly sources: readonly ScopedSource[];
  /** Clusters that live on in the journal: those that are not there any more have gone while nobody looked. */
  readonly expected: readonly ClusterName[];
  readonly reports: StreamReports;
  /** Reads a leader object anew, before its silence is believed. */
  readonly readVersion: ReadVersion;
  /** Digests of Secrets under this install's key; null while there is none. */
  readonly digest: () => Digest | null;
  readonly emit: (letter: Letter) => void;
}

/** Everything the observer remembers. */
export interface Desk {
  readonly ports: ObserverPorts;
  readonly roster: Roster;
  readonly watchdog: LeaderWatchdog;
  /** The namespace of each source; null when it tells of all. */
  readonly scopes: ReadonlyMap<string, string | null>;
  /** Sources whose first list has not been told to its end. */
  readonly unlisted: Set<string>;
  /** Stale sources and why. */
  readonly stale: Map<string, string>;
  /** uids of PostgresClusters that could not be decoded when they were last seen. */
  readonly unreadable: Set<string>;
  settings: { readonly hash: string; readonly config: OperatorConfig } | null;
}

/** What observations are about that share their subject with another type. */
const sharedSubjects: Partial<Readonly<Record<ObservationType, string>>> = {
  LeaderSilent: 'Leader',
  LeaderHeard: 'Leader',
  ClusterSeen: 'PostgresCluster',
  ClusterGone: 'PostgresCluster',
};

/** What an observation is about, when it is not about an object: letters about one thing keep their order. */
function subjectOf(observation: ClusterObservation): string {
  if (observation.type === 'OutcomeArrived') return `Outcome/${observation.seq}/${observation.ordinal}`;
  if (observation.type === 'TimerFired') return `Timer/${observation.id}`;
  if (observation.type === 'SourceWentStale' || observation.type === 'SourceFresh')
    return `Source/${observation.source}`;
  return sharedSubjects[observation.type] ?? observation.type;
}

/** Writes one observation to a cluster. Before its picture is whole nothing is urgent: the introduction comes in order. */
export function tell(
  desk: Desk,
  cluster: ClusterName,
  letter: Partial<Letter> & { readonly observation: ClusterObservation },
): void {
  const { observation, ...how } = letter;
  const synced = desk.roster.tenantOf(cluster.uid)?.tenant?.synced === true;
  desk.ports.emit({
    cluster,
    at: desk.ports.clock.nowMs(),
    causedBy: how.causedBy ?? null,
    about: how.about ?? subjectOf(observation),
    keeping: how.keeping ?? (observation.type === 'Synced' ? 'barrier' : 'each'),
    lane: synced ? (how.lane ?? 'ordinary') : 'ordinary',
    content: { type: 'observation', observation },
  });
}

/** Writes the present sight of an object to its cluster; nothing when it cannot be decoded. */
export function tellSight(desk: Desk, held: Held, lane: Letter['lane']): void {
  const { tenant } = held.room;
  if (held.sight === null || tenant === null || !tenant.introduced) return;
  desk.ports.emit({
    cluster: tenant.cluster,
    at: desk.ports.clock.nowMs(),
    causedBy: null,
    about: `${held.kind}/${held.uid}`,
    keeping: 'latest',
    lane: tenant.synced ? lane : 'ordinary',
    content: { type: 'sight', sight: held.sight },
  });
}

/** Writes the same observation to every cluster that has been introduced, and that the source concerns if one is named. */
export function tellAll(
  desk: Desk,
  letter: Partial<Letter> & { readonly observation: ClusterObservation },
  source: string | null = null,
): void {
  for (const { cluster } of introduced(desk))
    if (source === null || concerns(desk, source, cluster.namespace)) tell(desk, cluster, letter);
}

/** Whether a source tells of a namespace: what befalls the one of another costs nobody here anything. */
export function concerns({ scopes }: Desk, source: string, namespace: string): boolean {
  const scope = scopes.get(source) ?? null;
  return scope === null || scope === namespace;
}

/** Whether everything that concerns a namespace was listed. */
export function isListed(desk: Desk, namespace: string): boolean {
  return ![...desk.unlisted].some((source) => concerns(desk, source, namespace));
}

/** Tenants whose actors know of them. */
export function introduced(desk: Desk): readonly Tenant[] {
  return rooms(desk).map(({ tenant }) => tenant);
}

/** Rooms with a tenant whose actor knows of it. */
export function rooms(desk: Desk): readonly (Room & { readonly tenant: Tenant })[] {
  const lived = (room: Room): room is Room & { readonly tenant: Tenant } => room.tenant?.introduced === true;
  return desk.roster.tenants().filter(lived);
}
