/**
 * Owns: the verbs of the simulated API server: get, list, create, apply, patch, update, delete.
 * I1. A request is handled at once and whole, or refused without a trace.
 * I2. A write that changes nothing has no version.
 * I3. What is left without finalizers after its deletion began is gone in the same moment.
 */
import type { SimChance } from '../chance.ts';
import {
  at,
  isJson,
  list,
  merged,
  number,
  parsed,
  PatchRefused,
  patched,
  put,
  same,
  text,
  type Json,
} from '../json.ts';
import { withDefaults } from './defaults.ts';
import { allKinds, type Kind } from './kinds.ts';
import { apply, managedFields, update, wordsOf, type Manager, type Writing } from './managers.ts';
import { invalid, modified, notFound, otherUid, Refusal, statusReply, type Reply } from './refusals.ts';
import { checkRules, defaulted, known, problemsOf } from './schema.ts';
import { addressed, selects, type Place } from './places.ts';
import { makeStore, nameOf, uidOf, type Entry, type Store } from './store.ts';

export interface ApiRequest {
  readonly method: 'GET' | 'PATCH' | 'POST' | 'PUT' | 'DELETE';
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly contentType: string | null;
  readonly body: string | null;
  /** Who asks; the field manager when the query names none. */
  readonly user: string;
}

export interface ApiServer {
  readonly store: Store;
  readonly kinds: readonly Kind[];
  readonly handle: (request: ApiRequest) => Reply;
  /** How the same server would answer over another store. */
  readonly over: (store: Store) => (request: ApiRequest) => Reply;
}

interface Server {
  readonly store: Store;
  readonly kinds: readonly Kind[];
  readonly nowMs: () => number;
  readonly chance: SimChance;
  addresses: number;
}

/** A change of one object, ready to be judged. */
interface Draft {
  readonly place: Place & { readonly name: string };
  /** Null for a creation. */
  readonly live: Entry | null;
  readonly object: Json;
  readonly managers: (settled: Json) => readonly Manager[];
  readonly dryRun: boolean;
}

const plainPatch = new Set(['application/merge-patch+json', 'application/strategic-merge-patch+json']);

function timeOf(server: Server): string {
  return new Date(Math.floor(server.nowMs() / 1000) * 1000).toISOString().replace('.000Z', 'Z');
}

function uuid(server: Server): string {
  const hex = Buffer.from(server.chance.bytes(16)).toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), `4${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`, hex.slice(20)].join('-');
}

function writingOf(server: Server, request: ApiRequest, place: Place): Writing {
  const operation = request.contentType === 'application/apply-patch+yaml' ? 'Apply' : 'Update';
  const name = request.query['fieldManager'] ?? request.user;
  return { name, operation, subresource: place.subresource, time: timeOf(server) };
}

/** Only the status of a status request counts, and everything but the status of any other. */
function rightHalf(draft: Draft): Json {
  const { place, live, object } = draft;
  if (!place.kind.hasStatus) return object;
  if (place.subresource === 'status') return put(live?.object ?? {}, [], { status: object['status'] });
  return put(object, [], { status: live?.object['status'] });
}

/** What nobody may change. */
function withIdentity(server: Server, { place, live }: Draft, object: Json): Json {
  const before = at(live?.object, 'metadata');
  const identity = {
    name: place.name,
    namespace: place.namespace ?? undefined,
    uid: live === null ? uuid(server) : before['uid'],
    creationTimestamp: live === null ? timeOf(server) : before['creationTimestamp'],
    deletionTimestamp: before['deletionTimestamp'],
    deletionGracePeriodSeconds: before['deletionGracePeriodSeconds'],
    resourceVersion: before['resourceVersion'],
    generation: before['generation'],
    managedFields: undefined,
  };
  return put({ ...object, apiVersion: place.kind.apiVersion, kind: place.kind.kind }, ['metadata'], identity);
}

/** What a generation counts. */
function wanted(object: unknown): Json {
  const { metadata: _metadata, status: _status, ...rest } = at(object);
  return rest;
}

const fixedOfStatefulSets = ['serviceName', 'selector', 'podManagementPolicy', 'volumeClaimTemplates'] as const;

function checkContent({ place, live }: Draft, object: Json): void {
  const { kind, name } = place;
  if (kind.schema !== null) {
    const problems = problemsOf({ schema: kind.schema, path: '', self: object, old: live?.object });
    if (problems.length > 0) throw invalid(kind.kind, name, problems.join(', '));
  }
  if (kind.kind !== 'StatefulSet' || live === null) return;
  const changed = fixedOfStatefulSets.filter(
    (field) => !same(at(object, 'spec')[field], at(live.object, 'spec')[field]),
  );
  if (changed.length > 0)
    throw invalid(kind.kind, name, `spec: Forbidden: updates to statefulset spec for fields ${changed.join(', ')}`);
}

