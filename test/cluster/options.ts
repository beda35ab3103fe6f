/** Owns: what a test cluster is called, where it lies and which addresses are its own. Several may stand side by side. */
import { homedir } from 'node:os';
import { join } from 'node:path';

export interface ClusterOptions {
  readonly name: string;
  /** Folder of everything it keeps; short, since sockets lie in it. */
  readonly dir: string;
  /** Which block of 198.18.0.0/15 (the benchmark range, routed nowhere) is its own: 0 to 127. */
  readonly range: number;
}

export interface Addresses {
  readonly host: string;
  readonly node: string;
  readonly pods: string;
  readonly services: string;
  readonly apiService: string;
  readonly dns: string;
}

/** Folder for things that are expensive to make: the user's cache. */
export function cacheFolder(): string {
  return join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'postgres-operator');
}

/** Options with their defaults. @throws when a value cannot work, saying which and why */
export function clusterOptions(given: {
  readonly name?: string;
  readonly dir?: string;
  readonly range?: number;
}): ClusterOptions {
  const name = given.name === undefined || given.name === '' ? 'dev' : given.name;
  if (!/^[a-z][a-z0-9]{0,7}$/.test(name))
    throw new Error(`cluster name ${JSON.stringify(name)} must be 1 to 8 lower-case letters and digits`);
  const range = given.range ?? 0;
  if (!Number.isInteger(range) || range < 0 || range > 127)
    throw new Error(`address range ${range} must be from 0 to 127`);
  const dir = given.dir ?? join(cacheFolder(), `cluster-${name}`);
  if (dir.length > 70)
    throw new Error(`folder ${dir} is too long for the sockets that lie in it; name a shorter one with --dir`);
  return { name, dir, range };
}

/** The addresses of a cluster: a link of two, and a network of pods. */
export function addressesOf({ range }: ClusterOptions): Addresses {
  const block = range * 2;
  return {
    host: `198.18.${block}.1`,
    node: `198.18.${block}.2`,
    pods: `198.18.${block + 1}.0/24`,
    services: '10.96.0.0/16',
    apiService: '10.96.0.1',
    dns: '10.96.0.10',
  };
}

/** Names of what the kernel keeps for a cluster. */
export function kernelNames({ name }: ClusterOptions): {
  readonly namespace: string;
  readonly link: string;
  readonly cgroup: string;
} {
  return { namespace: `pgo-${name}`, link: `pgo-${name}`, cgroup: `pgo-${name}` };
}
