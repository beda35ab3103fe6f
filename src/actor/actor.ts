/**
 * Owns: one actor per cluster: take an observation, decide, append, take the next. Synchronous; only effects wait for the
 * commit.
 * Does not own: what is decided (`src/decision`), when observations come (`src/stream`), how effects end (`src/executor`).
 * Called by: the operator's pipeline.
 *
 * I1. A decision leaves here only after its row is durable, in the order of rows.
 * I2. What goes wrong with one observation costs that observation; what goes wrong with one cluster costs that cluster.
 *     Only a row that cannot be appended ends the stream.
 * I3. The first row of every life is ProcessStarted; then, before anything new, an outcome `unknown` for each intent that
 *     was open (J5).
 * I4. Stamps of a cluster never go back, whatever the wall clock does.
 */
import { Observable, type OperatorFunction } from 'rxjs';
import type { Snapshot } from '#machines/cluster/facts.ts';
import type { ClusterObservation, ObservationType } from '#machines/cluster/observations.ts';
import { observationVersion } from '#machines/cluster/upcasters.ts';
import type { Decision, RowStamp } from '#src/decision/record.ts';
import { withTimerRows } from '#src/replay/redecide.ts';
import { encodeBase, encodeStanding, encodeUpgrade, type BaseNote, type Standing } from '#src/replay/snapshot-text.ts';
import type { Addressed, ClusterName } from '#src/stream/items.ts';
import { hydrate, lostOutcomes } from './hydrate.ts';
import type { ActorPorts, DurableDecision, NewRow } from './ports.ts';
import { createTimers, type Timers } from './timers.ts';

/** Rows between two snapshots: at half, twice the snapshots are written; at double, twice as much is decided again. */
export const snapshotRows = 64;

interface Actor {
  readonly cluster: ClusterName;
  readonly timers: Timers;
  /** Null until the first row. */
  standing: Standing | null;
  rowsSinceSnapshot: number;
  lastSeq: number;
}

export interface Actors {
  /** The stage: observations in, durable decisions out. To be subscribed once. */
  readonly decisions: OperatorFunction<Addressed, DurableDecision>;
  /** Everything the actor of a cluster knows now; null when there is none. */
  readonly snapshotOf: (clusterUid: string) => Snapshot | null;
  readonly clusters: () => readonly ClusterName[];
  /**
   * Writes down how a cluster stands as a `base` row, so that the rows before it can go one day.
   * @param anchor the place in the journal that the cluster's status names now; null when it names none
   * @throws when the row cannot be appended
   */
  readonly seal: (clusterUid: string, anchor: BaseNote['anchor']) => void;
}

interface Step {
  readonly observation: ClusterObservation;
  readonly at: number;
  readonly causedBy: number | null;
}

/** Kinds of rows by what they observe; every other one is an `observation`. */
const rowKinds: Partial<Readonly<Record<ObservationType, NewRow['kind']>>> = {
  ProcessStarted: 'process',
  Synced: 'synced',
  OperatorConfigSeen: 'config',
};

/** What a cluster's actor may be made for. Anything else is for an actor that has ended, and comes too late. */
function introduces(observation: ClusterObservation): boolean {
  return (
    observation.type === 'OperatorConfigSeen' ||
    observation.type === 'ClusterSeen' ||
    observation.type === 'ClusterGone'
  );
}

/** A firing that crossed its own clearing, or an older setting of the same timer. */
function isStale(actor: Actor, observation: ClusterObservation): boolean {
  if (observation.type !== 'TimerFired') return false;
  return actor.standing?.snapshot.facts.memory.timers[observation.id]?.dueAt !== observation.dueAt;
}

function saveSnapshot(ports: ActorPorts, actor: Actor): void {
  if (actor.standing === null || actor.rowsSinceSnapshot === 0) return;
  ports.journal.saveSnapshot(actor.cluster.uid, actor.lastSeq, encodeStanding(actor.standing));
  actor.rowsSinceSnapshot = 0;
}

function armTimers(actor: Actor, decision: Decision, seq: number): void {
  for (const id of decision.timers.cleared) actor.timers.clear(id);
  for (const { id, delayMs, dueAt, jitter } of decision.timers.set)
    actor.timers.arm({ id, delayMs, dueAt, jitter, setBy: seq });
}

