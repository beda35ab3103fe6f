/** Owns: what is mounted under a folder, and the loop devices on files in it. */
import { readFileSync } from 'node:fs';
import { tryRun } from './shell.ts';

/** Mount points at or under a folder, innermost first. */
export function mountsUnder(dir: string): readonly string[] {
  return readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[1] ?? '')
    .filter((path) => path === dir || path.startsWith(`${dir}/`))
    .sort()
    .reverse();
}

/** Loop devices on files under a folder, also on files that are deleted. */
export async function loopsUnder(dir: string): Promise<readonly string[]> {
  const list = (await tryRun('losetup', ['--list', '--noheadings', '--output', 'NAME,BACK-FILE'])) ?? '';
  return list
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([, file = '']) => file.startsWith(`${dir}/`))
    .map(([device = '']) => device);
}