function settledObject(server: Server, draft: Draft): Json {
  const { place, live } = draft;
  const object = withIdentity(server, draft, rightHalf(draft));
  const { kind } = place;
  const shaped =
    kind.schema === null
      ? withDefaults(kind.kind, object, `10.96.${server.addresses >> 8}.${server.addresses & 255}`)
      : { ...object, ...at(known(kind.schema, defaulted(kind.schema, object))), metadata: object['metadata'] };
  checkContent(draft, shaped);
  if (!kind.hasGeneration) return shaped;
  const generation = number(live?.object, 0, 'metadata', 'generation');
  const moved = live === null || !same(wanted(live.object), wanted(shaped));
  return put(shaped, ['metadata'], { generation: moved ? generation + 1 : generation });
}

function isOver(object: Json, kind: Kind): boolean {
  if (text(object, 'metadata', 'deletionTimestamp') === '' || list(object, 'metadata', 'finalizers').length > 0)
    return false;
  return !kind.graceful || number(object, 0, 'metadata', 'deletionGracePeriodSeconds') === 0;
}

/** Judges a draft and writes it. @returns the object as it is answered */
function commit(server: Server, draft: Draft): Json {
  const { live, place } = draft;
  server.addresses += place.kind.kind === 'Service' && live === null ? 1 : 0;
  const settled = settledObject(server, draft);
  const managers = draft.managers(settled);
  const object = put(settled, ['metadata'], { managedFields: managedFields(place.kind, managers) });
  if (live !== null && same(live.object, object)) return live.object;
  if (draft.dryRun) return object;
  const written = server.store.put({ kind: place.kind, object, managers });
  const entry = { kind: place.kind, object: written, managers };
  return isOver(written, place.kind) ? server.store.remove(entry) : written;
}

function checkVersion(place: Draft['place'], live: Entry, body: unknown): void {
  const { kind, name } = place;
  const [uid, version] = [text(body, 'metadata', 'uid'), text(body, 'metadata', 'resourceVersion')];
  const stale = version !== '' && version !== text(live.object, 'metadata', 'resourceVersion');
  if (uid !== '' && uid !== uidOf(live.object)) {
    // With a version beside it the conflict is found first, and both say so; alone it fails validation.
    if (stale) throw modified(kind.resource, name);
    throw invalid(kind.kind, name, `metadata.uid: Invalid value: "${uid}": field is immutable`);
  }
  if (stale) throw modified(kind.resource, name);
}

function created(server: Server, request: ApiRequest, place: Draft['place'], object: Json): Json {
  const { kind } = place;
  const finalizers = [...list(object, 'metadata', 'finalizers'), ...kind.finalizers];
  const whole = finalizers.length === 0 ? object : put(object, ['metadata'], { finalizers: [...new Set(finalizers)] });
  const writing = writingOf(server, request, place);
  return commit(server, {
    place,
    live: null,
    object: whole,
    managers: () => update(kind, null, whole, writing),
    dryRun: 'dryRun' in request.query,
  });
}

function create(server: Server, request: ApiRequest, place: Place): Json {
  const body = at(parsed(request.body));
  const name = nameOf(body);
  if (name === '') throw invalid(place.kind.kind, '', 'metadata.name: Required value');
  if (server.store.get(place.kind, place.namespace ?? '', name) !== null)
    throw new Refusal(409, 'AlreadyExists', `${place.kind.resource} "${name}" already exists`);
  return created(server, request, { ...place, name }, body);
}

function applied(server: Server, request: ApiRequest, place: Draft['place'], live: Entry | null): Json {
  const { kind, name } = place;
  const body = at(parsed(request.body));
  const uid = text(body, 'metadata', 'uid');
  if (live === null && place.subresource !== '') throw notFound(kind.resource, name);
  if (live === null && uid !== '') throw otherUid(kind.resource, name, [uid, '']);
  if (live !== null) checkVersion(place, live, body);
  const { metadata: _metadata, ...status } = body;
  const stated = place.subresource === 'status' ? status : body;
  const writing = writingOf(server, request, place);
  const base = live ?? { object: { metadata: { finalizers: kind.finalizers } }, managers: [] };
  const result = apply(kind, base, stated, { ...writing, force: request.query['force'] === 'true' });
  if (result.type === 'conflict') throw new Refusal(409, 'Conflict', wordsOf(result.conflicts));
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
    managers: (settled) => update(place.kind, live, settled, writing),
    dryRun: 'dryRun' in request.query,
  });
}

