/**
 * Owns: a real node in a network namespace of its own: containerd, kubelet, kube-proxy; its start, its sudden death, its
 * loss with everything that lay on it.
 */
import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { killCgroups, makeCgroups, weighCgroups } from './cgroups.ts';
import { loopsUnder, mountsUnder } from './mounts.ts';
import { cutNode, healNode, insideNode } from './network.ts';
import { addressesOf, kernelNames, nodeCgroup, nodesOf, type ClusterOptions, type NodeOptions } from './options.ts';
import { kubeconfigPath } from './pki.ts';
import { killContainers, shimsOf } from './processes.ts';
import { plantSeed } from './seed.ts';
import { isRunning, killDaemon, run, startDaemon, tryRun, waitFor } from './shell.ts';

export const pauseImage = 'postgres-operator.local/pause:1';

function containerdConfig({ dir }: NodeOptions): string {
  return `version = 2
root = "${dir}/ctd/root"
state = "${dir}/ctd/state"
[grpc]
  address = "${dir}/ctd/c.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${pauseImage}"
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "${dir}/cni"
`;
}

function networkConfig({ dir, pods }: NodeOptions): string {
  const ipam = {
    type: 'host-local',
    dataDir: join(dir, 'ipam'),
    ranges: [[{ subnet: pods }]],
    routes: [{ dst: '0.0.0.0/0' }],
  };
  return JSON.stringify({
    cniVersion: '0.4.0',
    name: 'pods',
    plugins: [
      { type: 'bridge', bridge: 'cni0', isGateway: true, ipMasq: false, hairpinMode: true, ipam },
      { type: 'portmap', capabilities: { portMappings: true } },
    ],
  });
}

function kubeletConfig(node: NodeOptions): string {
  const { cluster, dir, name } = node;
  const pki = (file: string): string => join(cluster.dir, 'pki', file);
  return JSON.stringify({
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: pki('ca.crt') },
    },
    authorization: { mode: 'AlwaysAllow' },
    cgroupDriver: 'cgroupfs',
    cgroupRoot: `/${nodeCgroup(node)}`,
    containerRuntimeEndpoint: `unix://${dir}/ctd/c.sock`,
    failSwapOn: false,
    // A grown volume is only noticed when a pod is synchronised.
    syncFrequency: '5s',
    resolvConf: '',
    clusterDNS: [addressesOf(cluster).dns],
    clusterDomain: 'cluster.local',
    evictionHard: { 'memory.available': '1%', 'nodefs.available': '1%', 'imagefs.available': '1%' },
    imageGCHighThresholdPercent: 100,
    imageGCLowThresholdPercent: 99,
    enforceNodeAllocatable: [],
    address: node.address,
    podLogsDir: join(dir, 'pod-logs'),
    // Heard of every four seconds, so that a lost node is known for lost within half a minute.
    nodeStatusUpdateFrequency: '4s',
    nodeLeaseDurationSeconds: 16,
    healthzPort: 0,
    maxPods: 200,
    tlsCertFile: pki(`${name}.crt`),
    tlsPrivateKeyFile: pki(`${name}.key`),
  });
}

function containerdSocket({ dir }: NodeOptions): string {
  return join(dir, 'ctd/c.sock');
}

function importInto(node: NodeOptions, archive: string): Promise<string> {
  return run('ctr', ['--address', containerdSocket(node), '--namespace', 'k8s.io', 'images', 'import', archive]);
}

function importedPath({ dir }: ClusterOptions): string {
  return join(dir, 'imported');
}

/** Gives an image that a node has a second name there. */
export async function tagImage(node: NodeOptions, reference: string, name: string): Promise<void> {
  const images = ['--address', containerdSocket(node), '--namespace', 'k8s.io', 'images'];
  await run('ctr', [...images, 'tag', '--force', reference, name]);
}

/** Archives that were imported after the start; a node that begins anew needs them too. */
function imported(cluster: ClusterOptions): readonly string[] {
  if (!existsSync(importedPath(cluster))) return [];
  const lines = readFileSync(importedPath(cluster), 'utf8').split('\n');
  return [...new Set(lines)].filter((line) => line !== '' && existsSync(line));
}

/** Imports a docker-archive into every node that runs, and later into those that begin anew. */
export async function importImage(options: ClusterOptions, archive: string): Promise<void> {
  const running = nodesOf(options).filter(({ dir }) => isRunning(dir, 'containerd'));
  if (running.length === 0)
    throw new Error(`no node of cluster ${options.name} runs, so ${archive} was not imported: run 'make cluster-up'`);
  appendFileSync(importedPath(options), `${archive}\n`);
  await Promise.all(running.map((node) => importInto(node, archive)));
}

