/** Owns: what every verb of the simulated API server works with. */
import type { SimChance } from '../chance.ts';
import type { Kind } from './kinds.ts';
import type { Store } from './store.ts';

export interface ApiRequest {
  readonly method: 'GET' | 'PATCH' | 'POST' | 'PUT' | 'DELETE';
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly contentType: string | null;
  readonly body: string | null;
  /** Who asks; the field manager when the query names none. */
  readonly user: string;
}

export interface Server {
  readonly store: Store;
  readonly kinds: readonly Kind[];
  readonly nowMs: () => number;
  readonly chance: SimChance;
  /** Cluster IPs that were given away. */
  addresses: number;
}

/** Now, or so much later, in whole seconds, as metadata bears it. */
export function timeOf(server: Server, laterMs = 0): string {
  return new Date(Math.floor((server.nowMs() + laterMs) / 1000) * 1000).toISOString().replace('.000Z', 'Z');
}

/** A new uid. */
export function uuid(server: Server): string {
  const hex = Buffer.from(server.chance.bytes(16)).toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), `4${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`, hex.slice(20)].join('-');
}