interface Decided {
  readonly stamp: RowStamp;
  readonly snapshot: Snapshot;
  readonly decision: Decision;
  readonly body: string;
}

/** Decides; null when that failed, which is told. Nothing has changed by then. */
function decided(ports: ActorPorts, actor: Actor, step: Step): Decided | null {
  const { uid } = actor.cluster;
  const stamp = { epoch: ports.epoch, seq: ports.journal.nextSeq(uid), at: Math.max(step.at, actor.standing?.at ?? 0) };
  try {
    const before = actor.standing?.snapshot ?? ports.core.initialSnapshot(stamp.at);
    const { snapshot, decision } = ports.core.decide({
      snapshot: before,
      observation: step.observation,
      stamp,
      versions: ports.versions(uid),
    });
    return { stamp, snapshot, decision, body: ports.core.encodeBody(decision, ports.journal.blob) };
  } catch (cause) {
    ports.trouble({ type: 'observation-parked', cluster: actor.cluster, observation: step.observation.type, cause });
    return null;
  }
}

/** One step of an actor. @throws when the row cannot be appended */
function take(
  ports: ActorPorts,
  actor: Actor,
  work: { readonly step: Step; readonly durable: (decision: DurableDecision) => void },
): void {
  const { step, durable } = work;
  const next = decided(ports, actor, step);
  if (next === null) return;
  const { stamp, snapshot, decision, body } = next;
  const { cluster } = actor;
  const { seq } = ports.journal.append({
    cluster,
    epoch: stamp.epoch,
    at: stamp.at,
    kind: rowKinds[step.observation.type] ?? 'observation',
    type: step.observation.type,
    typeVersion: observationVersion,
    maskVersion: ports.maskVersion,
    causedBy: step.causedBy,
    body,
    onDurable: () => durable({ cluster, stamp, decision, snapshot }),
  });
  if (seq !== stamp.seq)
    throw new Error(
      `row of ${cluster.namespace}/${cluster.name} was decided as seq ${stamp.seq} and appended as ${seq}`,
    );
  actor.standing = { snapshot, at: stamp.at, timerRows: withTimerRows(actor.standing?.timerRows ?? {}, decision, seq) };
  actor.lastSeq = seq;
  actor.rowsSinceSnapshot += 1;
  armTimers(actor, decision, seq);
  if (actor.rowsSinceSnapshot >= snapshotRows) saveSnapshot(ports, actor);
}

/** Timers as the facts hold them: what is overdue fires at once, the rest when it is due. */
function rearm(ports: ActorPorts, actor: Actor): void {
  const { standing } = actor;
  if (standing === null) return;
  const now = Math.max(ports.clock.nowMs(), standing.at);
  for (const [id, { dueAt }] of Object.entries(standing.snapshot.facts.memory.timers)) {
    actor.timers.arm({ id, dueAt, delayMs: dueAt - now, jitter: 0, setBy: standing.timerRows[id] ?? null });
  }
}

interface Note {
  readonly kind: 'base' | 'machine-upgrade';
  readonly type: string;
  readonly body: (standing: Standing) => string;
}

/** Appends a row that holds how the actor stands. */
function writeStanding(ports: ActorPorts, actor: Actor, { kind, type, body }: Note): void {
  if (actor.standing === null) return;
  const at = Math.max(ports.clock.nowMs(), actor.standing.at);
  actor.standing = { ...actor.standing, at };
  const { seq } = ports.journal.append({
    cluster: actor.cluster,
    epoch: ports.epoch,
    at,
    kind,
    type,
    typeVersion: observationVersion,
    maskVersion: ports.maskVersion,
    causedBy: null,
    body: body(actor.standing),
    onDurable: () => undefined,
  });
  actor.lastSeq = seq;
  actor.rowsSinceSnapshot += 1;
}

/** Records that this build takes over, and what it goes on from: rows before are the other build's to prove, rows after ours. */
function upgrade(ports: ActorPorts, actor: Actor, from: string): void {
  writeStanding(ports, actor, {
    kind: 'machine-upgrade',
    type: 'MachineUpgraded',
    body: (standing) => encodeUpgrade(standing, { from, to: ports.build }),
  });
}

