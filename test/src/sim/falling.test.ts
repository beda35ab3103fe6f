/**
 * Hazard: a parameter falls, and a replica starts anew by a report that is older than its primary's own start: it has not replayed
 * that its primary has less, keeps what it had, and has to start once more.
 */
import { afterAll, describe, expect, it } from 'vitest';
import { text, type Json } from '#src/sim/json.ts';
import { namespace } from '#src/sim/acts.ts';
import { makeScratch } from '#src/sim/scratch.ts';
import { openWorld, unheard, type World } from '#src/sim/world.ts';

const { folder: scratch, remove } = makeScratch();
afterAll(remove);

/** A cluster of three, with its operator and a parameter that is higher than usual. */
async function openCluster(seed: number, version: string): Promise<World> {
  const plan = { seed, scenario: 'falling', steps: [] } as const;
  const world = openWorld({ plan, scratch, operators: ['operator-0'], events: unheard });
  for (const name of [namespace, 'operators']) world.user.create('Namespace', { metadata: { name } });
  const spec = { version, replicas: 3, storage: { size: '1Gi' }, postgresqlParams: { max_connections: '200' } };
  const kind = { apiVersion: 'postgres.example.com/v1alpha1', kind: 'PostgresCluster' };
  await world.schedule.run(3_000);
  world.user.create('PostgresCluster', { ...kind, metadata: { name: 'shop', namespace }, spec });
  await world.schedule.run(900_000, () => text(clusterIn(world), 'status', 'phase') === 'Running');
  return world;
}

function clusterIn(world: World): Json {
  return world.user.get('PostgresCluster', namespace, 'shop') ?? {};
}

function isLow(world: World): boolean {
  const members = [...world.kubelets.members().values()];
  return members.every((member) => member.shownSettings(['max_connections']).startsWith('max_connections 100'));
}

describe('a parameter that falls', () => {
  it.each([
    // Patroni 4.0 says that a replica streams, for up to ten seconds after it did; 3.0 never does.
    ['17', 1],
    ['15', 2],
  ])('takes one start of each member (PostgreSQL %s, seed %s)', async (version, seed) => {
    const world = await openCluster(seed, version);
    const starts: string[] = [];
    world.kubelets.onDeed((key, deed) => void (deed === 'pending restart' && starts.push(key)));
    world.user.patch(clusterIn(world), { spec: { postgresqlParams: null } });
    const isOver = (): boolean => isLow(world) && text(clusterIn(world), 'status', 'phase') === 'Running';
    expect(await world.schedule.run(600_000, isOver)).toBe('over');
    world.close();
    expect(starts.toSorted()).toEqual(['shop-0', 'shop-1', 'shop-2'].map((name) => `${namespace}/${name}`));
  });
});
