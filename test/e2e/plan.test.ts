/**
 * A plan is what happens, on real Kubernetes, Patroni and PostgreSQL: every row is a manifest that `pgc plan` is asked about
 * on the running operator, then applied; what the journal tells afterwards is held against what was said before, and so is
 * what the pods and their PostgreSQL say themselves.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { EditOutcome, Fate } from '#src/export/edit.ts';
import type { EditPlan } from '#src/export/edit-plan.ts';
import { differencesOf, type EditComparison } from '#src/export/edit-words.ts';
import { imagesOf, secondName } from './support/changes.ts';
import type { Subject } from './support/database.ts';
import { pgcHere, type Answer } from './support/pgc.ts';
import { longerSuite } from './support/selection.ts';
import { allStreaming, createShop, primaryPod, settingOfEnvironment } from './support/shop.ts';
import { eventually, manifest, openWorld, psql, type World } from './world.ts';

const where = 'e2e-plan';

type Json = Readonly<Record<string, unknown>>;

/** What an edit is expected to be, so that a row cannot be as planned by being nothing. */
interface Row {
  readonly what: string;
  /** Fields of the spec that become another; null takes one out. */
  readonly spec: Json;
  readonly cost: EditPlan['cost']['disruption'];
  readonly end: EditOutcome['end']['type'] | 'not admitted';
  readonly hold?: 'Paused' | 'Observe' | 'PendingApproval' | 'Window';
  /** What users notice; as it costs at most unless it is named. */
  readonly noticed?: EditPlan['cost']['disruption'];
}

let world: World;
let shop: Subject;
let folder = '';
/** The manifest as it was applied last. */
let spec: Json = {};

const pgc = (...args: readonly string[]): Promise<Answer> => pgcHere(world, where, ...args);

function parsed<T>({ code, output }: Answer): T {
  if (!output.startsWith('{')) throw new Error(`pgc ended with ${code}: ${output}`);
  return JSON.parse(output) as T;
}

function edited(change: Json): Json {
  return Object.fromEntries(Object.entries({ ...spec, ...change }).filter(([, value]) => value !== null));
}

interface Member {
  readonly uid: string;
  readonly started: string;
}

/** What Kubernetes and PostgreSQL themselves say of each member. */
async function members(): Promise<ReadonlyMap<string, Member>> {
  const selector = `postgres.example.com/cluster=${shop.name}`;
  const list = (await world.json('--namespace', where, 'get', 'pods', '--selector', selector)) as {
    readonly items: readonly { readonly metadata: { readonly name: string; readonly uid: string } }[];
  };
  const found = list.items.map(async ({ metadata: { name, uid } }): Promise<[string, Member]> => [
    name,
    { uid, started: await psql(world, where, name, 'SELECT pg_postmaster_start_time()') },
  ]);
  return new Map(await Promise.all(found));
}

/** What became of each member, by what it said before and says after. */
function fates(before: ReadonlyMap<string, Member>, after: ReadonlyMap<string, Member>): readonly string[] {
  const fateOf = (name: string): Fate | null => {
    const [was, is] = [before.get(name), after.get(name)];
    if (was === undefined) return 'added';
    if (is === undefined) return 'removed';
    if (was.uid !== is.uid) return 'pod made anew';
    return was.started === is.started ? null : 'PostgreSQL started anew';
  };
  return [...new Set([...before.keys(), ...after.keys()])].flatMap((name) => {
    const fate = fateOf(name);
    return fate === null ? [] : [`${name} ${fate}`];
  });
}

async function generation(field: string): Promise<number> {
  const path = `jsonpath={${field}}`;
  return Number(await world.kubectl('--namespace', where, 'get', 'postgrescluster', shop.name, '--output', path));
}

/** The edit that was applied beside its plan, once it has come to this end. */
async function comparison(end: string): Promise<EditComparison> {
  const made = await generation('.metadata.generation');
  await eventually(
    `generation ${made} being seen, and what it asks for done`,
    async () => {
      const done = end === 'rolled out' ? '.status.rolledOutGeneration' : '.status.observedGeneration';
      return (await generation(done)) === made;
    },
    400_000,
  );
  return eventually(`generation ${made} being ${end}`, async () => {
    const compared = parsed<EditComparison>(
      await pgc('plan', shop.name, '--compare', '--generation', String(made), '--output', 'json'),
    );
    return compared.happened.end.type === end ? compared : null;
  });
}

