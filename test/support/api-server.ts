/**
 * Owns: a scripted API server on loopback: one collection, whose lists, watches, reads and changes may be answered by
 * anything: bytes cut anywhere, silence, resets, refusals. Without a script it answers as an honest server would.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createSecureServer } from 'node:http2';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Asked {
  readonly kind: 'list' | 'watch' | 'read' | 'change';
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
  readonly httpVersion: string;
}

/** What a script answers with; each call goes out at once. */
export interface Answering {
  readonly json: (status: number, body: unknown, headers?: Readonly<Record<string, string>>) => void;
  /** Status 200 and headers, then whatever is written. */
  readonly write: (bytes: string | Uint8Array) => void;
  readonly event: (type: string, object: unknown) => void;
  readonly end: () => void;
  /** Cuts the connection with a TCP reset. */
  readonly reset: () => void;
}

export type Script = (answering: Answering, asked: Asked) => void;

export interface ApiServer {
  readonly port: number;
  readonly kubeconfig: string;
  readonly asked: readonly Asked[];
  readonly count: (kind: Asked['kind']) => number;
  /** Scripts for the next requests of a kind, in order; after them the server is honest again. */
  readonly next: (kind: Asked['kind'], ...scripts: readonly Script[]) => void;
  /** One script for all further requests of a kind; null is honest. */
  readonly always: (kind: Asked['kind'], script: Script | null) => void;
  /** Puts an object without telling any open watch; for that use `streams`. */
  readonly put: (object: Thing) => void;
  readonly remove: (name: string) => void;
  /** Answers of the watches that were left open, oldest first. */
  readonly streams: readonly Answering[];
  /** Connections that were ever made. */
  readonly connections: () => number;
  readonly stop: () => Promise<void>;
}

export interface Thing {
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly uid: string;
    readonly resourceVersion: string;
  };
}

/** An object of the collection. */
export function thing(name: string, resourceVersion: number, uid: string = `uid-${name}`): Thing {
  return { kind: 'Pod', metadata: { name, namespace: 'ns', uid, resourceVersion: String(resourceVersion) } };
}

/** The Status that an API server sends when it says no. */
export function refused(code: number, message: string, retryAfterSeconds?: number): Readonly<Record<string, unknown>> {
  const details = retryAfterSeconds === undefined ? {} : { details: { retryAfterSeconds } };
  return { kind: 'Status', apiVersion: 'v1', status: 'Failure', code, reason: 'Scripted', message, ...details };
}

export interface TlsPair {
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
}

function answeringOf(response: ServerResponse, socket: Socket): Answering {
  const write = (bytes: string | Uint8Array): void => {
    if (!response.headersSent) response.writeHead(200, { 'content-type': 'application/json' }).flushHeaders();
    if (bytes.length > 0) response.write(bytes);
  };
  return {
    json: (status, body, headers = {}) => {
      response.writeHead(status, { 'content-type': 'application/json', ...headers });
      response.end(typeof body === 'string' ? body : JSON.stringify(body));
    },
    write,
    event: (type, object) => write(`${JSON.stringify({ type, object })}\n`),
    end: () => void response.end(),
    reset: () => void socket.resetAndDestroy(),
  };
}

function kindOf(method: string, path: string, query: URLSearchParams): Asked['kind'] {
  if (method !== 'GET') return 'change';
  if (query.get('watch') === 'true') return 'watch';
  return path.endsWith('/pods') ? 'list' : 'read';
}

function kubeconfigOf(url: string, tls: TlsPair | null): string {
  const authority = tls === null ? {} : { 'certificate-authority-data': Buffer.from(tls.ca).toString('base64') };
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'scripted', cluster: { server: url, ...authority } }],
    users: [{ name: 'tester', user: { token: 'first' } }],
    contexts: [{ name: 'scripted', context: { cluster: 'scripted', user: 'tester' } }],
    'current-context': 'scripted',
  });
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(Buffer.from(chunk as Uint8Array));
  return Buffer.concat(chunks).toString('utf8');
}

/** The collection as it stands, and what an honest server says of it. */
class Collection {
  /** Watches that were left open, oldest first. */
  readonly streams: Answering[] = [];
  readonly #things = new Map<string, Thing>();
  #version = 100;

  readonly put = (object: Thing): void => {
    this.#things.set(object.metadata.name, object);
    this.#version = Math.max(this.#version, Number(object.metadata.resourceVersion));
  };

  readonly remove = (name: string): void => {
    this.#things.delete(name);
    this.#version += 1;
  };

  readonly honest = (answering: Answering, { kind, path }: Asked): void => {
    switch (kind) {
      case 'watch':
        answering.write('');
        this.streams.push(answering);
        return;
      case 'list': {
        const items = [...this.#things.values()];
        return answering.json(200, { kind: 'PodList', metadata: { resourceVersion: String(this.#version) }, items });
      }
      case 'read': {
        const found = this.#things.get(path.split('/').at(-1) ?? '');
        return answering.json(found === undefined ? 404 : 200, found ?? refused(404, 'not found'));
      }
      case 'change':
        return answering.json(200, {});
    }
  };
}

async function askedOf(request: IncomingMessage): Promise<Asked> {
  const { pathname: path, searchParams: query } = new URL(request.url ?? '/', 'http://localhost');
  const { method = 'GET', headers, httpVersion } = request;
  return { kind: kindOf(method, path, query), method, path, query, headers, body: await textOf(request), httpVersion };
}

/** Starts the server; with certificates it speaks TLS and offers HTTP/2, as API servers do. */
export async function startApiServer(tls: TlsPair | null = null): Promise<ApiServer> {
  const asked: Asked[] = [];
  const { streams, put, remove, honest } = new Collection();
  const scripts = new Map<Asked['kind'], Script[]>();
  const standing = new Map<Asked['kind'], Script>();
  const sockets = new Set<Socket>();
  let connections = 0;

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const one = await askedOf(request);
    asked.push(one);
    const script = scripts.get(one.kind)?.shift() ?? standing.get(one.kind) ?? honest;
    script(answeringOf(response, request.socket), one);
  }

  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    serve(request, response).catch(() => request.socket.destroy());
  };
  const server: Pick<Server, 'listen' | 'address' | 'on' | 'close'> =
    tls === null
      ? createServer(listener)
      : (createSecureServer(
          { allowHTTP1: true, cert: tls.cert, key: tls.key },
          listener as never,
        ) as unknown as Server);
  server.on('connection', (socket: Socket) => {
    connections += 1;
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const dir = mkdtempSync(join(tmpdir(), 'api-server-'));
  const kubeconfig = join(dir, 'kubeconfig');
  writeFileSync(kubeconfig, kubeconfigOf(`${tls === null ? 'http' : 'https'}://127.0.0.1:${port}`, tls));
  return {
    port,
    kubeconfig,
    asked,
    streams,
    count: (kind) => asked.filter((each) => each.kind === kind).length,
    next: (kind, ...more) => void scripts.set(kind, [...(scripts.get(kind) ?? []), ...more]),
    always: (kind, script) => void (script === null ? standing.delete(kind) : standing.set(kind, script)),
    put,
    remove,
    connections: () => connections,
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** Resolves once `holds` is true, looking again and again. @throws when it is not after five seconds */
export async function until(holds: () => boolean, what: string = holds.toString()): Promise<void> {
  const begun = performance.now();
  while (!holds()) {
    if (performance.now() - begun > 5000) throw new Error(`never came true: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