function patch(server: Server, request: ApiRequest, place: Draft['place'], live: Entry | null): Json {
  const { kind, name } = place;
  const body = parsed(request.body);
  if (request.contentType === 'application/apply-patch+yaml') return applied(server, request, place, live);
  if (live === null) throw notFound(kind.resource, name);
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
  const body = parsed(request.body);
  if (live === null) throw notFound(place.kind.resource, place.name);
  checkVersion(place, live, body);
  return changed(server, request, place, live, body);
}

/** Finalizers that the way of deleting asks for. */
function propagation(options: unknown, object: Json): readonly unknown[] {
  const before = list(object, 'metadata', 'finalizers').filter((each) => each !== 'orphan');
  return text(options, 'propagationPolicy') === 'Orphan' ? [...before, 'orphan'] : before;
}

function removed(server: Server, request: ApiRequest, place: Draft['place'], live: Entry | null): Json {
  const { kind, name } = place;
  if (live === null) throw notFound(kind.resource, name);
  const options = parsed(request.body);
  const [uid, version] = [text(options, 'preconditions', 'uid'), text(options, 'preconditions', 'resourceVersion')];
  if (uid !== '' && uid !== uidOf(live.object)) throw otherUid(kind.resource, name, [uid, uidOf(live.object)]);
  if (version !== '' && version !== text(live.object, 'metadata', 'resourceVersion'))
    throw modified(kind.resource, name);
  const finalizers = propagation(options, live.object);
  const asked = at(options)['gracePeriodSeconds'];
  const graceSeconds = !kind.graceful
    ? 0
    : typeof asked === 'number'
      ? asked
      : text(live.object, 'spec', 'nodeName') === ''
        ? 0
        : number(live.object, 30, 'spec', 'terminationGracePeriodSeconds');
  const before = at(live.object, 'metadata');
  const generation = number(before, 0, 'generation');
  const object = put(live.object, ['metadata'], {
    deletionTimestamp: before['deletionTimestamp'] ?? timeOf(server),
    deletionGracePeriodSeconds: Math.min(graceSeconds, number(before, graceSeconds, 'deletionGracePeriodSeconds')),
    finalizers: finalizers.length === 0 ? undefined : finalizers,
    generation: kind.hasGeneration && before['deletionTimestamp'] === undefined ? generation + 1 : before['generation'],
  });
  if (isOver(object, kind)) return server.store.remove({ ...live, object });
  return same(object, live.object) ? live.object : server.store.put({ ...live, object });
}

function listed(server: Server, request: ApiRequest, place: Place): Json {
  const { kind, namespace } = place;
  const after = text(parsed(request.query['continue'] ?? null), 'after');
  const keyed = server.store
    .list(kind, namespace)
    .filter(({ object }) => selects(request.query, object))
    .map(({ object }) => ({ key: `${text(object, 'metadata', 'namespace')}/${nameOf(object)}`, object }))
    .filter(({ key }) => after === '' || key > after);
  const limit = Number(request.query['limit'] ?? Infinity);
  const page = keyed.slice(0, limit);
  const more = keyed.length > page.length ? { continue: JSON.stringify({ after: page.at(-1)?.key ?? '' }) } : {};
  return {
    kind: `${kind.kind}List`,
    apiVersion: kind.apiVersion,
    metadata: { resourceVersion: String(server.store.version()), ...more },
    items: page.map(({ object: { kind: _kind, apiVersion: _apiVersion, ...rest } }) => rest),
  };
}

function answered(server: Server, request: ApiRequest): Json {
  const place = addressed(server.kinds, request.path);
  if (place === null) throw new Refusal(404, 'NotFound', 'the server could not find the requested resource');
  const { name } = place;
  if (name === null) {
    if (request.method === 'GET') return listed(server, request, place);
    if (request.method === 'POST') return create(server, request, place);
    throw new Refusal(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource');
  }
  const named = { ...place, name };
  const live = server.store.get(place.kind, place.namespace ?? '', name);
  switch (request.method) {
    case 'GET':
      if (live === null) throw notFound(place.kind.resource, name);
      return live.object;
    case 'PATCH':
      return patch(server, request, named, live);
    case 'PUT':
      return replaced(server, request, named, live);
    case 'DELETE':
      return removed(server, request, named, live);
    case 'POST':
      throw new Refusal(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource');
  }
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
        return { status: 200, body: answered(of, request), retryAfterMs: null };
      } catch (error) {
        if (error instanceof Refusal) return statusReply(error.status, error.reason, error.message);
        throw error;
      }
    };
  return { store: server.store, kinds, handle: handleIn(server), over: (store) => handleIn({ ...server, store }) };
}
