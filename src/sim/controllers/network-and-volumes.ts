/** Owns: Endpoints of Services, volumes for claims, and the protection of claims that are in use. */
import { at, isJson, list, stable, text, type Json } from '../json.ts';
import { bears } from '../api/places.ts';
import { nameOf, namespaceOf, uidOf } from '../api/store.ts';
import { clientOf, isDeleting, keyParts, makeQueue, type Client, type Habitat } from './client.ts';

const serviceDelays = [20, 200] as const;
const volumeDelays = [50, 2000] as const;
const protection = 'kubernetes.io/pvc-protection';

/** Patroni writes the Endpoints of a Service without selector; but whoever deletes the Service deletes them. */
function endpointsRound(client: Client, key: string): void {
  const [namespace, name] = keyParts(key);
  const service = client.get('Service', namespace, name);
  const before = client.get('Endpoints', namespace, name);
  if (service === null) return before === null ? undefined : client.remove(before);
  const selector = at(service, 'spec')['selector'];
  if (!isJson(selector)) return undefined;
  const pods = client
    .list('Pod', namespace)
    .filter((pod) => bears(pod, selector) && text(pod, 'status', 'podIP') !== '');
  const addresses = pods.map((pod) => ({
    ip: text(pod, 'status', 'podIP'),
    targetRef: { kind: 'Pod', name: nameOf(pod) },
  }));
  const ports = list(service, 'spec', 'ports').map((port) => ({ name: text(port, 'name'), port: at(port)['port'] }));
  const subsets = addresses.length === 0 ? [] : [{ addresses, ports }];
  const labels = at(service, 'metadata', 'labels');
  if (before === null) {
    client.create('Endpoints', { metadata: { name, namespace, labels }, ...(subsets.length === 0 ? {} : { subsets }) });
  } else if (stable(before['subsets'] ?? []) !== stable(subsets) || !bears(before, labels))
    client.patch(before, { metadata: { labels }, subsets });
  return undefined;
}

function usersOf(client: Client, claim: Json): readonly Json[] {
  return client
    .list('Pod', namespaceOf(claim))
    .filter((pod) =>
      list(pod, 'spec', 'volumes').some(
        (volume) => text(volume, 'persistentVolumeClaim', 'claimName') === nameOf(claim),
      ),
    );
}

/** The driver grows the device at once; the node that has it mounted grows the file system a while later. */
function grow(client: Client, claim: Json, asked: unknown): void {
  const isMarked = list(claim, 'status', 'conditions').length > 0;
  if (!isMarked) {
    const conditions = [{ type: 'FileSystemResizePending', status: 'True' }];
    client.patch(claim, { status: { conditions } }, 'status');
    return;
  }
  const isMounted = usersOf(client, claim).some((pod) => text(pod, 'status', 'phase') === 'Running');
  if (isMounted) client.patch(claim, { status: { capacity: { storage: asked }, conditions: null } }, 'status');
}

/** The one StorageClass that there is not. */
const noClass = 'nowhere';

/** A claim of a class that there is not waits, and only an Event says why; a kubelet counts it up, here it is told once. */
function warn(client: Client, claim: Json): void {
  const namespace = namespaceOf(claim);
  const name = `${nameOf(claim)}.unprovisioned`;
  if (client.get('Event', namespace, name) !== null) return;
  client.create('Event', {
    metadata: { name, namespace },
    involvedObject: { kind: 'PersistentVolumeClaim', name: nameOf(claim), namespace, uid: uidOf(claim) },
    type: 'Warning',
    reason: 'ProvisioningFailed',
    message: `storageclass.storage.k8s.io "${noClass}" not found`,
  });
}

function claimRound(client: Client, key: string): void {
  const claim = client.get('PersistentVolumeClaim', ...keyParts(key));
  if (claim === null) return;
  const finalizers = list(claim, 'metadata', 'finalizers');
  if (isDeleting(claim)) {
    if (finalizers.includes(protection) && usersOf(client, claim).length === 0)
      client.patch(claim, { metadata: { finalizers: finalizers.filter((each) => each !== protection) } });
    return;
  }
  const asked = at(claim, 'spec', 'resources', 'requests')['storage'];
  const isBound = text(claim, 'status', 'phase') === 'Bound';
  if (isBound && at(claim, 'status', 'capacity')['storage'] === asked) return;
  if (isBound) return grow(client, claim, asked);
  if (text(claim, 'spec', 'storageClassName') === noClass) return warn(client, claim);
  const accessModes = list(claim, 'spec', 'accessModes');
  client.patch(claim, { status: { phase: 'Bound', accessModes, capacity: { storage: asked } } }, 'status');
}

/** Runs these controllers in a world. */
export function runNetworkAndVolumes(habitat: Habitat): void {
  const client = clientOf(habitat.api, 'kube-controller-manager');
  const services = makeQueue(habitat, serviceDelays, (key) => endpointsRound(client, key));
  const claims = makeQueue(habitat, volumeDelays, (key) => claimRound(client, key));
  habitat.api.store.onChange(({ kind, object, before }) => {
    const namespace = namespaceOf(object);
    if (kind.kind === 'Service') services.nudge(`${namespace}/${nameOf(object)}`);
    if (kind.kind === 'PersistentVolumeClaim') claims.nudge(`${namespace}/${nameOf(object)}`);
    if (kind.kind !== 'Pod') return;
    const place = (pod: unknown): string => stable([at(pod, 'metadata', 'labels'), text(pod, 'status', 'podIP')]);
    if (before === null || place(before) !== place(object)) {
      for (const service of client.list('Service', namespace)) {
        const selector = at(service, 'spec')['selector'];
        if (isJson(selector) && (bears(object, selector) || bears(before, selector)))
          services.nudge(`${namespace}/${nameOf(service)}`);
      }
    }
    for (const volume of list(object, 'spec', 'volumes')) {
      const claim = text(volume, 'persistentVolumeClaim', 'claimName');
      if (claim !== '') claims.nudge(`${namespace}/${claim}`);
    }
  });
}