const daemons = ['kubelet', 'proxy', 'containerd'] as const;

/** True while the node's processes run. */
export function isNodeUp({ dir }: NodeOptions): boolean {
  return daemons.every((name) => isRunning(dir, name));
}

/** kube-proxy for a network namespace; it runs as the node whose name it is given. */
export function proxyCommand(cluster: ClusterOptions, bed: string, name: string): readonly string[] {
  return [
    bed,
    'kube-proxy',
    `--kubeconfig=${kubeconfigPath(cluster.dir, 'proxy')}`,
    '--proxy-mode=iptables',
    `--hostname-override=${name}`,
    `--cluster-cidr=${addressesOf(cluster).pods}`,
    '--conntrack-max-per-core=0',
    '--conntrack-tcp-timeout-established=0',
    '--conntrack-tcp-timeout-close-wait=0',
  ];
}

async function startContainerd(node: NodeOptions): Promise<void> {
  const { dir } = node;
  writeFileSync(join(dir, 'containerd.toml'), containerdConfig(node));
  writeFileSync(join(dir, 'cni/10-pods.conflist'), networkConfig(node));
  startDaemon(dir, 'containerd', insideNode(node, ['containerd', '--config', join(dir, 'containerd.toml')]));
  await waitFor(
    `containerd of ${node.name} answering`,
    async () => (await tryRun('ctr', ['--address', containerdSocket(node), 'version'])) !== null,
    30_000,
  );
}

/** Starts a node, new, dead or lost; a new or lost one begins with the images of the seed and no more. Cuts are healed. */
export async function startNode(node: NodeOptions, bed: string, seed: () => Promise<string>): Promise<void> {
  const { cluster, dir, name } = node;
  for (const folder of ['ctd', 'cni', 'kubelet']) mkdirSync(join(dir, folder), { recursive: true });
  const isNew = !existsSync(join(dir, 'ctd/root'));
  if (isNew) await plantSeed(await seed(), join(dir, 'ctd/root'));
  makeCgroups(nodeCgroup(node));
  weighCgroups(kernelNames(node.cluster).cgroup, node.cluster.nodes);
  writeFileSync(join(dir, 'kubelet.json'), kubeletConfig(node));
  await healNode(node);
  if (!isRunning(dir, 'containerd')) await startContainerd(node);
  if (isNew) for (const archive of imported(cluster)) await importInto(node, archive);
  const kubelet = [
    bed,
    'kubelet',
    `--kubeconfig=${kubeconfigPath(cluster.dir, name)}`,
    `--config=${join(dir, 'kubelet.json')}`,
    `--hostname-override=${name}`,
    `--root-dir=${join(dir, 'kubelet')}`,
    `--node-ip=${node.address}`,
  ];
  if (!isRunning(dir, 'kubelet')) startDaemon(dir, 'kubelet', insideNode(node, kubelet));
  if (!isRunning(dir, 'proxy')) startDaemon(dir, 'proxy', insideNode(node, proxyCommand(cluster, bed, name)));
}

/** The node dies at once, as by a power cut: nothing of it runs, nothing answers. Its volumes stay. */
export async function killNode(node: NodeOptions): Promise<void> {
  await cutNode(node, 'all');
  for (const name of daemons) await killDaemon(node.dir, name);
  await waitFor(
    `everything on ${node.name} being dead`,
    () => {
      killContainers(node.dir);
      killCgroups(nodeCgroup(node));
      return shimsOf(node.dir).length === 0;
    },
    30_000,
  );
}

/** The node is lost for good, with everything that lay on it: its volumes are no more. */
export async function loseNode(node: NodeOptions): Promise<void> {
  await killNode(node);
  await waitFor(
    `the mounts of ${node.name} being gone`,
    async () => {
      for (const path of mountsUnder(node.dir)) await tryRun('umount', ['--lazy', path]);
      for (const device of await loopsUnder(node.dir)) await tryRun('losetup', ['--detach', device]);
      return mountsUnder(node.dir).length === 0 && (await loopsUnder(node.dir)).length === 0;
    },
    30_000,
  );
  rmSync(node.dir, { recursive: true, force: true });
}

/** True while the node's folder is there: it may be dead, but it is not lost. */
export function hasRemains({ dir }: NodeOptions): boolean {
  return existsSync(dir);
}
