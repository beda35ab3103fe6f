/**
 * Owns: a change of one object from draft to store: identity, defaults, schema, generation, ownership of fields, and the end
 * of what was deleted.
 */
import { at, list, number, put, same, text, type Json } from '../json.ts';
import { timeOf, uuid, type Server } from './context.ts';
import { tidied, withDefaults, withFinalizers, withGivings } from './defaults.ts';
import type { Kind } from './kinds.ts';
import { isSameSet, managedFields, type Manager } from './managers.ts';
import type { Place } from './places.ts';
import { forbidden, invalid } from './refusals.ts';
import { defaulted, known, problemsOf } from './schema.ts';
import type { Entry } from './store.ts';
import { forbiddenOf, refusedOf } from './validation.ts';

/** A change of one object, ready to be judged. */
export interface Draft {
  readonly place: Place & { readonly name: string };
  /** Null for a creation. */
  readonly live: Entry | null;
  readonly object: Json;
  /** Who owns what of the object as it was read. */
  readonly managers: (read: Json) => readonly Manager[];
  readonly dryRun: boolean;
}

/**
 * Only the status of a status request counts, and everything but the status of any other. Of built-in kinds a status request
 * may change metadata, too; of a Pod not its owners.
 */
function rightHalf({ place, live, object }: Draft): Json {
  const { kind } = place;
  if (!kind.hasStatus) return object;
  if (place.subresource !== 'status') return put(object, [], { status: live?.object['status'] });
  const { metadata, status } = object;
  if (kind.schema !== null) return put(live?.object ?? {}, [], { status });
  const ownerReferences = at(live?.object, 'metadata')['ownerReferences'];
  const whole = kind.graceful ? put(at(metadata), [], { ownerReferences }) : metadata;
  return put(live?.object ?? {}, [], { status, metadata: whole });
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
    // What is only tried keeps the version it was sent with.
    resourceVersion: live === null ? at(object, 'metadata')['resourceVersion'] : before['resourceVersion'],
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

function checkContent({ place, live }: Draft, object: Json): void {
  const { kind, name } = place;
  const former = live?.object ?? null;
  const because = forbiddenOf(kind.kind, object, former);
  if (because !== null) throw forbidden(kind, name, because);
  const problems = [
    ...refusedOf(kind.kind, object, former),
    ...(kind.schema === null ? [] : problemsOf({ schema: kind.schema, path: '', self: object, old: live?.object })),
  ];
  if (problems.length > 0) throw invalid(kind, name, problems.join(', '));
}

/** The draft as the server reads it: what its writer owns is decided by this. */
function readObject(server: Server, draft: Draft): Json {
  const { kind } = draft.place;
  const object = withIdentity(server, draft, rightHalf(draft));
  if (kind.schema === null) return withDefaults(kind.kind, object);
  const { metadata, ...rest } = at(known(kind.schema, defaulted(kind.schema, object)));
  return { ...rest, metadata: tidied(metadata) };
}

/** The object with what admission and the server add to it, checked. */
function settledObject(server: Server, draft: Draft, object: Json): Json {
  const { kind } = draft.place;
  const live = draft.live?.object ?? null;
  const given = withGivings(kind.kind, object, live, () => {
    if (draft.dryRun) return '10.96.0.0';
    server.addresses += 1;
    return `10.96.${server.addresses >> 8}.${server.addresses & 255}`;
  });
  const shaped = live === null ? withFinalizers(given, kind.finalizers) : given;
  checkContent(draft, shaped);
  if (!kind.hasGeneration) return shaped;
  const generation = number(live, 0, 'metadata', 'generation');
  const moved = live === null || !same(wanted(live), wanted(shaped));
  return put(shaped, ['metadata'], { generation: moved ? generation + 1 : generation });
}

/** Whether nothing keeps an object any more whose deletion began. */
export function isOver(object: Json, kind: Kind): boolean {
  if (text(object, 'metadata', 'deletionTimestamp') === '' || list(object, 'metadata', 'finalizers').length > 0)
    return false;
  return !kind.graceful || number(object, 0, 'metadata', 'deletionGracePeriodSeconds') === 0;
}

function unmanaged(object: Json): Json {
  return put(object, ['metadata'], { managedFields: undefined });
}

/** Whose set is what it was keeps its time, when nothing else has changed either: a time alone is no change. */
function unlessOnlyTime(live: Entry | null, settled: Json, managers: readonly Manager[]): readonly Manager[] {
  if (live === null || !same(unmanaged(live.object), unmanaged(settled))) return managers;
  return managers.map((manager) => live.managers.find((former) => isSameSet(former, manager)) ?? manager);
}

/** Takes an object away for good; with a Service go the Endpoints of its name, whoever wrote them. @returns its last state */
export function leave({ store, kinds }: Server, entry: Entry): Json {
  const last = store.remove(entry);
  const endpoints = kinds.find(({ kind }) => kind === 'Endpoints');
  if (entry.kind.kind !== 'Service' || endpoints === undefined) return last;
  const theirs = store.get(endpoints, text(last, 'metadata', 'namespace'), text(last, 'metadata', 'name'));
  if (theirs !== null && list(theirs.object, 'metadata', 'finalizers').length === 0) store.remove(theirs);
  return last;
}

/** Judges a draft and writes it. @returns the object as it is answered */
export function commit(server: Server, draft: Draft): Json {
  const { live, place, dryRun } = draft;
  const { kind } = place;
  const read = readObject(server, draft);
  const settled = settledObject(server, draft, read);
  const managers = unlessOnlyTime(live, settled, draft.managers(read));
  const managed = managers.length === 0 ? undefined : managedFields(kind, managers);
  const object = put(settled, ['metadata'], { managedFields: managed });
  if (live !== null && live.unsettled !== true && same(live.object, object)) return live.object;
  if (live !== null && isOver(object, kind)) {
    // Nothing is written before it goes: a watch is told of its last state with its finalizers.
    if (!dryRun) leave(server, live);
    return object;
  }
  return dryRun ? object : server.store.put({ kind, object, managers, unsettled: live === null && kind.settlesLate });
}
