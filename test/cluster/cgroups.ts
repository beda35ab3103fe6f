/** Owns: a cgroup subtree of the cluster's own, on cgroup v1 or v2, so that its pods can be told apart and removed. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const base = '/sys/fs/cgroup';

/** True on a machine with the unified hierarchy. */
export function isUnified(): boolean {
  return existsSync(join(base, 'cgroup.controllers'));
}

function hierarchies(): readonly string[] {
  if (isUnified()) return [base];
  const seen = new Set<string>();
  for (const line of readFileSync('/proc/mounts', 'utf8').split('\n')) {
    const [, path = '', type] = line.split(' ');
    if ((type === 'cgroup' || type === 'cgroup2') && path.startsWith(base)) seen.add(path);
  }
  return [...seen];
}

/** Makes a subtree, `a` or `a/b`, in every hierarchy. A cpuset starts empty and has to be told what its parent has. */
export function makeCgroups(name: string): void {
  for (const hierarchy of hierarchies()) {
    let parent = hierarchy;
    for (const part of name.split('/')) {
      const path = join(parent, part);
      mkdirSync(path, { recursive: true });
      for (const file of ['cpuset.cpus', 'cpuset.mems']) {
        if (!isUnified() && existsSync(join(path, file)))
          writeFileSync(join(path, file), readFileSync(join(parent, file)));
      }
      parent = path;
    }
  }
}

/**
 * Gives a subtree the processor that so many processes outside of it would get. By itself it has that of one, whatever runs in it: beside
 * a busy machine's other work all pods of a cluster together would starve.
 */
export function weighCgroups(name: string, processes: number): void {
  const weights = { 'cpu.shares': 1024 * processes, 'cpu.weight': 100 * processes };
  for (const path of cgroupsLeft(name))
    for (const [file, weight] of Object.entries(weights))
      if (existsSync(join(path, file))) writeFileSync(join(path, file), String(weight));
}

function removeTree(path: string): void {
  if (!existsSync(path)) return;
  for (const entry of readdirSync(path, { withFileTypes: true }))
    if (entry.isDirectory()) removeTree(join(path, entry.name));
  try {
    rmdirSync(path);
  } catch {
    // A process is still leaving it; `leftovers` says so when it stays.
  }
}

/** Kills whatever lives in the subtree. */
export function killCgroups(name: string): void {
  for (const path of cgroupsLeft(name)) killTree(path);
}

function killTree(path: string): void {
  const file = join(path, 'cgroup.procs');
  if (!existsSync(file)) return;
  for (const pid of readFileSync(file, 'utf8').split('\n')) {
    try {
      if (pid !== '') process.kill(Number(pid), 'SIGKILL');
    } catch {
      // It has ended already.
    }
  }
  for (const entry of readdirSync(path, { withFileTypes: true }))
    if (entry.isDirectory()) killTree(join(path, entry.name));
}

/** Removes the subtree; what still has processes stays. */
export function removeCgroups(name: string): void {
  for (const hierarchy of hierarchies()) removeTree(join(hierarchy, name));
}

/** Paths of the subtree that are still there. */
export function cgroupsLeft(name: string): readonly string[] {
  return hierarchies()
    .map((hierarchy) => join(hierarchy, name))
    .filter((path) => existsSync(path));
}
