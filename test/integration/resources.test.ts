/**
 * The rendered objects on a real API server: applying them twice changes nothing, what an apply answers and what a later
 * read shows hash alike, and whatever somebody else does to them is seen and can be taken back.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PostgresClusterSpec } from '#crds/postgrescluster.gen.ts';
import { objectKey } from '#machines/cluster/intents.ts';
import type { DcsMode } from '#machines/cluster/observations.ts';
import type { DesiredObject } from '#machines/cluster/plan.ts';
import { fieldManagers } from '#machines/shared/names.ts';
import { resourcePath } from '#src/decision/paths.ts';
import { filled } from '#src/executor/holes.ts';
import { withData } from '#src/executor/effects/secret.ts';
import type { Answer } from '#src/kube/request.ts';
import { foreignPaths, ownedFields, ownedHash } from '#src/resources/ownership.ts';
import { desiredObjects } from '#src/resources/plan.ts';
import { ownershipSeen } from '#src/stream/door/project.ts';
import { accepted, cluster, clustersOf, startApiWorld, type ApiWorld, type Json } from './api-world.ts';

const namespace = 'default';
const spec: PostgresClusterSpec = {
  version: '15',
  replicas: 3,
  storage: { size: '10240Mi' },
  // Spelled as the API server would not: its own spelling must not look like drift.
  resources: { requests: { cpu: '0.5', memory: '1024Mi' }, limits: { cpu: '2000m', memory: '2048Mi' } },
  postgresqlParams: { max_connections: '200', shared_buffers: '128MB', search_path: `"$user", 'a' $$(B)` },
};

function field(value: unknown, ...path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (here, step) => (typeof here === 'object' && here !== null ? (here as Json)[step] : undefined),
    value,
  );
}

let world: ApiWorld;
const uids = new Map<DcsMode, string>();
const nameOf = (dcs: DcsMode): string => (dcs === 'Endpoints' ? 'shop' : 'stall');

function wanted(dcs: DcsMode): readonly DesiredObject[] {
  const image = 'registry.example/spilo:15';
  const uid = uids.get(dcs) ?? '';
  return desiredObjects({
    uid,
    namespace,
    name: nameOf(dcs),
    spec,
    dcs,
    image,
    imagePullPolicy: 'IfNotPresent',
    deleting: false,
    members: spec.replicas ?? 1,
    rolledOut: null,
    chosenImage: null,
    credentials: null,
    claimSize: spec.storage.size,
    bootstrapParameters: spec.postgresqlParams ?? {},
  });
}

interface ApplyOptions {
  readonly createOnly?: boolean;
  readonly dryRun?: boolean;
  readonly effect: string;
}

function apply(desired: DesiredObject, { createOnly = false, dryRun = false, effect }: ApplyOptions): Promise<Answer> {
  const body = JSON.parse(
    filled(JSON.stringify(desired.body), { effectKey: effect, anchor: { epoch: 1, seq: 1, head: '' } }),
  ) as Json;
  const metadata = { ...(body['metadata'] as Json), ...(createOnly ? { resourceVersion: '1' } : {}) };
  const values = new Map(desired.generated.map(({ key }): [string, string] => [key, 'value']));
  const text = JSON.stringify({ ...body, metadata });
  return world.kube.send({
    method: 'PATCH',
    path: resourcePath(desired.ref.kind, namespace, desired.ref.name),
    query: { fieldManager: fieldManagers.objects, force: 'true', ...(dryRun ? { dryRun: 'All' } : {}) },
    contentType: 'application/apply-patch+yaml',
    body: desired.creation === 'C' ? withData(text, values) : text,
    auditId: null,
  });
}

async function read(desired: DesiredObject): Promise<Json> {
  return accepted(await world.kube.get(resourcePath(desired.ref.kind, namespace, desired.ref.name)));
}

async function patch(desired: DesiredObject, contentType: string, body: unknown, manager: string): Promise<Json> {
  return accepted(
    await world.kube.send({
      method: 'PATCH',
      path: resourcePath(desired.ref.kind, namespace, desired.ref.name),
      query: { fieldManager: manager, ...(contentType.includes('apply') ? { force: 'true' } : {}) },
      contentType,
      body: JSON.stringify(body),
      auditId: null,
    }),
  );
}

const merge = 'application/merge-patch+json';
const strategic = 'application/strategic-merge-patch+json';
const json = 'application/json-patch+json';

beforeAll(async () => {
  world = await startApiWorld();
  for (const dcs of ['Endpoints', 'ConfigMaps'] as const) {
    const made = accepted(await clustersOf(world.kube).create(cluster(nameOf(dcs), { ...spec, dcs })));
    uids.set(dcs, String(field(made, 'metadata', 'uid')));
    for (const desired of wanted(dcs)) accepted(await apply(desired, { createOnly: true, effect: 'first' }));
  }
});
afterAll(async () => world.stop());

describe.each(['Endpoints', 'ConfigMaps'] as const)('the objects of a cluster in %s mode', (dcs) => {
  it('are created once: a second creation is refused', async () => {
    for (const desired of wanted(dcs)) {
      const answer = await apply(desired, { createOnly: true, effect: 'again' });
      expect(answer, objectKey(desired.ref)).toMatchObject({ type: 'refused', status: 409 });
    }
  });

  it('are not changed by being applied again', async () => {
    for (const desired of wanted(dcs).filter((each) => each.creation === 'B')) {
      const before = await read(desired);
      accepted(await apply(desired, { effect: 'first' }));
      const after = await read(desired);
      // Only our own write is meant here; a controller may write status at any time.
      expect(field(after, 'metadata', 'generation'), objectKey(desired.ref)).toBe(
        field(before, 'metadata', 'generation'),
      );
      expect({ ...after, metadata: null, status: null }).toEqual({ ...before, metadata: null, status: null });
      // A budget's status is written by a controller meanwhile; a claim is stored anew by the server even when nothing
      // differs, and is never applied twice by the operator.
      if (!['PodDisruptionBudget', 'PersistentVolumeClaim', 'StatefulSet'].includes(desired.ref.kind))
        expect(field(after, 'metadata', 'resourceVersion'), objectKey(desired.ref)).toBe(
          field(before, 'metadata', 'resourceVersion'),
        );
    }
  });

  it('hash alike from the answer of an apply, from a read, from a list and from a dry run', async () => {
    for (const desired of wanted(dcs).filter((each) => each.creation === 'B')) {
      const { kind } = desired.ref;
      const key = objectKey(desired.ref);
      const answered = ownershipSeen(kind, accepted(await apply(desired, { effect: 'first' })));
      expect(answered.ownedHash, key).not.toBeNull();
      expect(ownershipSeen(kind, await read(desired)), key).toEqual({ ownedHash: answered.ownedHash, foreign: [] });
      const other = accepted(await apply(desired, { dryRun: true, effect: 'of another row' }));
      expect(ownershipSeen(kind, other).ownedHash, key).toBe(answered.ownedHash);
      const list = accepted(await world.kube.get(resourcePath(kind, namespace, null)));
      const item = (field(list, 'items') as readonly Json[]).find(
        (each) => field(each, 'metadata', 'name') === desired.ref.name,
      );
      expect(item === undefined ? null : ownershipSeen(kind, item), key).toEqual({ ...answered, foreign: [] });
    }
  });

  it('show as owned every field of their body', async () => {
    for (const desired of wanted(dcs).filter((each) => each.creation === 'B')) {
      const tops = new Set(
        Object.keys(ownedFields(await read(desired), fieldManagers.objects)).map((path) => path.split('/')[0]),
      );
      const stated = Object.keys(desired.body as Json).filter((key) => key !== 'apiVersion' && key !== 'kind');
      expect([...tops].sort(), objectKey(desired.ref)).toEqual(stated.map((key) => `f:${key}`).sort());
    }
  });
});

interface Meddling {
  readonly name: string;
  readonly on: string;
  readonly contentType: string;
  readonly body: unknown;
  /** Foreign paths to be seen; `owned` when a field of ours was changed or lost. */
  readonly foreign: readonly string[];
  readonly owned: boolean;
}

