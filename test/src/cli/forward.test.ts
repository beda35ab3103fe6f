/** How pgc reaches an operator over the Kubernetes API, and what it says when it does not: plugins, several kubeconfigs, pods, port-forwards. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { usualNamespace } from '#src/cli/command.ts';
import { connect } from '#src/kube/api.ts';
import { runPgc } from '#test/support/pgc-program.ts';

// Each is a process of its own.
vi.setConfig({ testTimeout: 60_000 });

let dir: string;
let server: Server;
let url = '';
/** Pods that the API server lists. */
let pods: readonly object[] = [];
/** Tokens of the requests that came, and the one that is taken. */
const tokens: string[] = [];
const paths: string[] = [];
let taken = 'Bearer first';
/** Pods to which somebody asked for a way. */
const forwards: string[] = [];

const pod = (name: string, phase: string, ready: boolean): object => ({
  metadata: { name },
  status: { phase, conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] },
});

/** A kubeconfig with one cluster and one user. @returns its path */
function kubeconfig(name: string, user: object, current: string = name, namespace?: string): string {
  const path = join(dir, name);
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    // Without this the library refuses to speak HTTP.
    clusters: [{ name, cluster: { server: url, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'somebody', user }],
    contexts: [{ name, context: { cluster: name, user: 'somebody', namespace } }],
    'current-context': current,
  };
  writeFileSync(path, JSON.stringify(config));
  return path;
}

