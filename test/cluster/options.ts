/**
 * Owns: what a test cluster is called, where it lies, how many nodes it has and which addresses are its own. Several may
 * stand side by side.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

export interface ClusterOptions {
  readonly name: string;
  /** Folder of everything it keeps; short, since sockets lie in it. */
  readonly dir: string;
  /** Which block of 198.18.0.0/15 (the benchmark range, routed nowhere) is its own: 0 to 127. */
  readonly range: number;
  readonly nodes: number;
}

/** One node of a cluster. */
export interface NodeOptions {
  readonly cluster: ClusterOptions;
  /** From 1. */
  readonly index: number;
  readonly name: string;
  /** Folder of everything that is lost with it. */
  readonly dir: string;
  readonly address: string;
  readonly pods: string;
}

export interface Addresses {
  readonly host: string;
  /** Of the API server, and of nothing else that sends to nodes: what is cut from it is cut from nothing more. */
  readonly control: string;
  /** Of the switch between the nodes, and of clients outside them. */
  readonly router: string;
  readonly pods: string;
  readonly services: string;
  readonly apiService: string;
  readonly dns: string;
}

const nodesMax = 4;

/** Folder for things that are expensive to make: the user's cache. */
export function cacheFolder(): string {
  return join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'postgres-operator');
}

interface Recorded {
  readonly range: number;
  readonly nodes: number;
}

function recordPath(dir: string): string {
  return join(dir, 'cluster.json');
}

/** Keeps with a cluster what its later commands must know. */
export function recordCluster({ dir, range, nodes }: ClusterOptions): void {
  writeFileSync(recordPath(dir), `${JSON.stringify({ range, nodes })}\n`);
}

/** What the cluster in this folder was made with; null when there is none. */
export function recordedCluster(dir: string): Recorded | null {
  return existsSync(recordPath(dir)) ? (JSON.parse(readFileSync(recordPath(dir), 'utf8')) as Recorded) : null;
}

function whole(what: string, value: number, least: number, most: number): number {
  if (!Number.isInteger(value) || value < least || value > most)
    throw new Error(`${what} is ${value}: it must be a whole number from ${least} to ${most}`);
  return value;
}

/** Options; what is not given is as the cluster was made, else the default. @throws when a value cannot work, saying why */
export function clusterOptions(given: {
  readonly name?: string;
  readonly dir?: string;
  readonly range?: number;
  readonly nodes?: number;
}): ClusterOptions {
  const name = given.name === undefined || given.name === '' ? 'dev' : given.name;
  if (!/^[a-z][a-z0-9]{0,7}$/.test(name))
    throw new Error(`cluster name ${JSON.stringify(name)} must be 1 to 8 lower-case letters and digits`);
  const dir = given.dir ?? join(cacheFolder(), `cluster-${name}`);
  if (dir.length > 64)
    throw new Error(`folder ${dir} is too long for the sockets that lie in it; name a shorter one with --dir`);
  const recorded = recordedCluster(dir);
  const range = whole('the address range', given.range ?? recorded?.range ?? 0, 0, 127);
  const nodes = whole('the number of nodes', given.nodes ?? recorded?.nodes ?? 1, 1, nodesMax);
  return { name, dir, range, nodes };
}

/** The cluster that CLUSTER_NAME, CLUSTER_RANGE and CLUSTER_NODES mean; what they leave open is as the cluster was made. */
export function environmentCluster(): ClusterOptions {
  const number = (name: string): number | undefined => {
    const text = process.env[name] ?? '';
    return text === '' ? undefined : Number(text);
  };
  const [range, nodes] = [number('CLUSTER_RANGE'), number('CLUSTER_NODES')];
  return clusterOptions({
    name: process.env['CLUSTER_NAME'] ?? '',
    ...(range === undefined ? {} : { range }),
    ...(nodes === undefined ? {} : { nodes }),
  });
}

/** The addresses of a cluster: a link to the host, a net of nodes, a net of pods, and a net of Services of its own. */
export function addressesOf({ range }: ClusterOptions): Addresses {
  const block = range * 2;
  const services = `10.${96 + (range >> 4)}.${(range & 15) * 16}`;
  return {
    host: `198.18.${block}.1`,
    control: `198.18.${block}.2`,
    router: `198.18.${block}.65`,
    pods: `198.18.${block + 1}.0/24`,
    services: `${services}.0/20`,
    apiService: `${services}.1`,
    dns: `${services}.10`,
  };
}

/** The nodes of a cluster. One alone has all pod addresses; several have a quarter each. */
export function nodesOf(cluster: ClusterOptions): readonly NodeOptions[] {
  const block = cluster.range * 2;
  return Array.from({ length: cluster.nodes }, (_, each) => ({
    cluster,
    index: each + 1,
    name: `node${each + 1}`,
    dir: join(cluster.dir, `node${each + 1}`),
    address: `198.18.${block}.${66 + each}`,
    pods: cluster.nodes === 1 ? `198.18.${block + 1}.0/24` : `198.18.${block + 1}.${each * (256 / nodesMax)}/26`,
  }));
}

/** A node by its name. @throws naming those there are */
export function nodeNamed(cluster: ClusterOptions, name: string): NodeOptions {
  const found = nodesOf(cluster).find((node) => node.name === name);
  if (found === undefined)
    throw new Error(
      `cluster ${cluster.name} has no node ${JSON.stringify(name)}: it has ${nodesOf(cluster)
        .map((node) => node.name)
        .join(', ')}`,
    );
  return found;
}

/** Names of what the kernel keeps for a cluster. */
export function kernelNames({ name }: ClusterOptions): {
  /** Of the control plane; a node's is `NAMESPACE-nodeN`. */
  readonly namespace: string;
  readonly link: string;
  readonly cgroup: string;
} {
  return { namespace: `pgo-${name}`, link: `pgo-${name}`, cgroup: `pgo-${name}` };
}

/** Name of a node's network namespace. */
export function nodeNamespace({ cluster, name }: NodeOptions): string {
  return `${kernelNames(cluster).namespace}-${name}`;
}

/** Cgroup of a node, within its cluster's. */
export function nodeCgroup({ cluster, name }: NodeOptions): string {
  return `${kernelNames(cluster).cgroup}/${name}`;
}
