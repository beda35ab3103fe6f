/** Owns: a switchover that was asked for on Patroni's object: who is named, and taking the request back. */
import { at, text } from '../json.ts';
import type { Client } from '../controllers/client.ts';
import { write, type ScopeSettings } from './scope.ts';

export interface Request {
  /** Who is to give the key up; empty when anybody may be it. */
  readonly leader: string;
  readonly candidate: string;
  readonly clear: () => void;
}

/** The request that stands; null when there is none. */
export function requested(client: Client, settings: ScopeSettings): Request | null {
  const name = `${settings.scope}-failover`;
  const object = client.get(settings.kind, settings.namespace, name);
  const { annotations } = at(object, 'metadata');
  const candidate = text(annotations, 'member');
  if (object === null || candidate === '') return null;
  return {
    leader: text(annotations, 'leader'),
    candidate,
    clear: () => void write(client, settings, { name, live: object, annotations: { leader: null, member: null } }),
  };
}
