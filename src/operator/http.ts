/**
 * Owns: the operator's two HTTP servers. Health and metrics on the pod network; the journal API on loopback only, reached
 * by port-forward, so that access to it is what the cluster's RBAC says. It only tells, but for holds on the journal.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Address } from '#src/config.ts';
import { messageOf } from '#src/errors.ts';
import type { Metrics } from '#src/status/metrics.ts';
import { attachInspector, urlOf, type Inspector } from './inspect.ts';
import { journalApi, json, type JournalApiPorts } from './journal-api.ts';
import { mayChange } from './retention-api.ts';

export interface Health {
  /** Why the process is not ready; empty when it is. */
  readonly troubles: () => readonly string[];
}

export interface HttpPorts extends JournalApiPorts {
  readonly metrics: Metrics;
  readonly health: Health;
}

function badTarget(request: IncomingMessage, response: ServerResponse): void {
  json(response, 400, {
    error: `${JSON.stringify(request.url)} is no path of a URL`,
    hint: 'ask for a path such as /healthz or /api/clusters, percent-encoded UTF-8',
  });
}

function healthServer(ports: HttpPorts): Server {
  return createServer((request, response) => {
    const pathname = urlOf(request)?.pathname;
    if (pathname === undefined) return badTarget(request, response);
    if (pathname === '/healthz') return void response.end('ok\n');
    if (pathname === '/readyz') {
      const troubles = ports.health.troubles();
      response.writeHead(troubles.length === 0 ? 200 : 503, { 'content-type': 'text/plain; charset=utf-8' });
      return void response.end(troubles.length === 0 ? 'ok\n' : `${troubles.join('\n')}\n`);
    }
    if (pathname !== '/metrics')
      return json(response, 404, {
        error: `there is no ${pathname}`,
        hint: 'there are /healthz, /readyz and /metrics',
      });
    ports.metrics.registry.metrics().then(
      (text) => {
        response.writeHead(200, { 'content-type': ports.metrics.registry.contentType });
        response.end(text);
      },
      () => response.writeHead(500).end(),
    );
  });
}

/** A page of another origin must not read through a port-forward: only loopback names may be asked for. */
function isLocal(request: IncomingMessage): boolean {
  const host = (request.headers.host ?? '').replace(/:\d+$/, '');
  return (host === 'localhost' || host === '127.0.0.1' || host === '[::1]') && request.headers.origin === undefined;
}

/** The parts of a path, decoded; null when it holds a % that stands for nothing. */
function partsOf(url: URL): readonly string[] | null {
  try {
    return url.pathname.split('/').map(decodeURIComponent);
  } catch {
    return null;
  }
}

function apiServer(ports: HttpPorts): { readonly server: Server; readonly inspector: Inspector } {
  const server: Server = createServer((request, response) => {
    if (!isLocal(request) || (request.method !== 'GET' && !mayChange(request))) {
      return json(response, 403, {
        error: 'only GET requests to a loopback name are answered',
        hint: 'use kubectl port-forward and 127.0.0.1',
      });
    }
    const url = urlOf(request);
    const parts = url === null ? null : partsOf(url);
    if (url === null || parts === null) return badTarget(request, response);
    const failed = (error: unknown): void => {
      // What has been said cannot be taken back: an answer that breaks off is not taken for a whole one.
      if (response.headersSent) return void response.destroy();
      json(response, 500, { error: messageOf(error), hint: "run 'pgc journal verify' on the file" });
    };
    try {
      handle({ request, response, url, parts })?.catch(failed);
    } catch (error) {
      failed(error);
    }
  });
  const inspector = attachInspector(server, Date.now);
  const handle = journalApi(ports, inspector);
  return { server, inspector };
}

function listen(server: Server, { host, port }: Address): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : port);
    });
  });
}

export interface HttpServers {
  readonly httpPort: number;
  readonly apiPort: number;
  readonly close: () => Promise<void>;
}

/** Opens both servers. @throws when an address is taken */
export async function openHttp(
  ports: HttpPorts,
  addresses: { readonly http: Address; readonly api: Address },
): Promise<HttpServers> {
  const health = healthServer(ports);
  const { server: api, inspector } = apiServer(ports);
  const httpPort = await listen(health, addresses.http);
  const apiPort = await listen(api, addresses.api);
  const close = (server: Server): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return {
    httpPort,
    apiPort,
    close: async () => {
      inspector.close();
      await Promise.all([close(health), close(api)]);
    },
  };
}
