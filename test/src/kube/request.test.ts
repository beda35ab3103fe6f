/** One request after the other to a server that fails: what is said about each, and what it leaves behind. */
import { createServer } from 'node:net';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connect, type ConnectedKube, type WireRequest } from '#src/kube/api.ts';
import { tokenFile, type Credentials } from '#src/kube/connection.ts';
import { deadlines } from '#src/kube/deadlines.ts';
import { makeHttp, retryAfterMs } from '#src/kube/request.ts';
import { ensurePki } from '#test/cluster/pki.ts';
import { refused, startApiServer, until, type Answering, type ApiServer } from '#test/support/api-server.ts';

let server: ApiServer;
let kube: ConnectedKube;
const dirs: string[] = [];
const change: WireRequest = {
  method: 'PATCH',
  path: '/apis/Upper.Case/v1/namespaces/ns/things/one',
  query: { fieldManager: 'me' },
  contentType: 'application/apply-patch+yaml',
  body: '{"spec":{"fieldFromTheFuture":1}}',
  auditId: 'uid-1-2-3',
};
const limits = { ...deadlines, readMs: 300, sendMs: 300 };

beforeEach(async () => {
  server = await startApiServer();
  kube = connect({ kubeconfig: server.kubeconfig, context: null }, () => 0, limits);
});

afterEach(async () => {
  await kube.close();
  await server.stop();
  for (const dir of dirs.splice(0)) rmSync(dir, { recursive: true, force: true });
});

describe('a change', () => {
  it('goes out as it is: path, query, type, Audit-ID and every byte of the body', async () => {
    await kube.send(change);
    const [asked] = server.asked;
    expect([asked?.method, asked?.path, asked?.body]).toEqual(['PATCH', change.path, change.body]);
    expect(asked?.query.toString()).toBe('fieldManager=me');
    expect(asked?.headers['content-type']).toBe('application/apply-patch+yaml');
    expect(asked?.headers['audit-id']).toBe('uid-1-2-3');
  });

  it('is sent once when the connection is cut, and its end is unknown', async () => {
    server.always('change', (answer) => answer.reset());
    expect((await kube.send(change)).type).toBe('unknown');
    expect(server.count('change')).toBe(1);
  });

  it('is sent once when a kept connection is cut', async () => {
    await kube.send(change);
    server.always('change', (answer) => answer.reset());
    expect((await kube.send(change)).type).toBe('unknown');
    expect(server.count('change')).toBe(2);
  });

  it('ends as unknown when no answer comes in time', async () => {
    server.next('change', () => undefined);
    expect((await kube.send(change)).type).toBe('unknown');
  });

  it('ends as unknown when the answer stops in the middle', async () => {
    server.next('change', (answer) => answer.write('{"half":'));
    expect((await kube.send(change)).type).toBe('unknown');
  });

  it('was not sent when nobody listens', async () => {
    await server.stop();
    expect((await kube.send(change)).type).toBe('not-sent');
    server = await startApiServer();
  });

  it('keeps the server’s reason and words, and when to come back', async () => {
    server.next('change', (answer) => answer.json(429, refused(429, 'too many'), { 'retry-after': '7' }));
    expect(await kube.send(change)).toMatchObject({
      type: 'refused',
      status: 429,
      reason: 'Scripted',
      message: 'too many',
      retryAfterMs: 7000,
    });
  });

  it('a refusal says nothing of headers, where a token might be', async () => {
    server.next('change', (answer) => answer.json(500, 'a page of some proxy', { 'x-secret': 'hush' }));
    expect(JSON.stringify(await kube.send(change))).not.toContain('hush');
  });
});

describe('Retry-After', () => {
  it('is read as seconds, as a date, and not at all', () => {
    expect(retryAfterMs('3', 0)).toBe(3000);
    expect(retryAfterMs('Thu, 01 Jan 1970 00:00:09 GMT', 4000)).toBe(5000);
    expect(retryAfterMs('Thu, 01 Jan 1970 00:00:09 GMT', 60_000)).toBe(0);
    expect(retryAfterMs('soon', 0)).toBeNull();
    expect(retryAfterMs(undefined, 0)).toBeNull();
  });
});

