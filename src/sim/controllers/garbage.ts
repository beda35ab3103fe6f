/** Owns: the garbage collector: what all owners of are gone is deleted; `orphan` lets dependents go first. */
import { at, list, text, type Json } from '../json.ts';
import { nameOf, namespaceOf, uidOf } from '../api/store.ts';
import { clientOf, isDeleting, makeQueue, type Client, type Habitat } from './client.ts';

const delays = [50, 1500] as const;

function ownersOf(object: unknown): readonly Json[] {
  return list(object, 'metadata', 'ownerReferences').map((owner) => at(owner));
}

interface Collector {
  readonly habitat: Habitat;
  readonly client: Client;
  /** uids of everything that is there. */
  readonly alive: Set<string>;
}

/** Every object with an owner of this uid. */
function dependentsOf({ habitat }: Collector, uid: string): readonly Json[] {
  return habitat.api.kinds
    .flatMap((kind) => habitat.api.store.list(kind, null))
    .map(({ object }) => object)
    .filter((object) => ownersOf(object).some((owner) => text(owner, 'uid') === uid));
}

function collect(collector: Collector, key: string): void {
  const { client, alive } = collector;
  const [kind = '', namespace = '', name = ''] = key.split('/');
  const object = client.get(kind, namespace, name);
  if (object === null) return;
  if (list(object, 'metadata', 'finalizers').includes('orphan') && isDeleting(object)) return orphan(collector, object);
  const owners = ownersOf(object);
  const left = owners.filter((owner) => alive.has(text(owner, 'uid')));
  if (owners.length === 0 || left.length === owners.length) return;
  if (left.length === 0) client.remove(object, { propagationPolicy: 'Background' });
  else client.patch(object, { metadata: { ownerReferences: left } });
}

function orphan(collector: Collector, object: Json): void {
  const uid = uidOf(object);
  for (const dependent of dependentsOf(collector, uid)) {
    const left = ownersOf(dependent).filter((owner) => text(owner, 'uid') !== uid);
    collector.client.patch(dependent, { metadata: { ownerReferences: left.length === 0 ? null : left } });
  }
  const finalizers = list(object, 'metadata', 'finalizers').filter((each) => each !== 'orphan');
  collector.client.patch(object, { metadata: { finalizers } });
}

/** Runs the collector in a world. */
export function runGarbageCollector(habitat: Habitat): void {
  const client = clientOf(habitat.api, 'generic-garbage-collector');
  const collector = { habitat, client, alive: new Set<string>() };
  const queue = makeQueue(habitat, delays, (key) => collect(collector, key));
  const nudge = (kind: string, object: unknown): void =>
    queue.nudge(`${kind}/${namespaceOf(object)}/${nameOf(object)}`);
  habitat.api.store.onChange(({ type, kind, object }) => {
    if (type === 'DELETED') {
      collector.alive.delete(uidOf(object));
      for (const dependent of dependentsOf(collector, uidOf(object))) nudge(text(dependent, 'kind'), dependent);
      return;
    }
    collector.alive.add(uidOf(object));
    const orphaning = isDeleting(object) && list(object, 'metadata', 'finalizers').includes('orphan');
    const ownerless = ownersOf(object).some((owner) => !collector.alive.has(text(owner, 'uid')));
    if (orphaning || ownerless) nudge(kind.kind, object);
  });
}
