/** The local cluster's start killed in its midst: ending it leaves nothing behind. */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { leftovers } from '#test/cluster/down.ts';
import { clusterOptions } from '#test/cluster/options.ts';
import { run } from '#test/cluster/shell.ts';

const root = new URL('../../', import.meta.url).pathname;
const options = clusterOptions({ name: 'killed', range: 127 });
const cli = `${root}test/cluster/cli.ts`;
const flags = ['--name', options.name, '--range', String(options.range)];

/** Pids of what has the cluster's folder on its command line. */
function processes(): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(`${options.dir}/`);
      } catch {
        return false;
      }
    });
}

/** Resolves once the output has a line with these words, with the process stopped for good. */
function killedAt(child: ChildProcess, words: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let said = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      said += chunk.toString('utf8');
      if (said.includes(words)) child.kill('SIGKILL');
    });
    child.once('exit', (_code, signal) => {
      if (signal === 'SIGKILL') resolve();
      else reject(new Error(`it ended before it said "${words}": ${said}`));
    });
  });
}

const down = (): Promise<string> => run(process.execPath, [cli, 'down', ...flags]);

afterAll(down);

describe('cluster-up killed with SIGKILL', () => {
  it.each(['starting etcd', 'starting node1', 'starting volumes'])(
    'at "%s", then cluster-down: no trace',
    async (words) => {
      await killedAt(spawn(process.execPath, [cli, 'up', ...flags], { stdio: ['ignore', 'pipe', 'inherit'] }), words);
      await down();
      expect(await leftovers(options)).toEqual([]);
      expect(processes()).toEqual([]);
      // Asked of the kernel itself too, not only of what the command knows.
      expect(readFileSync('/proc/self/mounts', 'utf8')).not.toContain(options.dir);
      expect(await run('losetup', ['--list', '--output', 'BACK-FILE'])).not.toContain(options.dir);
      expect(existsSync(options.dir)).toBe(false);
    },
  );
});
