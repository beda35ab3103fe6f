/**
 * Owns: the verbs of the simulated API server: get, list, create, apply, patch, update, delete.
 * I1. A request is handled at once and whole, or refused without a trace.
 * I2. A write that changes nothing has no version.
 * I3. What is left without finalizers after its deletion began is gone in the same moment.
 */
import type { SimChance } from '../chance.ts';
import { at, isJson, merged, parsed, PatchRefused, patched, text, type Json } from '../json.ts';
import { commit, type Draft } from './commit.ts';
import { timeOf, type ApiRequest, type Server } from './context.ts';
import { removed } from './deleting.ts';
import { allKinds, type Kind } from './kinds.ts';
import { listed } from './listing.ts';
import { apply, update, wordsOf, type Writing } from './managers.ts';
import {
  alreadyExists,
  invalid,
  modified,
  notFound,
  noneOfUid,
  overtaken,
  Refusal,
  replyOf,
  type Reply,
} from './refusals.ts';
import { checkRules, misfitOf } from './schema.ts';
import { addressed, type Place } from './places.ts';
import { makeStore, nameOf, uidOf, type Entry, type Store } from './store.ts';

export type { ApiRequest } from './context.ts';

export interface ApiServer {
  readonly store: Store;
  readonly kinds: readonly Kind[];
  readonly handle: (request: ApiRequest) => Reply;
  /** How the same server would answer over another store. */
  readonly over: (store: Store) => (request: ApiRequest) => Reply;
}

const plainPatch = new Set(['application/merge-patch+json', 'application/strategic-merge-patch+json']);

function writingOf(server: Server, request: ApiRequest, place: Place): Writing {
  const operation = request.contentType === 'application/apply-patch+yaml' ? 'Apply' : 'Update';
  const name = request.query['fieldManager'] ?? request.user;
  return { name, operation, subresource: place.subresource, time: timeOf(server) };
}

function checkVersion(place: Draft['place'], live: Entry, body: unknown): void {
  const { kind, name } = place;
  const [uid, version] = [text(body, 'metadata', 'uid'), text(body, 'metadata', 'resourceVersion')];
  const stale = version !== '' && version !== text(live.object, 'metadata', 'resourceVersion');
  if (uid !== '' && uid !== uidOf(live.object)) {
    // With a version beside it the conflict is found first, and both say so; alone it fails validation.
    if (stale) throw modified(kind, name);
    throw invalid(kind, name, `metadata.uid: Invalid value: "${uid}": field is immutable`);
  }
  if (stale) throw modified(kind, name);
}

function created(server: Server, request: ApiRequest, place: Draft['place'], object: Json): Json {
  const writing = writingOf(server, request, place);
  return commit(server, {
    place,
    live: null,
    object,
    managers: (read) => update(place.kind, null, read, writing),
    dryRun: 'dryRun' in request.query,
  });
}

function create(server: Server, request: ApiRequest, place: Place): Json {
  const { kind } = place;
  const body = at(parsed(request.body));
  const name = nameOf(body);
  if (name === '') throw invalid(kind, '', 'metadata.name: Required value');
  const live = server.store.get(kind, place.namespace ?? '', name);
  if (live === null) return created(server, request, { ...place, name }, body);
  // Whether it is valid is asked first.
  created(server, { ...request, query: { ...request.query, dryRun: 'All' } }, { ...place, name }, body);
  throw alreadyExists(kind, name, text(live.object, 'metadata', 'deletionTimestamp') !== '');
}

/** What of a body an apply states: nothing that the place it is sent to does not change. */
function statedOf(place: Draft['place'], body: Json): Json {
  const { status: _status, ...main } = body;
  const { spec: _spec, ...half } = body;
  if (place.subresource === 'status') return half;
  return place.kind.hasStatus ? main : body;
}

