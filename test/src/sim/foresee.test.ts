/**
 * A plan is what happens: every row is an edit that is planned from the journal as it stands, then made in the world, whose
 * rows are held against the plan: the same effects in the same order, the same members, switchovers, class, and end.
 * The world's chance is another than the plan's, and its cluster has lived.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mentioned } from '#src/cli/source.ts';
import { rank } from '#machines/cluster/tables/permission.ts';
import { outcomeOfEdit, type EditOutcome } from '#src/export/edit.ts';
import { exceeds, type EditPlan } from '#src/export/edit-plan.ts';
import { differencesOf } from '#src/export/edit-words.ts';
import type { RecordRow } from '#src/journal/record.ts';
import { makeCore } from '#src/replay/core.ts';
import { standAt } from '#src/replay/walk.ts';
import { clusterOf, create, isRunning, name, namespace } from '#src/sim/acts.ts';
import { admitted, foresee } from '#src/sim/foresee.ts';
import { at, merged, number, text, type Json } from '#src/sim/json.ts';
import { openEmpty } from '#src/sim/present.ts';
import { makeScratch } from '#src/sim/scratch.ts';
import type { World } from '#src/sim/world.ts';

const { folder: scratch, remove } = makeScratch();
afterAll(remove);

const core = makeCore();

/** What an edit is expected to be, so that a row cannot be as planned by being nothing. */
interface Row {
  readonly what: string;
  /** Merged into the spec; null takes a field out. */
  readonly spec: Json;
  readonly annotations?: Json;
  readonly cost: EditPlan['cost']['disruption'];
  /** What users notice; as it costs at most unless it is named. */
  readonly noticed?: EditPlan['cost']['disruption'];
  readonly end: EditOutcome['end']['type'] | 'not admitted';
  /** Who holds it. */
  readonly hold?: 'Paused' | 'Observe' | 'PendingApproval' | 'Window';
}

interface Rows {
  readonly rows: readonly RecordRow[];
  readonly getBlob: (hash: string) => string;
  readonly from: null;
}

function rowsOf(world: World): Rows {
  const reader = world.operators[0]?.journal()?.reader;
  const cluster = reader?.clusters()[0];
  if (reader === undefined || cluster === undefined) throw new Error('the operator does not lead');
  const rows = reader.rows({ uid: cluster.uid });
  const blobs = new Map(mentioned(rows).map((hash) => [hash, reader.blob(hash)]));
  return { rows, getBlob: (hash) => blobs.get(hash) ?? '', from: null };
}

async function born(spec: Json, seed: number): Promise<World> {
  const world = openEmpty({ dcs: 'Endpoints' }, { seed, scratch });
  await world.schedule.run(1_000);
  create(spec).act(world);
  await world.schedule.run(600_000, () => isRunning(world));
  await world.schedule.run(60_000);
  return world;
}

/** Makes the edit, and waits until nothing goes on any more. */
async function make(world: World, { spec, annotations = {} }: Row): Promise<void> {
  const cluster = clusterOf(world);
  if (cluster !== null) world.user.patch(cluster, { spec, metadata: { annotations } });
  await world.schedule.run(5_000);
  const seen = (): boolean => {
    const now = clusterOf(world);
    const isSeen = number(now, 0, 'status', 'observedGeneration') === number(now, 1, 'metadata', 'generation');
    return isSeen && text(now, 'status', 'phase') === 'Running';
  };
  await world.schedule.run(7_200_000, seen);
  await world.schedule.run(30_000);
}

async function planAndMake(world: World, row: Row): Promise<{ plan: EditPlan | null; happened: EditOutcome | null }> {
  const before = rowsOf(world);
  const stood = standAt(core, before);
  if (stood === null) throw new Error('nothing stands');
  const now = at(clusterOf(world));
  const spec = at(merged(at(now, 'spec'), row.spec));
  const { apiVersion, kind } = now;
  const object = { apiVersion, kind, metadata: { name, annotations: row.annotations ?? {} }, spec };
  const answer = admitted(core, { namespace, name, object }, stood);
  const plan =
    answer.type === 'refused'
      ? null
      : await foresee(
          core,
          { stood, wanted: answer.wanted, at: world.schedule.nowMs(), stands: '' },
          { scratch, seed: 1 },
        );
  await make(world, row);
  const { rows, getBlob, from } = rowsOf(world);
  const first = rows.find(({ seq, type }) => seq > stood.seq && type === 'ClusterSeen');
  return {
    plan,
    happened: first === undefined ? null : outcomeOfEdit(core, { rows, getBlob, from, fromSeq: first.seq }),
  };
}

