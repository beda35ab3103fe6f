import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { roleBinding, role } from '#src/resources/cluster/access.ts';
import { watchedSources } from '#src/watch/sources.ts';
import type { DcsMode } from '#machines/cluster/observations.ts';
import type { BuildInput } from '#src/resources/metadata.ts';
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

/** Whether the operator's identity may do it. */
async function may(verb: string, resource: string, flags: readonly string[] = []): Promise<boolean> {
  const question = ['auth', 'can-i', verb, resource, '--as', operator, ...flags];
  const answer = await world.kubectl(question).catch((error: unknown) => String(error));
  return answer.trim() === 'yes';
}

const everywhere = ['--all-namespaces'];

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
      expect([resource, await may('watch', name, everywhere)]).toEqual([resource, true]);
      expect([resource, await may('list', name, everywhere)]).toEqual([resource, true]);
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
      expect(await may(verb, 'leases', ['--namespace', 'postgres-operator-system'])).toBe(true);
    expect(await may('create', 'leases', ['--namespace', 'default'])).toBe(false);
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
    expect(await may(verb, resource, everywhere)).toBe(false);
  });

  it('let people who view, edit or administer a namespace do so with its clusters, and with no others', async () => {
    await world.kubectl(['create', 'namespace', 'people']);
    for (const role of ['view', 'edit', 'admin'])
      await world.kubectl(['-n', 'people', 'create', 'rolebinding', role, `--clusterrole=${role}`, `--user=${role}`]);
    const clusters = 'postgresclusters.postgres.example.com';
    const can = async (user: string, verb: string, flags: readonly string[] = []): Promise<boolean> => {
      const question = ['auth', 'can-i', verb, clusters, '--as', user, '--namespace', 'people', ...flags];
      return (await world.kubectl(question).catch((error: unknown) => String(error))).trim() === 'yes';
    };
    // A controller of Kubernetes adds them to its own roles, a moment after they are there.
    await vi.waitUntil(async () => (await can('view', 'list')) && (await can('admin', 'delete')), { timeout: 60_000 });
    for (const user of ['view', 'edit', 'admin'])
      for (const verb of ['get', 'list', 'watch'])
        expect([user, verb, await can(user, verb)]).toEqual([user, verb, true]);
    for (const verb of ['create', 'update', 'patch', 'delete'])
      expect([verb, await can('view', verb), await can('edit', verb), await can('admin', verb)]).toEqual([
        verb,
        false,
        true,
        true,
      ]);
    expect(await can('edit', 'patch', ['--subresource=scale'])).toBe(true);
    expect(await can('edit', 'patch', ['--subresource=status'])).toBe(false);
    expect(await can('edit', 'get', ['--namespace', 'default'])).toBe(false);
  });
});
