/**
 * A hundred clusters at once on a real control plane with the fake kubelet: how many requests, and silence afterwards.
 * CLUSTERS and IDLE_SECONDS as environment for the long run (100 and 600); `docs/performance.md` has its figures.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Operator } from '#src/operator/operator.ts';
import { waitFor } from '#test/cluster/shell.ts';
import { describeChange, type AuditEvent } from '#test/support/audit-join.ts';
import { accepted, cluster, clustersOf } from './api-world.ts';
import { lookMs, operatorChanges, operatorReads, phases, startLineWorld, type LineWorld } from './line-world.ts';

const count = Number(process.env['CLUSTERS'] ?? '100');
const idleMs = Number(process.env['IDLE_SECONDS'] ?? '20') * 1000;
/** Writes a cluster may need beyond one per object: finalizer, statuses on the way, the database. */
const allowance = 8;
const names = Array.from({ length: count }, (_, index) => `h${index}`);

let world: LineWorld;
let operator: Operator;

async function allRunning(): Promise<boolean> {
  const now = await phases(world.api);
  return names.every((name) => now.get(name) === 'Running');
}

function isEvent(change: { readonly objectRef?: { readonly resource?: string } }): boolean {
  return change.objectRef?.resource === 'events';
}

/** How often each kind of write was sent, beside the creations: where a figure that rises comes from. */
function kindsOf(changes: readonly AuditEvent[]): string {
  const counts = new Map<string, number>();
  for (const { verb, objectRef, responseStatus } of changes) {
    if (responseStatus?.code === 201) continue;
    const { resource = '', subresource = '' } = objectRef ?? {};
    const kind = `${verb} ${[resource, subresource].filter((part) => part !== '').join('/')} ${responseStatus?.code ?? 0}`;
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  return [...counts].map(([kind, times]) => `${times} ${kind}`).join(', ');
}

/** Waits until the number of changes has stood still between two looks. */
async function settled(): Promise<number> {
  let before = -1;
  await waitFor(
    'two looks without a change between them',
    async () => {
      const now = operatorChanges(world.api).length;
      const same = now === before;
      before = now;
      if (!same) await new Promise((resolve) => setTimeout(resolve, 2000));
      return same;
    },
    120_000,
  );
  return before;
}

beforeAll(async () => {
  world = await startLineWorld('hundred');
  operator = await world.operator('journal.db');
});

afterAll(async () => {
  await world.stop();
});

describe(`${count} clusters at once`, () => {
  it(
    'all reach Running with one write per object and few more, and read nothing but their Secrets',
    { timeout: 600_000 },
    async () => {
      const api = clustersOf(world.api.kube);
      const began = performance.now();
      await Promise.all(
        names.map(async (name, index) =>
          accepted(
            await api.create(
              cluster(name, {
                version: '17',
                replicas: (index % 3) + 1,
                dcs: index % 2 === 0 ? 'Endpoints' : 'ConfigMaps',
                storage: { size: '1Gi' },
              }),
            ),
          ),
        ),
      );
      await waitFor('all Running', allRunning, 500_000, lookMs);
      const seconds = (performance.now() - began) / 1000;
      await settled();
      const changes = operatorChanges(world.api).filter((change) => !isEvent(change));
      const objects = changes.filter(({ responseStatus }) => responseStatus?.code === 201).length;
      const reads = operatorReads(world.api);
      const rows = operator
        .journal()
        .reader.clusters()
        .reduce((sum, each) => sum + each.rows, 0);
      process.stdout.write(
        `${count} clusters Running in ${seconds.toFixed(1)} s: ${objects} objects, ${changes.length} writes ` +
          `(${((changes.length - objects) / count).toFixed(1)} a cluster beyond its objects), ${reads.length} reads, ${rows} rows\n` +
          `beyond its objects: ${kindsOf(changes)}\n`,
      );
      expect(objects).toBeGreaterThan(count * 10);
      expect(changes.length).toBeLessThanOrEqual(objects + allowance * count);
      // The values of its own Secrets are the one thing no watch tells: once each for what members, the application and its
      // role are given of the Secret in force.
      expect(reads.filter(({ objectRef }) => objectRef?.resource !== 'secrets').map(describeChange)).toEqual([]);
      expect(reads.length).toBeLessThanOrEqual(count * 3);
      expect(world.kubelet.troubles).toEqual([]);
    },
  );

  it(`idle for ${idleMs / 1000} s: no write`, { timeout: idleMs + 200_000 }, async () => {
    const before = await settled();
    await new Promise((resolve) => setTimeout(resolve, idleMs));
    expect(operatorChanges(world.api).slice(before).map(describeChange)).toEqual([]);
  });

  it('two thousand foreign Secrets change nothing, and are not seen', { timeout: 200_000 }, async () => {
    const before = await settled();
    const rows = operator
      .journal()
      .reader.clusters()
      .map((each) => each.rows);
    for (let batch = 0; batch < 20; batch += 1) {
      await Promise.all(
        Array.from({ length: 100 }, (_, index) =>
          world.api.kube.send({
            method: 'POST',
            path: '/api/v1/namespaces/default/secrets',
            query: {},
            contentType: 'application/json',
            body: JSON.stringify({
              apiVersion: 'v1',
              kind: 'Secret',
              metadata: { name: `foreign-${batch}-${index}` },
              stringData: { password: `nobody reads this ${batch} ${index}` },
            }),
            auditId: null,
          }),
        ),
      );
    }
    await settled();
    expect(operatorChanges(world.api).slice(before).map(describeChange)).toEqual([]);
    expect(
      operator
        .journal()
        .reader.clusters()
        .map((each) => each.rows),
    ).toEqual(rows);
  });

  it('a restart changes nothing', { timeout: 200_000 }, async () => {
    const before = await settled();
    const epoch = Math.max(
      ...operator
        .journal()
        .reader.clusters()
        .map(({ head }) => head.epoch),
    );
    await operator.stop();
    operator = await world.operator('journal.db');
    await waitFor(
      'every cluster decided about under a new epoch',
      () =>
        operator
          .journal()
          .reader.clusters()
          .every(({ head }) => head.epoch > epoch),
      120_000,
    );
    await settled();
    expect(operatorChanges(world.api).slice(before).map(describeChange)).toEqual([]);
    expect(await allRunning()).toBe(true);
  });
});
