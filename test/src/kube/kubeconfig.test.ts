/** Where a kubeconfig leads and as whom, beyond an address and a token: what kubectl heeds is heeded here too. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createPlainServer, type Server as PlainServer } from 'node:http';
import { createServer, type Server } from 'node:https';
import { connect as connectTo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { afterAll, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { connect, type ConnectedKube } from '#src/kube/api.ts';
import { makeRunInPod } from '#src/kube/exec.ts';
import { ensurePki } from '#test/cluster/pki.ts';

// Certificates are made by a program of their own.
vi.setConfig({ hookTimeout: 60_000 });

interface Met {
  readonly path: string;
  readonly servername: string | false | null;
  readonly as: unknown;
}

let dir: string;
let server: Server;
let proxy: PlainServer;
const met: Met[] = [];
const tunnels: (string | undefined)[] = [];

function portOf(listening: Server | PlainServer): number {
  const address = listening.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

function connectWith(cluster: object, user: object = {}): ConnectedKube {
  const ca = readFileSync(join(dir, 'pki', 'ca.crt')).toString('base64');
  const path = join(dir, 'kubeconfig');
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'one', cluster: { 'certificate-authority-data': ca, ...cluster } }],
    users: [{ name: 'me', user: { token: 'mine', ...user } }],
    contexts: [{ name: 'one', context: { cluster: 'one', user: 'me' } }],
    'current-context': 'one',
  };
  writeFileSync(path, JSON.stringify(config));
  return connect({ kubeconfig: path, context: null }, () => 0);
}

async function askedOnce(kube: ConnectedKube): Promise<Met | undefined> {
  const answer = await kube.get('/api/v1/pods');
  await kube.close();
  expect(answer.type).toBe('ok');
  return met[0];
}

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'kubeconfig-'));
  await ensurePki({ dir, address: '127.0.0.1', port: 1, context: 'x', apiService: '10.0.0.1' });
  const pem = (name: string): string => readFileSync(join(dir, 'pki', name), 'utf8');
  const meet = (path: string | undefined, socket: TLSSocket, as: unknown): void =>
    void met.push({ path: path ?? '', servername: (socket as { servername?: string }).servername ?? null, as });
  server = createServer({ cert: pem('apiserver.crt'), key: pem('apiserver.key') }, (request, response) => {
    meet(request.url, request.socket as TLSSocket, request.headers['impersonate-user']);
    response.end('{}');
  });
  server.on('upgrade', (request, socket) => {
    meet(request.url, request.socket as TLSSocket, request.headers['impersonate-user']);
    socket.end('HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n');
  });
  proxy = createPlainServer().on('connect', (request, socket) => {
    tunnels.push(request.url);
    const upstream = connectTo(portOf(server), '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      upstream.pipe(socket).pipe(upstream);
    });
  });
  for (const each of [server, proxy]) await new Promise<void>((resolve) => each.listen(0, '127.0.0.1', resolve));
});

beforeEach(() => {
  for (const list of [met, tunnels]) list.splice(0);
});

afterAll(() => {
  for (const each of [server, proxy]) each.closeAllConnections();
  for (const each of [server, proxy]) each.close();
  rmSync(dir, { recursive: true });
});

it.each(['/k8s/clusters/c-1', '/k8s/clusters/c-1/', '', '/'])('a server behind path "%s"', async (path) => {
  const kube = connectWith({ server: `https://127.0.0.1:${portOf(server)}${path}` });
  const before = path.replace(/\/$/, '');
  expect((await askedOnce(kube))?.path).toBe(`${before}/api/v1/pods`);
  const command = { namespace: 'ns', pod: 'p', container: 'c', command: ['df'], input: '', timeoutMs: 5000 };
  await expect(makeRunInPod(kube.connection.config)(command)).rejects.toThrow('403');
  expect(met[1]?.path.split('?')[0]).toBe(`${before}/api/v1/namespaces/ns/pods/p/exec`);
});

it('a server whose certificate bears another name', async () => {
  const cluster = { server: `https://127.0.0.1:${portOf(server)}`, 'tls-server-name': 'kubernetes' };
  expect((await askedOnce(connectWith(cluster)))?.servername).toBe('kubernetes');
});

it('a server that only a proxy reaches', async () => {
  const cluster = { server: 'https://kubernetes:6443', 'proxy-url': `http://127.0.0.1:${portOf(proxy)}` };
  await askedOnce(connectWith(cluster));
  expect(tunnels).toEqual(['kubernetes:6443']);
});

it('a user who acts as somebody else', async () => {
  const cluster = { server: `https://127.0.0.1:${portOf(server)}` };
  expect((await askedOnce(connectWith(cluster, { as: 'somebody' })))?.as).toBe('somebody');
});

it('a context that is not there is told with those that are', () => {
  connectWith({ server: 'https://127.0.0.1:1' });
  expect(() => connect({ kubeconfig: join(dir, 'kubeconfig'), context: 'two' }, () => 0)).toThrow(
    expect.objectContaining({
      message: expect.stringContaining('there is no context two'),
      hint: expect.stringContaining('one'),
    }),
  );
});