describe('connections', () => {
  it('are shared: three hundred requests in a row need one', async () => {
    for (let request = 0; request < 300; request += 1) await kube.get('/api/v1/pods');
    expect(server.connections()).toBeLessThanOrEqual(2);
  });

  it('watches of many namespaces do not keep requests waiting', async () => {
    const abort = new AbortController();
    const watches = Array.from({ length: 100 }, () =>
      kube.openWatch({ path: '/api/v1/pods', query: { watch: 'true' }, signal: abort.signal }),
    );
    await until(() => server.streams.length === 100);
    expect((await kube.get('/api/v1/pods')).type).toBe('ok');
    expect((await Promise.all(watches)).every(({ type }) => type === 'stream')).toBe(true);
    abort.abort();
  });

  it('a connection that stopped forwarding is given up with its first timeout', async () => {
    await kube.get('/api/v1/pods');
    server.next('list', () => undefined);
    expect((await kube.get('/api/v1/pods')).type).toBe('unknown');
    expect((await kube.get('/api/v1/pods')).type).toBe('ok');
    expect(server.connections()).toBe(2);
  });

  it('timeouts of some requests end nothing else that is under way, and new sockets are used for what comes next', async () => {
    const patient = connect({ kubeconfig: server.kubeconfig, context: null }, () => 0, { ...limits, sendMs: 20_000 });
    const held: Answering[] = [];
    server.next('change', (answer) => void held.push(answer));
    const slow = patient.send(change);
    await until(() => held.length === 1);
    const silence = (): void => undefined;
    server.next('list', silence, silence, silence, silence);
    const late = await Promise.all(Array.from({ length: 4 }, () => patient.get('/api/v1/pods')));
    expect(late.map(({ type }) => type)).toEqual(['unknown', 'unknown', 'unknown', 'unknown']);
    const before = server.connections();
    expect((await patient.get('/api/v1/pods')).type).toBe('ok');
    expect(server.connections()).toBe(before + 1);
    held[0]?.json(200, { kind: 'Thing' });
    expect(await slow).toEqual({ type: 'ok', body: { kind: 'Thing' } });
    await patient.close();
  });

  it('speak HTTP/1.1 to a server that offers HTTP/2', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'pki-'));
    await ensurePki({ dir, address: '127.0.0.1', port: 1, context: 'test', apiService: '10.96.0.1' });
    const pki = (file: string): string => readFileSync(join(dir, 'pki', file), 'utf8');
    const secure = await startApiServer({ cert: pki('apiserver.crt'), key: pki('apiserver.key'), ca: pki('ca.crt') });
    const over = connect({ kubeconfig: secure.kubeconfig, context: null }, () => 0);
    expect((await over.get('/api/v1/pods')).type).toBe('ok');
    expect(secure.asked[0]?.httpVersion).toBe('1.1');
    await over.close();
    await secure.stop();
    rmSync(dir, { recursive: true });
  });

  it('a server that never finishes the handshake costs the deadline and no more', async () => {
    const mute = createServer(() => undefined);
    await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve));
    const address = mute.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const connection = { ...kube.connection, server: new URL(`https://127.0.0.1:${port}`) };
    const http = makeHttp(connection, () => 0);
    const raw = { method: 'GET', path: '/', query: {}, headers: {}, body: null, timeoutMs: 100 } as const;
    const begun = performance.now();
    expect((await http.send(raw)).type).not.toBe('ok');
    expect(performance.now() - begun).toBeLessThan(1000);
    await http.close();
    mute.close();
  });
});

describe('the token', () => {
  function withTokenFile(): { readonly path: string; readonly http: ReturnType<typeof makeHttp> } {
    const dir = mkdtempSync(join(tmpdir(), 'token-'));
    dirs.push(dir);
    const path = join(dir, 'token');
    writeFileSync(path, 'first\n');
    const read = tokenFile(path);
    const credentials = (fresh: boolean): Credentials => ({ authorization: read(fresh), certificate: null });
    return { path, http: makeHttp({ ...kube.connection, credentials }, () => 0) };
  }
  const raw = { method: 'GET', path: '/api/v1/pods', query: {}, headers: {}, body: null, timeoutMs: 300 } as const;

  it('is read again when the file changes', async () => {
    const { path, http } = withTokenFile();
    await http.send(raw);
    writeFileSync(path, 'a second\n');
    await http.send(raw);
    expect(server.asked.map(({ headers }) => headers.authorization)).toEqual(['Bearer first', 'Bearer a second']);
    await http.close();
  });

  it('is asked for anew after a 401, once', async () => {
    const asked: boolean[] = [];
    const credentials = (fresh: boolean): Credentials => {
      asked.push(fresh);
      return { authorization: `Bearer ${fresh ? 'second' : 'first'}`, certificate: null };
    };
    const http = makeHttp({ ...kube.connection, credentials }, () => 0);
    server.next('list', (answer) => answer.json(401, refused(401, 'Unauthorized')));
    expect((await http.send(raw)).type).toBe('ok');
    server.always('list', (answer) => answer.json(401, refused(401, 'Unauthorized')));
    expect(await http.send(raw)).toMatchObject({ type: 'refused', status: 401 });
    expect(asked).toEqual([false, true, false, true]);
    await http.close();
  });

  it('a slow 401 does not double the deadline', async () => {
    const slow = (): void => undefined;
    server.next('list', (answer) => setTimeout(() => answer.json(401, refused(401, 'Unauthorized')), 200), slow);
    const begun = performance.now();
    expect((await kube.get('/api/v1/pods')).type).toBe('unknown');
    expect(performance.now() - begun).toBeLessThan(450);
  });
});
