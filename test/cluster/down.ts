/**
 * Owns: ending a cluster, also one whose start was killed: its processes by pid, its containers, mounts, loop devices,
 * namespaces, cgroups and folder, and nothing of anybody else's.
 */
import { existsSync, lstatSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { cgroupsLeft, killCgroups, removeCgroups } from './cgroups.ts';
import { loopsUnder, mountsUnder } from './mounts.ts';
import { kernelNames, type ClusterOptions } from './options.ts';
import { killContainers, shimsOf } from './processes.ts';
import { stopDaemon, tryRun } from './shell.ts';

/** Links to container logs that kubelets leave in a folder all of them share. */
function logLinks(dir: string): readonly string[] {
  const folder = '/var/log/containers';
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .map((name) => join(folder, name))
    .filter((path) => lstatSync(path).isSymbolicLink() && readlinkSync(path).startsWith(`${dir}/`));
}

function namespacesOf(options: ClusterOptions): readonly string[] {
  const { namespace } = kernelNames(options);
  const all = existsSync('/run/netns') ? readdirSync('/run/netns') : [];
  return all.filter((name) => name === namespace || name.startsWith(`${namespace}-`));
}

/** What a cluster has left in the kernel; empty when it is gone. */
export async function leftovers(options: ClusterOptions): Promise<readonly string[]> {
  return [
    ...namespacesOf(options).map((name) => `namespace ${name}`),
    ...mountsUnder(options.dir).map((path) => `mount ${path}`),
    ...(await loopsUnder(options.dir)).map((device) => `loop device ${device}`),
    ...cgroupsLeft(kernelNames(options).cgroup).map((path) => `cgroup ${path}`),
    ...shimsOf(options.dir).map(({ pid }) => `container shim ${pid}`),
    ...logLinks(options.dir).map((path) => `link ${path}`),
  ];
}

async function removeLeftovers(options: ClusterOptions): Promise<void> {
  const { cgroup, link } = kernelNames(options);
  killContainers(options.dir);
  killCgroups(cgroup);
  for (const path of mountsUnder(options.dir)) await tryRun('umount', ['--lazy', path]);
  for (const device of await loopsUnder(options.dir)) await tryRun('losetup', ['--detach', device]);
  for (const path of logLinks(options.dir)) rmSync(path, { force: true });
  for (const name of namespacesOf(options)) await tryRun('ip', ['netns', 'delete', name]);
  await tryRun('ip', ['link', 'delete', link]);
  removeCgroups(cgroup);
}

const order = ['kubelet', 'proxy', 'volumes', 'scheduler', 'controllers', 'apiserver', 'etcd', 'containerd'];

/** Folders in which processes of the cluster may run: its own, and its nodes'. */
function foldersOf(dir: string): readonly string[] {
  const nodes = existsSync(dir) ? readdirSync(dir).filter((name) => /^node\d+$/.test(name)) : [];
  return [...nodes.map((name) => join(dir, name)), dir];
}

/** Ends the cluster. Safe to repeat, and over the remains of a killed start. @throws naming what could not be removed */
export async function clusterDown(options: ClusterOptions, log: (line: string) => void): Promise<void> {
  for (const folder of foldersOf(options.dir)) {
    const pids = join(folder, 'pids');
    const names = existsSync(pids) ? readdirSync(pids) : [];
    const rest = names.filter((each) => !order.includes(each));
    for (const name of [...rest, ...order.filter((each) => names.includes(each))]) {
      if (name === 'containerd') killContainers(folder);
      await stopDaemon(folder, name);
    }
  }
  for (let tries = 0; tries < 100; tries += 1) {
    await removeLeftovers(options);
    if ((await leftovers(options)).length === 0) break;
    await pause(100);
  }
  const left = await leftovers(options);
  if (left.length > 0)
    throw new Error(
      `could not remove all of cluster ${options.name}: ${left.join(', ')}; end what uses them and run cluster-down again`,
    );
  rmSync(options.dir, { recursive: true, force: true });
  log(`cluster ${options.name} is gone`);
}
