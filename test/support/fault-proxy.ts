/**
 * Owns: a proxy before a real API server that ends TLS on both sides, so that it can cut answers in the middle, delay them,
 * fall silent with the connection open, or answer for the server.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, request, type Server } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { refused } from './api-server.ts';

/** What befalls a request. `cut` and `silent` take hold after that many bytes of the answer. */
export type ProxyFault =
  | { readonly type: 'none' }
  | { readonly type: 'delay'; readonly ms: number }
  | { readonly type: 'cut' | 'silent'; readonly afterBytes: number }
  | { readonly type: 'answer'; readonly status: number };

export interface FaultProxy {
  readonly kubeconfig: string;
  /** Requests by what befell them. */
  readonly counts: Readonly<Record<ProxyFault['type'], number>>;
  /** Cuts every connection now. */
  readonly cutAll: () => void;
  readonly stop: () => Promise<void>;
}

interface Forwarded {
  readonly answer: IncomingMessage;
  readonly response: ServerResponse;
  readonly fault: ProxyFault;
  readonly socket: Socket;
}

function forwardBody({ answer, response, fault, socket }: Forwarded): void {
  let passed = 0;
  answer.on('error', () => socket.destroy());
  answer.on('end', () => response.end());
  answer.on('data', (chunk: Buffer) => {
    if (fault.type !== 'cut' && fault.type !== 'silent') return void response.write(chunk);
    const part = chunk.subarray(0, Math.max(0, fault.afterBytes - passed));
    passed += chunk.length;
    if (part.length > 0) response.write(part);
    if (passed < fault.afterBytes) return;
    answer.removeAllListeners('end');
    answer.pause();
    // What was written has to leave before the end.
    if (fault.type === 'cut') setTimeout(() => socket.destroy(), 5);
  });
}

/** A request as it went by, complete. */
export interface Passed {
  readonly method: string;
  readonly url: string;
  readonly auditId: string;
  readonly body: Buffer;
}

/**
 * Starts the proxy of the control plane in `dir`; `fault` is asked for each request, `record` is shown each one that passes.
 * A caller with a token of its own keeps it; any other becomes the administrator.
 */
export async function startFaultProxy(
  plane: { readonly dir: string; readonly kubeconfig: string },
  fault: (asked: { readonly method: string; readonly url: string }) => ProxyFault,
  record: (passed: Passed) => void = () => undefined,
): Promise<FaultProxy> {
  const pki = (file: string): Buffer => readFileSync(join(plane.dir, 'pki', file));
  const text = readFileSync(plane.kubeconfig, 'utf8');
  const target = new URL(/https:\/\/[0-9.]+:\d+/.exec(text)?.[0] ?? '');
  const client = { ca: pki('ca.crt'), cert: pki('admin.crt'), key: pki('admin.key') };
  const counts = { none: 0, delay: 0, cut: 0, silent: 0, answer: 0 };
  const sockets = new Set<Socket>();

  function forward(asked: IncomingMessage, response: ServerResponse, what: ProxyFault): void {
    const { method, url, headers } = asked;
    const identity = headers.authorization === undefined ? client : { ca: client.ca };
    const upstream = request({ ...identity, host: target.hostname, port: target.port, method, path: url, headers });
    upstream.on('error', () => asked.socket.destroy());
    upstream.on('response', (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      response.flushHeaders();
      forwardBody({ answer, response, fault: what, socket: asked.socket });
    });
    asked.socket.once('close', () => upstream.destroy());
    asked.pipe(upstream);
    const chunks: Buffer[] = [];
    asked.on('data', (chunk: Buffer) => chunks.push(chunk));
    asked.on('end', () => {
      const auditId = headers['audit-id'];
      record({
        method: method ?? 'GET',
        url: url ?? '/',
        auditId: typeof auditId === 'string' ? auditId : '',
        body: Buffer.concat(chunks),
      });
    });
  }

  const server: Server = createServer({ cert: pki('apiserver.crt'), key: pki('apiserver.key') }, (asked, response) => {
    const what = fault({ method: asked.method ?? 'GET', url: asked.url ?? '/' });
    counts[what.type] += 1;
    if (what.type === 'answer') {
      asked.resume();
      response.writeHead(what.status, { 'content-type': 'application/json' });
      response.end(JSON.stringify(refused(what.status, 'by the proxy')));
    } else if (what.type === 'delay') setTimeout(() => forward(asked, response, what), what.ms);
    else forward(asked, response, what);
  });
  server.on('secureConnection', (socket: Socket) => {
    sockets.add(socket);
    socket.setMaxListeners(0);
    socket.on('error', () => undefined);
    socket.once('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const kubeconfig = join(plane.dir, 'proxy.kubeconfig');
  writeFileSync(kubeconfig, text.replace(target.origin, `https://127.0.0.1:${port}`));
  const cutAll = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    kubeconfig,
    counts,
    cutAll,
    stop: async () => {
      cutAll();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
