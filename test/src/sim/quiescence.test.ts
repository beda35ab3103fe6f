/**
 * Quiescence: once every cluster is Running, nothing is written any more, however long nothing happens.
 * `CLUSTERS` and `HOURS` say how many clusters and how many hours of virtual time.
 */
import { afterAll, describe, expect, it } from 'vitest';
import { isChange, type Leaving } from '#src/sim/invariants/invariant.ts';
import { text } from '#src/sim/json.ts';
import { quiet } from '#src/sim/plan.ts';
import { makeScratch } from '#src/sim/scratch.ts';
import { openWorld, unheard, type World } from '#src/sim/world.ts';

const { folder: scratch, remove } = makeScratch();
afterAll(remove);

const clusters = Number(process.env['CLUSTERS'] ?? 3);
const hours = Number(process.env['HOURS'] ?? 1);
const names = Array.from({ length: clusters }, (_, index) => `shop-${index}`);
const namespace = 'team';
/** Virtual time that so many clusters may take to run, and the last riders of a status to be written. */
const createMs = 600_000;
const settleMs = 60_000;

function create({ user }: World, name: string): void {
  user.create('PostgresCluster', {
    apiVersion: 'postgres.example.com/v1alpha1',
    kind: 'PostgresCluster',
    metadata: { name, namespace },
    spec: {
      version: '17',
      replicas: 2,
      storage: { size: '10Gi' },
      database: { name: 'orders', owner: 'clerk' },
    },
  });
}

const isRunning = ({ user }: World, name: string): boolean =>
  text(user.get('PostgresCluster', namespace, name), 'status', 'phase') === 'Running';

describe('quiescence', () => {
  it(`${clusters} clusters that run write nothing in ${hours} hours`, async () => {
    const sent: string[] = [];
    let decided = 0;
    const onLeaving = (sender: string, request: Leaving['request']): void => {
      if (isChange(request)) sent.push(`${sender} ${request.method} ${request.path}`);
    };
    const world = openWorld({
      plan: quiet('create', 1),
      scratch,
      operators: ['operator-0'],
      events: {
        ...unheard,
        onLeaving,
        onFatal: (_, because) => sent.push(because),
        onPassage: (_, point) => {
          if (point === 'after-commit') decided += 1;
        },
      },
    });
    try {
      for (const name of names) create(world, name);
      await world.schedule.run(createMs, () => names.every((name) => isRunning(world, name)));
      expect(names.filter((name) => !isRunning(world, name))).toEqual([]);
      await world.schedule.run(settleMs);
      expect(sent.length).toBeGreaterThan(clusters * 8);
      sent.length = 0;
      decided = 0;
      const renewals = world.operators[0]?.requests() ?? 0;
      await world.schedule.run(hours * 3_600_000);
      expect(sent).toEqual([]);
      // It lives: the Lease is renewed all the time.
      expect((world.operators[0]?.requests() ?? 0) - renewals).toBeGreaterThan(hours * 100);
      process.stdout.write(`quiescence: ${clusters} clusters, ${hours} h, 0 writes, ${decided} commits\n`);
    } finally {
      world.close();
    }
  }, 7_200_000);
});
