/**
 * Owns: the simulated API server on a loopback port, for kubectl and any other client: discovery, OpenAPI, tables, field
 * validation, watches. Every request is a step of the world (`pace.ts`).
 * Does not own: what a request does (`../api/server.ts`).
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { parse } from 'yaml';
import type { ApiRequest } from '../api/server.ts';
import type { Kind } from '../api/kinds.ts';
import { addressed, selects, type Place } from '../api/places.ts';
import { statusReply, type Reply } from '../api/refusals.ts';
import { at, list, number, parsed, text, type Json } from '../json.ts';
import type { World } from '../world.ts';
import { definitionAt, discovered, scalable } from './discovery.ts';
import { openApi, unknownFields } from './openapi.ts';
import type { Pace } from './pace.ts';
import { strategicMerged } from './strategic.ts';
import { tableOf } from './table.ts';

export interface KubeServerPorts {
  readonly world: World;
  readonly pace: Pace;
  /** Our CRD. */
  readonly definition: Json;
}

interface Asked {
  readonly request: ApiRequest;
  readonly accept: string;
}

const methods: ReadonlySet<string> = new Set(['GET', 'PATCH', 'POST', 'PUT', 'DELETE']);
const applyType = 'application/apply-patch+yaml';
const strategicType = 'application/strategic-merge-patch+json';

/** A page of another origin must not reach this server through a browser. */
function isLocal({ headers }: IncomingMessage): boolean {
  const host = (headers.host ?? '').replace(/:\d+$/, '');
  return (host === 'localhost' || host === '127.0.0.1' || host === '[::1]') && headers.origin === undefined;
}

async function bodyOf(request: IncomingMessage): Promise<string | null> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(Buffer.from(chunk as Uint8Array));
  const body = Buffer.concat(chunks).toString('utf8');
  return body === '' ? null : body;
}

/** JSON as it is; YAML, which applies may be written in, as JSON. @throws Error when it is neither */
function asJson(body: string | null): string | null {
  return body === null || parsed(body) !== undefined ? body : JSON.stringify(parse(body));
}

function answer(
  response: ServerResponse,
  { status, body, retryAfterMs }: Reply,
  warnings: readonly string[] = [],
): void {
  if (retryAfterMs !== null) response.setHeader('retry-after', String(Math.ceil(retryAfterMs / 1000)));
  for (const each of warnings) response.appendHeader('warning', `299 - "${each.replaceAll('"', '\\"')}"`);
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(`${JSON.stringify(body)}\n`);
}

function ok(body: Json): Reply {
  return { status: 200, body, retryAfterMs: null };
}

/** What is there on a real server and not here, with what to do instead; null for everything else. */
function notModelled({ method, path }: ApiRequest): string | null {
  if (/\/pods\/[^/]+\/(exec|attach|portforward|log)$/.test(path))
    return 'the simulated world has no containers, so there is nothing to run in, forward to or read logs of';
  if (method === 'DELETE' && /\/namespaces\/[^/]+$/.test(path))
    return 'namespaces of the simulated world are not emptied; delete what is in them';
  return null;
}

/** The `scale` of an object, read or written, as changes of `spec.replicas`. */
function scaled({ api }: World, request: ApiRequest): Reply {
  const main = { ...request, path: request.path.replace(/\/scale$/, '') };
  const place = addressed(api.kinds, main.path);
  if (place === null || !scalable.has(place.kind.kind)) return statusReply(404, 'NotFound', 'there is no scale');
  const replicas = number(parsed(request.body), -1, 'spec', 'replicas');
  const reply =
    request.method === 'GET' || replicas < 0
      ? api.handle({ ...main, method: 'GET', body: null })
      : api.handle({
          ...main,
          method: 'PATCH',
          contentType: 'application/merge-patch+json',
          body: JSON.stringify({ spec: { replicas } }),
        });
  if (reply.status !== 200) return reply;
  const { name, namespace, uid, resourceVersion, creationTimestamp } = at(reply.body, 'metadata');
  return ok({
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: { name, namespace, uid, resourceVersion, creationTimestamp },
    spec: { replicas: number(reply.body, 0, 'spec', 'replicas') },
    status: {
      replicas: number(reply.body, 0, 'status', 'replicas'),
      selector: text(reply.body, 'status', 'selector'),
    },
  });
}

/** A strategic merge patch, put into the words of an update of what is there. */
function strategic({ api }: World, request: ApiRequest): Reply {
  const live = api.handle({ ...request, method: 'GET', contentType: null, body: null, query: {} });
  if (live.status !== 200) return live;
  const next = strategicMerged(live.body, parsed(request.body));
  return api.handle({ ...request, method: 'PUT', contentType: 'application/json', body: JSON.stringify(next) });
}

function handled({ world }: KubeServerPorts, request: ApiRequest): Reply {
  if (request.path.endsWith('/scale')) return scaled(world, request);
  if (request.contentType === strategicType) return strategic(world, request);
  if (request.method === 'DELETE' && 'dryRun' in request.query)
    return world.api.handle({ ...request, method: 'GET', body: null });
  return world.api.handle(request);
}

/** Fields of a written object that its schema does not know. */
function strangeFields(kind: Kind | undefined, { method, body, contentType }: ApiRequest): readonly string[] {
  if (kind?.schema == null || method === 'GET' || method === 'DELETE' || contentType?.includes('json-patch') === true)
    return [];
  return unknownFields(kind.schema, parsed(body)).map((field) => `unknown field "${field}"`);
}

function badRequest(message: string): Reply {
  return statusReply(400, 'BadRequest', message);
}

