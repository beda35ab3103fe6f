/** Owns: the two servers a sequence is sent to: the model, and a real API server. */
import { Agent, request } from 'undici';
import { loadConnection } from '#src/kube/connection.ts';
import { allKinds, type Kind } from '#src/sim/api/kinds.ts';
import { pathOf } from '#src/sim/api/places.ts';
import { makeApiServer } from '#src/sim/api/server.ts';
import { makeWatches } from '#src/sim/api/watches.ts';
import { chanceOf } from '#src/sim/chance.ts';
import { isJson, parsed, text, type Json } from '#src/sim/json.ts';
import { makeSchedule } from '#src/sim/schedule.ts';
import type { RequestStep, WatchStep } from './sequence.ts';

export interface Reply {
  readonly status: number;
  readonly body: unknown;
}

/** A watch that was opened; null when it was refused. */
export interface Watching {
  readonly refusal: Reply | null;
  readonly events: readonly Json[];
  /** Whether the server ended it. */
  readonly isOver: () => boolean;
  /** Resolves once `holds`; looks again after every event. @throws when that never comes */
  readonly until: (holds: () => boolean) => Promise<void>;
  readonly stop: () => void;
}

export interface Side {
  readonly name: 'model' | 'real';
  readonly namespace: string;
  readonly send: (step: RequestStep) => Promise<Reply>;
  readonly watch: (step: WatchStep) => Promise<Watching>;
  /** Puts everything away that this namespace has open. */
  readonly end: () => void;
}

/** The agent and, without a name in the query, the field manager of everything that is sent. */
const user = 'tester';
const patienceMs = 30_000;

export const kinds: ReadonlyMap<string, Kind> = new Map(allKinds().map((kind) => [kind.kind, kind]));

/** The kind of a step. @throws when nobody serves it */
export function kindOf(name: string): Kind {
  const kind = kinds.get(name);
  if (kind === undefined) throw new Error(`no kind ${name} in src/sim/api/kinds.ts`);
  return kind;
}

function pathFor(step: RequestStep | WatchStep, namespace: string): string {
  const path = pathOf(kindOf(step.kind), namespace, step.type === 'watch' ? null : step.name);
  return step.type === 'watch' || step.subresource === '' ? path : `${path}/${step.subresource}`;
}

/** The model, empty. */
export function modelSide(namespace: string): Side {
  let nowMs = Date.UTC(2026, 0, 1);
  const schedule = makeSchedule();
  const api = makeApiServer(() => nowMs, chanceOf(1));
  const watches = makeWatches(api, schedule);
  api.store.compact(api.store.version());
  const stops: (() => void)[] = [];
  const account = { metadata: { name: 'default' } };
  const path = pathOf(kindOf('ServiceAccount'), namespace, null);
  api.handle({ method: 'POST', path, query: {}, contentType: null, body: JSON.stringify(account), user });
  return {
    name: 'model',
    namespace,
    send: (step) => {
      nowMs += 1000;
      const { status, body } = api.handle({
        method: step.method,
        path: pathFor(step, namespace),
        query: step.query,
        contentType: step.contentType,
        body: step.body === null ? null : JSON.stringify(step.body),
        user,
      });
      return Promise.resolve({ status, body });
    },
    watch: (step) => {
      const events: Json[] = [];
      let over = false;
      const opened = watches.open(pathFor(step, namespace), step.query, {
        line: (event) => void events.push(event),
        end: () => {
          over = true;
        },
      });
      const stop = typeof opened === 'function' ? opened : (): void => undefined;
      stops.push(stop);
      return Promise.resolve({
        refusal: typeof opened === 'function' ? null : opened,
        events,
        isOver: () => over,
        until: async (holds) => {
          // Its time passes only while somebody waits.
          await schedule.run(600_000, holds);
          if (!holds()) throw new Error('the model’s watch never told what was waited for');
        },
        stop,
      });
    },
    end: () => {
      for (const stop of stops) stop();
    },
  };
}

