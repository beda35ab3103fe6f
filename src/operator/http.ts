/**
 * Owns: the operator's two HTTP servers. Health and metrics on the pod network; the journal API on loopback only, reached
 * by port-forward, so that access to it is what the cluster's RBAC says. It only tells, but for holds on the journal.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Address } from '#src/config.ts';
import { sha256 } from '#src/decision/hash.ts';
import { messageOf } from '#src/errors.ts';
import type { Journal } from '#src/journal/journal.ts';
import type { KeepPolicy } from '#src/journal/retention.ts';
import type { Actors } from '#src/actor/actor.ts';
import type { Metrics } from '#src/status/metrics.ts';
import { attachInspector, urlOf, type Inspector } from './inspect.ts';
import { messagesOf } from './inspect-feed.ts';
import { exportAnswer, rowsAnswer, stream } from './journal-stream.ts';
import { answerRetention, mayChange } from './retention-api.ts';

export interface Health {
  /** Why the process is not ready; empty when it is. */
  readonly troubles: () => readonly string[];
}

export interface HttpPorts {
  readonly metrics: Metrics;
  readonly health: Health;
  /** The journal of the present term; null while this process does not lead. */
  readonly journal: () => Journal | null;
  readonly actors: () => Actors | null;
  readonly build: string;
  /** How long rows are kept. */
  readonly keep: KeepPolicy;
}

interface Asked {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly url: URL;
  /** The path's parts, decoded; the first is empty. */
  readonly parts: readonly string[];
}

type Handler = (asked: Asked) => void | Promise<void>;

function json(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store' });
  response.end(`${JSON.stringify(value)}\n`);
}

function notFound(response: ServerResponse, what: string): void {
  json(response, 404, { error: `${what} is not known here`, hint: 'GET /api/clusters lists what is' });
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
    if (pathname !== '/metrics') return notFound(response, pathname);
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

function numberOf(url: URL, name: string): number | undefined {
  const text = url.searchParams.get(name);
  const value = Number(text);
  return text === null || !Number.isFinite(value) ? undefined : value;
}

/** What a request about the journal is answered from. */
type Reading = Omit<HttpPorts, 'journal'> & { readonly journal: Journal };

function clusterUid(ports: Reading, namespace: string, name: string): string | null {
  const found = ports.journal.reader
    .clusters()
    .filter((cluster) => cluster.namespace === namespace && cluster.name === name);
  const alive = new Set((ports.actors()?.clusters() ?? []).map((cluster) => cluster.uid));
  return (found.find((cluster) => alive.has(cluster.uid)) ?? found.at(-1))?.uid ?? null;
}

function sendRows(ports: Reading, uid: string, { response, url }: Asked): void | Promise<void> {
  const [afterSeq, untilSeq, fromMs, untilMs, limit] = ['after', 'until', 'from', 'to', 'limit'].map((name) =>
    numberOf(url, name),
  );
  if (limit !== undefined && (!Number.isSafeInteger(limit) || limit < 0))
    return json(response, 400, {
      error: `limit=${limit} is no number of rows`,
      hint: 'ask with a whole number such as limit=100, or without a limit',
    });
  const filter = {
    uid,
    ...(afterSeq === undefined ? {} : { afterSeq }),
    ...(untilSeq === undefined ? {} : { untilSeq }),
    ...(fromMs === undefined ? {} : { fromMs }),
    ...(untilMs === undefined ? {} : { untilMs }),
    ...(limit === undefined ? {} : { limit }),
  };
  return stream(response, rowsAnswer(ports.journal.reader, filter));
}

function sendExport(ports: Reading, uid: string, response: ServerResponse): void | Promise<void> {
  const { reader } = ports.journal;
  const known = reader.clusters().find((each) => each.uid === uid);
  if (known === undefined) return notFound(response, uid);
  const cluster = { uid, namespace: known.namespace, name: known.name };
  return stream(response, exportAnswer(reader, { cluster, build: ports.build, sha256 }));
}

/** A report on the whole journal. Between two steps everybody else has a turn; who is gone is not read for any more. */
async function sendVerified(journal: Journal, response: ServerResponse): Promise<void> {
  const steps = journal.verifyInSteps();
  for (let step = steps.next(); !response.destroyed; step = steps.next()) {
    if (step.done === true) return json(response, 200, step.value);
    await new Promise((resolve) => setImmediate(resolve));
  }
  // Whatever it is reading ends with it.
  steps.return({ clusters: [], rows: 0, blobs: 0, ticks: 0, damage: [] });
}

/** The parts of a path, decoded; null when it holds a % that stands for nothing. */
function partsOf(url: URL): readonly string[] | null {
  try {
    return url.pathname.split('/').map(decodeURIComponent);
  } catch {
    return null;
  }
}

function route(given: HttpPorts, inspector: Inspector): Handler {
  return (asked) => {
    const { request, response, url } = asked;
    const [, api, what, first = '', second = '', last = ''] = asked.parts;
    if (api !== 'api') return notFound(response, url.pathname);
    const journal = given.journal();
    if (journal === null) {
      return json(response, 503, {
        error: 'this operator does not lead, so no journal is open here',
        hint: 'ask the holder of the Lease: kubectl get lease',
      });
    }
    const ports = { ...given, journal };
    if (what === 'clusters' && first === '') {
      const alive = ports.actors()?.clusters() ?? [];
      const phases = alive.map((cluster) => ({
        ...cluster,
        state: ports.actors()?.snapshotOf(cluster.uid)?.state ?? null,
      }));
      return json(response, 200, { build: ports.build, clusters: ports.journal.reader.clusters(), alive: phases });
    }
    if (what === 'verify') return sendVerified(journal, response);
    if (what === 'prune' || what === 'holds') {
      return answerRetention(journal, request, { what, id: first, keep: given.keep }).then(({ status, body }) =>
        json(response, status, body),
      );
    }
    if (what === 'blobs') return json(response, 200, { hash: first, bytes: ports.journal.reader.blob(first) });
    const uid = what === 'clusters' ? (url.searchParams.get('uid') ?? clusterUid(ports, first, second)) : null;
    if (uid === null) return notFound(response, `${first}/${second}`);
    if (last === 'rows') return sendRows(ports, uid, asked);
    if (last === 'export') return sendExport(ports, uid, response);
    if (last === 'ticket') return ticketFor(inspector, ports, uid, response);
    return json(response, 200, { uid, snapshot: ports.actors()?.snapshotOf(uid) ?? null });
  };
}

/** A ticket for a cluster's messages on the inspector's WebSocket. */
function ticketFor(inspector: Inspector, { journal }: Reading, uid: string, response: ServerResponse): void {
  const cluster = journal.reader.clusters().find((each) => each.uid === uid);
  if (cluster === undefined) return notFound(response, uid);
  const ticket = inspector.ticket(() => messagesOf(journal.reader, cluster));
  return json(response, 200, { ticket, path: `/inspect?ticket=${ticket}` });
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
  const handle = route(ports, inspector);
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
