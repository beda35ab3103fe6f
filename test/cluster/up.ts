/** Owns: bringing a whole cluster up: its nodes, DNS, volumes. Safe to repeat; starts over what a killed run left. */
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeDockerArchive } from './archive.ts';
import { ensurePrograms, type Programs } from './binary.ts';
import { auditLogPath, controlPlaneCommands, isApiReady, type Ports } from './control-plane.ts';
import { clusterDown, leftovers } from './down.ts';
import { inside, makeNetwork } from './network.ts';
import { importImage, isNodeUp, pauseImage, proxyCommand, startNode } from './node.ts';
import {
  addressesOf,
  nodesOf,
  recordCluster,
  recordedCluster,
  type ClusterOptions,
  type NodeOptions,
} from './options.ts';
import { ensurePki, kubeconfigPath } from './pki.ts';
import { ensurePrerequisites } from './prerequisites.ts';
import { ensureSeed } from './seed.ts';
import { isRunning, killDaemon, lastLines, run, startDaemon, waitFor } from './shell.ts';

const ports: Ports = { api: 6443, etcd: 2379, etcdPeer: 2380, controllers: 10_257, scheduler: 10_259 };
const daemons = ['etcd', 'apiserver', 'controllers', 'scheduler', 'proxy', 'volumes'];

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

/** True while any process of the control plane runs. */
export function isThere({ dir }: ClusterOptions): boolean {
  return daemons.some((name) => isRunning(dir, name));
}

/** True while every process of the cluster runs, its nodes' too, and its API server answers. */
export async function isUp(options: ClusterOptions): Promise<boolean> {
  if (!daemons.every((name) => isRunning(options.dir, name)) || !nodesOf(options).every(isNodeUp)) return false;
  return isApiReady(options.dir, addressesOf(options).control, ports.api);
}

/** Starts the API server and waits until it is ready. */
export async function startApiServer(options: ClusterOptions, bed: string): Promise<void> {
  const { dir } = options;
  const { control, services } = addressesOf(options);
  const commands = controlPlaneCommands({ dir, bed, address: control, ports, services });
  if (!isRunning(dir, 'apiserver')) startDaemon(dir, 'apiserver', inside(options, commands.apiserver));
  await waitFor('the API server being ready', () => isApiReady(dir, control, ports.api), 90_000);
}

/** The API server dies at once; all else goes on. */
export function killApiServer({ dir }: ClusterOptions): Promise<void> {
  return killDaemon(dir, 'apiserver');
}

async function startControlPlane(options: ClusterOptions, bed: string): Promise<void> {
  const { dir } = options;
  const { control, services, apiService } = addressesOf(options);
  const nodes = nodesOf(options);
  await ensurePki({ dir, address: control, port: ports.api, context: contextName(options), apiService, nodes });
  // Half of the default: a node that is not heard of is known to be lost so much sooner.
  const commands = controlPlaneCommands({ dir, bed, address: control, ports, services, nodeGraceSeconds: 24 });
  startDaemon(dir, 'etcd', inside(options, commands.etcd));
  await startApiServer(options, bed);
  startDaemon(dir, 'controllers', inside(options, commands.controllers));
  startDaemon(dir, 'scheduler', inside(options, commands.scheduler));
}

/** Starts what serves all nodes: Services for clients outside of them, and volumes. */
function startServices(options: ClusterOptions, bed: string): void {
  const { dir } = options;
  startDaemon(dir, 'proxy', inside(options, proxyCommand(options, bed, 'node1')));
  startDaemon(dir, 'volumes', [
    bed,
    'volumes',
    `--kubeconfig=${kubeconfigPath(dir, 'admin')}`,
    `--root=${dir}`,
    '--node=node1',
  ]);
}

async function ownImages(programs: Programs): Promise<readonly string[]> {
  const archives: string[] = [];
  for (const [name, program, reference] of [
    ['pause', programs.pause, pauseImage],
    ['bed', programs.bed, 'postgres-operator.local/bed:1'],
  ] as const) {
    const archive = `${program}-image.tar`;
    archives.push(archive);
    if (existsSync(archive)) continue;
    const layer = `${program}-layer.tar`;
    await run('tar', ['-C', join(program, '..'), '-cf', layer, name]);
    const images = [{ reference, config: { Entrypoint: [`/${name}`] } }];
    await writeDockerArchive({ out: archive, images, layers: [layer] });
  }
  return archives;
}

