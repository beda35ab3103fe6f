/**
 * Owns: how Kubernetes' own controllers speak to the API server: at once, in one step, and without faults of their own; what
 * is refused is found again in their next round.
 */
import type { ArmedTick } from '#src/ports.ts';
import type { SimChance } from '../chance.ts';
import { at, text, type Json } from '../json.ts';
import type { ApiServer } from '../api/server.ts';
import type { Kind } from '../api/kinds.ts';
import { pathOf } from '../api/places.ts';
import { nameOf, namespaceOf, uidOf } from '../api/store.ts';
import type { Schedule } from '../schedule.ts';

/** What every controller works with. */
export interface Habitat {
  readonly api: ApiServer;
  readonly schedule: Schedule;
  readonly chance: SimChance;
  readonly nowMs: () => number;
}

export interface Client {
  readonly get: (kind: string, namespace: string, name: string) => Json | null;
  readonly list: (kind: string, namespace: string | null) => readonly Json[];
  /** @returns the object, or null when it was refused */
  readonly create: (kind: string, object: Json) => Json | null;
  /** Merge patch of a live object, or of its status; `resourceVersion` in it makes it conditional. */
  readonly patch: (object: Json, change: Json, subresource?: 'status') => Json | null;
  /** @param options DeleteOptions beside the uid, which is always asked for */
  readonly remove: (object: Json, options?: Json) => void;
}

function kindOf(api: ApiServer, name: string): Kind {
  const kind = api.kinds.find((each) => each.kind === name);
  if (kind === undefined) throw new Error(`the simulated API server serves no kind ${name}`);
  return kind;
}

/** A client called `user`. */
export function clientOf(api: ApiServer, user: string): Client {
  const send = (method: 'POST' | 'PATCH' | 'DELETE', path: string, body: Json): Json | null => {
    const contentType = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
    const reply = api.handle({ method, path, query: {}, contentType, body: JSON.stringify(body), user });
    return reply.status < 300 ? reply.body : null;
  };
  const path = (object: Json): string => pathOf(kindOf(api, text(object, 'kind')), namespaceOf(object), nameOf(object));
  return {
    get: (kind, namespace, name) => api.store.get(kindOf(api, kind), namespace, name)?.object ?? null,
    list: (kind, namespace) => api.store.list(kindOf(api, kind), namespace).map(({ object }) => object),
    create: (kind, object) => send('POST', pathOf(kindOf(api, kind), namespaceOf(object), null), object),
    patch: (object, change, subresource) =>
      send('PATCH', subresource === undefined ? path(object) : `${path(object)}/${subresource}`, change),
    remove: (object, options = {}) =>
      void send('DELETE', path(object), { ...options, preconditions: { uid: uidOf(object) } }),
  };
}

/** Work by key, each key once at a time, some time after it was asked for. */
export interface Queue {
  readonly nudge: (key: string, delayMs?: number) => void;
}

/** A queue whose rounds begin `delays` milliseconds after the first nudge. */
export function makeQueue(
  { schedule, chance }: Habitat,
  delays: readonly [least: number, most: number],
  round: (key: string) => void,
): Queue {
  const waiting = new Map<string, ArmedTick>();
  return {
    nudge: (key, delayMs) => {
      if (waiting.has(key)) return;
      const tick = schedule.after(delayMs ?? chance.between(...delays), () => {
        waiting.delete(key);
        round(key);
      });
      waiting.set(key, tick);
    },
  };
}

/** Namespace and name of a queue's key. */
export function keyParts(key: string): readonly [namespace: string, name: string] {
  const slash = key.indexOf('/');
  return [key.slice(0, slash), key.slice(slash + 1)];
}

export function isDeleting(object: unknown): boolean {
  return text(object, 'metadata', 'deletionTimestamp') !== '';
}

/** The owner reference that makes an object somebody's. */
export function controllerOf(object: unknown): Json | null {
  const owners = at(object, 'metadata')['ownerReferences'];
  const found = Array.isArray(owners) ? owners.find((owner) => at(owner)['controller'] === true) : undefined;
  return found === undefined ? null : at(found);
}
