/**
 * Owns: what creating clusters costs on a real control plane with the fake kubelet: the operator, journal and all, beside
 * a raw client that writes the same objects to the same API server in the same run. A ratio, not a gate.
 */
import { resourcePath } from '#src/decision/paths.ts';
import { waitFor } from '#test/cluster/shell.ts';
import { accepted, cluster, clustersOf, type Json } from '#test/integration/api-world.ts';
import { operatorChanges, phases, startLineWorld, type LineWorld } from '#test/integration/line-world.ts';

const count = 20;
const kinds =
  'serviceaccount,role,rolebinding,secret,configmap,service,persistentvolumeclaim,poddisruptionbudget,statefulset';

/** What the API server gives; a headless Service's address is written, not given. */
const given: ReadonlySet<string> = new Set(['clusterIP', 'clusterIPs', 'ipFamilies', 'ipFamilyPolicy', 'volumeName']);

interface Made {
  readonly kind: Parameters<typeof resourcePath>[0];
  readonly apiVersion: string;
  readonly metadata: { readonly name: string; readonly labels?: Json; readonly annotations?: Json };
  readonly [key: string]: unknown;
}

/** What the operator made for one cluster, as somebody else would write it: no status, no owner, no server's fields. */
async function objectsOf(world: LineWorld, name: string): Promise<readonly Made[]> {
  const text = await world.api.kubectl(['get', kinds, '-l', `postgres.example.com/cluster=${name}`, '-o', 'json']);
  const { items } = JSON.parse(text) as { readonly items: readonly Made[] };
  return items
    .filter(({ kind, metadata }) => kind !== 'ConfigMap' || metadata.name.endsWith('-patroni-config'))
    .map((object) => {
      const { name, labels = {}, annotations = {} } = object.metadata;
      const spec = Object.entries({ ...(object['spec'] as Json | undefined) }).filter(
        ([field, value]) => !given.has(field) || (field === 'clusterIP' && value === 'None'),
      );
      return {
        ...object,
        status: undefined,
        metadata: { name, labels, annotations },
        ...(object['spec'] === undefined ? {} : { spec: Object.fromEntries(spec) }),
      };
    });
}

async function raw(world: LineWorld, namespace: string, objects: readonly Made[]): Promise<void> {
  await world.api.kubectl(['create', 'namespace', namespace]);
  for (const object of objects) {
    const answer = await world.api.kube.send({
      method: 'PATCH',
      path: resourcePath(object.kind, namespace, object.metadata.name),
      query: { fieldManager: 'raw', force: 'true' },
      contentType: 'application/apply-patch+yaml',
      body: JSON.stringify({ ...object, metadata: { ...object.metadata, namespace } }),
      auditId: null,
    });
    accepted(answer);
  }
}

const world = await startLineWorld('bench');
const operator = await world.operator('journal.db');
try {
  const names = Array.from({ length: count }, (_, index) => `b${index}`);
  const api = clustersOf(world.api.kube);
  const spec = { version: '17', replicas: 3, storage: { size: '1Gi' } };
  const began = performance.now();
  await Promise.all(names.map(async (name) => accepted(await api.create(cluster(name, spec)))));
  await waitFor(
    'a StatefulSet for each',
    async () => {
      const made = operatorChanges(world.api).filter(({ objectRef }) => objectRef?.resource === 'statefulsets');
      return made.length >= count;
    },
    120_000,
  );
  const byOperator = performance.now() - began;
  await waitFor(
    'all Running',
    async () => [...(await phases(world.api)).values()].every((phase) => phase === 'Running'),
    120_000,
  );
  const running = performance.now() - began;
  const objects = await objectsOf(world, 'b0');
  const rawBegan = performance.now();
  await Promise.all(names.map((name) => raw(world, `raw-${name}`, objects)));
  const byRaw = performance.now() - rawBegan;
  process.stdout.write(
    `${count} clusters of 3 members, ${objects.length} objects each\n` +
      `objects written by the operator  ${(byOperator / 1000).toFixed(1)} s\n` +
      `objects written by a raw client  ${(byRaw / 1000).toFixed(1)} s\n` +
      `ratio                            ${(byOperator / byRaw).toFixed(2)}\n` +
      `all Running                      ${(running / 1000).toFixed(1)} s\n`,
  );
} finally {
  await operator.stop();
  await world.stop();
}
