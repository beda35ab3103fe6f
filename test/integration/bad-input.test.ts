/**
 * Every leaf of the schema with every kind of value, on new and on running clusters: refused at admission, named by the
 * condition ConfigurationValid, or taken. What became of each is `test/golden/bad-input/<field>.txt`; UPDATE_GOLDEN=1 writes.
 * Everything is tried with BAD_INPUT=all, and of one field with FIELD=storage; otherwise all that admission refuses, and of
 * the rest every twenty-fourth value, other ones for each commit, but no hundred members.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Answer } from '#src/kube/request.ts';
import type { Operator } from '#src/operator/operator.ts';
import { waitFor } from '#test/cluster/shell.ts';
import { openApiSchema, type Schema } from '#test/crds/schema.ts';
import { commitTurn, sliceOf } from '#test/support/slice.ts';
import { casesOf, placed, shown, type Case } from '#test/support/bad-values.ts';
import { describeChange } from '#test/support/audit-join.ts';
import { accepted, cluster, clustersOf, type Clusters, type Json } from './api-world.ts';
import { lookMs, noStatusDue, operatorChanges, startLineWorld, type LineWorld } from './line-world.ts';

const golden = new URL('../golden/bad-input/', import.meta.url).pathname;
const base: Schema = { version: '17', replicas: 2, dcs: 'Endpoints', storage: { size: '1Gi' } };
/** What must stand beside a leaf for it alone to be in question. */
const around: Schema = {
  backup: { schedule: '0 3 * * *', destination: { type: 'S3', bucket: 'b', region: 'r', credentialsSecret: 's' } },
  clone: { cluster: 'other' },
  maintenanceWindows: [{ schedule: '0 3 * * *', duration: '2h' }],
  env: [{ name: 'A' }],
};
const runnerCount = 16;
/** Of what admission lets through one in so many is tried, unless all is. */
const oneIn = 24;
/** A hundred members, made and taken away one at a time, take as long as all else together: only where all is tried. */
const isLong = ({ path, value }: Case): boolean => path === 'replicas' && Number(value) > 50;
/** New clusters at a time. */
const atOnce = 60;

interface Tried extends Case {
  readonly index: number;
  fresh: string;
  running: string;
}

interface Status {
  readonly phase?: string;
  readonly observedGeneration?: number;
  readonly readyReplicas?: number;
  readonly conditions?: readonly {
    readonly type: string;
    readonly status: string;
    readonly reason: string;
    readonly message: string;
    readonly lastTransitionTime: string;
  }[];
}

