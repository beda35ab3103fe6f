/**
 * Owns: the way between one process and the API server: how long a request travels there and back, what is lost, held,
 * replaced or cut, and how lines of watches arrive. Every fault is a rule of the plan (`plan.ts`).
 * I1. A request that has left arrives even if its sender is dead by then.
 * I2. Lines of one stream arrive in their order.
 */
import type { Answer, Http, RawRequest } from '#src/kube/request.ts';
import { text } from './json.ts';
import { statusReply, type Reply } from './api/refusals.ts';
import type { ApiRequest, ApiServer } from './api/server.ts';
import type { Watches, WatchSink } from './api/watches.ts';
import type { SimChance } from './chance.ts';
import { makeLines, sinkInto, type LineFate } from './lines.ts';
import type { View } from './past.ts';
import type { Schedule } from './schedule.ts';

/** What happens to one request. */
export type Fate =
  | { readonly type: 'none' }
  /** Lost on its way there; the sender sees a reset, or waits for its deadline. */
  | { readonly type: 'lost-request'; readonly silent: boolean }
  /** Handled, but the answer never comes. */
  | { readonly type: 'lost-answer'; readonly silent: boolean }
  /** Handled so much later; its sender may be dead by then. */
  | { readonly type: 'held'; readonly ms: number }
  /** Answered by somebody before the server. */
  | {
      readonly type: 'replaced';
      readonly status: number;
      readonly reason: string;
      readonly retryAfterMs: number | null;
    }
  /** What it is about is deleted and made anew by somebody else, between its sending and its arrival, or before its answer. */
  | { readonly type: 'reborn'; readonly when: 'before' | 'after' };

/** A request as it was handled, for whoever checks. */
export interface Handled {
  readonly sender: string;
  readonly request: ApiRequest;
  readonly auditId: string | null;
  readonly reply: Reply;
}

/** The process at this end, as far as its network needs it. */
export interface Sender {
  readonly name: string;
  /** Runs what comes from outside: not at all once the process is dead, later while it stands still. */
  readonly gate: (run: () => void) => void;
  /** What will happen to a request that is about to leave. */
  readonly fateOf: (request: ApiRequest) => Fate;
  /** What will happen to an event of a watch. */
  readonly lineFateOf: (path: string) => LineFate;
  /** What it reads when that is not the world as it is; null when it is. */
  readonly view: () => View | null;
  /** Told before a request leaves. */
  readonly onLeaving: (request: ApiRequest, auditId: string | null) => void;
}

export interface NetworkPorts {
  readonly api: ApiServer;
  readonly watches: Watches;
  readonly schedule: Schedule;
  readonly chance: SimChance;
  readonly onHandled: (handled: Handled) => void;
  /** Deletes what a path names and makes it anew under the same name. */
  readonly reborn: (path: string) => void;
}

const hopMs = [1, 12] as const;
const bookmarkMs = 60_000;

function answerOf({ status, body, retryAfterMs }: Reply): Answer {
  if (status >= 200 && status < 300) return { type: 'ok', body };
  const [reason, message] = [text(body, 'reason'), text(body, 'message')];
  return { type: 'refused', status, reason, message, retryAfterMs, body };
}

export interface Network extends Http {
  /** Resets every stream that is open. */
  readonly reset: () => void;
  /** Requests without an answer yet, and watches that are open. */
  readonly underway: () => readonly string[];
}

