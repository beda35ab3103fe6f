/** Owns: small changes of facts that several readers of observations share. */
import { labels, labelValues } from '../shared/names.ts';
import type { Facts, Memory, ObjectFact, World } from './facts.ts';
import { objectKey } from './intents.ts';
import type { ObjectProjection, ObjectRef } from './observations.ts';

/** A record without one key; the same record when the key is not there. */
export function without<T>(record: Readonly<Record<string, T>>, key: string): Readonly<Record<string, T>> {
  if (!(key in record)) return record;
  return Object.fromEntries(Object.entries(record).filter(([each]) => each !== key));
}

/** A record with only these keys; the same record when that is all of them. */
export function keptKeys<T>(
  record: Readonly<Record<string, T>>,
  keep: (key: string) => boolean,
): Readonly<Record<string, T>> {
  const keys = Object.keys(record);
  if (keys.every(keep)) return record;
  return Object.fromEntries(Object.entries(record).filter(([key]) => keep(key)));
}

/** The object as it is now. The same sight once more changes nothing: neither `since`, nor the words for what differed. */
export function sawObject(world: World, seen: ObjectFact): World {
  const key = objectKey(seen.object);
  const before = world.objects[key];
  const same = before !== undefined && JSON.stringify(before.object) === JSON.stringify(seen.object);
  return { ...world, objects: { ...world.objects, [key]: same ? before : seen } };
}

/** The object called `ref` with this uid is no more; another uid under that name stays. */
export function lostObject(facts: Facts, ref: ObjectRef, uid: string | null): Facts {
  const key = objectKey(ref);
  const seen = facts.world.objects[key];
  const world =
    seen !== undefined && (uid === null || seen.object.uid === uid)
      ? without(facts.world.objects, key)
      : facts.world.objects;
  const expected = facts.memory.expected[key];
  const memory =
    expected !== undefined && (uid === null || expected.uid === uid)
      ? { ...facts.memory, expected: without(facts.memory.expected, key) }
      : facts.memory;
  const { failedStarts = {} } = memory;
  const isFailed = ref.kind === 'Pod' && (uid === null || failedStarts[ref.name] === uid);
  const left = isFailed ? withOccasional(memory, 'failedStarts', without(failedStarts, ref.name)) : memory;
  return { world: { ...facts.world, objects: world }, memory: left };
}

/** Fields of memory that are absent while there is nothing to say in them. */
type Occasional = {
  [Field in keyof Memory]-?: undefined extends Memory[Field] ? Field : never;
}[keyof Memory];

/** Memory with this value in an occasional field; without the field where there is no value, or a record with nothing in it. */
export function withOccasional<Field extends Occasional>(
  memory: Memory,
  field: Field,
  value: Memory[Field] | undefined,
): Memory {
  const now = value === undefined || Object.keys(value).length === 0 ? undefined : value;
  if (memory[field] === now) return memory;
  const { [field]: _before, ...rest } = memory;
  return (now === undefined ? rest : { ...rest, [field]: now }) as Memory;
}

/** Kubernetes Events that wait to be sent; of more the oldest are dropped. */
export const eventsMax = 20;

/** Memory with one more Kubernetes Event to send. */
export function withEvent(memory: Memory, event: Memory['events'][number]): Memory {
  return { ...memory, events: [...memory.events, event].slice(-eventsMax) };
}

/** Whether no watch has shown the object of this key; the PostgresCluster itself is not among the objects. */
export function isUnseen(world: World, key: string): boolean {
  return !key.startsWith('PostgresCluster/') && world.objects[key] === undefined;
}

/** Whether watches show an object that was read by name, and tell when it goes: they ask for our labels. */
export function isWatched({ cluster }: World, object: ObjectProjection): boolean {
  const isManaged = (object.labels[labels.managedBy] ?? labelValues.managedBy) === labelValues.managedBy;
  return isManaged && object.labels[labels.cluster] === cluster?.seen.name;
}

/** Keys of objects that no watch will ever show. */
export function unwatched(world: World): readonly string[] {
  // Nobody waits for anything to go once the cluster itself has gone.
  if (world.cluster === null) return [];
  return Object.entries(world.objects)
    .filter(([, { object }]) => !isWatched(world, object))
    .map(([key]) => key);
}

/** Armed timers with one more; an armed timer of that id is replaced. */
export function armed(timers: Memory['timers'], id: string, dueAt: number, because: string): Memory['timers'] {
  return { ...timers, [id]: { dueAt, because } };
}
