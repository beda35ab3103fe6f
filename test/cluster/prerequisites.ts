/**
 * Owns: what a local test cluster needs of the machine, and getting it: says exactly what is missing and what to do; as
 * root it installs Debian's packages itself, after naming them.
 */
import { existsSync } from 'node:fs';
import { run, tryRun } from './shell.ts';

/** Debian packages, by the program that shows they are there. */
const packages: Readonly<Record<string, string>> = {
  '/usr/bin/containerd': 'containerd',
  '/usr/sbin/runc': 'runc',
  '/usr/lib/cni/bridge': 'containernetworking-plugins',
  '/usr/sbin/iptables': 'iptables',
  '/usr/sbin/mkfs.xfs': 'xfsprogs',
  '/usr/bin/mmdebstrap': 'mmdebstrap',
  '/usr/bin/openssl': 'openssl',
  '/usr/sbin/ip': 'iproute2',
  '/usr/bin/nsenter': 'util-linux',
  '/usr/sbin/conntrack': 'conntrack',
  '/usr/share/keyrings/debian-archive-keyring.gpg': 'debian-archive-keyring',
};

/** What recording or failing a process's file calls needs. */
const tracingPackages: Readonly<Record<string, string>> = { '/usr/bin/strace': 'strace' };

/** What shows pages. */
const browserPackages: Readonly<Record<string, string>> = {
  '/usr/bin/chromium-headless-shell': 'chromium-headless-shell',
};

export interface Needs {
  /** Sentences that a human has to act on; empty when all is well. */
  readonly blocking: readonly string[];
  /** Debian packages that are missing. */
  readonly missing: readonly string[];
}

function missingOf(wanted: Readonly<Record<string, string>>): readonly string[] {
  return Object.entries(wanted)
    .filter(([path]) => !existsSync(path))
    .map(([, name]) => name);
}

/** The Go toolchain's program: on the PATH, or where its installer puts it. */
export async function goProgram(): Promise<string | null> {
  const candidates = ['go', '/usr/local/go/bin/go'];
  for (const candidate of candidates) if ((await tryRun(candidate, ['version'])) !== null) return candidate;
  return null;
}

export type NeedsMode = 'node' | 'control-plane' | 'tracing' | 'browser';

/** What this machine lacks for a node, for a control plane alone, for tests that trace a process, or that look at a page. */
export async function needs(mode: NeedsMode): Promise<Needs> {
  const blocking: string[] = [];
  if (mode === 'tracing' || mode === 'browser') {
    const missing = missingOf(mode === 'tracing' ? tracingPackages : browserPackages);
    if (missing.length > 0 && (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')))
      blocking.push(`These programs are needed and cannot be installed from here: ${missing.join(', ')}.`);
    return { blocking, missing };
  }
  if (process.platform !== 'linux')
    blocking.push('Linux is needed: a node is namespaces and cgroups. Elsewhere name a cluster with KUBE_CONTEXT.');
  if ((await goProgram()) === null)
    blocking.push('Go is needed to build Kubernetes: install Go 1.25 or later and put it on the PATH.');
  if (mode === 'control-plane') return { blocking, missing: [] };
  if (process.getuid?.() !== 0)
    blocking.push(
      'root is needed for namespaces, mounts and cgroups: run it as root, or name a cluster with KUBE_CONTEXT.',
    );
  const missing = missingOf(packages);
  if (missing.length > 0 && !existsSync('/usr/bin/apt-get'))
    blocking.push(`These programs are needed and there is no apt-get to install them: ${missing.join(', ')}.`);
  return { blocking, missing };
}

/** Installs what is missing. @throws with one sentence per thing that a human has to do */
export async function ensurePrerequisites(mode: NeedsMode, log: (line: string) => void): Promise<void> {
  const { blocking, missing } = await needs(mode);
  if (blocking.length > 0)
    throw new Error(
      `this machine cannot run ${mode === 'browser' ? 'a browser' : 'the local cluster'} yet:\n  - ${blocking.join('\n  - ')}`,
    );
  if (missing.length === 0) return;
  log(`installing Debian packages: ${missing.join(', ')}`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  await run('apt-get', ['update', '-qq'], { env });
  await run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...missing], { env });
}
