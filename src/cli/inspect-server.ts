/**
 * Owns: the server of `pgc inspect`, on loopback: the page, and tickets for the WebSocket beside it. A key lets its holder ask for
 * tickets as long as the server runs, so that the page can be reloaded; it stands in the part of the address that no request
 * carries.
 */
import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { attachInspector, isLoopback, type NextMessages } from '#src/operator/inspect.ts';
import type { PageTexts } from './inspect-page.ts';

export interface InspectOptions {
  /** Named to whoever reads. */
  readonly cluster: string;
  /** Address of an inspector's page, which the page offers to open. */
  readonly inspector: string;
  readonly page: PageTexts;
  /** A feed from its first message, for one reader. */
  readonly open: () => NextMessages;
  readonly nowMs: () => number;
}

export interface InspectServer {
  /** Address of the page, with the key. */
  readonly page: string;
  /** Address of the WebSocket, with a ticket for one reader. */
  readonly socket: string;
  readonly close: () => void;
}

const types = { 'page.html': 'text/html', 'page.css': 'text/css', 'page.js': 'text/javascript' } as const;

/** The page may talk to its own server alone, and be framed by nobody; a window that it opens stays in touch with it. */
function headersFor(host: string): Readonly<Record<string, string>> {
  return {
    'content-security-policy': `default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self' ws://${host}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
    'cross-origin-opener-policy': 'same-origin-allow-popups',
    'cross-origin-resource-policy': 'same-origin',
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
    'cache-control': 'no-store',
  };
}

function json(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store' });
  response.end(`${JSON.stringify(value)}\n`);
}

function sendText(response: ServerResponse, name: keyof PageTexts, texts: PageTexts, host: string): void {
  response.writeHead(200, { 'content-type': `${types[name]}; charset=utf-8`, ...headersFor(host) });
  response.end(texts[name]);
}

/** Whether a request comes from our own page, or from a program; a page elsewhere cannot know the key, but may not try either. */
function isOwn({ headers }: IncomingMessage): boolean {
  return headers.origin === undefined || headers.origin === `http://${headers.host}`;
}

/** Opens the server on a free port of 127.0.0.1. */
export async function openInspectServer(options: InspectOptions): Promise<InspectServer> {
  const { cluster, inspector: address, page, open, nowMs } = options;
  const key = randomBytes(24).toString('base64url');
  const server = createServer((request, response) => {
    const { host = '' } = request.headers;
    const path = (request.url ?? '/').replace(/[?#].*$/, '');
    if (!isLoopback(host))
      return json(response, 403, { error: 'only a loopback name is answered', hint: 'use 127.0.0.1' });
    if (request.method === 'POST' && path === '/ticket') {
      if (!isOwn(request) || request.headers.authorization !== `Bearer ${key}`)
        return json(response, 403, { error: 'the key is another one, or none', hint: "run 'pgc inspect' again" });
      return json(response, 200, { path: `/inspect?ticket=${tickets.ticket(open)}`, cluster, inspector: address });
    }
    const name = path === '/' ? 'page.html' : path.slice(1);
    if (request.method === 'GET' && (name === 'page.html' || name === 'page.css' || name === 'page.js'))
      return sendText(response, name, page, host);
    return json(response, 404, { error: `there is no ${path} here`, hint: 'open the address that pgc printed' });
  });
  const tickets = attachInspector(server, nowMs);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const bound = server.address();
  const host = `127.0.0.1:${typeof bound === 'object' && bound !== null ? bound.port : 0}`;
  return {
    page: `http://${host}/#${key}`,
    socket: `ws://${host}/inspect?ticket=${tickets.ticket(open)}`,
    close: () => {
      tickets.close();
      server.close();
      server.closeAllConnections();
    },
  };
}