async function applyAddons(options: ClusterOptions, cluster: LocalCluster): Promise<void> {
  const folder = new URL('manifests/', import.meta.url).pathname;
  for (const file of ['storage.yaml', 'dns.yaml']) {
    const text = readFileSync(join(folder, file), 'utf8')
      .replaceAll('$(DNS)', addressesOf(options).dns)
      // Names are still answered when a node is gone.
      .replaceAll('$(DNS_REPLICAS)', String(Math.min(options.nodes, 2)));
    await run(cluster.bed, ['kubectl', '--kubeconfig', cluster.kubeconfig, 'apply', '--server-side', '-f', '-'], {
      input: text,
    });
  }
}

async function makeRoom(options: ClusterOptions, log: (line: string) => void): Promise<void> {
  if (existsSync(options.dir) || (await leftovers(options)).length > 0) {
    log('clearing what an earlier run left');
    await clusterDown(options, () => undefined);
  }
  mkdirSync(options.dir, { recursive: true });
  recordCluster(options);
}

/** What a node's kubelet said last, one line. */
function lastWordsOf({ dir }: NodeOptions): string {
  return lastLines(dir, 'kubelet', 1);
}

/** Waits until every node has registered and is Ready. A kubelet that ends meanwhile is told of and started again, as a service manager does. */
async function waitForNodes(
  nodes: readonly NodeOptions[],
  kubectl: (...args: readonly string[]) => Promise<string>,
  again: (node: NodeOptions, because: string) => Promise<void>,
): Promise<void> {
  let unknown = nodes;
  const areKnown = async (): Promise<boolean> => {
    for (const node of nodes) if (!isNodeUp(node)) await again(node, lastWordsOf(node));
    const known = (await kubectl('get', 'nodes', '--output', 'name')).split('\n');
    unknown = nodes.filter(({ name }) => !known.includes(`node/${name}`));
    return unknown.length === 0;
  };
  await waitFor('the nodes being known', areKnown, 90_000).catch((error: unknown) => {
    const words = unknown.map((node) => `${node.name} is not; its kubelet said last: ${lastWordsOf(node)}`);
    throw new Error([String(error), ...words].join('\n'), { cause: error });
  });
  await kubectl('wait', '--for=condition=Ready', ...nodes.map(({ name }) => `node/${name}`), '--timeout=90s');
}

/** Brings the cluster up, with `images` (docker-archives) on its nodes. @throws when it is up with another count of nodes */
export async function clusterUp(
  options: ClusterOptions,
  images: () => Promise<readonly string[]>,
  log: (line: string) => void,
): Promise<LocalCluster> {
  await ensurePrerequisites('node', log);
  const programs = await ensurePrograms(log);
  const archives = await images();
  const cluster = describe(options, programs);
  const recorded = recordedCluster(options.dir);
  if (recorded !== null && (await isUp({ ...options, ...recorded }))) {
    if (recorded.nodes !== options.nodes || recorded.range !== options.range)
      throw new Error(
        `cluster ${options.name} is up with ${recorded.nodes} node(s) in range ${recorded.range}: run 'make cluster-down' before you ask for ${options.nodes} in range ${options.range}`,
      );
    log(`cluster ${options.name} is up already`);
    for (const archive of archives) await importImage(options, archive);
    return cluster;
  }
  await makeRoom(options, log);
  const nodes = nodesOf(options);
  await makeNetwork(options);
  log('starting etcd, API server, controller manager, scheduler');
  await startControlPlane(options, programs.bed);
  const seed = await ensureSeed([...(await ownImages(programs)), ...archives], log);
  log(`starting ${nodes.map(({ name }) => name).join(', ')}: containerd, kubelet, kube-proxy`);
  const start = (node: NodeOptions): Promise<void> => startNode(node, programs.bed, () => Promise.resolve(seed));
  await Promise.all(nodes.map(start));
  startServices(options, programs.bed);
  log('starting volumes and DNS');
  await applyAddons(options, cluster);
  const kubectl = (...args: readonly string[]): Promise<string> =>
    run(programs.bed, ['kubectl', '--kubeconfig', cluster.kubeconfig, ...args]);
  await waitForNodes(nodes, kubectl, async (node, because) => {
    log(`${node.name} has ended, and is started again; its kubelet said last: ${because}`);
    await start(node);
  });
  await kubectl('--namespace', 'kube-system', 'rollout', 'status', 'deployment/coredns', '--timeout=120s');
  log(`cluster ${options.name} is up: kubectl --kubeconfig ${cluster.kubeconfig}`);
  return cluster;
}

/** Starts a node that is dead or lost. A lost one begins with nothing but images; whatever was loaded later is loaded again. */
export async function reviveNode(
  node: NodeOptions,
  images: () => Promise<readonly string[]>,
  log: (line: string) => void,
): Promise<void> {
  const programs = await ensurePrograms(log);
  await startNode(node, programs.bed, async () =>
    ensureSeed([...(await ownImages(programs)), ...(await images())], log),
  );
}
