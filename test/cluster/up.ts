/** Owns: bringing a whole cluster up: one node, DNS, volumes. Safe to repeat; starts over what a killed run left. */
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeDockerArchive } from './archive.ts';
import { ensurePrograms, type Programs } from './binary.ts';
import { auditLogPath, controlPlaneCommands, isApiReady, type Ports } from './control-plane.ts';
import { clusterDown, leftovers } from './down.ts';
import { importImage, inside, makeNetwork, pauseImage, startContainerd, startNode } from './node.ts';
import { addressesOf, type ClusterOptions } from './options.ts';
import { ensurePki, kubeconfigPath } from './pki.ts';
import { ensurePrerequisites } from './prerequisites.ts';
import { isRunning, run, startDaemon, waitFor } from './shell.ts';

const ports: Ports = { api: 6443, etcd: 2379, etcdPeer: 2380, controllers: 10_257, scheduler: 10_259 };
const daemons = ['etcd', 'apiserver', 'controllers', 'scheduler', 'containerd', 'kubelet', 'proxy', 'volumes'];

export interface LocalCluster {
  readonly kubeconfig: string;
  readonly context: string;
  readonly bed: string;
  readonly auditLog: string;
}

/** Name of the kubeconfig context of a local cluster. */
export function contextName({ name }: ClusterOptions): string {
  return `local-${name}`;
}

function describe(options: ClusterOptions, { bed }: Programs): LocalCluster {
  return {
    kubeconfig: kubeconfigPath(options.dir, 'admin'),
    context: contextName(options),
    bed,
    auditLog: auditLogPath(options.dir),
  };
}

/** True while every process of the cluster runs and its API server answers. */
export async function isUp(options: ClusterOptions): Promise<boolean> {
  if (!daemons.every((name) => isRunning(options.dir, name))) return false;
  return isApiReady(options.dir, addressesOf(options).node, ports.api);
}

async function startControlPlane(options: ClusterOptions, bed: string): Promise<void> {
  const { dir } = options;
  const { node, services, pods, apiService } = addressesOf(options);
  await ensurePki({ dir, address: node, port: ports.api, context: contextName(options), apiService });
  const commands = controlPlaneCommands({ dir, bed, address: node, ports, services, pods });
  startDaemon(dir, 'etcd', inside(options, commands.etcd));
  startDaemon(dir, 'apiserver', inside(options, commands.apiserver));
  await waitFor('the API server being ready', () => isApiReady(dir, node, ports.api), 90_000);
  startDaemon(dir, 'controllers', inside(options, commands.controllers));
  startDaemon(dir, 'scheduler', inside(options, commands.scheduler));
}

async function ownImages(options: ClusterOptions, programs: Programs): Promise<void> {
  for (const [name, program, reference] of [
    ['pause', programs.pause, pauseImage],
    ['bed', programs.bed, 'postgres-operator.local/bed:1'],
  ] as const) {
    const layer = join(options.dir, `${name}.tar`);
    const archive = join(options.dir, `${name}-image.tar`);
    await run('tar', ['-C', join(program, '..'), '-cf', layer, name]);
    await writeDockerArchive({ out: archive, reference, config: { Entrypoint: [`/${name}`] }, layers: [layer] });
    await importImage(options, archive);
  }
}

async function applyAddons(options: ClusterOptions, cluster: LocalCluster): Promise<void> {
  const folder = new URL('manifests/', import.meta.url).pathname;
  for (const file of ['storage.yaml', 'dns.yaml']) {
    const text = readFileSync(join(folder, file), 'utf8').replaceAll('$(DNS)', addressesOf(options).dns);
    await run(cluster.bed, ['kubectl', '--kubeconfig', cluster.kubeconfig, 'apply', '--server-side', '-f', '-'], {
      input: text,
    });
  }
}

/** Brings the cluster up and loads `images` (docker-archives) into its node. */
export async function clusterUp(
  options: ClusterOptions,
  images: () => Promise<readonly string[]>,
  log: (line: string) => void,
): Promise<LocalCluster> {
  await ensurePrerequisites('node', log);
  const programs = await ensurePrograms(log);
  const archives = await images();
  const cluster = describe(options, programs);
  if (await isUp(options)) {
    log(`cluster ${options.name} is up already`);
    for (const archive of archives) await importImage(options, archive);
    return cluster;
  }
  if (existsSync(options.dir) || (await leftovers(options)).length > 0) {
    log('clearing what an earlier run left');
    await clusterDown(options, () => undefined);
  }
  mkdirSync(options.dir, { recursive: true });
  await makeNetwork(options);
  log('starting etcd, API server, controller manager, scheduler');
  await startControlPlane(options, programs.bed);
  log('starting containerd, importing images');
  await startContainerd(options);
  await ownImages(options, programs);
  for (const archive of archives) await importImage(options, archive);
  log('starting kubelet, kube-proxy, volumes, DNS');
  startNode(options, programs.bed);
  await applyAddons(options, cluster);
  const kubectl = (...args: readonly string[]): Promise<string> =>
    run(programs.bed, ['kubectl', '--kubeconfig', cluster.kubeconfig, ...args]);
  await waitFor(
    'node1 being Ready',
    async () => (await kubectl('get', 'nodes', '--output', 'name')).includes('node/node1'),
    90_000,
  );
  await kubectl('wait', '--for=condition=Ready', 'node/node1', '--timeout=90s');
  await kubectl('--namespace', 'kube-system', 'rollout', 'status', 'deployment/coredns', '--timeout=120s');
  log(`cluster ${options.name} is up: kubectl --kubeconfig ${cluster.kubeconfig}`);
  return cluster;
}