let world: LineWorld;
let operator: Operator;
let api: Clusters;
const schema = (openApiSchema().properties['spec'] ?? {}) as Schema;
const field = process.env['FIELD'];
const cases = casesOf(schema).filter(({ path }) => field === undefined || path.split(/[.[]/)[0] === field);
const isWhole = field !== undefined || process.env['BAD_INPUT'] === 'all' || process.env['UPDATE_GOLDEN'] !== undefined;
const turn = commitTurn();
const values: readonly Tried[] = cases.map((each, index) => ({ ...each, index, fresh: '', running: '' }));
/** What this run tries: known once admission has spoken. */
let tried: readonly Tried[] = values;

/** The server's words without the name of the object and its echo of the value. */
function refusedBecause(answer: Answer): string | null {
  if (answer.type === 'ok') return null;
  if (answer.type !== 'refused' || answer.status >= 500) return `no answer: ${JSON.stringify(answer).slice(0, 200)}`;
  const words = answer.message
    .replace(
      /^PostgresCluster(?: in version "v1alpha1" cannot be handled as a PostgresCluster|\.postgres\.example\.com "[^"]*" is invalid): /,
      '',
    )
    .replace(/\s+/g, ' ')
    .replace(/x{50,}/g, 'x…');
  return `refused: ${words.length > 260 ? `${words.slice(0, 259)}…` : words}`;
}

function specOf({ path, value }: Case): Json {
  return placed(base, { path, value }, around);
}

const collection = '/apis/postgres.example.com/v1alpha1/namespaces/default/postgresclusters';

async function clusters(): Promise<ReadonlyMap<string, Json>> {
  const { items } = accepted(await world.api.kube.get(collection)) as unknown as { readonly items: readonly Json[] };
  return new Map(items.map((item) => [(item['metadata'] as { readonly name: string }).name, item]));
}

async function clusterOf(name: string): Promise<Json> {
  return accepted(await world.api.kube.get(`${collection}/${name}`));
}

const statusOf = (object: Json | undefined): Status => (object?.['status'] ?? {}) as Status;
const generationOf = (object: Json | undefined): number =>
  Number((object?.['metadata'] as { readonly generation?: number } | undefined)?.generation ?? -1);

/** What the conditions say of the newest spec; null while the operator has not spoken of it, or is still at work. */
function verdict(object: Json | undefined): string | null {
  const { phase, observedGeneration, conditions = [] } = statusOf(object);
  if (observedGeneration !== generationOf(object)) return null;
  const of = (type: string): (typeof conditions)[number] | undefined => conditions.find((each) => each.type === type);
  const valid = of('ConfigurationValid');
  if (valid?.status === 'False')
    return `named: ${valid.message.replaceAll(/x{50,}/g, 'x…').replaceAll(/\br\d+-\d+\b/g, 'MEMBER')}`;
  const failing = of('ReconcileFailing');
  // What passes by itself on a busy machine is no verdict.
  const sinceMs = Date.now() - Date.parse(failing?.lastTransitionTime ?? '');
  if (failing?.status === 'True') return sinceMs > 30_000 ? `failing: ${failing.message.slice(0, 300)}` : null;
  const members = of('ReplicasReady')?.message ?? '';
  // No node will ever have it; claims that are not bound yet are.
  if (members.includes('Insufficient')) return 'waits: no node has that much';
  if (members.includes("didn't match Pod's node affinity")) return 'waits: no node is right';
  const { spec } = object as {
    readonly spec: { readonly mode?: string; readonly storage: { readonly storageClass?: string } };
  };
  if (spec.mode === 'Observe' && phase === 'Pending') return 'waits: nothing is made in mode Observe';
  const storage = of('StorageReady');
  if (spec.storage.storageClass !== undefined && storage?.status !== 'True')
    return storage?.reason === 'Unbound' ? 'waits: its claims are not bound' : null;
  return valid?.status === 'True' && phase === 'Running' ? 'taken' : null;
}

/** Makes a cluster of each, waits for a verdict on all, and deletes them. */
async function tryNew(batch: readonly Tried[]): Promise<void> {
  const waiting = new Map(batch.map((each) => [`n${each.index}`, each]));
  for (const [name, each] of waiting) accepted(await api.create(cluster(name, specOf(each))));
  const isSpoken = async (): Promise<boolean> => {
    const now = await clusters();
    for (const [name, each] of waiting) {
      each.fresh = verdict(now.get(name)) ?? '';
      if (each.fresh !== '') waiting.delete(name);
    }
    return waiting.size === 0;
  };
  // A failure shows which ones, not only that there were some.
  await waitFor('a verdict on each', isSpoken, 180_000, lookMs).catch(() => undefined);
  const now = await clusters();
  const unspoken = [...waiting].map(([name, { path, value }]) => {
    const { phase, conditions = [] } = statusOf(now.get(name));
    const told = conditions.map(({ type, status, message }) => `${type} ${status} ${message}`);
    return `${path} ${shown(value)}: ${phase ?? ''} ${told.join('; ')}`;
  });
  expect(unspoken).toEqual([]);
  for (const [name, object] of now)
    if ((object['spec'] as Json)['deletionProtection'] === true) await api.edit(name, { deletionProtection: false });
  await world.api.kubectl(['delete', 'postgrescluster', '--all', '--wait=false']);
  await waitFor('the batch gone', async () => (await clusters()).size === 0, 60_000).catch(async () => {
    const stuck = [...(await clusters()).values()].map((each) =>
      JSON.stringify({ spec: each['spec'], status: each['status'] }),
    );
    throw new Error(`not gone: ${stuck.join('\n')}`);
  });
}

async function quiet(): Promise<number> {
  let before = -1;
  await waitFor(
    'two looks without a change between them',
    async () => {
      const now = operatorChanges(world.api).length;
      const same = now === before;
      before = now;
      if (!same) await new Promise((resolve) => setTimeout(resolve, 1500));
      return same;
    },
    120_000,
  );
  return before;
}

/** Merge patch that makes a field what it was: a patch keeps what it does not name, so that is named with null. */
function restored(was: unknown, is: unknown): unknown {
  if (typeof was !== 'object' || was === null) return was ?? null;
  const names = typeof is === 'object' && is !== null ? Object.keys(is) : [];
  return { ...Object.fromEntries(names.map((name) => [name, null])), ...was };
}

/** Members that must be ready throughout: all, unless the value is rolled out; while one hands over to another none is. */
function fewest({ running }: Tried): number {
  return running.startsWith('taken') || running.startsWith('waits') ? 0 : 2;
}

/** One value on a running cluster, and back. */
async function edit(name: string, each: Tried): Promise<void> {
  const wanted = specOf(each);
  const top = each.path.split('.')[0]?.replace('[]', '') ?? '';
  const before = statusOf(await clusterOf(name));
  const refused = refusedBecause(await api.edit(name, { [top]: wanted[top] }));
  if (refused !== null) {
    each.running = refused;
    return;
  }
  const ready: number[] = [];
  const settled = async (): Promise<string | null> => {
    const object = await clusterOf(name);
    ready.push(statusOf(object).readyReplicas ?? 0);
    return verdict(object);
  };
  // A hundred members are made, and go one at a time.
  const limitMs = each.path === 'replicas' ? 600_000 : 120_000;
  const withStatus = async (error: unknown): Promise<never> => {
    throw new Error(`${String(error)}: ${JSON.stringify((await clusterOf(name))['status']).slice(-2600)}`);
  };
  await waitFor(
    `${name} with ${each.path} ${shown(each.value)}`,
    async () => (await settled()) !== null,
    limitMs,
  ).catch(withStatus);
  each.running = (await settled()) ?? '';
  accepted(await api.edit(name, { [top]: restored(base[top], wanted[top]) }));
  await waitFor(
    `${name} back from ${each.path} ${shown(each.value)}`,
    async () => (await settled()) === 'taken',
    limitMs,
  ).catch(withStatus);
  const after = statusOf(await clusterOf(name));
  if (Math.min(...ready) < fewest(each)) each.running += ` BUT readyReplicas fell to ${Math.min(...ready)}`;
  if (after.phase !== before.phase) each.running += ` BUT the phase stayed ${after.phase ?? ''}`;
}

/** One value of a golden begins where a line is not indented. */
function entriesOf(text: string): readonly string[] {
  return text === '' ? [] : text.trimEnd().split(/\n(?! )/);
}

function compareGolden(field: string, rows: readonly Tried[]): void {
  const entries = rows.map(({ path, value, fresh, running }) => {
    const same = fresh === running ? `both ${fresh}` : `new ${fresh}\n    running ${running}`;
    return `${path} = ${shown(value)}\n    ${same}`;
  });
  const file = `${golden}${field}.txt`;
  const text = `${entries.join('\n')}\n`;
  if (process.env['UPDATE_GOLDEN'] !== undefined) {
    mkdirSync(golden, { recursive: true });
    writeFileSync(file, text);
  }
  const reviewed = existsSync(file) ? readFileSync(file, 'utf8') : '';
  const hint = `${field}: review and write it with FIELD=${field} UPDATE_GOLDEN=1`;
  if (isWhole) return expect(text, hint).toBe(reviewed);
  const wasTried = (_: string, index: number): boolean => rows[index] !== undefined && tried.includes(rows[index]);
  expect(entriesOf(reviewed).length, hint).toBe(rows.length);
  expect(entries.filter(wasTried), hint).toEqual(entriesOf(reviewed).filter(wasTried));
}

beforeAll(async () => {
  world = await startLineWorld('bad-input');
  // What becomes of a value is asked, of many at a time, and not whose turn it is.
  operator = await world.operator('journal.db', world.kubeconfig, ['--max-disruptions=0']);
  api = clustersOf(world.api.kube);
});

afterAll(async () => {
  await world.stop();
});

describe(`${values.length} values at ${new Set(values.map(({ path }) => path)).size} leaves`, () => {
  it('are eight or more at each leaf', () => {
    const count = (path: string): number => values.filter((each) => each.path === path).length;
    const paths = [...new Set(values.map(({ path }) => path))];
    const few = paths.filter((path) => count(path) < 8 && !isParent(path));
    expect(few).toEqual([]);
  });

  it('on new clusters: refused, or named, or Running', { timeout: 900_000 }, async () => {
    for (const each of values)
      each.fresh = refusedBecause(await api.consider(cluster('considered', specOf(each)))) ?? '';
    const admitted = values.filter(({ fresh }) => fresh === '');
    const left = isWhole
      ? admitted
      : sliceOf(
          admitted.filter((each) => !isLong(each)),
          oneIn,
          turn,
        );
    tried = values.filter((each) => each.fresh !== '' || left.includes(each));
    process.stdout.write(
      `bad input: ${values.length - admitted.length} values that admission refuses, and ${left.length} of ${admitted.length} others\n`,
    );
    for (let first = 0; first < left.length; first += atOnce) await tryNew(left.slice(first, first + atOnce));
  });

  it('on running clusters: no member is lost, and putting it back needs no human', { timeout: 900_000 }, async () => {
    const runners = Array.from({ length: runnerCount }, (_, index) => `r${index}`);
    for (const name of runners) accepted(await api.create(cluster(name, base)));
    await waitFor(
      'the runners',
      async () => {
        const now = await clusters();
        return runners.every((name) => verdict(now.get(name)) === 'taken');
      },
      60_000,
    );
    const queue = [...tried];
    await Promise.all(
      runners.map(async (name) => {
        for (let each = queue.shift(); each !== undefined; each = queue.shift()) await edit(name, each);
      }),
    );
    expect(
      tried.filter(({ running }) => running.includes('BUT')).map(({ path, running }) => `${path}: ${running}`),
    ).toEqual([]);
    expect(world.kubelet.troubles).toEqual([]);
  });

  it('leave nothing behind that is written again: ten resyncs, no change', { timeout: 120_000 }, async () => {
    // What changes in words alone is told later than two looks take.
    await noStatusDue(operator);
    const before = await quiet();
    for (let round = 0; round < 10; round += 1) {
      // A touched object is looked at anew, with everything around it.
      await world.api.kubectl(['annotate', 'statefulset', '--all', '--overwrite', `example.com/touched=${round}`]);
    }
    const after = await quiet();
    expect(operatorChanges(world.api).slice(before, after).map(describeChange)).toEqual([]);
  });

  it('came out as reviewed', () => {
    const fieldOf = ({ path }: Case): string => path.split(/[.[]/)[0] ?? '';
    for (const name of new Set(values.map(fieldOf)))
      compareGolden(
        name,
        values.filter((each) => fieldOf(each) === name),
      );
  });
});

/** A leaf that is an object with fields of its own: its fields have the values. */
function isParent(path: string): boolean {
  return values.some((each) => each.path.startsWith(`${path}.`) || each.path.startsWith(`${path}[]`));
}
