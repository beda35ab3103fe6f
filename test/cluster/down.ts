/**
 * Owns: ending a cluster, also one whose start was killed: its processes by pid, its containers, mounts, loop devices,
 * namespace, cgroups and folder, and nothing of anybody else's.
 */
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { cgroupsLeft, removeCgroups } from './cgroups.ts';
import { kernelNames, type ClusterOptions } from './options.ts';
import { stopDaemon, tryRun } from './shell.ts';

interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly command: string;
}

function processes(): readonly Process[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name): Process[] => {
      try {
        const command = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ');
        const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
        return [{ pid: Number(name), parent: Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]), command }];
      } catch {
        return [];
      }
    });
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended already.
  }
}

/** Containers outlive containerd: each shim of this cluster, what it started, and whatever lives in their cgroups. */
function killContainers(options: ClusterOptions): void {
  const all = processes();
  const shims = all.filter(({ command }) => command.includes('containerd-shim') && command.includes(`${options.dir}/`));
  for (const shim of shims) {
    for (const child of all.filter(({ parent }) => parent === shim.pid)) kill(child.pid);
    kill(shim.pid);
  }
  for (const root of cgroupsLeft(kernelNames(options).cgroup)) killTree(root);
}

function killTree(path: string): void {
  if (!existsSync(path)) return;
  const file = join(path, 'cgroup.procs');
  if (existsSync(file))
    for (const pid of readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => line !== ''))
      kill(Number(pid));
  for (const entry of readdirSync(path, { withFileTypes: true }))
    if (entry.isDirectory()) killTree(join(path, entry.name));
}

function mountsUnder(dir: string): readonly string[] {
  const lines = readFileSync('/proc/self/mounts', 'utf8').split('\n');
  return lines
    .map((line) => line.split(' ')[1] ?? '')
    .filter((path) => path === dir || path.startsWith(`${dir}/`))
    .sort()
    .reverse();
}

async function loopsUnder(dir: string): Promise<readonly string[]> {
  const list = (await tryRun('losetup', ['--list', '--noheadings', '--output', 'NAME,BACK-FILE'])) ?? '';
  return list
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([, file = '']) => file.startsWith(`${dir}/`))
    .map(([device = '']) => device);
}

/** What a cluster has left in the kernel; empty when it is gone. */
export async function leftovers(options: ClusterOptions): Promise<readonly string[]> {
  const { namespace, cgroup } = kernelNames(options);
  return [
    ...(existsSync(`/run/netns/${namespace}`) ? [`namespace ${namespace}`] : []),
    ...mountsUnder(options.dir).map((path) => `mount ${path}`),
    ...(await loopsUnder(options.dir)).map((device) => `loop device ${device}`),
    ...cgroupsLeft(cgroup).map((path) => `cgroup ${path}`),
    ...processes()
      .filter(({ command }) => command.includes('containerd-shim') && command.includes(`${options.dir}/`))
      .map(({ pid }) => `container shim ${pid}`),
  ];
}

async function removeLeftovers(options: ClusterOptions): Promise<void> {
  const { namespace, cgroup, link } = kernelNames(options);
  killContainers(options);
  for (const path of mountsUnder(options.dir)) await tryRun('umount', ['--lazy', path]);
  for (const device of await loopsUnder(options.dir)) await tryRun('losetup', ['--detach', device]);
  if (existsSync(`/run/netns/${namespace}`)) await tryRun('ip', ['netns', 'delete', namespace]);
  await tryRun('ip', ['link', 'delete', link]);
  removeCgroups(cgroup);
}

/** Ends the cluster. Safe to repeat, and over the remains of a killed start. @throws naming what could not be removed */
export async function clusterDown(options: ClusterOptions, log: (line: string) => void): Promise<void> {
  const pids = join(options.dir, 'pids');
  const names = existsSync(pids) ? readdirSync(pids) : [];
  const order = ['kubelet', 'proxy', 'volumes', 'scheduler', 'controllers', 'apiserver', 'etcd'];
  for (const name of [
    ...order.filter((each) => names.includes(each)),
    ...names.filter((each) => !order.includes(each) && each !== 'containerd'),
  ]) {
    await stopDaemon(options.dir, name);
  }
  killContainers(options);
  if (names.includes('containerd')) await stopDaemon(options.dir, 'containerd');
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