/** The HTTP port of one process. */
export function makeNetwork(ports: NetworkPorts, sender: Sender): Network {
  const { api, watches, schedule, chance } = ports;
  const streams = new Set<(because: string) => void>();
  const underway = new Map<object, string>();
  const hop = (): number => chance.between(...hopMs);
  const arrive = (delayMs: number, run: () => void): void => void schedule.after(delayMs, () => sender.gate(run), true);

  function handle(request: ApiRequest, auditId: string | null): Reply {
    const view = request.method === 'GET' ? sender.view() : null;
    const reply = view?.covers(request.path) === true ? view.answer(request) : api.handle(request);
    ports.onHandled({ sender: sender.name, request, auditId, reply });
    return reply;
  }

  function requestOf({ method, path, query, headers, body }: RawRequest): ApiRequest {
    return { method, path, query, contentType: headers['content-type'] ?? null, body, user: sender.name };
  }

  /** Sends one request and tells the answer, unless it gets lost. */
  function travel(raw: RawRequest, tell: (answer: Answer) => void): void {
    const request = requestOf(raw);
    const auditId = raw.headers['audit-id'] ?? null;
    sender.onLeaving(request, auditId);
    const fate = sender.fateOf(request);
    const reset: Answer = { type: 'unknown', because: 'UND_ERR_SOCKET: other side closed' };
    switch (fate.type) {
      case 'none':
      case 'held':
        return void schedule.after(hop() + (fate.type === 'held' ? fate.ms : 0), () => {
          const reply = handle(request, auditId);
          arrive(hop(), () => tell(answerOf(reply)));
        });
      case 'reborn':
        return void schedule.after(hop(), () => {
          if (fate.when === 'before') ports.reborn(request.path);
          const reply = handle(request, auditId);
          if (fate.when === 'after') ports.reborn(request.path);
          arrive(hop(), () => tell(answerOf(reply)));
        });
      case 'lost-request':
        return fate.silent ? undefined : arrive(hop(), () => tell(reset));
      case 'lost-answer':
        return void schedule.after(hop(), () => {
          handle(request, auditId);
          if (!fate.silent) arrive(hop(), () => tell(reset));
        });
      case 'replaced': {
        const { status, reason, retryAfterMs } = fate;
        const reply = statusReply(status, reason, `${reason} by the plan`, retryAfterMs);
        return arrive(2 * hop(), () => tell(answerOf(reply)));
      }
    }
  }

  function send(raw: RawRequest): Promise<Answer> {
    return new Promise((answer) => {
      underway.set(raw, `${raw.method} ${raw.path}`);
      const resolve = (found: Answer): void => {
        underway.delete(raw);
        answer(found);
      };
      const late = schedule.after(
        raw.timeoutMs,
        () => sender.gate(() => resolve({ type: 'unknown', because: `no answer in ${raw.timeoutMs} ms` })),
        true,
      );
      // A process that stands still sends nothing before it goes on.
      sender.gate(() =>
        travel(raw, (found) => {
          late.cancel();
          resolve(found);
        }),
      );
    });
  }

  /** A watch of the world as this process sees it: one of the past brings nothing until it is let go, and then all. */
  function openWatch({ path, query }: RawRequest, sink: WatchSink): ReturnType<Watches['open']> {
    const view = sender.view();
    if (view?.covers(path) !== true) return watches.open(path, query, sink);
    if (Number(query['resourceVersion']) > view.version)
      return statusReply(504, 'Timeout', 'Too large resource version', 1_000);
    let stop: ReturnType<Watches['open']> = () => undefined;
    let state: 'frozen' | 'thawed' | 'stopped' = 'frozen';
    // Whoever stands still says so: its bookmarks name the version it stands at.
    const mark = (): void => {
      if (state !== 'frozen') return;
      sink.line({ type: 'BOOKMARK', object: { metadata: { resourceVersion: String(view.version) } } });
      schedule.after(bookmarkMs, mark);
    };
    schedule.after(bookmarkMs, mark);
    view.onThaw(() => {
      if (state === 'stopped') return;
      state = 'thawed';
      stop = watches.open(path, query, sink);
    });
    return () => {
      state = 'stopped';
      if (typeof stop === 'function') stop();
    };
  }

  function openStream(raw: RawRequest): ReturnType<Http['open']> {
    const lines = makeLines();
    let lastMs = 0;
    let stop: () => void = () => undefined;
    const deliver = (run: () => void): void => {
      lastMs = Math.max(lastMs, schedule.elapsedMs() + hop());
      arrive(lastMs - schedule.elapsedMs(), run);
    };
    return new Promise((resolve) => {
      let open = false;
      const refuse = (answer: Answer): void => {
        if (!open && answer.type !== 'ok') resolve(answer);
      };
      const late = schedule.after(
        raw.timeoutMs,
        () =>
          sender.gate(() => {
            refuse({ type: 'unknown', because: `no answer in ${raw.timeoutMs} ms` });
            lines.fail(new Error('the stream took too long'));
          }),
        true,
      );
      const cut = (because: string): void => {
        streams.delete(cut);
        underway.delete(cut);
        late.cancel();
        stop();
        lines.fail(new Error(because));
      };
      streams.add(cut);
      raw.signal?.addEventListener('abort', () => {
        refuse({ type: 'unknown', because: 'AbortError: aborted' });
        cut('aborted');
      });
      const fate = sender.fateOf(requestOf(raw));
      if (fate.type === 'replaced')
        return arrive(2 * hop(), () =>
          refuse(answerOf(statusReply(fate.status, fate.reason, `${fate.reason} by the plan`, fate.retryAfterMs))),
        );
      if (fate.type === 'lost-request' || fate.type === 'lost-answer')
        return fate.silent
          ? undefined
          : arrive(hop(), () => refuse({ type: 'unknown', because: 'UND_ERR_SOCKET: other side closed' }));
      schedule.after(hop() + (fate.type === 'held' ? fate.ms : 0), () => {
        if (raw.signal?.aborted === true) return;
        const fateOf = (): LineFate => sender.lineFateOf(raw.path);
        const sink = sinkInto(lines, { inOrder: deliver, later: arrive, fateOf });
        const opened = openWatch(raw, sink);
        if (typeof opened !== 'function') return deliver(() => refuse(answerOf(opened)));
        stop = opened;
        return deliver(() => {
          open = true;
          if (streams.has(cut)) underway.set(cut, `WATCH ${raw.path}`);
          resolve({ type: 'stream', body: lines, destroy: () => cut('aborted') });
        });
      });
    });
  }

  return {
    send,
    open: openStream,
    underway: () => [...underway.values()],
    reset: () => {
      for (const cut of [...streams]) sender.gate(() => cut('UND_ERR_SOCKET: other side closed'));
    },
    close: () => {
      for (const cut of [...streams]) cut('aborted');
      return Promise.resolve();
    },
  };
}