const container = '/spec/template/spec/containers';
const meddlings: readonly Meddling[] = [
  {
    name: 'a sidecar',
    on: 'StatefulSet/shop',
    contentType: strategic,
    body: { spec: { template: { spec: { containers: [{ name: 'spy', image: 'spy' }] } } } },
    foreign: [`${container}/0`],
    owned: false,
  },
  {
    name: 'a new environment variable',
    on: 'StatefulSet/shop',
    contentType: strategic,
    body: { spec: { template: { spec: { containers: [{ name: 'postgres', env: [{ name: 'X', value: 'y' }] }] } } } },
    foreign: [`${container}/0/env/0`],
    owned: false,
  },
  {
    name: 'another value of an environment variable',
    on: 'StatefulSet/shop',
    contentType: strategic,
    body: {
      spec: { template: { spec: { containers: [{ name: 'postgres', env: [{ name: 'SCOPE', value: 'y' }] }] } } },
    },
    foreign: ['/spec/template/spec/containers/0/env/0/value'],
    owned: true,
  },
  {
    name: 'the host’s network',
    on: 'StatefulSet/shop',
    contentType: merge,
    body: { spec: { template: { spec: { hostNetwork: true } } } },
    foreign: ['/spec/template/spec/hostNetwork'],
    owned: false,
  },
  {
    name: 'a restart by kubectl',
    on: 'StatefulSet/shop',
    contentType: strategic,
    body: { spec: { template: { metadata: { annotations: { 'kubectl.kubernetes.io/restartedAt': 'now' } } } } },
    foreign: ['/spec/template/metadata/annotations/kubectl.kubernetes.io~1restartedAt'],
    owned: false,
  },
  {
    name: 'another number of members',
    on: 'StatefulSet/shop',
    contentType: merge,
    body: { spec: { replicas: 1 } },
    foreign: ['/spec/replicas'],
    owned: true,
  },
  {
    name: 'a label taken away',
    on: 'Service/shop',
    contentType: merge,
    body: { metadata: { labels: { 'app.kubernetes.io/component': null } } },
    foreign: [],
    owned: true,
  },
  {
    name: 'the finalizer taken away',
    on: 'Service/shop',
    contentType: merge,
    body: { metadata: { finalizers: null } },
    foreign: [],
    owned: true,
  },
  {
    name: 'a selector on the Service of the leader key',
    on: 'Service/shop',
    contentType: merge,
    body: { spec: { selector: { app: 'mine' } } },
    foreign: ['/spec/selector'],
    owned: false,
  },
  {
    name: 'a wider selector',
    on: 'Service/shop-repl',
    contentType: merge,
    body: { spec: { selector: { 'spilo-role': null } } },
    foreign: ['/spec/selector'],
    owned: true,
  },
  {
    name: 'a second port',
    on: 'Service/shop-repl',
    contentType: strategic,
    body: { spec: { ports: [{ name: 'spy', port: 99, protocol: 'TCP' }] } },
    foreign: ['/spec/ports/0'],
    owned: false,
  },
  {
    name: 'addresses from outside',
    on: 'Service/shop',
    contentType: merge,
    body: { spec: { externalIPs: ['192.0.2.1'] } },
    foreign: ['/spec/externalIPs', '/spec/externalTrafficPolicy'],
    owned: false,
  },
  {
    name: 'a port on every node',
    on: 'Service/shop-repl',
    contentType: merge,
    body: { spec: { type: 'NodePort' } },
    foreign: ['/spec/externalTrafficPolicy', '/spec/type'],
    owned: true,
  },
  {
    name: 'further rights',
    on: 'Role/shop-patroni',
    contentType: json,
    body: [{ op: 'add', path: '/rules/-', value: { apiGroups: [''], resources: ['secrets'], verbs: ['get'] } }],
    foreign: ['/rules'],
    owned: true,
  },
  {
    name: 'a further subject',
    on: 'RoleBinding/shop-patroni',
    contentType: json,
    body: [{ op: 'add', path: '/subjects/-', value: { kind: 'ServiceAccount', name: 'default', namespace } }],
    foreign: ['/subjects'],
    owned: true,
  },
  {
    name: 'a further key',
    on: 'ConfigMap/shop-patroni-config',
    contentType: merge,
    body: { data: { extra: 'x' } },
    foreign: ['/data/extra'],
    owned: false,
  },
  {
    name: 'another limit',
    on: 'PodDisruptionBudget/shop-pdb',
    contentType: merge,
    body: { spec: { maxUnavailable: 3 } },
    foreign: ['/spec/maxUnavailable'],
    owned: true,
  },
  {
    name: 'a further owner',
    on: 'StatefulSet/shop',
    contentType: merge,
    body: { metadata: { ownerReferences: [{ apiVersion: 'v1', kind: 'Namespace', name: 'default', uid: 'OWNER' }] } },
    foreign: ['/metadata/ownerReferences'],
    owned: false,
  },
  {
    name: 'a label of somebody’s own, which is theirs',
    on: 'StatefulSet/shop',
    contentType: merge,
    body: { metadata: { labels: { team: 'blue' }, annotations: { note: 'x' } } },
    foreign: [],
    owned: false,
  },
  {
    name: 'a pull secret on the ServiceAccount, as some distributions add',
    on: 'ServiceAccount/shop-patroni',
    contentType: merge,
    body: { imagePullSecrets: [{ name: 'registry' }] },
    foreign: [],
    owned: false,
  },
];