/** Lives of clusters: each edit follows the ones before it. */
const lives: readonly { readonly of: string; readonly spec: Json; readonly rows: readonly Row[] }[] = [
  {
    of: 'two members, their parameters',
    spec: {},
    rows: [
      {
        what: 'a parameter by reload',
        spec: { postgresqlParams: { work_mem: '8MB' } },
        cost: 'Reload',
        end: 'rolled out',
      },
      {
        what: 'one that needs a start',
        spec: { postgresqlParams: { max_connections: '200' } },
        cost: 'Switchover',
        end: 'rolled out',
      },
      {
        what: 'one up, one down, one by reload',
        spec: { postgresqlParams: { max_connections: '150', max_worker_processes: '12', work_mem: '6MB' } },
        cost: 'Switchover',
        end: 'rolled out',
      },
      { what: 'no parameters', spec: { postgresqlParams: null }, cost: 'Switchover', end: 'rolled out' },
      {
        what: 'one that PostgreSQL does not know',
        spec: { postgresqlParams: { wrok_mem: '1MB' } },
        cost: 'Reload',
        end: 'refused',
      },
      { what: 'none of it', spec: { postgresqlParams: null }, cost: 'None', end: 'rolled out' },
      {
        what: 'one no member starts with',
        spec: { postgresqlParams: { huge_pages: 'on' } },
        cost: 'Switchover',
        noticed: 'ReplicaRestart',
        end: 'taken back',
      },
      { what: 'taken out again', spec: { postgresqlParams: null }, cost: 'None', end: 'rolled out' },
    ],
  },
  {
    of: 'three members, what they are made of',
    spec: { replicas: 3 },
    rows: [
      { what: 'another image', spec: { image: 'registry/spilo:next' }, cost: 'Switchover', end: 'rolled out' },
      {
        what: 'resources',
        spec: { resources: { requests: { memory: '1Gi' } } },
        cost: 'Switchover',
        end: 'rolled out',
      },
      { what: 'a variable', spec: { env: [{ name: 'TEAM', value: 'blue' }] }, cost: 'Switchover', end: 'rolled out' },
      {
        what: 'access rules and a placement at once',
        spec: {
          pgHba: ['hostssl orders clerk 10.0.0.0/8 scram-sha-256'],
          placement: { nodeSelector: { disk: 'ssd' } },
        },
        cost: 'Switchover',
        end: 'rolled out',
      },
      {
        what: 'a variable that is the image’s',
        spec: { env: [{ name: 'PGVERSION', value: '15' }] },
        cost: 'None',
        end: 'not admitted',
      },
      {
        what: 'confirmed commits',
        spec: { synchronous: { mode: 'Required' } },
        cost: 'Reload',
        end: 'rolled out',
      },
      {
        what: 'other resources, with confirmed commits',
        spec: { resources: { requests: { memory: '2Gi' } } },
        cost: 'Switchover',
        end: 'rolled out',
      },
      { what: 'commits that are not confirmed', spec: { synchronous: null }, cost: 'Reload', end: 'rolled out' },
    ],
  },
  {
    of: 'one member',
    spec: { replicas: 1 },
    rows: [
      { what: 'another image, alone', spec: { image: 'registry/spilo:next' }, cost: 'Outage', end: 'rolled out' },
      {
        what: 'a start, alone',
        spec: { postgresqlParams: { max_connections: '120' } },
        cost: 'Outage',
        end: 'rolled out',
      },
      { what: 'three members', spec: { replicas: 3 }, cost: 'None', end: 'rolled out' },
      { what: 'two members', spec: { replicas: 2 }, cost: 'ReplicaRestart', end: 'rolled out' },
      {
        what: 'another number and another image at once',
        spec: { replicas: 3, image: 'registry/spilo:last' },
        cost: 'Switchover',
        end: 'rolled out',
      },
      { what: 'one again', spec: { replicas: 1 }, cost: 'Switchover', end: 'rolled out' },
      { what: 'larger volumes', spec: { storage: { size: '20Gi' } }, cost: 'None', end: 'rolled out' },
      // Its budget stands, and so do the volumes that stayed, as small as they were.
      { what: 'three again', spec: { replicas: 3 }, cost: 'None', end: 'rolled out' },
      {
        what: 'another size, another number, a start and resources at once',
        spec: {
          replicas: 2,
          storage: { size: '24Gi' },
          postgresqlParams: { max_connections: '200' },
          resources: { requests: { memory: '1Gi' } },
        },
        cost: 'Switchover',
        end: 'rolled out',
      },
      { what: 'volumes of members that went go', spec: { volumePolicy: 'Delete' }, cost: 'None', end: 'rolled out' },
      {
        what: 'a start that is asked for',
        spec: {},
        annotations: { 'postgres.example.com/restart': 'once' },
        cost: 'None',
        noticed: 'Switchover',
        end: 'rolled out',
      },
    ],
  },
  {
    of: 'two members, what needs no start',
    spec: {},
    rows: [
      {
        what: 'the service',
        spec: { service: { type: 'NodePort', annotations: { 'example.com/cloud': 'y' } } },
        cost: 'None',
        end: 'rolled out',
      },
      {
        what: 'labels and annotations',
        spec: { podMetadata: { labels: { team: 'blue' }, annotations: { 'example.com/note': 'x' } } },
        cost: 'None',
        end: 'rolled out',
      },
      { what: 'Patroni’s timing', spec: { patroni: { ttl: 60, loopWait: 5 } }, cost: 'Reload', end: 'rolled out' },
      { what: 'larger volumes', spec: { storage: { size: '20Gi' } }, cost: 'None', end: 'rolled out' },
      { what: 'a member more, of larger volumes', spec: { replicas: 3 }, cost: 'None', end: 'rolled out' },
      { what: 'two again', spec: { replicas: 2 }, cost: 'ReplicaRestart', end: 'rolled out' },
      { what: 'smaller volumes', spec: { storage: { size: '10Gi' } }, cost: 'None', end: 'not admitted' },
      {
        what: 'another class of volumes',
        spec: { storage: { storageClass: 'fast' } },
        cost: 'None',
        end: 'not admitted',
      },
      {
        what: 'none of the service and the labels',
        spec: { service: null, podMetadata: null },
        cost: 'None',
        end: 'rolled out',
      },
      { what: 'volumes that stay', spec: { volumePolicy: 'Delete' }, cost: 'None', end: 'rolled out' },
      { what: 'protection', spec: { deletionProtection: true }, cost: 'None', end: 'rolled out' },
      {
        what: 'windows',
        spec: { maintenanceWindows: [{ schedule: '0 2 * * SUN', duration: '2h' }] },
        cost: 'None',
        end: 'rolled out',
      },
      {
        what: 'windows that are none',
        spec: { maintenanceWindows: [{ schedule: 'on Sundays', duration: '2h' }] },
        cost: 'None',
        end: 'refused',
      },
      {
        what: 'what is not built',
        spec: { maintenanceWindows: null, metrics: { enabled: true } },
        cost: 'None',
        end: 'refused',
      },
      { what: 'nothing of that', spec: { metrics: null }, cost: 'None', end: 'rolled out' },
      { what: 'another major', spec: { version: '16' }, cost: 'None', end: 'not admitted' },
    ],
  },
  {
    of: 'two members that are held',
    spec: { storage: { size: '10Gi', storageClass: 'fixed' } },
    rows: [
      { what: 'no more than a reload', spec: { maxDisruption: 'Reload' }, cost: 'None', end: 'rolled out' },
      {
        what: 'more than that',
        spec: { image: 'registry/spilo:next' },
        cost: 'Switchover',
        end: 'held',
        hold: 'PendingApproval',
      },
      {
        what: 'a reload instead',
        spec: { image: null, postgresqlParams: { work_mem: '8MB' } },
        cost: 'Reload',
        end: 'rolled out',
      },
      { what: 'paused', spec: { maxDisruption: null, paused: true }, cost: 'None', end: 'rolled out' },
      {
        what: 'an image while paused',
        spec: { image: 'registry/spilo:next' },
        cost: 'Switchover',
        end: 'held',
        hold: 'Paused',
      },
      { what: 'resumed', spec: { paused: false }, cost: 'Switchover', end: 'rolled out' },
      {
        what: 'observed, with a start',
        spec: { mode: 'Observe', postgresqlParams: { max_connections: '120' } },
        cost: 'Switchover',
        end: 'held',
        hold: 'Observe',
      },
      { what: 'managed', spec: { mode: 'Manage' }, cost: 'Switchover', end: 'rolled out' },
      {
        what: 'a window far away, and an image',
        spec: { image: 'registry/spilo:last', maintenanceWindows: [{ schedule: '0 2 1 6 *', duration: '2h' }] },
        cost: 'Switchover',
        end: 'held',
        hold: 'Window',
      },
      { what: 'no window', spec: { maintenanceWindows: null }, cost: 'Switchover', end: 'rolled out' },
      {
        what: 'larger volumes in a class that cannot',
        spec: { storage: { size: '20Gi' } },
        cost: 'None',
        end: 'taken back',
      },
    ],
  },
];

describe.each(lives)('$of', ({ spec, rows }) => {
  let world: World;
  beforeAll(async () => {
    world = await born(spec, 99);
  }, 120_000);
  afterAll(() => world.close());

  it.each(rows.map((row) => [row.what, row] as const))(
    '%s',
    async (_what, row) => {
      const { plan, happened } = await planAndMake(world, row);
      if (row.end === 'not admitted') {
        expect(plan).toBe(null);
        expect(happened).toBe(null);
        return;
      }
      if (plan === null || happened === null) throw new Error('it was not admitted');
      expect({ cost: plan.cost.disruption, hold: plan.hold?.by, end: happened.end.type }).toEqual({
        cost: row.cost,
        hold: row.hold,
        end: row.end,
      });
      expect(differencesOf(plan, happened)).toEqual([]);
      // What is asked of `--max` is what users notice, whoever asked for it.
      expect(exceeds(plan, happened.disruption)).toBe(rank(row.cost) > rank(happened.disruption));
      if (happened.disruption !== 'None') expect(exceeds(plan, 'None')).toBe(true);
      if (row.end === 'rolled out' || row.end === 'taken back')
        expect(happened.disruption).toBe(row.noticed ?? row.cost);
    },
    60_000,
  );
});
