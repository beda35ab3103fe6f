/** A session at a terminal, as far as it can be had without one. */
import { createServer, type Server } from 'node:http';
import { KubeConfig } from '@kubernetes/client-node';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { WebSocketServer, type WebSocket } from 'ws';
import { sitBefore } from '#src/cli/terminal.ts';

let server: Server;
const { setRawMode } = process.stdin;

beforeEach(() => {
  process.stdin.setRawMode = () => process.stdin;
});

afterEach(() => {
  process.stdin.setRawMode = setRawMode;
  server.closeAllConnections();
  server.close();
});

/** Sits before a command that an API server answers for like this. */
async function sat(answer: (socket: WebSocket) => void): Promise<number> {
  server = createServer();
  new WebSocketServer({ server }).on('connection', answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const config = new KubeConfig();
  const url = `http://127.0.0.1:${port}`;
  config.loadFromClusterAndUser({ name: 'scripted', server: url, skipTLSVerify: true }, { name: 'tester' });
  return sitBefore(config, { namespace: 'ns', pod: 'p', container: 'c', command: ['psql'] });
}

it('ends with the exit code of the command', async () => {
  const ended = { status: 'Failure', details: { causes: [{ reason: 'ExitCode', message: '3' }] } };
  const code = await sat((socket) => {
    socket.send(Buffer.concat([Buffer.of(3), Buffer.from(JSON.stringify(ended))]));
    socket.close();
  });
  expect(code).toBe(3);
});

it('a connection that is lost is no success', async () => {
  await expect(sat((socket) => socket.close())).rejects.toThrow('the connection was lost');
});
