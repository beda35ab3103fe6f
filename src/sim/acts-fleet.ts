/** Owns: acts on many clusters at once: the same edit of all of them, one that goes well and one that does not. */
import { at, list, number, text, type Json } from './json.ts';
import { namespace, type Act } from './acts.ts';
import { nameOf } from './api/store.ts';
import { isReady } from './patroni/report.ts';
import type { World } from './world.ts';

const names = ['one', 'two', 'three'] as const;

/** Flags: whoever is changed is changed alone. */
export const oneAtATime: readonly string[] = ['--max-disruptions', '1'];

function fleetOf({ user }: World): readonly Json[] {
  return user.list('PostgresCluster', namespace);
}

function isCalm(cluster: Json): boolean {
  const generation = number(cluster, 1, 'metadata', 'generation');
  return (
    text(cluster, 'status', 'phase') === 'Running' && number(cluster, 0, 'status', 'rolledOutGeneration') === generation
  );
}

function image(world: World, cluster: Json): string {
  const pod = world.user.get('Pod', namespace, `${nameOf(cluster)}-0`);
  return isReady(pod) ? text(list(pod, 'spec', 'containers')[0], 'image') : '';
}

function editAll(what: string, spec: Json, until: (world: World) => boolean): Act {
  const act = (world: World): void => {
    for (const cluster of fleetOf(world)) world.user.patch(cluster, { spec });
  };
  return { what, act, until, withinMs: 900_000 };
}

/** Clusters of one member each. */
export const createFleet: Act = {
  what: 'create three clusters',
  act: ({ user }) => {
    for (const name of names)
      user.create('PostgresCluster', {
        apiVersion: 'postgres.example.com/v1alpha1',
        kind: 'PostgresCluster',
        metadata: { name, namespace },
        spec: { version: '17', replicas: 1, storage: { size: '10Gi' } },
      });
  },
  until: (world) => fleetOf(world).length === names.length && fleetOf(world).every(isCalm),
};

const next = 'registry/spilo:next';

/** All get it, one after the other. */
export const newImageEverywhere = editAll('another image everywhere', { image: next }, (world) =>
  fleetOf(world).every((cluster) => isCalm(cluster) && image(world, cluster) === next),
);

function isStopped(cluster: Json): boolean {
  return text(cluster, 'status', 'nextAction').includes('the same change does not go well on');
}

function valid(cluster: Json): string {
  const condition = list(cluster, 'status', 'conditions').find((each) => text(each, 'type') === 'ConfigurationValid');
  return text(condition, 'reason');
}

/** The first cluster goes back to what ran before; the others were never touched, and say why. */
export const badImageEverywhere = editAll(
  'an image that is not there, everywhere',
  { image: 'registry/broken:1' },
  (world) => {
    const fleet = fleetOf(world);
    const failed = fleet.filter((cluster) => valid(cluster) === 'RolloutFailed');
    const isBack = failed.every((cluster) => image(world, cluster) !== '');
    // Who forgets how it went elsewhere lets another one go first.
    const others = fleet.filter((cluster) => isStopped(cluster) && !failed.includes(cluster));
    return failed.length > 0 && others.length > 0 && isBack && failed.length + others.length === names.length;
  },
);

/** The image is put right where it failed, then everywhere. */
export const mended = editAll('an image that is there, everywhere', { image: next }, (world) =>
  fleetOf(world).every(
    (cluster) => isCalm(cluster) && image(world, cluster) === next && at(cluster, 'status')['nextAction'] === undefined,
  ),
);
