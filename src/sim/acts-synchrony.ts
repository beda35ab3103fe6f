/** Owns: acts of people who switch synchronous replication on and off, and change a cluster while it is on. */
import { at, list, number, parsed, text, type Json } from './json.ts';
import { clusterOf, edit, name, namespace, type Act } from './acts.ts';
import type { World } from './world.ts';

function annotationsOf({ user }: World, suffix: string): Json {
  const object = user.get('Endpoints', namespace, `${name}-${suffix}`);
  return at(object, 'metadata', 'annotations');
}

function isRolledOut(world: World): boolean {
  const cluster = clusterOf(world);
  return number(cluster, 0, 'status', 'rolledOutGeneration') === number(cluster, 1, 'metadata', 'generation');
}

/** Members that Patroni relies on, and that status names so. */
function standbys(world: World): readonly string[] {
  const names = text(annotationsOf(world, 'sync'), 'sync_standby').split(',');
  const told = list(clusterOf(world), 'status', 'members').filter((each) => text(each, 'role') === 'sync_standby');
  const toldNames = told.map((each) => text(each, 'name'));
  return names.filter((each) => each !== '' && toldNames.includes(each));
}

function says(world: World, key: string): unknown {
  return at(parsed(text(annotationsOf(world, 'config'), 'config') || null))[key];
}

/** Somebody asks for it on a cluster that runs. */
export const required: Act = edit(
  'synchronous replication, Required',
  { synchronous: { mode: 'Required', count: 1 } },
  (world) => isRolledOut(world) && standbys(world).length === 1 && says(world, 'synchronous_mode_strict') === true,
);

export const preferred: Act = edit(
  'synchronous replication, Preferred, by two',
  { synchronous: { mode: 'Preferred', count: 2 } },
  (world) => isRolledOut(world) && standbys(world).length === 2 && says(world, 'synchronous_mode_strict') === false,
);

export const asynchronous: Act = edit(
  'no synchronous replication',
  { synchronous: null },
  (world) =>
    isRolledOut(world) &&
    text(annotationsOf(world, 'sync'), 'leader') === '' &&
    says(world, 'synchronous_mode') === undefined,
);

/** Fewer members while commits have to be confirmed. */
export const fewer: Act = edit(
  'two members',
  { replicas: 2 },
  (world) => isRolledOut(world) && standbys(world).length === 1 && world.user.list('Pod', namespace).length === 2,
);

/** A single member, to whom nobody could confirm: both at once. */
export const alone: Act = edit(
  'one member, and no synchronous replication',
  { replicas: 1, synchronous: null },
  (world) =>
    isRolledOut(world) &&
    world.user.list('Pod', namespace).length === 1 &&
    says(world, 'synchronous_mode') === undefined,
);
