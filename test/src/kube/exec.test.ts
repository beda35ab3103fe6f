/** A command in a pod, when the API server is slow or says nothing. */
import { createServer, type Server } from 'node:http';
import { KubeConfig } from '@kubernetes/client-node';
import { afterEach, expect, it } from 'vitest';
import { WebSocketServer, type WebSocket } from 'ws';
import { makeRunInPod } from '#src/kube/exec.ts';
import { until } from '#test/support/api-server.ts';

let server: Server | null = null;
const accepted: WebSocket[] = [];
const auditIds: unknown[] = [];
let upgrades = 0;

afterEach(() => {
  for (const socket of accepted.splice(0)) socket.terminate();
  auditIds.splice(0);
  upgrades = 0;
  server?.closeAllConnections();
  server?.close();
});

/** An API server that takes so long to accept the connection, and then answers with these frames. */
async function configOf(upgradeMs: number, frames: readonly Buffer[]): Promise<KubeConfig> {
  const sockets = new WebSocketServer({ noServer: true });
  server = createServer();
  server.on('upgrade', (request, socket, head) => {
    auditIds.push(request.headers['audit-id']);
    setTimeout(() => {
      sockets.handleUpgrade(request, socket, head, (open) => {
        accepted.push(open);
        for (const frame of frames) open.send(frame);
      });
      upgrades += 1;
    }, upgradeMs);
  });
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const config = new KubeConfig();
  config.loadFromClusterAndUser(
    { name: 'scripted', server: `http://127.0.0.1:${port}`, skipTLSVerify: true },
    { name: 'tester' },
  );
  return config;
}

const command = {
  ...{ namespace: 'ns', pod: 'p', container: 'c', command: ['psql'], input: 'select 1' },
  ...{ auditId: 'u-1-2-3', connectMs: 5000, timeoutMs: 100 },
};
const frame = (channel: number, text: string): Buffer => Buffer.concat([Buffer.of(channel), Buffer.from(text)]);

it('gives output, errors and the exit code', async () => {
  const failed = { status: 'Failure', details: { causes: [{ reason: 'ExitCode', message: '3' }] } };
  const config = await configOf(0, [frame(1, 'out'), frame(2, 'err'), frame(3, JSON.stringify(failed))]);
  const run = makeRunInPod(config);
  expect(await run({ ...command, timeoutMs: 5000 })).toEqual({ exitCode: 3, output: 'out', errors: 'err' });
  expect(auditIds).toEqual(['u-1-2-3']);
});

it('a command that never ends is given up, and its connection is closed', async () => {
  const run = makeRunInPod(await configOf(0, []));
  await expect(run(command)).rejects.toThrow('no answer in 100 ms');
  await until(() => accepted[0]?.readyState === 3);
});

it('a connection that is too long in coming is not waited for as long as its answer would be', async () => {
  const run = makeRunInPod(await configOf(300, []));
  await expect(run({ ...command, connectMs: 100, timeoutMs: 60_000 })).rejects.toThrow('not begun in 100 ms');
});

it('a connection that breaks is heard at once', async () => {
  const run = makeRunInPod(await configOf(0, []));
  const ended = run({ ...command, timeoutMs: 60_000 });
  await until(() => accepted.length === 1);
  accepted[0]?.terminate();
  await expect(ended).rejects.toThrow('the connection was lost');
});

it('a connection that comes after the deadline is closed and not left with its command', async () => {
  const run = makeRunInPod(await configOf(300, []));
  await expect(run(command)).rejects.toThrow('no answer in 100 ms');
  await until(() => upgrades === 1);
  await until(() => accepted.every(({ readyState }) => readyState === 3));
});

it('a command that may not be run is told in the API server’s words', async () => {
  const config = await configOf(0, []);
  server?.removeAllListeners('upgrade');
  const body = JSON.stringify({ kind: 'Status', message: 'pods "p" is forbidden: no create on pods/exec' });
  server?.on('upgrade', (_, socket) =>
    socket.end(`HTTP/1.1 403 Forbidden\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`),
  );
  await expect(makeRunInPod(config)({ ...command, timeoutMs: 60_000 })).rejects.toThrow(
    'psql in ns/p: the API server answered 403: pods "p" is forbidden: no create on pods/exec',
  );
});

it.each(['no JSON', 'null', ''])('an end that nobody can read, "%s", costs the command alone', async (text) => {
  const config = await configOf(0, [frame(3, text)]);
  await expect(makeRunInPod(config)({ ...command, timeoutMs: 5000 })).rejects.toThrow('how it ended cannot be read');
});
