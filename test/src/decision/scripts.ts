/** Owns: what scripts of lives are made of: where they begin, and happenings that need an argument. */
import { askTimer } from '#machines/cluster/backoff.ts';
import { labels } from '#machines/shared/names.ts';
import { answered, failed, type Fault } from './answers.ts';
import { calm, deletedByUser, edited, fair, timerFires, type Happening } from './happenings.ts';
import { amnesiac, introduced, newWorld, shown, told, twoMembers, type SmallWorld } from './small-world.ts';

/** One after the other; what cannot happen is a mistake of the script. */
export function row(world: SmallWorld, ...happenings: readonly Happening[]): SmallWorld {
  return happenings.reduce((now, happening, index) => {
    const next = happening(now);
    if (next === null) throw new Error(`happening ${index} cannot happen: the machine is in ${now.snapshot.state}`);
    return next;
  }, world);
}

export const start: Happening = (world) => introduced(told(world, { type: 'ProcessStarted', build: 'test', epoch: 1 }));

/** Running, with nothing left to ask. */
export function running(spec = twoMembers): SmallWorld {
  return { ...fair(row(newWorld(spec), start)), decisions: [] };
}

/** Every object exists, no pod does. */
export function created(spec = twoMembers): SmallWorld {
  return { ...row(newWorld(spec), start, calm), decisions: [] };
}

export const hand =
  (deed: (world: SmallWorld, key: string) => SmallWorld | null, key: string): Happening =>
  (world) =>
    deed(world, key);

export const edit =
  (change: Parameters<typeof edited>[1]): Happening =>
  (world) =>
    edited(world, change);

/** An object is seen changed. */
export const alter =
  (key: string, change: Partial<SmallWorld['objects'][string]>): Happening =>
  (world) => {
    const object = world.objects[key];
    return object === undefined ? null : shown(world, { ...object, ...change });
  };

export const stale: Happening = (world) =>
  told(world, { type: 'SourceWentStale', source: 'pods', because: 'nothing was heard for 60 s' });
export const fresh: Happening = (world) => told(world, { type: 'SourceFresh', source: 'pods' });
export const silent: Happening = (world) => told(world, { type: 'LeaderSilent', silentMs: 30_000 });
export const heard: Happening = (world) => told(world, { type: 'LeaderHeard' });
/** The next of a state's own timers; what Kubernetes warns of is asked where a life says so. */
export const timer: Happening = (world) =>
  timerFires(world, (id) => id !== askTimer && !id.startsWith('await/Events/'));

/** What is asked first and fits ends in a fault. */
export function faulted(fault: Fault, fits: (type: string, key: string) => boolean, landed = false): Happening {
  return (world) => {
    const asked = world.asked.find(({ intent }) => fits(intent.type, `${intent.target.kind}/${intent.target.name}`));
    return asked === undefined ? null : failed(world, asked, fault, landed);
  };
}

export const refusedStatefulSet: Happening = (world) => {
  // Everything before it is answered, until the StatefulSet is asked for.
  let now = world;
  for (let count = 0; count < 100; count += 1) {
    const next = now.asked[0];
    if (next === undefined) return null;
    if (next.intent.target.kind === 'StatefulSet') return calm(failed(now, next, 'refused'));
    now = answered(now, next);
  }
  return null;
};

/** The namesake of a deleted cluster, over what was kept of it. */
export function namesake(change: (world: SmallWorld) => SmallWorld = (world) => world, version = '17'): SmallWorld {
  const left = change(row(running(), (world) => deletedByUser(world), fair));
  const cluster = newWorld({ ...twoMembers, version: version as '17' }, { uid: 'uid-of-namesake' }).cluster;
  return { ...amnesiac({ ...left, cluster, published: null, decisions: [] }) };
}

export function retouched(
  world: SmallWorld,
  key: string,
  change: (object: SmallWorld['objects'][string]) => Partial<SmallWorld['objects'][string]>,
): SmallWorld {
  const object = world.objects[key];
  if (object === undefined) throw new Error(`${key} is not there`);
  return { ...world, objects: { ...world.objects, [key]: { ...object, ...change(object) } } };
}

export function without(world: SmallWorld, ...keys: readonly string[]): SmallWorld {
  const objects = Object.fromEntries(Object.entries(world.objects).filter(([key]) => !keys.includes(key)));
  return { ...world, objects };
}

/** A Service at our name that belongs to another cluster. */
export function foreignService(): SmallWorld['objects'][string] {
  const object = running().objects['Service/shop'];
  if (object === undefined) throw new Error('a running cluster has its Service');
  return { ...object, labels: { [labels.cluster]: 'other', [labels.clusterUid]: 'uid-of-other' } };
}

export const identifier = 'postgres.example.com/system-identifier';
export const claim = 'PersistentVolumeClaim/data-shop-0';
