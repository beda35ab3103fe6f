/**
 * Owns: HTTP to the API server on one shared agent: deadlines, Retry-After, one vocabulary of answers. No other file
 * knows status codes. HTTP/2 is off: a black-holed h2 connection is never given up by the library.
 * I1. A mutating request is sent once; whoever wants it again makes a new intent.
 * I2. `not-sent` is only said when not a byte can have reached the server.
 * I3. Streams have sockets of their own: however many are open, and whatever befalls the others, neither waits for the other.
 */
import { isObject } from '#machines/shared/json.ts';
import { Agent, ProxyAgent, request, type Dispatcher } from 'undici';
import type { Certificate, Connection } from './connection.ts';

export interface RawRequest {
  readonly method: 'GET' | 'PATCH' | 'POST' | 'PUT' | 'DELETE';
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

/** How a request ended. */
export type Answer =
  | { readonly type: 'ok'; readonly body: unknown }
  /** The server understood and said no; `code` is its own word (`AlreadyExists`, `Conflict`, `Invalid` …). */
  | {
      readonly type: 'refused';
      readonly status: number;
      readonly reason: string;
      readonly message: string;
      readonly retryAfterMs: number | null;
      readonly body: unknown;
    }
  | { readonly type: 'unknown'; readonly because: string }
  | { readonly type: 'not-sent'; readonly because: string };

export interface Http {
  readonly send: (raw: RawRequest) => Promise<Answer>;
  /** Opens a stream of bytes; the answer is refused before the first byte, or the stream. */
  readonly open: (
    raw: RawRequest,
  ) => Promise<
    | { readonly type: 'stream'; readonly body: AsyncIterable<Uint8Array>; readonly destroy: () => void }
    | Exclude<Answer, { type: 'ok' }>
  >;
  readonly close: () => Promise<void>;
}

/** After so many timeouts in a row the agent with all its sockets is replaced; what is under way on them ends there. */
const timeoutsMax = 3;
/** Longest time until a socket is connected. */
const connectMs = 5000;
/** Sockets for requests; more of them wait. */
const requestsAtOnce = 64;
const notSentCodes: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
]);

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** `Retry-After` in milliseconds: seconds or an HTTP date. */
export function retryAfterMs(header: string | readonly string[] | undefined, nowMs: number): number | null {
  const text = typeof header === 'string' ? header : header?.[0];
  if (text === undefined) return null;
  const seconds = Number(text);
  if (Number.isFinite(seconds)) return Math.max(0, seconds * 1000);
  const date = Date.parse(text);
  return Number.isNaN(date) ? null : Math.max(0, date - nowMs);
}

function refusal(
  { statusCode: status, headers }: Pick<Dispatcher.ResponseData, 'statusCode' | 'headers'>,
  body: unknown,
  nowMs: number,
): Extract<Answer, { type: 'refused' }> {
  const object = isObject(body) ? body : {};
  const details = isObject(object['details']) ? object['details'] : {};
  const seconds = details['retryAfterSeconds'];
  return {
    type: 'refused',
    status,
    reason: typeof object['reason'] === 'string' && object['reason'] !== '' ? object['reason'] : `Http${status}`,
    message: typeof object['message'] === 'string' ? object['message'] : `the API server answered ${status}`,
    retryAfterMs: retryAfterMs(headers['retry-after'], nowMs) ?? (typeof seconds === 'number' ? seconds * 1000 : null),
    body,
  };
}

function failure(error: unknown): Exclude<Answer, { type: 'ok' | 'refused' }> {
  const code = isObject(error) && typeof error['code'] === 'string' ? error['code'] : '';
  const message = error instanceof Error ? error.message : String(error);
  return {
    type: notSentCodes.has(code) ? 'not-sent' : 'unknown',
    because: code === '' ? message : `${code}: ${message}`,
  };
}

function isTimeout(error: unknown): boolean {
  const name = error instanceof Error ? error.name : '';
  return name === 'TimeoutError' || name === 'AbortError' || name.endsWith('TimeoutError');
}

/** The library hears a signal only once there is a connection; the deadline must not wait for one. */
function inTime(response: Promise<Dispatcher.ResponseData>, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
  return new Promise((resolve, reject) => {
    const tooLate = (): void => reject(signal.reason);
    signal.addEventListener('abort', tooLate, { once: true });
    response.then(resolve, reject).finally(() => signal.removeEventListener('abort', tooLate));
  });
}

/** Sockets to one server: some that requests share, and one of its own for each stream. */
class Agents {
  readonly #proxy: URL | null;
  #tls: Connection['tls'];
  #streams: Dispatcher;
  #requests: Dispatcher;
  /** Replaced, with requests still under way. */
  readonly #retired = new Set<Dispatcher>();
  /** Since the last answer. */
  #timeouts = 0;

