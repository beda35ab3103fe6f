/**
 * Owns: what can happen around a cluster: pods, Patroni, users, meddlers, watches, clocks, restarts; each as a function from
 * world to world that returns null where it cannot happen.
 */
import type { DcsSeen, ObjectProjection, PatroniMember, PodDetail } from '#machines/cluster/observations.ts';
import { annotations, configObject, labels, labelValues, leaderObject, podName } from '#machines/shared/names.ts';
import { planOf } from '#src/resources/plan.ts';
import { answered } from './answers.ts';
import { clusterShown, shown, told, vanished, type SmallWorld } from './small-world.ts';

export type Happening = (world: SmallWorld) => SmallWorld | null;

const rested = 400;

/** Everything that was asked is carried out and answered, and what is asked then, until nothing is. */
export function calm(world: SmallWorld): SmallWorld {
  let now = world;
  for (let count = 0; count < rested; count += 1) {
    const next = now.asked[0];
    if (next === undefined) return now;
    now = answered(now, next);
  }
  throw new Error(`the operator asks without end: ${now.asked.map(({ intent }) => intent.type).join(', ')}`);
}

/** The timer that is due first fires, at its time; only of those that `fits` names. */
export function timerFires(world: SmallWorld, fits: (id: string) => boolean = () => true): SmallWorld | null {
  const due = Object.entries(world.snapshot.facts.memory.timers)
    .filter(([id]) => fits(id))
    .toSorted(([, left], [, right]) => left.dueAt - right.dueAt)[0];
  if (due === undefined) return null;
  const [id, { dueAt }] = due;
  return told({ ...world, at: Math.max(world.at, dueAt) }, { type: 'TimerFired', id, dueAt });
}

function members(world: SmallWorld): readonly ObjectProjection[] {
  return Object.values(world.objects).filter(({ kind }) => kind === 'Pod');
}

function wantedMembers(world: SmallWorld): number {
  const detail = world.objects[`StatefulSet/${world.cluster?.name ?? ''}`]?.detail;
  return detail?.type === 'StatefulSet' ? detail.replicas : 0;
}

function blankPod(world: SmallWorld, name: string): ObjectProjection {
  const detail: PodDetail = {
    type: 'Pod',
    phase: 'Running',
    ready: false,
    node: 'node-1',
    ip: '198.18.0.9',
    role: null,
    patroni: null,
    trouble: null,
    restarts: 0,
    lastExit: null,
  };
  return {
    kind: 'Pod',
    name,
    uid: `uid-${world.count}`,
    generation: 1,
    deleting: false,
    labels: { [labels.cluster]: world.cluster?.name ?? '', [labels.component]: labelValues.database },
    annotations: {},
    finalizers: [],
    owners: [],
    ownedHash: null,
    foreign: [],
    effect: null,
    detail,
  };
}

/** The StatefulSet makes the pods that are missing. */
export function podsMade(world: SmallWorld): SmallWorld | null {
  const cluster = world.cluster?.name ?? '';
  const missing = Array.from({ length: wantedMembers(world) }, (_, ordinal) => podName(cluster, ordinal)).filter(
    (name) => world.objects[`Pod/${name}`] === undefined,
  );
  if (missing.length === 0) return null;
  const set = world.objects[`StatefulSet/${cluster}`]?.detail;
  const template = set?.type === 'StatefulSet' ? (set.template ?? '') : '';
  const made = (now: SmallWorld, name: string): ObjectProjection => ({
    ...blankPod(now, name),
    annotations: { [annotations.template]: template },
  });
  return missing.reduce((now, name) => shown({ ...now, count: now.count + 1 }, made(now, name)), world);
}

