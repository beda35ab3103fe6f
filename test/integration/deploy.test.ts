import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { roleBinding, role } from '#src/resources/cluster/access.ts';
import { watchedSources } from '#src/watch/sources.ts';
import type { DcsMode } from '#machines/cluster/observations.ts';
import type { BuildInput } from '#src/resources/metadata.ts';
import { runPgc } from '#test/support/pgc-program.ts';
import { startApiWorld, type ApiWorld } from './api-world.ts';

const root = new URL('../../', import.meta.url).pathname;
const operator = 'system:serviceaccount:postgres-operator-system:postgres-operator';

let world: ApiWorld;

beforeAll(async () => {
  world = await startApiWorld();
  await world.kubectl(['apply', '--server-side', '-k', `${root}deploy/base`]);
});

afterAll(() => world.stop());

function buildInput(dcs: DcsMode): BuildInput {
  const spec = { version: '17', storage: { size: '1Gi' } } as const;
  const image = { image: 'spilo', imagePullPolicy: 'IfNotPresent' };
  const steps = {
    claimSize: '1Gi',
    members: 1,
    rolledOut: null,
    chosenImage: null,
    credentials: null,
    bootstrapParameters: {},
  };
  const name = `shop-${dcs.toLowerCase()}`;
  return { uid: 'u', namespace: 'default', name, spec, dcs, deleting: false, ...image, ...steps };
}

/** Whether somebody may do it. @param where a namespace; empty for all of them */
async function can(user: string, verb: string, named: string, where: string): Promise<boolean> {
  const [whole = '', subresource = ''] = named.split('/');
  const [resource = '', ...rest] = whole.split('.');
  const resourceAttributes = { namespace: where, verb, group: rest.join('.'), resource, subresource };
  const groups = user === operator ? ['system:serviceaccounts', 'system:authenticated'] : ['system:authenticated'];
  const answer = await world.kube.send({
    method: 'POST',
    path: '/apis/authorization.k8s.io/v1/subjectaccessreviews',
    query: {},
    contentType: 'application/json',
    body: JSON.stringify({
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SubjectAccessReview',
      spec: { user, groups, resourceAttributes },
    }),
    auditId: null,
  });
  if (answer.type !== 'ok') throw new Error(JSON.stringify(answer));
  return (answer.body as { readonly status: { readonly allowed: boolean } }).status.allowed;
}

/** Whether the operator's identity may do it, in all namespaces unless one is named. */
const may = (verb: string, resource: string, where = ''): Promise<boolean> => can(operator, verb, resource, where);

describe('the manifests in deploy/', () => {
  it('are accepted under the restricted pod security standard, without a warning', async () => {
    const text = await world.kubectl(['get', 'namespace', 'postgres-operator-system', '--output', 'json']);
    expect(text).toContain('"pod-security.kubernetes.io/enforce": "restricted"');
    // The ReplicaSet's pod is what the standard judges: it exists only when it was let in.
    await world.kubectl([
      '--namespace',
      'postgres-operator-system',
      'wait',
      '--for=create',
      'pod',
      '--selector',
      'app.kubernetes.io/name=postgres-operator',
      '--timeout=60s',
    ]);
  });

  it('let the operator watch what it watches, in all namespaces', async () => {
    for (const { resource, root: api } of watchedSources) {
      const group = api.split('/')[2] ?? '';
      const name = api.startsWith('/apis/') ? `${resource}.${group}` : resource;
      expect([resource, await may('watch', name)]).toEqual([resource, true]);
      expect([resource, await may('list', name)]).toEqual([resource, true]);
    }
  });

  it('let it hand Patroni its Role, in both modes', async () => {
    for (const dcs of ['Endpoints', 'ConfigMaps'] as const) {
      const input = buildInput(dcs);
      for (const body of [role(input), roleBinding(input)]) {
        const args = ['--as', operator, 'apply', '--server-side', '--force-conflicts', '--field-manager', 'operator'];
        await world.kubectl([...args, '-f', '-'], JSON.stringify(body).replaceAll('{"$effect":""}', '"effect"'));
      }
    }
  });

  it('let it take the Lease in its own namespace, and in no other', async () => {
    for (const verb of ['get', 'create', 'update'])
      expect(await may(verb, 'leases.coordination.k8s.io', 'postgres-operator-system')).toBe(true);
    expect(await may('create', 'leases.coordination.k8s.io', 'default')).toBe(false);
  });

  it.each([
    ['create', 'pods'],
    ['delete', 'postgresclusters.postgres.example.com'],
    ['create', 'postgresclusters.postgres.example.com'],
    ['delete', 'namespaces'],
    ['get', 'nodes'],
    ['update', 'customresourcedefinitions.apiextensions.k8s.io'],
    ['create', 'clusterroles.rbac.authorization.k8s.io'],
    ['escalate', 'roles.rbac.authorization.k8s.io'],
    ['bind', 'clusterroles.rbac.authorization.k8s.io'],
    ['impersonate', 'serviceaccounts'],
  ])('do not let it %s %s', async (verb, resource) => {
    expect(await may(verb, resource)).toBe(false);
  });

  it('let people who view, edit or administer a namespace do so with its clusters, and with no others', async () => {
    await world.kubectl(['create', 'namespace', 'people']);
    for (const role of ['view', 'edit', 'admin'])
      await world.kubectl(['-n', 'people', 'create', 'rolebinding', role, `--clusterrole=${role}`, `--user=${role}`]);
    const may = (user: string, verb: string, below = '', where = 'people'): Promise<boolean> =>
      can(user, verb, `postgresclusters.postgres.example.com${below}`, where);
    // A controller of Kubernetes adds them to its own roles, a moment after they are there.
    await vi.waitUntil(async () => (await may('view', 'list')) && (await may('admin', 'delete')), { timeout: 60_000 });
    for (const user of ['view', 'edit', 'admin'])
      for (const verb of ['get', 'list', 'watch'])
        expect([user, verb, await may(user, verb)]).toEqual([user, verb, true]);
    for (const verb of ['create', 'update', 'patch', 'delete'])
      expect([verb, await may('view', verb), await may('edit', verb), await may('admin', verb)]).toEqual([
        verb,
        false,
        true,
        true,
      ]);
    expect(await may('edit', 'patch', '/scale')).toBe(true);
    expect(await may('edit', 'patch', '/status')).toBe(false);
    expect(await may('edit', 'get', '', 'default')).toBe(false);
  });

  it('are what pgc doctor holds the operator to, right by right', async () => {
    const rights = async (): Promise<string> => {
      const { code, stdout } = await runPgc(['doctor', '-o', 'ndjson'], world.dir, { KUBECONFIG: world.kubeconfig });
      // Its pod has no kubelet here, so it is never all well.
      expect(code).toBe(1);
      const { verdict, says } = stdout
        .toString()
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as { readonly check: string; readonly verdict: string; readonly says: string })
        .find(({ check }) => check === 'rights') ?? { verdict: 'none', says: '' };
      return `${verdict}: ${says}`;
    };
    expect(await rights()).toMatch(/^ok: the operator may do all \d\d things that it needs$/);
    await world.kubectl(['delete', 'clusterrolebinding', 'postgres-operator']);
    await vi.waitUntil(async () => (await rights()).startsWith('trouble: the operator may not get postgresclusters'), {
      timeout: 60_000,
      interval: 500,
    });
    await world.kubectl(['apply', '--server-side', '-k', `${root}deploy/base`]);
    await vi.waitUntil(async () => (await rights()).startsWith('ok'), { timeout: 60_000, interval: 500 });
  });
});
