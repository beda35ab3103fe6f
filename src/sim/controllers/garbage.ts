/**
 * Owns: the garbage collector: what all owners of are gone is deleted; `orphan` lets dependents go first, and
 * `foregroundDeletion` waits until those are gone that say they block their owner's deletion.
 */
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

const foreground = 'foregroundDeletion';

/** Whether an object's deletion waits for the collector's part in this. */
function waitsFor(object: unknown, finalizer: string): boolean {
  return isDeleting(object) && list(object, 'metadata', 'finalizers').includes(finalizer);
}

function without(collector: Collector, object: Json, finalizer: string): void {
  const finalizers = list(object, 'metadata', 'finalizers').filter((each) => each !== finalizer);
  collector.client.patch(object, { metadata: { finalizers } });
}

/** Deletes the dependents; the owner goes once none is left that blocks it. */
function sweep(collector: Collector, object: Json): void {
  const uid = uidOf(object);
  const dependents = dependentsOf(collector, uid);
  for (const each of dependents)
    if (!isDeleting(each)) collector.client.remove(each, { propagationPolicy: 'Background' });
  const isBlocked = dependentsOf(collector, uid).some((each) =>
    ownersOf(each).some((owner) => text(owner, 'uid') === uid && owner['blockOwnerDeletion'] === true),
  );
  if (!isBlocked) without(collector, object, foreground);
}

function collect(collector: Collector, key: string): void {
  const { client, alive } = collector;
  const [kind = '', namespace = '', name = ''] = key.split('/');
  const object = client.get(kind, namespace, name);
  if (object === null) return;
  if (waitsFor(object, 'orphan')) return orphan(collector, object);
  if (waitsFor(object, foreground)) return sweep(collector, object);
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
  without(collector, object, 'orphan');
}

/** Runs the collector in a world. */
export function runGarbageCollector(habitat: Habitat): void {
  const client = clientOf(habitat.api, 'generic-garbage-collector');
  const collector = { habitat, client, alive: new Set<string>() };
  const queue = makeQueue(habitat, delays, (key) => collect(collector, key));
  const nudge = (kind: string, object: unknown): void =>
    queue.nudge(`${kind}/${namespaceOf(object)}/${nameOf(object)}`);
  const nudgeOwner = (owner: Json, object: unknown): void =>
    queue.nudge(`${text(owner, 'kind')}/${namespaceOf(object)}/${text(owner, 'name')}`);
  habitat.api.store.onChange(({ type, kind, object }) => {
    if (type === 'DELETED') {
      collector.alive.delete(uidOf(object));
      for (const dependent of dependentsOf(collector, uidOf(object))) nudge(text(dependent, 'kind'), dependent);
      for (const owner of ownersOf(object)) if (collector.alive.has(text(owner, 'uid'))) nudgeOwner(owner, object);
      return;
    }
    collector.alive.add(uidOf(object));
    const orphaning = waitsFor(object, 'orphan') || waitsFor(object, foreground);
    const ownerless = ownersOf(object).some((owner) => !collector.alive.has(text(owner, 'uid')));
    if (orphaning || ownerless) nudge(kind.kind, object);
  });
}
