/**
 * Every byte the operator sends, compared with its journal: the audit log holds decoded objects, so a proxy before the API
 * server keeps the bodies. A body is the journaled template with its holes filled; a Secret's `data` is what the template
 * does not say, and is compared by its keys.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { fieldManagers } from '#machines/shared/names.ts';
import { decodeBody } from '#src/decision/codec.ts';
import { effectKey, type IntentRecord } from '#src/decision/record.ts';
import { contentOf } from '#src/replay/redecide.ts';
import { waitFor } from '#test/cluster/shell.ts';
import { startFaultProxy, type FaultProxy, type Passed } from '#test/support/fault-proxy.ts';
import type { Operator } from '#src/operator/operator.ts';
import { accepted, cluster, clustersOf } from './api-world.ts';
import { phases, startLineWorld, type LineWorld } from './line-world.ts';

const names = ['b0', 'b1', 'b2', 'b3'];
const changing = new Set(['POST', 'PUT', 'PATCH', 'DELETE']);
let world: LineWorld;
let proxy: FaultProxy;
let operator: Operator;
const passed: Passed[] = [];

/** The operator's own kubeconfig, by way of the proxy. */
function through(): string {
  const server = /https:\/\/127\.0\.0\.1:\d+/.exec(readFileSync(proxy.kubeconfig, 'utf8'))?.[0] ?? '';
  const file = `${world.api.dir}/recorded.kubeconfig`;
  const own = readFileSync(world.kubeconfig, 'utf8').replace(/https:\/\/[0-9.]+:\d+/, server);
  writeFileSync(file, own, { mode: 0o600 });
  return file;
}

/** Changes that went by: Lease, reviews and the key for digests apart, which have no intent (docs/proof.md). */
function changes(): readonly Passed[] {
  const isApart = (url: string): boolean =>
    /\/leases|reviews(\?|$)/.test(url) || url.includes(`fieldManager=${fieldManagers.journalKey}`);
  return passed.filter(({ method, url }) => changing.has(method) && !isApart(url));
}

function intents(): ReadonlyMap<string, IntentRecord> {
  const { reader } = operator.journal();
  const found = new Map<string, IntentRecord>();
  for (const { uid } of reader.clusters()) {
    for (const row of reader.iterate({ uid })) {
      if (contentOf(row.kind) !== 'decision') continue;
      for (const intent of decodeBody(row.body, reader.blob).intents)
        found.set(effectKey(uid, row, intent.ordinal), intent);
    }
  }
  return found;
}

/** What the journal says must have been sent, given what was; the difference is told. */
function difference({ method, url, auditId, body }: Passed, intent: IntentRecord | undefined): string | null {
  if (intent === undefined || intent.request.type !== 'api') return `${auditId}: no intent`;
  const { request } = intent;
  const [path, query = ''] = url.split('?');
  const asked = [...new URLSearchParams(query)].toSorted();
  if (method !== request.method || path !== request.path) return `${auditId}: ${method} ${url}`;
  if (JSON.stringify(asked) !== JSON.stringify(Object.entries(request.query).toSorted())) return `${auditId}: ${query}`;
  const sent = body.toString('utf8');
  const anchor = /"journal":(\{"epoch":\d+,"seq":\d+,"head":"[0-9a-f]*"\})/.exec(sent)?.[1] ?? '';
  const expected = (request.body ?? '')
    .replaceAll('{"$effect":""}', JSON.stringify(auditId))
    .replaceAll('{"$anchor":""}', anchor);
  if (request.generated.length === 0) return sent === expected ? null : `${auditId}: ${sent} is not ${expected}`;
  const { data, ...rest } = JSON.parse(sent) as { readonly data: Readonly<Record<string, string>> };
  const keys = request.generated.map(({ key }) => key).toSorted();
  if (JSON.stringify(Object.keys(data).toSorted()) !== JSON.stringify(keys)) return `${auditId}: other keys`;
  return JSON.stringify(rest) === JSON.stringify(JSON.parse(expected)) ? null : `${auditId}: other fields`;
}

beforeAll(async () => {
  world = await startLineWorld('bytes');
  proxy = await startFaultProxy(
    world.api,
    () => ({ type: 'none' }),
    (each) => passed.push(each),
  );
  operator = await world.operator('journal.db', through());
});

afterAll(async () => {
  await world.stop();
  await proxy.stop();
});

it('creation, repair and deletion send what was journaled, byte for byte, and nothing else', async () => {
  const api = clustersOf(world.api.kube);
  for (const [index, name] of names.entries()) {
    const dcs = index % 2 === 0 ? 'Endpoints' : 'ConfigMaps';
    accepted(await api.create(cluster(name, { version: '17', replicas: 2, dcs, storage: { size: '1Gi' } })));
  }
  const are = async (phase: string): Promise<boolean> => {
    const now = await phases(world.api);
    return names.every((name) => now.get(name) === phase);
  };
  await waitFor('all Running', () => are('Running'), 60_000);
  await world.api.kubectl(['delete', 'service', 'b0-repl']);
  await world.api.kubectl(['delete', 'poddisruptionbudget', '--all']);
  await waitFor(
    'the repair',
    async () => changes().filter(({ url }) => url.includes('/services/b0-repl')).length > 1,
    30_000,
  );
  await world.api.kubectl(['delete', 'postgrescluster', ...names.slice(1), '--timeout=60s']);
  const byKey = intents();
  const found = changes();
  expect(found.length).toBeGreaterThan(60);
  expect(found.map((each) => difference(each, byKey.get(each.auditId))).filter((each) => each !== null)).toEqual([]);
  const ids = found.map(({ auditId }) => auditId);
  expect(ids.filter((id, index) => ids.indexOf(id) !== index)).toEqual([]);
  expect(new Set(found.map(({ method }) => method)).size).toBeGreaterThan(1);
});
