/** Owns: putting the operator into a cluster, and taking it out: CRD, roles, Deployment, with the image it shall run. */
import { mkdtempSync, cpSync, rmSync, writeFileSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { localCatalog } from './images/build.ts';
import type { TargetCluster } from './context.ts';
import { run } from './shell.ts';

const root = new URL('../../', import.meta.url).pathname;
export const operatorNamespace = 'postgres-operator-system';

/** Runs kubectl on the target. @returns its output */
export function kubectl(target: TargetCluster, args: readonly string[], input?: string): Promise<string> {
  const [program = '', ...leading] = target.kubectl;
  return run(program, [...leading, ...args], input === undefined ? {} : { input });
}

/** The CRD, established. */
export async function installCrd(target: TargetCluster): Promise<void> {
  await kubectl(target, ['apply', '--server-side', '--force-conflicts', '-f', join(root, 'crds/postgrescluster.yaml')]);
  await kubectl(target, [
    'wait',
    '--for=condition=Established',
    'crd/postgresclusters.postgres.example.com',
    '--timeout=60s',
  ]);
}

/** Namespace, ServiceAccount and roles, without the operator. */
export async function installRbac(target: TargetCluster): Promise<void> {
  await kubectl(target, [
    'apply',
    '--server-side',
    '--force-conflicts',
    '-f',
    join(root, 'deploy/base/namespace.yaml'),
  ]);
  await kubectl(target, [
    'apply',
    '--server-side',
    '--force-conflicts',
    '--namespace',
    operatorNamespace,
    '-f',
    join(root, 'deploy/base/rbac.yaml'),
  ]);
}

/** Settings for the local cluster: images that are on the node already. */
export const localSettings: Readonly<Record<string, string>> = {
  OPERATOR_IMAGES: JSON.stringify(localCatalog),
  OPERATOR_IMAGE_PULL_POLICY: 'Never',
};

/** The operator's Deployment with this image; returns once its pod is ready. */
export async function deployOperator(
  target: TargetCluster,
  image: string,
  settings: Readonly<Record<string, string>> = {},
): Promise<void> {
  await installCrd(target);
  const work = mkdtempSync(join(tmpdir(), 'deploy-'));
  try {
    cpSync(join(root, 'deploy/base'), work, { recursive: true });
    const text = readFileSync(join(work, 'operator.yaml'), 'utf8');
    const lines = Object.entries(settings).map(([name, value]) => `  ${name}: ${JSON.stringify(value)}\n`);
    writeFileSync(
      join(work, 'operator.yaml'),
      text
        .replace('image: postgres-operator\n', `image: ${image}\n`)
        .replace('  OPERATOR_LOG_LEVEL: info\n', `  OPERATOR_LOG_LEVEL: info\n${lines.join('')}`),
    );
    await kubectl(target, ['apply', '--server-side', '--force-conflicts', '-k', work]);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  await kubectl(target, [
    '--namespace',
    operatorNamespace,
    'rollout',
    'status',
    'deployment/postgres-operator',
    '--timeout=180s',
  ]);
}

/** Names of all clusters that there are; none where their CRD is not installed. @throws when nobody says whether there are any */
async function clustersIn(target: TargetCluster): Promise<string> {
  const question = ['get', 'postgresclusters', '--all-namespaces', '--output', 'name', '--ignore-not-found'];
  try {
    return (await kubectl(target, question)).trim();
  } catch (error) {
    // A failed read is not "none": what is taken away then are the clusters too, with the CRD.
    if (String(error).includes("doesn't have a resource type")) return '';
    throw error;
  }
}

/** Takes the operator out. @throws while there are clusters: their finalizers need it */
export async function undeployOperator(target: TargetCluster): Promise<void> {
  const left = await clustersIn(target);
  if (left !== '')
    throw new Error(
      `there are still clusters: ${left.split('\n').join(', ')}; delete them first, their finalizers need the operator`,
    );
  await kubectl(target, ['delete', '--ignore-not-found', '-k', join(root, 'deploy/base')]);
}

/** Runs pgc in the operator's pod, on its loopback API. */
export function pgc(target: TargetCluster, args: readonly string[]): Promise<string> {
  return kubectl(target, [
    '--namespace',
    operatorNamespace,
    'exec',
    'deployment/postgres-operator',
    '--',
    '/node',
    '/app/pgc.cjs',
    ...args,
    '--api',
    'http://127.0.0.1:8081',
  ]);
}
