/** Owns: processes that belong to a folder: containers outlive containerd, and are found by their shims. */
import { readdirSync, readFileSync } from 'node:fs';

export interface Process {
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

function isShimOf(dir: string, { command }: Process): boolean {
  return command.includes('containerd-shim') && command.includes(`${dir}/`);
}

/** Shims of the containers whose containerd lies in `dir`. */
export function shimsOf(dir: string): readonly Process[] {
  return processes().filter((each) => isShimOf(dir, each));
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended already.
  }
}

/** Kills the containers whose containerd lies in `dir`, with their shims. */
export function killContainers(dir: string): void {
  const all = processes();
  for (const shim of all.filter((each) => isShimOf(dir, each))) {
    for (const child of all.filter(({ parent }) => parent === shim.pid)) kill(child.pid);
    kill(shim.pid);
  }
}