function applied(server: Server, request: ApiRequest, place: Draft['place'], live: Entry | null): Json {
  const { kind, name } = place;
  const body = at(parsed(request.body));
  const uid = text(body, 'metadata', 'uid');
  if (live === null && place.subresource !== '' && !kind.createsOnUpdate) throw notFound(kind, name);
  const misfit = kind.schema === null ? null : misfitOf(kind.schema, body);
  if (misfit !== null) throw new Refusal(500, '', `failed to create typed patch object: ${misfit}`);
  if (live === null && uid !== '') throw noneOfUid(kind, name, uid);
  const writing = writingOf(server, request, place);
  const base = live ?? { object: {}, managers: [] };
  const result = apply(kind, base, statedOf(place, body), { ...writing, force: request.query['force'] === 'true' });
  if (result.type === 'conflict') {
    const { message, details } = wordsOf(kind, result.conflicts);
    throw new Refusal(409, 'Conflict', message, details);
  }
  if (live !== null) checkVersion(place, live, body);
  return commit(server, {
    place,
    live,
    object: at(result.object),
    managers: () => result.managers,
    dryRun: 'dryRun' in request.query,
  });
}

function changed(server: Server, request: ApiRequest, place: Draft['place'], live: Entry, next: unknown): Json {
  const writing = writingOf(server, request, place);
  return commit(server, {
    place,
    live,
    object: at(next),
    managers: (read) => update(place.kind, live, read, writing),
    dryRun: 'dryRun' in request.query,
  });
}

function patch(server: Server, request: ApiRequest, place: Draft['place'], live: Entry | null): Json {
  const { kind, name } = place;
  const body = parsed(request.body);
  if (request.contentType === 'application/apply-patch+yaml') return applied(server, request, place, live);
  if (live === null) throw notFound(kind, name);
  if (plainPatch.has(request.contentType ?? '')) {
    checkVersion(place, live, body);
    return changed(server, request, place, live, merged(live.object, body));
  }
  try {
    return changed(server, request, place, live, patched(live.object, Array.isArray(body) ? body : []));
  } catch (error) {
    if (!(error instanceof PatchRefused)) throw error;
    throw new Refusal(422, 'Invalid', 'the server rejected our request due to an error in our request');
  }
}

function replaced(server: Server, request: ApiRequest, place: Draft['place'], live: Entry | null): Json {
  const { kind, name } = place;
  const body = at(parsed(request.body));
  if (live === null && kind.createsOnUpdate) {
    if (uidOf(body) !== '') throw overtaken(kind, name, '');
    return created(server, request, place, body);
  }
  if (live === null) throw notFound(kind, name);
  if (kind.needsVersion && text(body, 'metadata', 'resourceVersion') === '')
    throw invalid(kind, name, 'metadata.resourceVersion: Invalid value: 0: must be specified for an update');
  checkVersion(place, live, body);
  return changed(server, request, place, live, body);
}

/** Verbs that change something, by method. */
const verbs: Readonly<Record<'PATCH' | 'PUT' | 'DELETE', typeof patch>> = {
  PATCH: patch,
  PUT: replaced,
  DELETE: removed,
};

function answered(server: Server, request: ApiRequest): Omit<Reply, 'retryAfterMs'> {
  const place = addressed(server.kinds, request.path);
  if (place === null) throw new Refusal(404, 'NotFound', 'the server could not find the requested resource');
  const { name } = place;
  const { method } = request;
  if (name === null && method === 'GET') return { status: 200, body: listed(server, request, place) };
  if (name === null && method === 'POST') return { status: 201, body: create(server, request, place) };
  if (name === null || method === 'POST')
    throw new Refusal(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource');
  const live = server.store.get(place.kind, place.namespace ?? '', name);
  if (method === 'GET') {
    if (live === null) throw notFound(place.kind, name);
    return { status: 200, body: live.object };
  }
  const body = verbs[method](server, request, { ...place, name }, live);
  return { status: live === null ? 201 : 200, body };
}

/** An API server with an empty store. `chance` makes uids. */
export function makeApiServer(nowMs: () => number, chance: SimChance): ApiServer {
  const kinds = allKinds();
  for (const { schema } of kinds) if (isJson(schema)) checkRules(schema);
  const server: Server = { store: makeStore(), kinds, nowMs, chance, addresses: 10 };
  const handleIn =
    (of: Server) =>
    (request: ApiRequest): Reply => {
      try {
        return { ...answered(of, request), retryAfterMs: null };
      } catch (error) {
        if (error instanceof Refusal) return replyOf(error);
        throw error;
      }
    };
  return { store: server.store, kinds, handle: handleIn(server), over: (store) => handleIn({ ...server, store }) };
}
