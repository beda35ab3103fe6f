/** Owns: pgc on this machine, as a user runs it: with a kubeconfig, and through a port-forward to the operator. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import type { World } from '../world.ts';

const root = new URL('../../..', import.meta.url).pathname;

export interface Answer {
  readonly code: number;
  /** What it wrote; what it complained of when it wrote nothing. */
  readonly output: string;
}

/** What it says to these arguments, `--namespace` added. Does not throw: a refusal is an answer too. */
export function pgcHere(world: World, where: string, ...args: readonly string[]): Promise<Answer> {
  const { kubeconfig, context } = world.target;
  const cluster = [...(kubeconfig === null ? [] : ['--kubeconfig', kubeconfig]), '--context', context];
  const command = [join(root, 'src/cli/main.ts'), ...args, '--namespace', where, ...cluster];
  return new Promise((resolve) => {
    execFile(process.execPath, command, { maxBuffer: 64 * 1024 * 1024 }, (error, output, errors) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 255;
      resolve({ code, output: output === '' ? errors : output });
    });
  });
}
