/** Owns: a war over a field of ours: another controller writes it back whenever we do, until it leaves. */
import { condition, isRunning, name, namespace, replicaServiceType, type Act } from './acts.ts';
import { makeRival, type Rival } from './controllers/rival.ts';
import { text } from './json.ts';
import type { World } from './world.ts';

const rivals = new WeakMap<World, Rival>();

/** The operator gives up for a while, and says so. */
export const war: Act = {
  what: 'another controller that writes a field back',
  act: (world) => {
    const rival = makeRival(world, 'another-controller', {
      kind: 'Service',
      namespace,
      name: `${name}-repl`,
      wants: (object) => (text(object, 'spec', 'type') === 'NodePort' ? null : { spec: { type: 'NodePort' } }),
    });
    rivals.set(world, rival);
  },
  until: (world) => condition(world, 'ReconcileFailing') === 'True EditWar' && isRunning(world),
};

/** It leaves, and nobody does anything: the operator tries again by itself, and then it is over. */
export const peace: Act = {
  what: 'the other controller leaves',
  act: (world) => rivals.get(world)?.leave(),
  until: (world) =>
    replicaServiceType(world) === 'ClusterIP' &&
    condition(world, 'ReconcileFailing') === 'False NoErrors' &&
    isRunning(world),
  withinMs: 1_200_000,
};
