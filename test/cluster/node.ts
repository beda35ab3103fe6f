/** Owns: one real node in a network namespace of its own: containerd, kubelet, kube-proxy, volumes. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeCgroups } from './cgroups.ts';
import { addressesOf, kernelNames, type ClusterOptions } from './options.ts';
import { kubeconfigPath } from './pki.ts';
import { run, startDaemon, tryRun, waitFor } from './shell.ts';

/** Runs a command inside the cluster's network. nsenter, since `ip netns exec` hides the cgroup mounts. */
export function inside(options: ClusterOptions, command: readonly string[]): readonly string[] {
  return ['nsenter', `--net=/run/netns/${kernelNames(options).namespace}`, ...command];
}

async function execute(command: readonly string[]): Promise<void> {
  const [program = '', ...args] = command;
  await run(program, args);
}

/** Namespace, a link to the host, and routes: services and pods are reachable from the host, nothing routes out. */
export async function makeNetwork(options: ClusterOptions): Promise<void> {
  const { namespace, link } = kernelNames(options);
  const { host, node, pods, services } = addressesOf(options);
  if (existsSync(`/run/netns/${namespace}`)) return;
  await run('ip', ['netns', 'add', namespace]);
  await run('ip', ['link', 'add', link, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', namespace]);
  await run('ip', ['addr', 'add', `${host}/30`, 'dev', link]);
  await run('ip', ['link', 'set', link, 'up']);
  await execute(inside(options, ['ip', 'link', 'set', 'lo', 'up']));
  await execute(inside(options, ['ip', 'addr', 'add', `${node}/30`, 'dev', 'eth0']));
  await execute(inside(options, ['ip', 'link', 'set', 'eth0', 'up']));
  await execute(inside(options, ['ip', 'route', 'add', 'default', 'via', host]));
  await execute(inside(options, ['sysctl', '-qw', 'net.ipv4.ip_forward=1']));
  await run('ip', ['route', 'replace', pods, 'via', node, 'dev', link]);
  // Only the first of several clusters gets the services' route; the others are reached through their nodes.
  await tryRun('ip', ['route', 'add', services, 'via', node, 'dev', link]);
}

export const pauseImage = 'postgres-operator.local/pause:1';

function containerdConfig({ dir }: ClusterOptions): string {
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

function networkConfig(options: ClusterOptions): string {
  const { pods } = addressesOf(options);
  const ipam = {
    type: 'host-local',
    dataDir: join(options.dir, 'ipam'),
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

function kubeletConfig(options: ClusterOptions): string {
  const { dir } = options;
  const { node, dns } = addressesOf(options);
  return JSON.stringify({
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: join(dir, 'pki/ca.crt') },
    },
    authorization: { mode: 'AlwaysAllow' },
    cgroupDriver: 'cgroupfs',
    cgroupRoot: `/${kernelNames(options).cgroup}`,
    containerRuntimeEndpoint: `unix://${dir}/ctd/c.sock`,
    failSwapOn: false,
    // A grown volume is only noticed when a pod is synchronised.
    syncFrequency: '5s',
    resolvConf: '',
    clusterDNS: [dns],
    clusterDomain: 'cluster.local',
    evictionHard: { 'memory.available': '1%', 'nodefs.available': '1%', 'imagefs.available': '1%' },
    imageGCHighThresholdPercent: 100,
    imageGCLowThresholdPercent: 99,
    enforceNodeAllocatable: [],
    address: node,
    healthzPort: 0,
    maxPods: 200,
    tlsCertFile: join(dir, 'pki/node.crt'),
    tlsPrivateKeyFile: join(dir, 'pki/node.key'),
  });
}

/** Path of the cluster's containerd socket. */
export function containerdSocket({ dir }: ClusterOptions): string {
  return join(dir, 'ctd/c.sock');
}

/** Imports a docker-archive into the node. */
export async function importImage(options: ClusterOptions, archive: string): Promise<void> {
  await run('ctr', ['--address', containerdSocket(options), '--namespace', 'k8s.io', 'images', 'import', archive]);
}

/** Starts containerd; images can be imported once this returns. */
export async function startContainerd(options: ClusterOptions): Promise<void> {
  const { dir } = options;
  for (const folder of ['ctd', 'cni', 'kubelet']) mkdirSync(join(dir, folder), { recursive: true });
  writeFileSync(join(dir, 'containerd.toml'), containerdConfig(options));
  writeFileSync(join(dir, 'cni/10-pods.conflist'), networkConfig(options));
  startDaemon(dir, 'containerd', inside(options, ['containerd', '--config', join(dir, 'containerd.toml')]));
  await waitFor(
    'containerd answering',
    async () => (await tryRun('ctr', ['--address', containerdSocket(options), 'version'])) !== null,
    30_000,
  );
}

/** Starts kubelet, kube-proxy and the volume provisioner. */
export function startNode(options: ClusterOptions, bed: string): void {
  const { dir } = options;
  const { node, pods } = addressesOf(options);
  makeCgroups(kernelNames(options).cgroup);
  writeFileSync(join(dir, 'kubelet.json'), kubeletConfig(options));
  const kubelet = [
    bed,
    'kubelet',
    `--kubeconfig=${kubeconfigPath(dir, 'node')}`,
    `--config=${join(dir, 'kubelet.json')}`,
    '--hostname-override=node1',
    `--root-dir=${join(dir, 'kubelet')}`,
    `--node-ip=${node}`,
  ];
  const proxy = [
    bed,
    'kube-proxy',
    `--kubeconfig=${kubeconfigPath(dir, 'proxy')}`,
    '--proxy-mode=iptables',
    '--hostname-override=node1',
    `--cluster-cidr=${pods}`,
    '--conntrack-max-per-core=0',
    '--conntrack-tcp-timeout-established=0',
    '--conntrack-tcp-timeout-close-wait=0',
  ];
  startDaemon(dir, 'kubelet', inside(options, kubelet));
  startDaemon(dir, 'proxy', inside(options, proxy));
  startDaemon(dir, 'volumes', [
    bed,
    'volumes',
    `--kubeconfig=${kubeconfigPath(dir, 'admin')}`,
    `--root=${join(dir, 'volumes')}`,
    '--node=node1',
  ]);
}