/** A member reports; `change` is what its report says otherwise than that it follows and streams. */
export function reports(
  world: SmallWorld,
  name: string,
  change: Partial<PatroniMember> = {},
  pod: Partial<PodDetail> = {},
): SmallWorld | null {
  const object = world.objects[`Pod/${name}`];
  if (object?.detail.type !== 'Pod') return null;
  const patroni: PatroniMember = {
    state: 'streaming',
    role: 'replica',
    timeline: 1,
    positionBytes: 50_331_648,
    pendingRestart: false,
    version: '4.0.7',
    ...object.detail.patroni,
    ...change,
  };
  return shown(world, { ...object, detail: { ...object.detail, ready: true, role: patroni.role, patroni, ...pod } });
}

function dcsKind(world: SmallWorld): 'Endpoints' | 'ConfigMap' {
  return world.snapshot.facts.memory.dcs === 'ConfigMaps' ? 'ConfigMap' : 'Endpoints';
}

/** Patroni writes into one of its objects. */
export function dcsWritten(world: SmallWorld, name: string, change: Partial<DcsSeen>): SmallWorld {
  const kind = dcsKind(world);
  const before = world.objects[`${kind}/${name}`];
  const old = before?.detail.type === kind ? before.detail.dcs : null;
  const dcs: DcsSeen = {
    leader: null,
    ttlSeconds: 30,
    systemIdentifier: null,
    paused: false,
    config: null,
    failover: null,
    syncStandbys: null,
    ...old,
    ...change,
  };
  const object = before ?? { ...blankPod(world, name), kind };
  return shown({ ...world, count: world.count + 1 }, { ...object, detail: { type: kind, dcs } });
}

function leaderName(world: SmallWorld): string {
  return leaderObject(world.cluster?.name ?? '', world.snapshot.facts.memory.dcs ?? 'Endpoints');
}

/** The first member that is not on its way out takes the leader key and writes; the others follow it. */
export function leaderElected(world: SmallWorld): SmallWorld | null {
  const standing = members(world).filter(({ deleting }) => !deleting);
  const chosen = standing[0];
  const cluster = world.cluster?.name ?? '';
  if (chosen === undefined) return null;
  const timeline = world.count;
  // As Spilo bootstraps it.
  const config = planOf(world.snapshot.facts).dynamic;
  const initialized = dcsWritten(world, configObject(cluster), { systemIdentifier: '7300000000000000007', config });
  const led = reports(initialized, chosen.name, { role: 'primary', state: 'running', timeline });
  const held = dcsWritten(led ?? initialized, leaderName(world), { leader: chosen.name });
  return standing
    .slice(1)
    .reduce((now, { name }) => reports(now, name, { role: 'replica', state: 'streaming', timeline }) ?? now, held);
}

function holder(world: SmallWorld): string | null {
  const detail = world.objects[`${dcsKind(world)}/${leaderName(world)}`]?.detail;
  return detail?.type === 'Endpoints' || detail?.type === 'ConfigMap' ? detail.dcs.leader : null;
}

/** The leader's pod is gone, and its key with it. */
export function leaderDies(world: SmallWorld): SmallWorld | null {
  const name = holder(world);
  if (name === null || world.objects[`Pod/${name}`] === undefined) return null;
  return dcsWritten(vanished(world, `Pod/${name}`), leaderName(world), { leader: null });
}

/** A pod that does not lead is gone. */
export function replicaDies(world: SmallWorld): SmallWorld | null {
  const replica = members(world).find(({ name }) => name !== holder(world));
  return replica === undefined ? null : vanished(world, `Pod/${replica.name}`);
}

/** All pods are gone, once the StatefulSet is. */
export function podsGone(world: SmallWorld): SmallWorld | null {
  const pods = members(world);
  if (pods.length === 0 || world.objects[`StatefulSet/${world.cluster?.name ?? ''}`] !== undefined) return null;
  return pods.reduce((now, { name }) => vanished(now, `Pod/${name}`), world);
}