interface Gathered {
  readonly events: Json[];
  over: boolean;
  wake: () => void;
}

async function gather(body: AsyncIterable<Uint8Array>, into: Gathered): Promise<void> {
  const decoder = new TextDecoder();
  let rest = '';
  try {
    for await (const bytes of body) {
      rest += decoder.decode(bytes, { stream: true });
      const lines = rest.split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        const event = parsed(line);
        if (isJson(event)) into.events.push(event);
      }
      into.wake();
    }
  } catch {
    // Stopped by us.
  }
  into.over = true;
  into.wake();
}

async function until(gathered: Gathered, holds: () => boolean): Promise<void> {
  const tooLate = performance.now() + patienceMs;
  while (!holds()) {
    if (performance.now() > tooLate) throw new Error('the API server’s watch never told what was waited for');
    await new Promise<void>((resolve) => {
      const late = setTimeout(resolve, 500);
      gathered.wake = () => {
        clearTimeout(late);
        resolve();
      };
    });
  }
}

/** A real API server, asked as administrator. */
export interface RealServer {
  /** A namespace of its own there, with the service account that Pods need. */
  readonly side: (namespace: string) => Promise<Side>;
  readonly close: () => Promise<void>;
}

/** Connects to a real API server. */
export function realServer(kubeconfig: string): RealServer {
  const { server, tls } = loadConnection({ kubeconfig, context: null });
  const agent = new Agent({ connect: tls, connections: 64, bodyTimeout: 0, headersTimeout: patienceMs });
  const base = server.href.replace(/\/$/, '');

  async function ask(
    method: RequestStep['method'],
    path: string,
    more: Omit<RequestStep, 'method' | 'type' | 'kind' | 'name' | 'subresource'>,
  ): Promise<Reply> {
    const { query, contentType, body } = more;
    const answer = await request(`${base}${path}`, {
      dispatcher: agent,
      method,
      query,
      headers: { 'user-agent': `${user}/1`, ...(contentType === null ? {} : { 'content-type': contentType }) },
      ...(body === null ? {} : { body: JSON.stringify(body) }),
    });
    return { status: answer.statusCode, body: parsed(await answer.body.text()) };
  }

  async function watch(path: string, query: WatchStep['query'], stops: (() => void)[]): Promise<Watching> {
    const abort = new AbortController();
    const answer = await request(`${base}${path}`, {
      dispatcher: agent,
      method: 'GET',
      query: { ...query, watch: 'true' },
      headers: { 'user-agent': `${user}/1` },
      signal: abort.signal,
    });
    const stop = (): void => abort.abort();
    stops.push(stop);
    const gathered: Gathered = { events: [], over: false, wake: () => undefined };
    const refusal =
      answer.statusCode === 200 ? null : { status: answer.statusCode, body: parsed(await answer.body.text()) };
    if (refusal === null) void gather(answer.body, gathered);
    const { events } = gathered;
    return { refusal, events, isOver: () => gathered.over, until: (holds) => until(gathered, holds), stop };
  }

  return {
    side: async (namespace) => {
      const post = (path: string, body: Json): Promise<Reply> =>
        ask('POST', path, { query: {}, contentType: 'application/json', body });
      const made = await post('/api/v1/namespaces', { metadata: { name: namespace } });
      if (made.status !== 201) throw new Error(`namespace ${namespace}: ${text(made.body, 'message')}`);
      await post(`/api/v1/namespaces/${namespace}/serviceaccounts`, { metadata: { name: 'default' } });
      const stops: (() => void)[] = [];
      return {
        name: 'real',
        namespace,
        send: (step) => ask(step.method, pathFor(step, namespace), step),
        watch: (step) => watch(pathFor(step, namespace), step.query, stops),
        end: () => {
          for (const stop of stops) stop();
        },
      };
    },
    close: () => agent.destroy(),
  };
}
