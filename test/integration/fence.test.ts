/** The optional admission policy as it is shipped, for the whole cluster: whom it refuses, and whom it must never refuse. */
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { startControlPlane, type ControlPlane } from '#test/cluster/control-plane.ts';
import { run } from '#test/cluster/shell.ts';

const root = new URL('../../', import.meta.url).pathname;
const home = 'postgres-operator-system';
const operator = `system:serviceaccount:${home}:postgres-operator`;

let plane: ControlPlane;

async function kubectl(args: readonly string[], input?: string): Promise<string> {
  const command = ['kubectl', '--kubeconfig', plane.kubeconfig, '--cache-dir', `${plane.dir}/cache`, ...args];
  return run(plane.bed, command, input === undefined ? {} : { input });
}

/** What the API server says to a write that changes nothing; empty when it says yes. */
async function saidTo(flags: readonly string[] = []): Promise<string> {
  const write = ['create', 'configmap', 'tried', '--namespace', 'default', '--dry-run=server', ...flags];
  return kubectl(write).then(() => '', String);
}

async function putLease(holder: string): Promise<void> {
  const metadata = { name: 'postgres-operator', namespace: home };
  const lease = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata, spec: { holderIdentity: holder } };
  await kubectl(['apply', '--server-side', '-f', '-'], JSON.stringify(lease));
}

beforeAll(async () => {
  plane = await startControlPlane(undefined, []);
  await kubectl(['create', 'namespace', home]);
  const may = ['--clusterrole=cluster-admin', `--serviceaccount=${home}:postgres-operator`];
  await kubectl(['create', 'clusterrolebinding', 'operator', ...may]);
  await putLease('postgres-operator-0');
  await kubectl(['apply', '--server-side', '-k', `${root}deploy/fence`]);
});

afterAll(() => plane.stop());

it('refuses an operator that does not hold the Lease, and while there is none nobody else', async () => {
  const patience = { timeout: 30_000, interval: 200 };
  const asOperator = ['--as', operator];
  await vi.waitUntil(async () => (await saidTo(asOperator)).includes('postgres-operator-leader'), patience);
  const held = await saidTo(asOperator);
  expect(await saidTo()).toBe('');

  await kubectl(['delete', 'lease', 'postgres-operator', '--namespace', home]);
  await vi.waitUntil(async () => (await saidTo(asOperator)) !== held, patience);
  expect(await saidTo()).toBe('');

  await putLease('postgres-operator-0');
  await vi.waitUntil(async () => (await saidTo(asOperator)) === held, patience);
});