/** An actor as its journal left it. @throws when the journal of this cluster cannot be read or decided again */
function revived(ports: ActorPorts, cluster: ClusterName): Actor {
  const { standing, rows, divergedAt, writtenBy } = hydrate(ports.core, ports.journal.hydrate(cluster.uid));
  if (divergedAt !== null) ports.trouble({ type: 'hydration-diverged', cluster, seq: divergedAt });
  const timers = createTimers({
    ticks: ports.ticks,
    chance: ports.chance,
    fire: ({ id, dueAt, setBy }) =>
      ports.back({ type: 'feedback', cluster, causedBy: setBy, observation: { type: 'TimerFired', id, dueAt } }),
  });
  const lastSeq = ports.journal.nextSeq(cluster.uid) - 1;
  const actor: Actor = { cluster, timers, standing, rowsSinceSnapshot: rows, lastSeq };
  if (writtenBy !== null && writtenBy !== ports.build) upgrade(ports, actor, writtenBy);
  return actor;
}

/** The first rows of this life (I3). */
function start(ports: ActorPorts, actor: Actor, durable: (decision: DurableDecision) => void): void {
  const { snapshot } = actor.standing ?? { snapshot: null };
  if (snapshot !== null)
    ports.remember(
      actor.cluster.uid,
      Object.values(snapshot.facts.world.objects).map(({ object }) => object),
    );
  rearm(ports, actor);
  const at = ports.clock.nowMs();
  const started: ClusterObservation = { type: 'ProcessStarted', build: ports.build, epoch: ports.epoch };
  take(ports, actor, { step: { observation: started, at, causedBy: null }, durable });
  for (const observation of lostOutcomes(snapshot?.facts.memory.open ?? {})) {
    take(ports, actor, { step: { observation, at, causedBy: observation.seq }, durable });
  }
}

/** All actors, none alive yet. */
export function createActors(ports: ActorPorts): Actors {
  const actors = new Map<string, Actor>();
  const parked = new Set<string>();

  /** Brought back to life, or parked when that fails: one damaged chain must not stop the fleet. */
  function revive(cluster: ClusterName): Actor | null {
    try {
      return revived(ports, cluster);
    } catch (cause) {
      parked.add(cluster.uid);
      ports.trouble({ type: 'cluster-parked', cluster, cause });
      return null;
    }
  }

  function actorFor({ cluster, observation }: Addressed, durable: (decision: DurableDecision) => void): Actor | null {
    const alive = actors.get(cluster.uid);
    if (alive !== undefined) return alive;
    if (parked.has(cluster.uid) || !introduces(observation)) return null;
    const actor = revive(cluster);
    if (actor === null) return null;
    actors.set(cluster.uid, actor);
    start(ports, actor, durable);
    return actor;
  }

  function end(actor: Actor): void {
    actor.timers.clearAll();
    saveSnapshot(ports, actor);
    actors.delete(actor.cluster.uid);
  }

  function accept(addressed: Addressed, durable: (decision: DurableDecision) => void): void {
    const actor = actorFor(addressed, durable);
    if (actor === null || isStale(actor, addressed.observation)) return;
    take(ports, actor, { step: addressed, durable });
    if (addressed.observation.type === 'ClusterGone') end(actor);
  }

  return {
    decisions: (observations) =>
      new Observable((subscriber) => {
        const durable = (decision: DurableDecision): void => subscriber.next(decision);
        const subscription = observations.subscribe({
          next: (addressed) => {
            try {
              accept(addressed, durable);
            } catch (cause) {
              subscriber.error(cause);
            }
          },
          error: (cause: unknown) => subscriber.error(cause),
          complete: () => subscriber.complete(),
        });
        return () => {
          subscription.unsubscribe();
          for (const actor of [...actors.values()]) end(actor);
        };
      }),
    snapshotOf: (clusterUid) => actors.get(clusterUid)?.standing?.snapshot ?? null,
    clusters: () => [...actors.values()].map(({ cluster }) => cluster),
    seal: (clusterUid, anchor) => {
      const actor = actors.get(clusterUid);
      if (actor === undefined) return;
      writeStanding(ports, actor, {
        kind: 'base',
        type: 'Sealed',
        body: (standing) => encodeBase(standing, { build: ports.build, anchor }),
      });
    },
  };
}
