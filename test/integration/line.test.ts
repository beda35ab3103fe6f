/** The line on a real control plane, with the fake kubelet: many clusters, restarts, lost journal, failure, deletion. */
import { readFileSync, rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Decision } from '#src/decision/record.ts';
import type { Operator } from '#src/operator/operator.ts';
import { waitFor } from '#test/cluster/shell.ts';
import { describeChange, orphans } from '#test/support/audit-join.ts';
import { journalBytes, leaks, secretValues } from '#test/support/canary.ts';
import { accepted, cluster, clustersOf } from './api-world.ts';
import {
  clusters,
  answered,
  joinWorld,
  lookMs,
  noStatusDue,
  operatorChanges,
  phases,
  replayAll,
  startLineWorld,
  type LineWorld,
} from './line-world.ts';

const names = Array.from({ length: 20 }, (_, index) => `c${index}`);
let world: LineWorld;
let operator: Operator;
/** Clusters that may be changed at a time, once the operator has been told so. */
const atOnce = 2;
/** Those that are given another image at once: of one, two and three members. */
const edited = names.slice(0, 6);
/** Epochs the clusters had reached when the operator was last stopped. */
let lastEpochs: readonly number[] = [];

/** Shape of the n-th cluster: both stores, both versions, one to three members. */
function spec(index: number): { readonly [key: string]: unknown } {
  return {
    version: index % 4 < 2 ? '17' : '15',
    replicas: (index % 3) + 1,
    dcs: index % 2 === 0 ? 'Endpoints' : 'ConfigMaps',
    storage: { size: '1Gi' },
  };
}

async function allAre(phase: string): Promise<boolean> {
  const now = await phases(world.api);
  return names.every((name) => now.get(name) === phase);
}

/** Waits until the operator has been silent for a second of its own time: nothing under way, nothing due, nothing new. */
async function quiet(): Promise<void> {
  await noStatusDue(operator);
  let last = -1;
  await waitFor(
    'a second without a change',
    async () => {
      const before = operatorChanges(world.api).length;
      const same = before === last;
      last = before;
      await new Promise((resolve) => setTimeout(resolve, 1000));
      return same && operatorChanges(world.api).length === before;
    },
    60_000,
  );
}

async function stopOperator(): Promise<void> {
  lastEpochs = operator
    .journal()
    .reader.clusters()
    .map(({ head }) => head.epoch);
  await operator.stop();
}

/** Waits until the operator has decided about every cluster under its new epoch. */
async function takenUp(): Promise<void> {
  const epochs = (): readonly number[] =>
    operator
      .journal()
      .reader.clusters()
      .map(({ head }) => head.epoch);
  const last = Math.max(0, ...lastEpochs);
  await waitFor(
    'every cluster decided about under a new epoch',
    () => epochs().length === names.length && epochs().every((epoch) => epoch > last),
    30_000,
  );
}

function statesOf(name: string): readonly string[] {
  const { reader } = operator.journal();
  const found = reader.clusters().find((each) => each.name === name);
  return found === undefined ? [] : [...reader.iterate({ uid: found.uid })].map((row) => String(row.body));
}

beforeAll(async () => {
  world = await startLineWorld('line');
  operator = await world.operator('journal.db');
});

afterAll(async () => {
  await world.stop();
});

describe('twenty clusters at once', () => {
  it('all reach Running, and none passes Failed, Degraded or Recovering', async () => {
    const api = clustersOf(world.api.kube);
    for (const [index, name] of names.entries()) accepted(await api.create(cluster(name, spec(index))));
    await waitFor('all twenty Running', () => allAre('Running'), 120_000, lookMs);
    for (const name of names)
      expect(statesOf(name).filter((body) => /"to":"[^"]*(Failed|Degraded|Recovering)/.test(body))).toEqual([]);
    expect(world.kubelet.troubles).toEqual([]);
  });

  it('join: every change was one durable intent before it was sent, every intent has its outcome', async () => {
    await quiet();
    await answered(world.api);
    const join = joinWorld(world.api);
    expect(join.changes).toBeGreaterThan(20 * 10);
    expect(orphans(join)).toEqual([]);
  });

  it('no value of a Secret stands in journal, WAL, freelist, status, Events or audited bodies', async () => {
    const json = async (kind: string): Promise<string> =>
      world.api.kubectl(['get', kind, '--all-namespaces', '--output', 'json']);
    const values = secretValues(JSON.parse(await json('secret')));
    expect(values.length).toBeGreaterThan(names.length * 4);
    const journal = journalBytes(`${world.api.dir}/journal.db`);
    const audited = readFileSync(world.api.auditLog);
    // The search itself must be able to find: names are not secret, and stand in all of them.
    const known = [{ secret: 'planted', key: 'name', value: 'PostgresCluster' }];
    const places = {
      journal,
      audited,
      status: Buffer.from(await json('postgrescluster')),
      events: Buffer.from(await json('event')),
      configMaps: Buffer.from(await json('configmap')),
    };
    expect(leaks(known, places).length).toBeGreaterThanOrEqual(4);
    expect(leaks(values, places)).toEqual([]);
  });

  it('a restart over them changes nothing', async () => {
    const before = operatorChanges(world.api).length;
    await stopOperator();
    operator = await world.operator('journal.db');
    await takenUp();
    await quiet();
    expect(operatorChanges(world.api).slice(before).map(describeChange)).toEqual([]);
    expect(await allAre('Running')).toBe(true);
  });

  it('a restart without its journal changes nothing, and each cluster has one recorded gap', async () => {
    const before = operatorChanges(world.api).length;
    await stopOperator();
    world.keep('journal.db');
    for (const suffix of ['', '-wal', '-shm']) rmSync(`${world.api.dir}/journal.db${suffix}`, { force: true });
    operator = await world.operator('journal.db', world.kubeconfig, [`--max-disruptions=${atOnce}`]);
    await takenUp();
    await quiet();
    expect(operatorChanges(world.api).slice(before).map(describeChange)).toEqual([]);
    expect(await allAre('Running')).toBe(true);
    for (const { uid } of operator.journal().reader.clusters()) {
      const gaps = [...operator.journal().reader.iterate({ uid })].filter(({ kind }) => kind === 'gap');
      expect(gaps.map(({ seq, type }) => `${seq} ${type}`)).toEqual(['1 JournalLost']);
    }
  });
});

