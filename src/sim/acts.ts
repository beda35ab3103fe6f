/** Owns: what acts of people in a simulated world are made of: a cluster, edits of it, and what can be seen of it. */
import { list, number, text, type Json } from './json.ts';
import { isReady } from './patroni/report.ts';
import type { World } from './world.ts';

/** Something that somebody does, and when it has come to its end. */
export interface Act {
  readonly what: string;
  readonly act: (world: World) => void;
  readonly until: (world: World) => boolean;
  /** How long it may take when nothing goes wrong; two minutes when it does not say. Milliseconds. */
  readonly withinMs?: number;
  /** What is missing of it, for whoever reads that it was not reached. */
  readonly missing?: (world: World) => string;
}

/** The cluster's. */
export const namespace = 'team';
/** The cluster's. */
export const name = 'shop';

/** The PostgresCluster as it is; null when there is none. */
export function clusterOf(world: World): Json | null {
  return world.user.get('PostgresCluster', namespace, name);
}

function body(spec: Json): Json {
  return {
    apiVersion: 'postgres.example.com/v1alpha1',
    kind: 'PostgresCluster',
    metadata: { name, namespace },
    spec: {
      version: '17',
      replicas: 2,
      storage: { size: '10Gi' },
      database: { name: 'orders', owner: 'clerk' },
      ...spec,
    },
  };
}

/** The status says Running, of the spec as it is, and the objects do too. */
export function isRunning(world: World): boolean {
  const cluster = clusterOf(world);
  if (cluster === null || text(cluster, 'status', 'phase') !== 'Running') return false;
  if (number(cluster, 0, 'status', 'observedGeneration') !== number(cluster, 1, 'metadata', 'generation')) return false;
  const wanted = number(cluster, 1, 'spec', 'replicas');
  return Array.from({ length: wanted }, (_, ordinal) => world.user.get('Pod', namespace, `${name}-${ordinal}`)).every(
    isReady,
  );
}

/** Somebody makes the cluster. */
export function create(spec: Json): Act {
  return { what: 'create', act: ({ user }) => void user.create('PostgresCluster', body(spec)), until: isRunning };
}

/** Somebody edits the spec. */
export function edit(what: string, spec: Json, until: (world: World) => boolean): Act {
  const act = (world: World): void => {
    const cluster = clusterOf(world);
    if (cluster !== null) world.user.patch(cluster, { spec });
  };
  return { what, act, until: (world) => isRunning(world) && until(world) };
}

/** Somebody annotates the cluster. */
export function annotate({ user }: World, cluster: Json, annotation: string, value: string): void {
  user.patch(cluster, { metadata: { annotations: { [`postgres.example.com/${annotation}`]: value } } });
}

/** Somebody makes the Service of replicas what it should not be. */
export function meddle({ user }: World): void {
  const service = user.get('Service', namespace, `${name}-repl`);
  if (service !== null) user.patch(service, { spec: { type: 'NodePort' } });
}

/** The type of the Service of replicas. */
export function replicaServiceType({ user }: World): string {
  return text(user.get('Service', namespace, `${name}-repl`), 'spec', 'type');
}

/** `namespace/pod` of who takes writes; empty when nobody does. */
export function leaderOf(world: World): string {
  return [...world.kubelets.members()].find(([, member]) => member.isWritable())?.[0] ?? '';
}

/** Every pod's container has this image. */
export function imagesAre(world: World, image: string): boolean {
  return world.user.list('Pod', namespace).every((pod) => text(list(pod, 'spec', 'containers')[0], 'image') === image);
}

/** Status and reason of a condition, as one text. */
export function condition(world: World, type: string): string {
  const all = list(clusterOf(world), 'status', 'conditions');
  const found = all.find((each) => text(each, 'type') === type);
  return `${text(found, 'status')} ${text(found, 'reason')}`;
}
