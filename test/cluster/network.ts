/**
 * Owns: the network of a cluster: a namespace for the control plane and one per node, joined by links on a switch; cutting
 * a node off (from all, from the API server, from another node) and healing it. Nothing routes out of the machine.
 */
import { existsSync } from 'node:fs';
import { addressesOf, kernelNames, nodeNamespace, nodesOf, type ClusterOptions, type NodeOptions } from './options.ts';
import { run, tryRun } from './shell.ts';

function within(namespace: string, command: readonly string[]): readonly string[] {
  return ['nsenter', `--net=/run/netns/${namespace}`, ...command];
}

/** A command inside the control plane's network. nsenter, since `ip netns exec` hides the cgroup mounts. */
export function inside(options: ClusterOptions, command: readonly string[]): readonly string[] {
  return within(kernelNames(options).namespace, command);
}

/** A command inside a node's network. */
export function insideNode(node: NodeOptions, command: readonly string[]): readonly string[] {
  return within(nodeNamespace(node), command);
}

async function execute([program = '', ...args]: readonly string[]): Promise<void> {
  await run(program, args);
}

const bridge = 'switch';

async function makeControlSide(options: ClusterOptions): Promise<void> {
  const { namespace, link } = kernelNames(options);
  const { host, control, router, pods, services } = addressesOf(options);
  const at = (...command: readonly string[]): Promise<void> => execute(inside(options, command));
  await run('ip', ['netns', 'add', namespace]);
  await run('ip', ['link', 'add', link, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', namespace]);
  await run('ip', ['addr', 'add', `${host}/30`, 'dev', link]);
  await run('ip', ['link', 'set', link, 'up']);
  await at('ip', 'link', 'set', 'lo', 'up');
  await at('ip', 'addr', 'add', `${control}/30`, 'dev', 'eth0');
  await at('ip', 'link', 'set', 'eth0', 'up');
  await at('ip', 'route', 'add', 'default', 'via', host);
  await at('ip', 'link', 'add', bridge, 'type', 'bridge');
  await at('ip', 'addr', 'add', `${router}/26`, 'dev', bridge, 'noprefixroute');
  await at('ip', 'link', 'set', bridge, 'up');
  await at('ip', 'route', 'add', router.replace(/\d+$/, '64/26'), 'dev', bridge, 'src', control);
  await at('sysctl', '-qw', 'net.ipv4.ip_forward=1');
  await run('ip', ['route', 'replace', router.replace(/\d+$/, '64/26'), 'via', control, 'dev', link]);
  await run('ip', ['route', 'replace', pods, 'via', control, 'dev', link]);
  await run('ip', ['route', 'replace', services, 'via', control, 'dev', link]);
}

async function makeNodeSide(node: NodeOptions): Promise<void> {
  const namespace = nodeNamespace(node);
  const { control, router } = addressesOf(node.cluster);
  const at = (...command: readonly string[]): Promise<void> => execute(insideNode(node, command));
  await run('ip', ['netns', 'add', namespace]);
  await at('ip', 'link', 'set', 'lo', 'up');
  await execute(
    inside(node.cluster, ['ip', 'link', 'add', node.name, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', namespace]),
  );
  await execute(inside(node.cluster, ['ip', 'link', 'set', node.name, 'master', bridge, 'up']));
  await at('ip', 'addr', 'add', `${node.address}/26`, 'dev', 'eth0');
  await at('ip', 'link', 'set', 'eth0', 'up');
  await at('ip', 'route', 'add', 'default', 'via', router);
  await at('sysctl', '-qw', 'net.ipv4.ip_forward=1');
  for (const other of nodesOf(node.cluster))
    if (other.name !== node.name) await at('ip', 'route', 'add', other.pods, 'via', other.address);
  await execute(inside(node.cluster, ['ip', 'route', 'add', node.pods, 'via', node.address, 'src', control]));
}

/** Namespaces, links and routes: nodes, pods and Services are reachable from the host, and each node from each other. */
export async function makeNetwork(options: ClusterOptions): Promise<void> {
  if (existsSync(`/run/netns/${kernelNames(options).namespace}`)) return;
  await makeControlSide(options);
  for (const node of nodesOf(options)) await makeNodeSide(node);
}

/** From what a node is cut: from everything, or from the addresses of the API server or of another node. */
export type CutFrom = 'all' | 'apiserver' | NodeOptions;

const chains = [
  // Where packets arrive, and where they leave with their last address: what a Service stood for is known there.
  { hook: 'PREROUTING', chain: 'PGO-CUT-IN', side: '--source' },
  { hook: 'POSTROUTING', chain: 'PGO-CUT-OUT', side: '--destination' },
] as const;

function iptables(node: NodeOptions, ...args: readonly string[]): readonly string[] {
  return insideNode(node, ['iptables', '--wait', '--table', 'mangle', ...args]);
}

async function isThere([program = '', ...args]: readonly string[]): Promise<boolean> {
  return (await tryRun(program, args)) !== null;
}

/** Cuts a node off; packets vanish, in both directions, also those of connections that stand. Cuts add up until healed. */
export async function cutNode(node: NodeOptions, from: CutFrom): Promise<void> {
  if (from === 'all') {
    await execute(inside(node.cluster, ['ip', 'link', 'set', node.name, 'down']));
    return;
  }
  const addresses = from === 'apiserver' ? [addressesOf(node.cluster).control] : [from.address, from.pods];
  for (const { hook, chain, side } of chains) {
    if (!(await isThere(iptables(node, '--list-rules', chain)))) {
      await execute(iptables(node, '--new-chain', chain));
      await execute(iptables(node, '--insert', hook, '--jump', chain));
    }
    for (const address of addresses) await execute(iptables(node, '--append', chain, side, address, '--jump', 'DROP'));
  }
}

/** Ends every cut of a node. */
export async function healNode(node: NodeOptions): Promise<void> {
  for (const { chain } of chains)
    if (await isThere(iptables(node, '--list-rules', chain))) await execute(iptables(node, '--flush', chain));
  await execute(inside(node.cluster, ['ip', 'link', 'set', node.name, 'up']));
}

/** What a node is cut from now, for humans; empty when it is whole. */
export async function cutsOf(node: NodeOptions): Promise<readonly string[]> {
  const [program = '', ...args] = inside(node.cluster, ['ip', '-brief', 'link', 'show', 'dev', node.name]);
  const link = (await tryRun(program, args)) ?? '';
  const [iptablesProgram = '', ...list] = iptables(node, '--list-rules', 'PGO-CUT-IN');
  const rules = (await tryRun(iptablesProgram, list)) ?? '';
  const names: Readonly<Record<string, string>> = {
    [addressesOf(node.cluster).control]: 'apiserver',
    ...Object.fromEntries(nodesOf(node.cluster).map(({ address, name }) => [address, name])),
  };
  const named = [...rules.matchAll(/-s (\S+?)\/32/g)].map(([, address = '']) => names[address] ?? address);
  return [...(link.includes(' UP ') ? [] : ['all']), ...named];
}
