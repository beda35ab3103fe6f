/**
 * Owns: the port to the API server: list, open a watch, get, and the one door for everything that changes something.
 * Called by: watch (list, watch, get), executor (send), leadership (its own lane).
 */
import { loadConnection, type Connection, type ConnectionOptions } from './connection.ts';
import { deadlines, type Deadlines } from './deadlines.ts';
import { makeHttp, type Answer, type Http } from './request.ts';

/** A change, complete. `auditId` joins the API server's audit log with the journal. */
export interface WireRequest {
  readonly method: 'PATCH' | 'POST' | 'PUT' | 'DELETE';
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly contentType: string | null;
  readonly body: string | null;
  readonly auditId: string | null;
}

export interface WatchRequest {
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

export interface Kube {
  readonly get: (path: string, query?: Readonly<Record<string, string>>) => Promise<Answer>;
  readonly send: (request: WireRequest) => Promise<Answer>;
  readonly openWatch: (request: WatchRequest) => ReturnType<Http['open']>;
  readonly close: () => Promise<void>;
}

/** The port over a real connection. */
export interface ConnectedKube extends Kube {
  readonly connection: Connection;
}

/** The port over a lane of HTTP. */
export function kubeOver(http: Http, limits: Deadlines = deadlines): Kube {
  return {
    get: (path, query = {}) =>
      http.send({
        method: 'GET',
        path,
        query,
        headers: {},
        body: null,
        timeoutMs: 'limit' in query ? limits.listMs : limits.readMs,
      }),
    send: ({ method, path, query, contentType, body, auditId }) =>
      http.send({
        method,
        path,
        query,
        headers: {
          ...(contentType === null ? {} : { 'content-type': contentType }),
          ...(auditId === null ? {} : { 'audit-id': auditId }),
        },
        body,
        timeoutMs: limits.sendMs,
      }),
    openWatch: ({ path, query, signal }) =>
      http.open({ method: 'GET', path, query, headers: {}, body: null, timeoutMs: limits.watchMs, signal }),
    close: http.close,
  };
}

/** Connects; other deadlines than the usual are for tests. @throws Refused when the configuration names no cluster */
export function connect(options: ConnectionOptions, nowMs: () => number, limits: Deadlines = deadlines): ConnectedKube {
  const connection = loadConnection(options);
  return { ...kubeOver(makeHttp(connection, nowMs), limits), connection };
}
