/** The operator's process from the outside: signals in, exit codes out. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';

const root = new URL('../../', import.meta.url).pathname;
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'main-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Where an API server could be and nobody is. */
async function nobody(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return `http://127.0.0.1:${port}`;
}

it.each(['SIGTERM', 'SIGINT'] as const)(
  '%s ends an operator that waits for its API server, in order',
  async (signal) => {
    const kubeconfig = join(folder, 'kubeconfig');
    const named = { cluster: 'c', user: 'u' };
    writeFileSync(
      kubeconfig,
      JSON.stringify({
        clusters: [{ name: 'c', cluster: { server: await nobody() } }],
        contexts: [{ name: 'c', context: named }],
        users: [{ name: 'u', user: { token: 'none' } }],
        'current-context': 'c',
      }),
    );
    const flags = [`--kubeconfig=${kubeconfig}`, `--journal=${join(folder, 'journal.db')}`];
    const operator = spawn(process.execPath, ['src/main.ts', ...flags], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const ended = once(operator, 'exit');
    let said = '';
    for (const stream of [operator.stdout, operator.stderr])
      stream.on('data', (chunk: Buffer) => {
        const asked = said.includes('waiting for the API server');
        said += String(chunk);
        if (!asked && said.includes('waiting for the API server')) operator.kill(signal);
      });
    try {
      expect(await ended).toEqual([0, null]);
      expect(said).toContain('operator stops');
    } finally {
      operator.kill('SIGKILL');
    }
  },
);