/** How many of these clusters were not Running at once, after each time that one left or came back, by the journal. */
function awayAtOnce(clusterNames: readonly string[]): readonly number[] {
  const { reader } = operator.journal();
  const moves = clusterNames.flatMap((name) => {
    const { uid = '' } = reader.clusters().find((each) => each.name === name) ?? {};
    const decided = [...reader.iterate({ uid })].filter(({ kind }) => kind === 'observation');
    const states = decided.map(({ at, body }) => ({
      at,
      isAway: (JSON.parse(body) as Decision).to !== 'Alive.Running',
    }));
    const since = states.slice(states.findIndex(({ isAway }) => !isAway));
    return since.flatMap(({ at, isAway }, index) =>
      index === 0 || isAway === since[index - 1]?.isAway ? [] : [{ at, by: isAway ? 1 : -1 }],
    );
  });
  let away = 0;
  return moves.toSorted((one, other) => one.at - other.at || one.by - other.by).map(({ by }) => (away += by));
}

describe('the same edit of six clusters', () => {
  it('is rolled out on one first, then on at most two at a time', async () => {
    const patch = '--patch={"spec":{"image":"spilo-next"}}';
    for (const name of edited) await world.api.kubectl(['patch', 'postgrescluster', name, '--type=merge', patch]);
    await waitFor(
      'all on the other image',
      async () => {
        const found = await clusters(world.api);
        return edited.every((name) => {
          const status = found.get(name)?.['status'] as
            | { readonly phase?: string; readonly image?: string }
            | undefined;
          return status?.phase === 'Running' && status.image === 'spilo-next';
        });
      },
      120_000,
    );
    const away = awayAtOnce(edited);
    expect(away.slice(0, 2)).toEqual([1, 0]);
    expect(Math.max(...away)).toBe(atOnce);
  });
});

describe('failure and deletion', () => {
  it('a dead leader makes the cluster Recovering, then Running under another one', async () => {
    const primary = async (): Promise<string> => {
      const status = (await clusters(world.api)).get('c2')?.['status'] as { readonly primaryPod?: string } | undefined;
      return status?.primaryPod ?? '';
    };
    const was = await primary();
    world.kubelet.kill('default', was);
    await waitFor('another primary', async () => ![was, ''].includes(await primary()), 60_000);
    world.kubelet.revive('default', was);
    await waitFor('Running again', async () => (await phases(world.api)).get('c2') === 'Running', 60_000);
    expect(statesOf('c2').some((body) => /"to":"[^"]*(Degraded|Recovering)/.test(body))).toBe(true);
  });

  it('all go, and only what is retained stays', async () => {
    await world.api.kubectl(['delete', 'postgrescluster', '--all', '--timeout=120s']);
    await quiet();
    const kinds = 'statefulset,pod,service,configmap,poddisruptionbudget,serviceaccount,role,rolebinding';
    const selector = 'app.kubernetes.io/managed-by=postgres-operator';
    await waitFor(
      'nothing left but claims and Secrets',
      async () => (await world.api.kubectl(['get', kinds, '--selector', selector, '--output', 'name'])).trim() === '',
      60_000,
    );
  });

  it('replay gives the same bytes for every decision', async () => {
    const { rows, verified } = replayAll(operator.journal().reader);
    expect(rows).toBeGreaterThan(200);
    expect(verified).toBe(rows);
    expect(operator.journal().reader.clusters().length).toBe(names.length);
  });
});