/** @returns what pgc said and its exit code, as one text */
async function pgc(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<string> {
  const { code, stdout, stderr } = await runPgc(args, dir, { KUBECONFIG: '', HOME: dir, ...env });
  return `${stdout.toString()}${stderr.toString()}exit ${code}`;
}

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'forward-'));
  server = createServer((request, response) => {
    const token = request.headers.authorization ?? 'none';
    tokens.push(token);
    paths.push(request.url ?? '');
    response.writeHead(token === taken ? 200 : 401, { 'content-type': 'application/json' });
    response.end(JSON.stringify(token === taken ? { items: pods } : { kind: 'Status', message: 'Unauthorized' }));
  });
  server.on('upgrade', ({ url: path = '' }, socket) => {
    forwards.push(path);
    socket.end('HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
  // Says another token each time that it is run.
  const plugin = `const { appendFileSync, readFileSync } = require('node:fs');
appendFileSync(process.argv[2], '.');
const token = ['', 'first', 'second'][readFileSync(process.argv[2], 'utf8').length];
console.log(JSON.stringify({ apiVersion: 'client.authentication.k8s.io/v1', kind: 'ExecCredential', status: { token } }));`;
  writeFileSync(join(dir, 'plugin.cjs'), plugin);
});

beforeEach(() => {
  tokens.length = 0;
  paths.length = 0;
  forwards.length = 0;
  pods = [];
  taken = 'Bearer first';
});

afterAll(() => {
  server.close();
  rmSync(dir, { recursive: true });
});

function withPlugin(runs: string): string {
  const exec = { apiVersion: 'client.authentication.k8s.io/v1', interactiveMode: 'Never', command: process.execPath };
  return kubeconfig(runs, { exec: { ...exec, args: [join(dir, 'plugin.cjs'), join(dir, `${runs}.runs`)] } });
}

it('a credential plugin is asked for the token, once, and anew after a 401', async () => {
  const kube = connect({ kubeconfig: withPlugin('asked'), context: null }, Date.now);
  try {
    for (let request = 0; request < 2; request += 1) expect((await kube.get('/api/v1/pods')).type).toBe('ok');
    expect(readFileSync(join(dir, 'asked.runs'), 'utf8')).toBe('.');
    taken = 'Bearer second';
    for (let request = 0; request < 2; request += 1) expect((await kube.get('/api/v1/pods')).type).toBe('ok');
    expect(readFileSync(join(dir, 'asked.runs'), 'utf8')).toBe('..');
    expect(tokens).toEqual(['first', 'first', 'first', 'second', 'second'].map((each) => `Bearer ${each}`));
  } finally {
    await kube.close();
  }
});

it('a plugin that fails is named, with what it said', async () => {
  const path = kubeconfig('failing', { exec: { command: 'no-such-plugin-anywhere' } });
  expect(await pgc(['status', '--kubeconfig', path])).toMatch(
    /the credential plugin of user somebody: .*no-such-plugin-anywhere/,
  );
});

it('several files in KUBECONFIG are one, of which the first counts and absent ones do not', async () => {
  const one = kubeconfig('one', { token: 'first' }, 'two');
  const two = kubeconfig('two', { token: 'of-the-other' }, 'two');
  const KUBECONFIG = [join(dir, 'absent'), one, two].join(delimiter);
  expect(await pgc(['status'], { KUBECONFIG })).toMatch(/no pod of it is there\n/);
  expect(tokens).toEqual(['Bearer first']);
  expect(await pgc(['status'], { KUBECONFIG: join(dir, 'absent') })).toMatch(
    /absent: there is no such file\n.*\nexit 2$/,
  );
});

it('without any kubeconfig it says that none is named', async () => {
  expect(await pgc(['status'])).toMatch(/no kubeconfig is named.*\n.*--kubeconfig or KUBECONFIG.*\nexit 2$/);
});

it('a pod that was evicted is not taken for the operator, nor one that waits for one that leads', async () => {
  const status = ['status', '--kubeconfig', kubeconfig('token', { token: 'first' })];
  pods = [pod('operator-a', 'Failed', false)];
  expect(await pgc(status)).toMatch(/no pod of it runs: operator-a is Failed\n/);
  pods = [...pods, pod('operator-b', 'Running', false)];
  await pgc(status);
  pods = [...pods, pod('operator-c', 'Running', true)];
  await pgc(status);
  expect(forwards.map((each) => each.split('/')[6])).toEqual(['operator-b', 'operator-c']);
});

it('the way leads to the port that the pod says, by a flag, by a variable, or to the usual one', async () => {
  const status = ['status', '--kubeconfig', kubeconfig('token', { token: 'first' })];
  const withContainer = (container: object): object => ({
    ...pod('operator-d', 'Running', true),
    spec: { containers: [{ name: 'beside' }, container] },
  });
  const variable = [{ name: 'OPERATOR_API_ADDRESS', value: '127.0.0.1:9092' }];
  pods = [withContainer({ args: ['--api-address', '127.0.0.1:9091'], env: variable })];
  await pgc(status);
  pods = [withContainer({ args: ['--api-address=[::1]:9093'] })];
  await pgc(status);
  pods = [withContainer({ env: variable })];
  await pgc(status);
  pods = [withContainer({ args: ['--log-level=debug'] })];
  await pgc(status);
  expect(forwards.map((each) => new URL(each, url).searchParams.get('ports'))).toEqual([
    '9091',
    '9093',
    '9092',
    '8081',
  ]);
});

it('a port-forward that is forbidden is told as that', async () => {
  pods = [pod('operator-c', 'Running', true)];
  expect(await pgc(['status', '--kubeconfig', kubeconfig('token', { token: 'first' })])).toMatch(
    /the port-forward to pod postgres-operator-system\/operator-c failed: .*403.*\n.*pods\/portforward.*\nexit 2$/,
  );
});

it('the cluster that is told what to do is the one in the namespace of the context, unless another is given', async () => {
  const team = { KUBECONFIG: kubeconfig('team', { token: 'first' }, 'team', 'payments') };
  await pgc(['pause', 'shop'], team);
  await pgc(['pause', 'shop', '-n', 'other'], team);
  await pgc(['pause', 'shop'], { KUBECONFIG: kubeconfig('plain', { token: 'first' }) });
  expect(paths.map((path) => /namespaces\/([^/]+)/.exec(path)?.[1])).toEqual(['payments', 'other', 'default']);
});

it('the cluster that is asked about is the one in the namespace of the context; a file or an address has none', async () => {
  const team = kubeconfig('asked', { token: 'first' }, 'asked', 'payments');
  expect(await usualNamespace({ kubeconfig: team })).toBe('payments');
  expect(await usualNamespace({ kubeconfig: kubeconfig('bare', { token: 'first' }) })).toBe('default');
  expect(await usualNamespace({ kubeconfig: team, file: 'shop.db' })).toBe('default');
  expect(await usualNamespace({ kubeconfig: team, api: 'http://localhost:8081' })).toBe('default');
});
