/** A credential plugin that gives a client certificate and no token: who the API server meets, request by request and in exec. */
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { connect } from '#src/kube/api.ts';
import { ensurePki } from '#test/cluster/pki.ts';

// Certificates are made by a program of their own.
vi.setConfig({ hookTimeout: 60_000 });

let dir: string;
let server: Server;
let url = '';
/** Common names of those who asked, and the one who may. */
const met: string[] = [];
let welcome = 'admin';

function pem(name: string): string {
  return readFileSync(join(dir, 'pki', name), 'utf8');
}

/** A kubeconfig whose plugin says another of these each time that it is run, and notes that it was. */
function withPlugin(name: string, said: readonly object[]): { readonly path: string; readonly runs: () => number } {
  const [path, noted, plugin] = [join(dir, name), join(dir, `${name}.runs`), join(dir, `${name}.cjs`)];
  appendFileSync(noted, '');
  writeFileSync(
    plugin,
    `const { appendFileSync, readFileSync } = require('node:fs');
appendFileSync(${JSON.stringify(noted)}, '.');
const status = ${JSON.stringify(said)}[readFileSync(${JSON.stringify(noted)}, 'utf8').length - 1];
console.log(JSON.stringify({ apiVersion: 'client.authentication.k8s.io/v1', kind: 'ExecCredential', status }));`,
  );
  const exec = { apiVersion: 'client.authentication.k8s.io/v1', interactiveMode: 'Never', command: process.execPath };
  const ca = Buffer.from(pem('ca.crt')).toString('base64');
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name, cluster: { server: url, 'certificate-authority-data': ca } }],
    users: [{ name: 'somebody', user: { exec: { ...exec, args: [plugin] } } }],
    contexts: [{ name, context: { cluster: name, user: 'somebody' } }],
    'current-context': name,
  };
  writeFileSync(path, JSON.stringify(config));
  return { path, runs: () => readFileSync(noted, 'utf8').length };
}

function certificateOf(name: string): object {
  return { clientCertificateData: pem(`${name}.crt`), clientKeyData: pem(`${name}.key`) };
}

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'certificate-'));
  await ensurePki({ dir, address: '127.0.0.1', port: 1, context: 'x', apiService: '10.0.0.1' });
  const tls = { ca: pem('ca.crt'), cert: pem('apiserver.crt'), key: pem('apiserver.key') };
  server = createServer({ ...tls, requestCert: true, rejectUnauthorized: false }, (request, response) => {
    const socket = request.socket as TLSSocket;
    const name = socket.authorized ? String(socket.getPeerCertificate().subject.CN) : 'nobody';
    met.push(name);
    const isWelcome = name === welcome && request.headers.authorization === undefined;
    response.writeHead(isWelcome ? 200 : 401, { 'content-type': 'application/json' });
    response.end(JSON.stringify(isWelcome ? { items: [] } : { kind: 'Status', message: 'Unauthorized' }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  url = `https://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
});

afterAll(() => {
  server.closeAllConnections();
  server.close();
  rmSync(dir, { recursive: true });
});

it('is shown for requests and streams, and another one is asked for and shown after a 401', async () => {
  const { path, runs } = withPlugin('rotating', [certificateOf('admin'), certificateOf('controllers')]);
  const kube = connect({ kubeconfig: path, context: null }, Date.now);
  const watch = async (): Promise<string> => {
    const opened = await kube.openWatch({ path: '/api/v1/pods', query: {}, signal: new AbortController().signal });
    if (opened.type === 'stream') opened.destroy();
    return opened.type;
  };
  try {
    for (let request = 0; request < 2; request += 1) expect((await kube.get('/api/v1/pods')).type).toBe('ok');
    expect(await watch()).toBe('stream');
    expect(runs()).toBe(1);
    welcome = 'system:kube-controller-manager';
    for (let request = 0; request < 2; request += 1) expect((await kube.get('/api/v1/pods')).type).toBe('ok');
    expect(await watch()).toBe('stream');
    expect(runs()).toBe(2);
    expect(met).toEqual(['admin', 'admin', 'admin', 'admin', welcome, welcome, welcome]);
  } finally {
    await kube.close();
  }
});

it.each([
  ['nothing', {}, 'it gives neither a token nor a certificate'],
  ['a certificate alone', { clientCertificateData: 'x' }, 'it gives a certificate without its key'],
])('%s is no credential, and named as such', async (name, status, because) => {
  const kube = connect({ kubeconfig: withPlugin(name, [status]).path, context: null }, Date.now);
  try {
    expect(await kube.get('/api/v1/pods')).toMatchObject({ because: expect.stringContaining(because) });
  } finally {
    await kube.close();
  }
});
