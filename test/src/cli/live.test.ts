/** The verbs of pgc that go to an API server, when it is slow, away for a moment, or told to stop. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { WebSocketServer } from 'ws';
import { pgcProgram, runPgc } from '#test/support/pgc-program.ts';

// Each is a process of its own.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 120_000 });

let dir: string;
let server: Server;
let kubeconfig: string;
/** What is answered to reads of the cluster instead, one after the other. */
const troubles: ((response: ServerResponse) => void)[] = [];
const status = { phase: 'Running', primaryPod: 'shop-0', members: [{ name: 'shop-0', role: 'leader' }] };
let handled: Readonly<Record<string, string>> = {};

function json(response: ServerResponse, code: number, body: object): void {
  response.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

function answer(request: IncomingMessage, response: ServerResponse): void {
  const { method = '', url = '' } = request;
  if (url.includes('/pods/shop-0/log')) {
    response.writeHead(200).write('a line\n');
    return;
  }
  const cluster = { metadata: { generation: 1 }, spec: {}, status: { ...status, handled } };
  if (method !== 'PATCH') {
    const trouble = troubles.shift();
    return trouble === undefined ? json(response, 200, cluster) : trouble(response);
  }
  troubles.push(
    (each) => json(each, 503, { kind: 'Status', message: 'it is being started', reason: 'ServiceUnavailable' }),
    (each) => json(each, 429, { kind: 'Status', message: 'too many', reason: 'TooManyRequests' }),
    (each) => void each.socket?.destroy(),
    (each) => {
      handled = { restart: 'one' };
      json(each, 200, cluster);
    },
  );
  json(response, 200, cluster);
}

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'live-'));
  server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  kubeconfig = join(dir, 'kubeconfig');
  const config = {
    clusters: [
      {
        name: 'c',
        cluster: {
          server: `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`,
          'insecure-skip-tls-verify': true,
        },
      },
    ],
    contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }],
    users: [{ name: 'u', user: { token: 'none' } }],
    'current-context': 'c',
  };
  writeFileSync(kubeconfig, JSON.stringify(config));
});

beforeEach(() => {
  troubles.splice(0);
  handled = {};
});

afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  rmSync(dir, { recursive: true });
});

async function pgc(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await runPgc(args, dir, { KUBECONFIG: kubeconfig });
  return `${stdout.toString()}${stderr.toString()}exit ${code}`;
}

it('a log that is followed ends with Ctrl-C, without a word', async () => {
  const child = spawn(process.execPath, [await pgcProgram(), 'logs', 'shop', '--follow'], {
    env: { ...process.env, KUBECONFIG: kubeconfig },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (said += String(chunk)));
  await vi.waitUntil(() => said === 'a line\n', { timeout: 30_000 });
  child.kill('SIGINT');
  expect(await once(child, 'exit')).toEqual([0, null]);
  expect(said).toBe('a line\n');
});

it('who waits is not told no because the API server was away for a moment', async () => {
  expect(await pgc('restart', 'shop', '--token', 'one', '--wait', '30')).toBe('restart "one" is done\nexit 0');
});

it('what psql reads and prints goes through byte for byte, also where it is no UTF-8', async () => {
  const bytes = Buffer.from([0x27, 0xe9, 0x00, 0xff, 0x27, 0x0a]);
  const sockets = new WebSocketServer({ noServer: true });
  const read: Buffer[] = [];
  sockets.on('connection', (socket) =>
    socket.on('message', (data: Buffer) => {
      if (data[0] === 0) read.push(data.subarray(1));
      if (data[0] !== 255) return;
      socket.send(Buffer.concat([Buffer.of(1), bytes]));
      socket.send(Buffer.concat([Buffer.of(3), Buffer.from('{"status":"Success"}')]));
    }),
  );
  server.once('upgrade', (request, socket, head) =>
    sockets.handleUpgrade(request, socket, head, (open) => sockets.emit('connection', open)),
  );
  const child = spawn(process.execPath, [await pgcProgram(), 'psql', 'shop'], {
    env: { ...process.env, KUBECONFIG: kubeconfig },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const printed: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => printed.push(chunk));
  child.stdin.end(bytes);
  expect(await once(child, 'close')).toEqual([0, null]);
  expect([Buffer.concat(read), Buffer.concat(printed)]).toEqual([bytes, bytes]);
});

it('a script of many megabytes goes in in parts that an API server takes', async () => {
  const sizes: number[] = [];
  // Kubernetes takes no message of more than 32 MiB.
  const sockets = new WebSocketServer({ server, maxPayload: 32 * 1024 * 1024 });
  sockets.on('connection', (socket) =>
    socket.on('message', (data: Buffer) => {
      sizes.push(data.length);
      if (data[0] === 255) socket.send(Buffer.concat([Buffer.of(3), Buffer.from('{"status":"Success"}')]));
    }),
  );
  const script = '-- a line of a dump\n'.repeat(2_000_000);
  const child = spawn(process.execPath, [await pgcProgram(), 'psql', 'shop'], {
    env: { ...process.env, KUBECONFIG: kubeconfig },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (said += String(chunk)));
  child.stdin.end(script);
  const [code] = await once(child, 'exit');
  expect(`${said}exit ${code}`).toBe('exit 0');
  const [end = 0, ...parts] = sizes.toReversed();
  expect(end).toBe(2);
  expect(parts.reduce((sum, size) => sum + size - 1, 0)).toBe(Buffer.byteLength(script));
});