  constructor({ tls, proxy }: Connection) {
    this.#proxy = proxy;
    this.#tls = tls;
    this.#streams = this.#make(null);
    this.#requests = this.#make(requestsAtOnce);
  }

  get requests(): Dispatcher {
    return this.#requests;
  }

  get streams(): Dispatcher {
    return this.#streams;
  }

  /** From now on who we are: sockets that are open stay another's, and are used no more. */
  become(certificate: Certificate | null): void {
    if (certificate === null || (certificate.cert === this.#tls.cert && certificate.key === this.#tls.key)) return;
    this.#tls = { ...this.#tls, ...certificate };
    this.#replace();
    this.#retire(this.#streams);
    this.#streams = this.#make(null);
  }

  noteAnswer(): void {
    this.#timeouts = 0;
  }

  noteFailure(error: unknown): void {
    this.#timeouts = isTimeout(error) ? this.#timeouts + 1 : 0;
    if (this.#timeouts < timeoutsMax) return;
    this.#timeouts = 0;
    this.#replace();
  }

  async destroy(): Promise<void> {
    await Promise.all([this.#requests, this.#streams, ...this.#retired].map((each) => each.destroy()));
  }

  /** Each request has a deadline of its own. Cut here, a slow server's answers would all be lost, and all asked for again. */
  #replace(): void {
    this.#retire(this.#requests);
    this.#requests = this.#make(requestsAtOnce);
  }

  #retire(old: Dispatcher): void {
    this.#retired.add(old);
    old
      .close()
      .catch(() => undefined)
      .finally(() => this.#retired.delete(old));
  }

  #make(connections: number | null): Dispatcher {
    const usual = { allowH2: false, keepAliveTimeout: 30_000, connections, bodyTimeout: 0 };
    if (this.#proxy === null) return new Agent({ ...usual, connect: { ...this.#tls, timeout: connectMs } });
    return new ProxyAgent({ ...usual, uri: this.#proxy.href, requestTls: this.#tls, connectTimeout: connectMs });
  }
}

/** Which sockets a request takes. */
type Lane = 'requests' | 'streams';

/** Makes the HTTP door over a connection. */
export function makeHttp(connection: Connection, nowMs: () => number): Http {
  const agents = new Agents(connection);
  const { server, actsAs } = connection;

  async function dispatch(
    raw: RawRequest,
    by: { readonly fresh: boolean; readonly lane: Lane; readonly signal: AbortSignal },
  ): Promise<Dispatcher.ResponseData> {
    const { fresh, lane, signal } = by;
    const url = new URL(`${server.pathname.replace(/\/$/, '')}${raw.path}`, server);
    for (const [key, value] of Object.entries(raw.query)) url.searchParams.set(key, value);
    const { authorization, certificate } = await connection.credentials(fresh);
    agents.become(certificate);
    const dispatcher = agents[lane];
    const headers = {
      accept: 'application/json',
      ...raw.headers,
      ...(authorization === null ? {} : { authorization }),
      ...(actsAs === null ? {} : { 'impersonate-user': actsAs }),
    };
    return inTime(request(url, { method: raw.method, headers, body: raw.body, dispatcher, signal }), signal);
  }

  /** A 401 before anything was done may mean that credentials were rotated: they are read anew, once, within the same deadline. */
  async function authorized(raw: RawRequest, lane: Lane): Promise<Dispatcher.ResponseData> {
    const timeout = AbortSignal.timeout(raw.timeoutMs);
    const signal = raw.signal === undefined ? timeout : AbortSignal.any([timeout, raw.signal]);
    const first = await dispatch(raw, { fresh: false, lane, signal });
    if (first.statusCode !== 401) return first;
    await first.body.dump();
    return dispatch(raw, { fresh: true, lane, signal });
  }

  return {
    send: async (raw) => {
      try {
        const response = await authorized(raw, 'requests');
        const body = parsed(await response.body.text());
        agents.noteAnswer();
        if (response.statusCode >= 200 && response.statusCode < 300) return { type: 'ok', body };
        return refusal(response, body, nowMs());
      } catch (error) {
        agents.noteFailure(error);
        return failure(error);
      }
    },
    open: async (raw) => {
      try {
        const response = await authorized(raw, 'streams');
        const { body } = response;
        if (response.statusCode !== 200) return refusal(response, parsed(await body.text()), nowMs());
        body.on('error', () => undefined);
        return { type: 'stream', body, destroy: () => body.destroy() };
      } catch (error) {
        return failure(error);
      }
    },
    close: () => agents.destroy(),
  };
}