async function planAndApply(row: Row): Promise<void> {
  const before = await members();
  const { name: primary } = await primaryPod(world, shop);
  const wanted = edited(row.spec);
  const text = manifest({ namespace: where, name: shop.name, spec: wanted });
  const file = join(folder, 'edit.json');
  writeFileSync(file, text);
  const answer = await pgc('plan', '--filename', file, '--output', 'json');
  const plan = parsed<EditPlan>(answer);
  if (row.end === 'not admitted') {
    expect(plan.refused.join(' ')).toContain('by the API server');
    expect(answer.code).toBe(4);
    await expect(world.apply(text)).rejects.toThrow(/invalid/i);
    return;
  }
  await world.apply(text);
  spec = wanted;
  const compared = await comparison(row.end);
  const { happened } = compared;
  process.stdout.write(
    `plan ${JSON.stringify({ what: row.what, cost: plan.cost.disruption, happened, differences: compared.differences })}\n`,
  );
  expect({ cost: plan.cost.disruption, hold: plan.hold?.by, end: happened.end.type }).toEqual({
    cost: row.cost,
    hold: row.hold,
    end: row.end,
  });
  expect(differencesOf(plan, happened), 'what was said before').toEqual([]);
  expect(compared.differences, 'the plan made again from the rows before').toEqual([]);
  if (row.end === 'rolled out') {
    expect(happened.disruption).toBe(row.noticed ?? row.cost);
    await allStreaming(world, shop, Number(wanted['replicas']) - 1);
    const planned = (plan.outcome?.members ?? []).map(({ member, fate }) => `${member} ${fate}`);
    expect([...fates(before, await members())].toSorted(), 'what members say themselves').toEqual(planned.toSorted());
    const leads = plan.outcome?.switchovers.at(-1)?.to ?? primary;
    expect((await primaryPod(world, shop)).name).toBe(leads);
  } else expect(fates(before, await members())).toEqual([]);
}

const rows: readonly Row[] = [
  { what: 'a parameter by reload', spec: { postgresqlParams: { work_mem: '8MB' } }, cost: 'Reload', end: 'rolled out' },
  {
    what: 'one that needs a start',
    spec: { postgresqlParams: { work_mem: '8MB', max_connections: '137' } },
    cost: 'Switchover',
    end: 'rolled out',
  },
  {
    what: 'one up, one down, one removed',
    spec: { postgresqlParams: { max_connections: '120', max_worker_processes: '12' } },
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
    what: 'the service, labels and annotations',
    spec: {
      service: { type: 'NodePort', annotations: { 'example.com/cloud': 'y' } },
      podMetadata: { labels: { team: 'blue' }, annotations: { 'example.com/note': 'x' } },
    },
    cost: 'None',
    end: 'rolled out',
  },
  { what: 'Patroni’s timing', spec: { patroni: { ttl: 40 } }, cost: 'Reload', end: 'rolled out' },
  { what: 'larger volumes', spec: { storage: { size: '900Mi' } }, cost: 'None', end: 'rolled out' },
  { what: 'smaller volumes', spec: { storage: { size: '600Mi' } }, cost: 'None', end: 'not admitted' },
  { what: 'one member more', spec: { replicas: 4 }, cost: 'None', end: 'rolled out' },
  { what: 'one member less', spec: { replicas: 3 }, cost: 'ReplicaRestart', end: 'rolled out' },
  {
    what: 'confirmed commits',
    spec: { synchronous: { mode: 'Required' } },
    cost: 'Reload',
    end: 'rolled out',
  },
  {
    what: 'resources, with confirmed commits',
    spec: { resources: { requests: { memory: '96Mi' } } },
    cost: 'Switchover',
    end: 'rolled out',
  },
  { what: 'commits that are not confirmed', spec: { synchronous: null }, cost: 'Reload', end: 'rolled out' },
  {
    what: 'a variable, access rules and a placement at once',
    spec: {
      env: [{ name: 'TEAM', value: 'blue' }],
      pgHba: ['hostssl all app 10.255.0.0/16 reject'],
      placement: { tolerations: [{ key: 'db', operator: 'Exists' }] },
    },
    cost: 'Switchover',
    end: 'rolled out',
  },
  { what: 'no more than a reload', spec: { maxDisruption: 'Reload' }, cost: 'None', end: 'rolled out' },
  {
    what: 'more than that',
    spec: { env: null },
    cost: 'Switchover',
    end: 'held',
    hold: 'PendingApproval',
  },
  {
    what: 'a window far away instead',
    spec: { maxDisruption: null, maintenanceWindows: [{ schedule: '0 2 1 6 *', duration: '2h' }] },
    cost: 'Switchover',
    end: 'held',
    hold: 'Window',
  },
  {
    what: 'observed instead',
    spec: { maintenanceWindows: null, mode: 'Observe' },
    cost: 'Switchover',
    end: 'held',
    hold: 'Observe',
  },
  { what: 'managed again', spec: { mode: 'Manage' }, cost: 'Switchover', end: 'rolled out' },
  { what: 'two members', spec: { replicas: 2 }, cost: 'ReplicaRestart', end: 'rolled out' },
];

longerSuite('a plan', () => {
  beforeAll(async () => {
    world = await openWorld();
    folder = mkdtempSync(join(tmpdir(), 'plan-'));
    const setting = settingOfEnvironment();
    shop = await createShop(world, where, setting);
    spec = { ...setting, replicas: 3, storage: { size: '600Mi' } };
    await allStreaming(world, shop);
  });

  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  it.each(rows.map((row) => [row.what, row] as const))('%s', async (_what, row) => planAndApply(row));

  it('another image, and the number of members with it', async () => {
    const [reference = ''] = Object.values(await imagesOf(world, shop));
    const image = await secondName(reference);
    await planAndApply({ what: 'another image', spec: { image }, cost: 'Switchover', end: 'rolled out' });
    await planAndApply({
      what: 'the image of before, and a member more',
      spec: { image: null, replicas: 3 },
      cost: 'Switchover',
      end: 'rolled out',
    });
  });
});
