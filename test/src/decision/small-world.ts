/**
 * Owns: the smallest world in which the real decide over the real builders can live: a PostgresCluster, the objects around
 * it as projections, requests that wait for an answer, and what was published. Every change is a new world, so that a search
 * can go on from each. Nothing ever reaches into the machine's facts: it is only told things.
 * Does not own: what happens in the world (`happenings.ts`), nor how the API server answers (`answers.ts`).
 */
import type { Snapshot } from '#machines/cluster/facts.ts';
import type {
  ClusterObservation,
  ClusterProjection,
  ObjectProjection,
  OperatorConfig,
  PublishedStatus,
} from '#machines/cluster/observations.ts';
import { finalizer } from '#machines/shared/names.ts';
import { initialSnapshot } from '#src/decision/decide.ts';
import type { Decision, IntentRecord, Versions } from '#src/decision/record.ts';
import { makeCore } from '#src/replay/core.ts';
import type { PostgresClusterSpec } from '#crds/postgrescluster.gen.ts';

/** An intent that was sent and has no answer yet. */
export interface Asked {
  readonly seq: number;
  readonly intent: IntentRecord;
}

export interface SmallWorld {
  readonly snapshot: Snapshot;
  readonly epoch: number;
  readonly seq: number;
  readonly at: number;
  /** As the API server has it; null when it is gone. */
  readonly cluster: ClusterProjection | null;
  /** By `Kind/name`, as the API server has them. */
  readonly objects: Readonly<Record<string, ObjectProjection>>;
  /** Counts everything that gets a uid, a timeline or a version. */
  readonly count: number;
  readonly published: PublishedStatus | null;
  readonly asked: readonly Asked[];
  /** Decisions since the world was made, oldest first; a search forgets them. */
  readonly decisions: readonly Decision[];
}

const core = makeCore();

export const config: OperatorConfig = {
  images: { '17': 'registry.example/spilo:17' },
  imagePullPolicy: 'IfNotPresent',
  defaultDcs: 'Endpoints',
  createDeadlineSeconds: 600,
};

export const threeMembers: PostgresClusterSpec = { version: '17', replicas: 3, storage: { size: '1Gi' } };
export const twoMembers: PostgresClusterSpec = { version: '17', replicas: 2, storage: { size: '1Gi' } };

function uidIn(world: SmallWorld, kind: string, name: string): string | null {
  if (kind === 'PostgresCluster') return world.cluster?.name === name ? world.cluster.uid : null;
  return world.objects[`${kind}/${name}`]?.uid ?? null;
}

function versionsOf(world: SmallWorld): Versions {
  return (kind, name) => {
    const uid = uidIn(world, kind, name);
    return uid === null ? null : { uid, resourceVersion: `v-${uid}` };
  };
}

/** The machine is told one thing and decides. */
export function told(world: SmallWorld, observation: ClusterObservation): SmallWorld {
  const stamp = { epoch: world.epoch, seq: world.seq, at: world.at };
  const { snapshot, decision } = core.decide({
    snapshot: world.snapshot,
    observation,
    stamp,
    versions: versionsOf(world),
  });
  return {
    ...world,
    snapshot,
    seq: world.seq + 1,
    at: world.at + 1,
    asked: [...world.asked, ...decision.intents.map((intent) => ({ seq: stamp.seq, intent }))],
    decisions: [...world.decisions, decision],
  };
}

export function toldAll(world: SmallWorld, observations: readonly ClusterObservation[]): SmallWorld {
  return observations.reduce(told, world);
}

/** The world and the machine both learn of an object as it is now. */
export function shown(world: SmallWorld, object: ObjectProjection, changed: readonly string[] = []): SmallWorld {
  const next = { ...world, objects: { ...world.objects, [`${object.kind}/${object.name}`]: object } };
  return told(next, { type: 'ObjectSeen', object, changed });
}

/** An object is no more, for world and machine. */
export function vanished(world: SmallWorld, key: string): SmallWorld {
  const { [key]: object, ...objects } = world.objects;
  if (object === undefined) return world;
  const { kind, name, uid } = object;
  return told({ ...world, objects }, { type: 'ObjectGone', object: { kind, name }, uid });
}

export function clusterShown(world: SmallWorld, change: Partial<ClusterProjection>): SmallWorld {
  if (world.cluster === null) return world;
  const cluster = { ...world.cluster, ...change };
  return told({ ...world, cluster }, { type: 'ClusterSeen', cluster });
}

/** Everything that a process hears when it starts, in the order of the stream. */
export function introduced(world: SmallWorld): SmallWorld {
  const listed = Object.values(world.objects);
  const names = listed.map(({ kind, name, uid }) => ({ kind, name, uid, hash: '' }));
  return toldAll(world, [
    { type: 'OperatorConfigSeen', hash: 'settings', config },
    ...(world.cluster === null ? [] : [{ type: 'ClusterSeen', cluster: world.cluster } as const]),
    ...(world.published === null ? [] : [{ type: 'PublishedStatusSeen', status: world.published } as const]),
    ...listed.map((object) => ({ type: 'ObjectSeen', object, changed: [] }) as const),
    { type: 'Synced', objects: names },
  ]);
}

/** A process that dies and comes back: what it had asked is in doubt, and what it had sent has reached the API server or not. */
export function restarted(world: SmallWorld): SmallWorld {
  const lost = Object.values(world.snapshot.facts.memory.open)
    .toSorted((left, right) => left.seq - right.seq || left.ordinal - right.ordinal)
    .map(
      ({ seq, ordinal, type, target }) =>
        ({
          type: 'OutcomeArrived',
          seq,
          ordinal,
          intent: type,
          target,
          outcome: { type: 'unknown', reason: 'the operator restarted before an answer came' },
        }) as const,
    );
  const started = toldAll({ ...world, epoch: world.epoch + 1, asked: [] }, [
    { type: 'ProcessStarted', build: 'test', epoch: world.epoch + 1 },
    ...lost,
  ]);
  return introduced(started);
}

/** The same world under an operator whose journal is new. */
export function amnesiac(world: SmallWorld): SmallWorld {
  const blank = { ...world, epoch: world.epoch + 1, seq: 1, asked: [], snapshot: initialSnapshot(world.at) };
  return introduced(told(blank, { type: 'ProcessStarted', build: 'test', epoch: blank.epoch }));
}

/** A new PostgresCluster, seen for the first time; nothing has been asked yet but what follows from that. */
export function newWorld(spec: PostgresClusterSpec = twoMembers, change: Partial<ClusterProjection> = {}): SmallWorld {
  const at = Date.UTC(2026, 0, 1);
  const cluster = {
    uid: 'uid-of-shop',
    namespace: 'market',
    name: 'shop',
    generation: 1,
    deleting: false,
    finalizers: [],
    annotations: {},
    spec,
    ...change,
  };
  return {
    snapshot: initialSnapshot(at),
    epoch: 1,
    seq: 1,
    at,
    cluster,
    objects: {},
    count: 0,
    published: null,
    asked: [],
    decisions: [],
  };
}

export function holdsOurFinalizer(world: SmallWorld): boolean {
  return world.cluster?.finalizers.includes(finalizer) === true;
}