/** All that an object says beside status and what others may write. */
function essence(object: Json): Json {
  const { metadata: _metadata, status: _status, imagePullSecrets: _theirs, ...rest } = object;
  return rest;
}

/** What the operator does about it, round by round: a field of ours is applied again, then what is foreign is removed. */
async function takenBack(desired: DesiredObject, ours: string | null): Promise<void> {
  for (let round = 0; round < 4; round += 1) {
    const now = ownershipSeen(desired.ref.kind, await read(desired));
    if (now.ownedHash !== ours) accepted(await apply(desired, { effect: 'repair' }));
    else if (now.foreign.length > 0) {
      const paths = now.foreign
        .map((each) => each.path)
        .sort((left, right) => right.localeCompare(left, 'en', { numeric: true }));
      const removals = paths.map((path) => ({ op: 'remove', path }));
      await patch(desired, json, removals, fieldManagers.objects);
    } else return;
  }
}

describe('what somebody else does', () => {
  const desiredAt = (key: string): DesiredObject => {
    const found = wanted('Endpoints').find((each) => objectKey(each.ref) === key);
    if (found === undefined) throw new Error(`no object ${key} is wanted`);
    return found;
  };

  it.each(meddlings)('$name ($on) is seen and taken back', async (meddling) => {
    const desired = desiredAt(meddling.on);
    const { kind } = desired.ref;
    const before = ownershipSeen(kind, accepted(await apply(desired, { effect: 'first' })));
    expect(before.foreign).toEqual([]);
    const original = essence(await read(desired));
    const other = accepted(await world.kube.get('/api/v1/namespaces/default'));
    const owner = String(field(other, 'metadata', 'uid'));
    const body: unknown = JSON.parse(JSON.stringify(meddling.body).replace('OWNER', owner));
    const meddled = ownershipSeen(kind, await patch(desired, meddling.contentType, body, 'kubectl-edit'));
    expect(meddled.foreign.map((each) => each.path).sort()).toEqual([...meddling.foreign].sort());
    expect(meddled.ownedHash !== before.ownedHash).toBe(meddling.owned);
    await takenBack(desired, before.ownedHash);
    // What nobody owns, such as a default that came with the change, would be in no hash.
    expect(essence(await read(desired))).toEqual(original);
    expect(ownershipSeen(kind, await read(desired))).toEqual(before);
  });

  it('another manager that applies the very same value is no stranger', async () => {
    const desired = desiredAt('Service/shop-repl');
    const before = ownershipSeen('Service', accepted(await apply(desired, { effect: 'first' })));
    const same = {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: desired.ref.name, namespace },
      spec: { sessionAffinity: 'None' },
    };
    const shared = await patch(desired, 'application/apply-patch+yaml', same, 'gitops');
    expect(ownershipSeen('Service', shared)).toEqual(before);
  });

  it('kubectl scale is seen although it comes by a subresource', async () => {
    const desired = desiredAt('StatefulSet/shop');
    const before = ownedHash({ ...accepted(await apply(desired, { effect: 'first' })) }, fieldManagers.objects);
    await world.kubectl(['scale', 'statefulset', 'shop', '--replicas=1']);
    const scaled = await read(desired);
    expect(ownedHash(scaled, fieldManagers.objects)).not.toBe(before);
    expect(foreignPaths(scaled)).toEqual([]);
    accepted(await apply(desired, { effect: 'repair' }));
    expect(ownershipSeen('StatefulSet', await read(desired))).toEqual({ ownedHash: before, foreign: [] });
  });

  it('a namesake with another uid can take the StatefulSet over, whose claim template is immutable', async () => {
    const body = JSON.parse(
      JSON.stringify(desiredAt('StatefulSet/shop')).replaceAll(uids.get('Endpoints') ?? '', 'new'),
    );
    const answer = await apply(body as DesiredObject, { dryRun: true, effect: 'adopt' });
    expect(field(accepted(answer), 'metadata', 'labels', 'postgres.example.com/cluster-uid')).toBe('new');
  });
});