/** A pod that the StatefulSet does not ask for any more is gone. */
export function surplusGone(world: SmallWorld): SmallWorld | null {
  const cluster = world.cluster?.name ?? '';
  const wanted = new Set(Array.from({ length: wantedMembers(world) }, (_, ordinal) => podName(cluster, ordinal)));
  const surplus = members(world).find(({ name }) => !wanted.has(name));
  return wanted.size === 0 || surplus === undefined ? null : vanished(world, `Pod/${surplus.name}`);
}

/** The user deletes the PostgresCluster; with `orphan`, keeping what is around it. */
export function deletedByUser(world: SmallWorld, orphan = false): SmallWorld | null {
  const { cluster } = world;
  if (cluster === null || cluster.deleting) return null;
  const finalizers = orphan ? [...cluster.finalizers, 'orphan'] : cluster.finalizers;
  if (finalizers.length === 0) return told({ ...world, cluster: null }, { type: 'ClusterGone', uid: cluster.uid });
  return clusterShown(world, { deleting: true, finalizers, generation: cluster.generation + 1 });
}

/** The garbage collector has taken our owner references off, and then its finalizer. */
export function orphaned(world: SmallWorld): SmallWorld | null {
  const { cluster } = world;
  if (cluster === null || !cluster.finalizers.includes('orphan')) return null;
  const owned = Object.values(world.objects).filter(({ owners }) => owners.some(({ uid }) => uid === cluster.uid));
  const loose = owned.reduce(
    (now, object) => shown(now, { ...object, owners: object.owners.filter(({ uid }) => uid !== cluster.uid) }),
    world,
  );
  const finalizers = cluster.finalizers.filter((each) => each !== 'orphan');
  if (finalizers.length === 0) return told({ ...loose, cluster: null }, { type: 'ClusterGone', uid: cluster.uid });
  return clusterShown(loose, { finalizers });
}

/** The user writes another spec. */
export function edited(
  world: SmallWorld,
  change: Partial<NonNullable<SmallWorld['cluster']>['spec']>,
): SmallWorld | null {
  const { cluster } = world;
  if (cluster === null) return null;
  const spec = { ...cluster.spec, ...change };
  if (JSON.stringify(spec) === JSON.stringify(cluster.spec)) return null;
  return clusterShown(world, { spec, generation: cluster.generation + 1 });
}

/** Somebody deletes an object by hand; one with finalizers stays, marked. */
export function deletedByHand(world: SmallWorld, key: string): SmallWorld | null {
  const object = world.objects[key];
  if (object === undefined || object.deleting) return null;
  return object.finalizers.length === 0 ? vanished(world, key) : shown(world, { ...object, deleting: true });
}

/** Somebody changes a field of ours by hand. */
export function changedByHand(world: SmallWorld, key: string): SmallWorld | null {
  const object = world.objects[key];
  if (object === undefined) return null;
  return shown(world, { ...object, ownedHash: 'by another hand' }, ['spec.ports[0].port: 5432 → 5433']);
}

/** Somebody adds a field to an object of ours. */
export function addedByHand(world: SmallWorld, key: string): SmallWorld | null {
  const object = world.objects[key];
  if (object === undefined) return null;
  return shown(world, {
    ...object,
    foreign: [
      { path: '/spec/ports/2', manager: 'kubectl-edit' },
      { path: '/spec/ports/10', manager: 'kubectl-edit' },
    ],
  });
}

/** Time passes: pods come up, a leader is elected, timers fire and all that is asked is done, for some rounds. */
export function fair(world: SmallWorld, rounds = 12): SmallWorld {
  let now = calm(world);
  for (let round = 0; round < rounds; round += 1) {
    const before = now.seq;
    now = calm(podsGone(now) ?? surplusGone(now) ?? podsMade(now) ?? now);
    if (holder(now) === null || members(now).some(({ detail }) => detail.type === 'Pod' && !detail.ready))
      now = calm(leaderElected(now) ?? now);
    now = calm(orphaned(now) ?? now);
    now = calm(timerFires(now) ?? now);
    if (now.seq === before) return now;
  }
  return now;
}
