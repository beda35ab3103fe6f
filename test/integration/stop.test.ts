/** An orderly stop in the midst of work: the Lease is given back at once, nothing is sent afterwards, the next start goes on. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Answer } from '#src/kube/request.ts';
import type { Operator } from '#src/operator/operator.ts';
import { waitFor } from '#test/cluster/shell.ts';
import { describeChange, orphans } from '#test/support/audit-join.ts';
import { accepted, cluster, clustersOf } from './api-world.ts';
import { answered, joinWorld, operatorChanges, phases, startLineWorld, type LineWorld } from './line-world.ts';

const names = ['s0', 's1', 's2', 's3', 's4'];
const stops = [3, 17, 40];
let world: LineWorld;
let operator: Operator;

async function holder(): Promise<string> {
  const path = '/apis/coordination.k8s.io/v1/namespaces/postgres-operator-system/leases/postgres-operator';
  const { spec } = accepted(await world.api.kube.get(path)) as { readonly spec?: { readonly holderIdentity?: string } };
  return spec?.holderIdentity ?? '';
}

beforeAll(async () => {
  world = await startLineWorld('stop');
});

afterAll(async () => {
  await world.stop();
});

describe('an operator that is stopped with effects under way', () => {
  it('gives the Lease back, sends nothing more, and the next one finishes its work', async () => {
    const api = clustersOf(world.api.kube);
    for (const name of names)
      accepted(await api.create(cluster(name, { version: '17', replicas: 2, storage: { size: '1Gi' } })));
    for (const changes of stops) {
      operator = await world.operator('journal.db');
      await waitFor(`${changes} changes`, async () => operatorChanges(world.api).length >= changes, 60_000);
      await operator.stop();
      expect(await holder()).toBe('');
      const sent = operatorChanges(world.api);
      await new Promise((resolve) => setTimeout(resolve, 1000));
      expect(operatorChanges(world.api).slice(sent.length).map(describeChange)).toEqual([]);
    }
    operator = await world.operator('journal.db');
    await waitFor(
      'all Running',
      async () => {
        const now = await phases(world.api);
        return names.every((name) => now.get(name) === 'Running');
      },
      60_000,
    );
    const { reader, verify } = operator.journal();
    await answered(world.api);
    expect(orphans(joinWorld(world.api))).toEqual([]);
    expect(verify().damage).toEqual([]);
    expect(reader.clusters().flatMap(({ uid }) => reader.gaps(uid))).toEqual([]);
  });
});

describe('a Lease that is deleted', () => {
  it('is made anew by a renewal that is under way, unless that names the uid of the one that is gone', async () => {
    const collection = '/apis/coordination.k8s.io/v1/namespaces/postgres-operator-system/leases';
    const write = (method: 'POST' | 'PUT', path: string, metadata: object): Promise<Answer> =>
      world.api.kube.send({
        ...{ method, path, query: {}, contentType: 'application/json', auditId: null },
        body: JSON.stringify({ apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata, spec: {} }),
      });
    const one = `${collection}/one`;
    const { metadata } = accepted(await write('POST', collection, { name: 'one' })) as {
      readonly metadata: { readonly uid: string; readonly resourceVersion: string };
    };
    accepted(
      await world.api.kube.send({
        method: 'DELETE',
        path: one,
        query: {},
        contentType: null,
        body: null,
        auditId: null,
      }),
    );
    const { uid, resourceVersion } = metadata;
    expect(await write('PUT', one, { name: 'one', uid, resourceVersion })).toMatchObject({ status: 409 });
    accepted(await write('PUT', one, { name: 'one', resourceVersion }));
  });
});