/** Answers a request about objects. */
async function serve(ports: KubeServerPorts, { request, accept }: Asked, response: ServerResponse): Promise<void> {
  const { world, pace } = ports;
  const missing = notModelled(request);
  if (missing !== null) return answer(response, statusReply(405, 'MethodNotAllowed', missing));
  const place = addressed(world.api.kinds, request.path);
  const strange = strangeFields(place?.kind, request);
  const validation = request.query['fieldValidation'] ?? 'Warn';
  if (strange.length > 0 && validation === 'Strict')
    return answer(response, badRequest(`strict decoding error: ${strange.join(', ')}`));
  const reply = await pace.enter(() => handled(ports, request));
  const warnings = validation === 'Ignore' ? [] : strange;
  if (place === null || reply.status !== 200 || request.method !== 'GET' || !accept.includes('as=Table'))
    return answer(response, reply, warnings);
  return answer(response, ok(asTable(ports, place.kind, reply.body, request)));
}

function asTable({ world, definition }: KubeServerPorts, kind: Kind, body: Json, { query }: ApiRequest): Json {
  const printed = list(list(definition, 'spec', 'versions')[0], 'additionalPrinterColumns');
  return tableOf(body, { kind, printed, nowMs: world.schedule.nowMs(), include: query['includeObject'] ?? 'Metadata' });
}

/** Everything that is there, for a watch that asks for no version. */
function present({ api }: World, { kind, namespace }: Place, query: ApiRequest['query']): readonly Json[] {
  return api.store
    .list(kind, namespace)
    .filter(({ object }) => selects(query, object))
    .map(({ object }) => ({ type: 'ADDED', object }));
}

/** Opens a watch and writes its lines as they come. */
async function watch(ports: KubeServerPorts, { request, accept }: Asked, response: ServerResponse): Promise<void> {
  const { world, pace } = ports;
  const { path, query } = request;
  const place = addressed(world.api.kinds, path);
  if ('sendInitialEvents' in query || place === null)
    return answer(
      response,
      place === null
        ? statusReply(404, 'NotFound', 'the server could not find the requested resource')
        : statusReply(422, 'Invalid', 'sendInitialEvents is forbidden for watch: list first'),
    );
  const isTable = accept.includes('as=Table');
  const line = (event: Json): void => {
    const isMark = text(event, 'type') === 'BOOKMARK';
    if (isMark && (isTable || query['allowWatchBookmarks'] !== 'true')) return;
    const object = at(event, 'object');
    const shaped = isTable && text(object, 'kind') !== 'Status' ? asTable(ports, place.kind, object, request) : object;
    response.write(`${JSON.stringify({ ...event, object: shaped })}\n`);
  };
  const begin = (): (() => void) | Reply => {
    const version = query['resourceVersion'] ?? '';
    const anew = version === '' || version === '0';
    const from = anew ? String(world.api.store.version()) : version;
    response.writeHead(200, { 'content-type': 'application/json' }).flushHeaders();
    if (anew) for (const event of present(world, place, query)) line(event);
    return world.watches.open(path, { ...query, resourceVersion: from }, { line, end: () => void response.end() });
  };
  const stop = await pace.enter(begin);
  if (typeof stop !== 'function') return void response.end();
  response.on('close', stop);
  return undefined;
}

/** Answers one request, whatever it is. */
async function route(ports: KubeServerPorts, incoming: IncomingMessage, response: ServerResponse): Promise<void> {
  const { method = 'GET' } = incoming;
  const url = new URL(incoming.url ?? '/', 'http://127.0.0.1');
  const { pathname: path } = url;
  if (!isLocal(incoming))
    return answer(response, statusReply(403, 'Forbidden', 'only requests to a loopback name, and none of a web page'));
  if (!methods.has(method)) return answer(response, statusReply(405, 'MethodNotAllowed', `${method} is not served`));
  if (/^\/(healthz|readyz|livez)$/.test(path)) return void response.end('ok');
  const { kinds } = ports.world.api;
  const found =
    discovered(kinds, at(ports.definition, 'spec', 'names'), path) ??
    definitionAt(path, ports.definition) ??
    openApi(kinds, path);
  if (method === 'GET' && found !== null) return answer(response, ok(found));
  const contentType = (incoming.headers['content-type'] ?? '').split(';')[0]?.trim() ?? '';
  if (contentType.includes('protobuf') || contentType.includes('cbor'))
    return answer(
      response,
      statusReply(
        415,
        'UnsupportedMediaType',
        'this server reads JSON and YAML: write the object to a file and use kubectl apply -f',
      ),
    );
  const body = await bodyOf(incoming);
  const request: ApiRequest = {
    method: method as ApiRequest['method'],
    path,
    query: Object.fromEntries(url.searchParams),
    contentType: contentType === '' ? null : contentType,
    body: contentType === applyType || contentType === 'application/yaml' ? asJson(body) : body,
    user: (incoming.headers['user-agent'] ?? 'unknown').split('/')[0] ?? 'unknown',
  };
  const asked = { request, accept: incoming.headers.accept ?? '' };
  const isWatch = method === 'GET' && /^(true|1)$/.test(request.query['watch'] ?? '');
  return isWatch ? watch(ports, asked, response) : serve(ports, asked, response);
}

export interface KubeServer {
  readonly url: string;
  readonly close: () => Promise<void>;
}

/** Listens on loopback; port 0 takes any. @throws when the port is taken */
export async function openKubeServer(ports: KubeServerPorts, port: number): Promise<KubeServer> {
  const server: Server = createServer((incoming, response) => {
    route(ports, incoming, response).catch((error: unknown) => {
      const because = error instanceof Error ? error.message : String(error);
      if (response.headersSent) response.destroy();
      else answer(response, badRequest(because));
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  const address = server.address();
  const listening = typeof address === 'object' && address !== null ? address.port : port;
  return {
    url: `http://127.0.0.1:${listening}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
