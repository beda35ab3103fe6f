/** Owns: the StatefulSet controller, as far as the operator's sets go: parallel, OnDelete, claims kept. */
import { sha256 } from '#src/decision/hash.ts';
import { at, list, number, put, stable, text, type Json } from '../json.ts';
import { bears } from '../api/places.ts';
import { nameOf, namespaceOf, uidOf } from '../api/store.ts';
import { clientOf, controllerOf, isDeleting, keyParts, makeQueue, type Client, type Habitat } from './client.ts';

const delays = [20, 300] as const;

/** Hashes of templates, which never change themselves. */
const hashes = new WeakMap<Json, string>();

function revisionOf(set: Json): string {
  const template = at(set, 'spec', 'template');
  let hash = hashes.get(template);
  if (hash === undefined) hashes.set(template, (hash = sha256(stable(template)).slice(0, 10)));
  return `${nameOf(set)}-${hash}`;
}

function ordinalOf(set: Json, pod: Json): number | null {
  const name = nameOf(pod);
  const prefix = `${nameOf(set)}-`;
  const rest = name.slice(prefix.length);
  return name.startsWith(prefix) && /^\d+$/.test(rest) ? Number(rest) : null;
}

function podOf(set: Json, ordinal: number): Json {
  const template = at(set, 'spec', 'template');
  const name = `${nameOf(set)}-${ordinal}`;
  const claims = list(set, 'spec', 'volumeClaimTemplates').map((claim) => ({
    name: nameOf(claim),
    persistentVolumeClaim: { claimName: `${nameOf(claim)}-${name}` },
  }));
  const labels = {
    ...at(template, 'metadata', 'labels'),
    'apps.kubernetes.io/pod-index': String(ordinal),
    'controller-revision-hash': revisionOf(set),
    'statefulset.kubernetes.io/pod-name': name,
  };
  const owner = { apiVersion: 'apps/v1', kind: 'StatefulSet', name: nameOf(set), uid: uidOf(set) };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...at(template, 'metadata'),
      name,
      namespace: namespaceOf(set),
      labels,
      ownerReferences: [{ ...owner, controller: true, blockOwnerDeletion: true }],
    },
    spec: {
      ...at(template, 'spec'),
      hostname: name,
      subdomain: text(set, 'spec', 'serviceName'),
      volumes: [...claims, ...list(template, 'spec', 'volumes')],
    },
  };
}

/** The claims of a member; false while one of them is on its way out. */
function claimsStand(client: Client, set: Json, ordinal: number): boolean {
  return list(set, 'spec', 'volumeClaimTemplates').every((template) => {
    const name = `${nameOf(template)}-${nameOf(set)}-${ordinal}`;
    const claim = client.get('PersistentVolumeClaim', namespaceOf(set), name);
    if (claim !== null) return !isDeleting(claim);
    const object = put(at(template), ['metadata'], { name, namespace: namespaceOf(set) });
    return client.create('PersistentVolumeClaim', object) !== null;
  });
}

function isReady(pod: Json): boolean {
  return list(pod, 'status', 'conditions').some(
    (each) => text(each, 'type') === 'Ready' && text(each, 'status') === 'True',
  );
}

/** Pods of the set; orphans that fit are taken in. */
function membersOf(client: Client, set: Json): readonly Json[] {
  const selector = at(set, 'spec', 'selector', 'matchLabels');
  const owner = { apiVersion: 'apps/v1', kind: 'StatefulSet', name: nameOf(set), uid: uidOf(set) };
  return client.list('Pod', namespaceOf(set)).flatMap((pod) => {
    if (ordinalOf(set, pod) === null || !bears(pod, selector)) return [];
    const controller = controllerOf(pod);
    if (controller !== null) return text(controller, 'uid') === uidOf(set) ? [pod] : [];
    if (isDeleting(pod)) return [];
    const ownerReferences = [{ ...owner, controller: true, blockOwnerDeletion: true }];
    const adopted = client.patch(pod, { metadata: { ownerReferences } });
    return adopted === null ? [] : [adopted];
  });
}

function writeStatus(client: Client, set: Json, pods: readonly Json[]): void {
  const revision = revisionOf(set);
  const alive = pods.filter((pod) => !isDeleting(pod));
  const updated = alive.filter((pod) => text(pod, 'metadata', 'labels', 'controller-revision-hash') === revision);
  const ready = alive.filter(isReady).length;
  // Only a rolling update is ever over; members replaced by hand leave the current revision what it was.
  const rolls = text(set, 'spec', 'updateStrategy', 'type') !== 'OnDelete';
  const former = text(set, 'status', 'currentRevision') || revision;
  const currentRevision = rolls && updated.length === alive.length ? revision : former;
  const current = alive.filter(
    (pod) => text(pod, 'metadata', 'labels', 'controller-revision-hash') === currentRevision,
  );
  const status = {
    observedGeneration: number(set, 0, 'metadata', 'generation'),
    replicas: alive.length,
    readyReplicas: ready,
    availableReplicas: ready,
    currentReplicas: current.length,
    updatedReplicas: updated.length,
    updateRevision: revision,
    currentRevision,
    collisionCount: 0,
  };
  if (stable(status) !== stable(at(set, 'status'))) client.patch(set, { status }, 'status');
}

function round(client: Client, key: string): void {
  const set = client.get('StatefulSet', ...keyParts(key));
  if (set === null || isDeleting(set)) return;
  const pods = membersOf(client, set);
  const replicas = number(set, 1, 'spec', 'replicas');
  for (const pod of pods) {
    if (isDeleting(pod)) continue;
    const ended = ['Failed', 'Succeeded'].includes(text(pod, 'status', 'phase'));
    if (ended || (ordinalOf(set, pod) ?? 0) >= replicas) client.remove(pod);
  }
  const taken = new Set(client.list('Pod', namespaceOf(set)).map(nameOf));
  for (let ordinal = 0; ordinal < replicas; ordinal += 1) {
    if (taken.has(`${nameOf(set)}-${ordinal}`) || !claimsStand(client, set, ordinal)) continue;
    client.create('Pod', podOf(set, ordinal));
  }
  writeStatus(client, set, membersOf(client, set));
}

/** Runs the controller in a world. */
export function runStatefulSets(habitat: Habitat): void {
  const client = clientOf(habitat.api, 'kube-controller-manager');
  const queue = makeQueue(habitat, delays, (key) => round(client, key));
  habitat.api.store.onChange(({ kind, object }) => {
    const namespace = namespaceOf(object);
    if (kind.kind === 'StatefulSet') queue.nudge(`${namespace}/${nameOf(object)}`);
    if (kind.kind !== 'Pod' && kind.kind !== 'PersistentVolumeClaim') return;
    const name = nameOf(object)
      .replace(/-\d+$/, '')
      .replace(kind.kind === 'Pod' ? '' : /^[^-]+-/, '');
    if (client.get('StatefulSet', namespace, name) !== null) queue.nudge(`${namespace}/${name}`);
  });
}
