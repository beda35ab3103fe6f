/**
 * Owns: the way between one process and the API server: how long a request travels there and back, what is lost, held,
 * replaced or cut, and how lines of watches arrive. Every fault is a rule of the plan (`plan.ts`).
 * I1. A request that has left arrives even if its sender is dead by then.
 */
import type { Answer, Http, RawRequest } from '#src/kube/request.ts';
import { text } from './json.ts';
import { statusReply, type Reply } from './api/refusals.ts';
import type { ApiRequest, ApiServer } from './api/server.ts';
import type { Watches, WatchSink } from './api/watches.ts';
import type { SimChance } from './chance.ts';
import type { Fate } from './fate.ts';
import type { LineFate } from './lines.ts';
import type { View } from './past.ts';
import type { Schedule } from './schedule.ts';
import { Stream, watchStill } from './streams.ts';

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

function refusalOf({ status, body, retryAfterMs }: Reply): Extract<Answer, { type: 'refused' }> {
  const [reason, message] = [text(body, 'reason'), text(body, 'message')];
  return { type: 'refused', status, reason, message, retryAfterMs, body };
}

function answerOf(reply: Reply): Answer {
  return reply.status >= 200 && reply.status < 300 ? { type: 'ok', body: reply.body } : refusalOf(reply);
}

export interface Network extends Http {
  /** Resets every stream that is open. */
  readonly reset: () => void;
  /** Requests without an answer yet, and watches that are open. */
  readonly underway: () => readonly string[];
}

class SimulatedNetwork implements Network {
  readonly #ports: NetworkPorts;
  readonly #sender: Sender;
  /** Requests without an answer. */
  readonly #requests = new Set<RawRequest>();
  /** Asked for and not cut, with their paths. */
  readonly #streams = new Map<Stream, string>();

  constructor(ports: NetworkPorts, sender: Sender) {
    this.#ports = ports;
    this.#sender = sender;
  }

  readonly send = (raw: RawRequest): Promise<Answer> =>
    new Promise((answer) => {
      this.#requests.add(raw);
      const resolve = (found: Answer): void => {
        this.#requests.delete(raw);
        answer(found);
      };
      const late = this.#ports.schedule.after(
        raw.timeoutMs,
        () => this.#sender.gate(() => resolve({ type: 'unknown', because: `no answer in ${raw.timeoutMs} ms` })),
        true,
      );
      // A process that stands still sends nothing before it goes on.
      this.#sender.gate(() =>
        this.#travel(raw, (found) => {
          late.cancel();
          resolve(found);
        }),
      );
    });

  readonly open = (raw: RawRequest): ReturnType<Http['open']> => {
    const stream: Stream = new Stream(raw, {
      schedule: this.#ports.schedule,
      hop: () => this.#hop(),
      arrive: (delayMs, run) => this.#arrive(delayMs, run),
      gate: this.#sender.gate,
      refusalOf,
      fateOf: () => this.#sender.fateOf(this.#requestOf(raw)),
      lineFateOf: () => this.#sender.lineFateOf(raw.path),
      watch: (sink) => this.#watch(raw, sink),
      onCut: () => this.#streams.delete(stream),
    });
    this.#streams.set(stream, raw.path);
    stream.leave();
    return stream.opened;
  };

  readonly underway = (): readonly string[] => [
    ...[...this.#requests].map(({ method, path }) => `${method} ${path}`),
    ...[...this.#streams].flatMap(([stream, path]) => (stream.isOpen ? [`WATCH ${path}`] : [])),
  ];

  readonly reset = (): void => {
    for (const stream of [...this.#streams.keys()])
      this.#sender.gate(() => stream.cut('UND_ERR_SOCKET: other side closed'));
  };

  readonly close = (): Promise<void> => {
    for (const stream of [...this.#streams.keys()]) stream.cut('aborted');
    return Promise.resolve();
  };

  #hop(): number {
    return this.#ports.chance.between(...hopMs);
  }

  #arrive(delayMs: number, run: () => void): void {
    this.#ports.schedule.after(delayMs, () => this.#sender.gate(run), true);
  }

  #handle(request: ApiRequest, auditId: string | null): Reply {
    const { api, onHandled } = this.#ports;
    const view = request.method === 'GET' ? this.#sender.view() : null;
    const reply = view?.covers(request.path) === true ? view.answer(request) : api.handle(request);
    onHandled({ sender: this.#sender.name, request, auditId, reply });
    return reply;
  }

  #requestOf({ method, path, query, headers, body }: RawRequest): ApiRequest {
    return { method, path, query, contentType: headers['content-type'] ?? null, body, user: this.#sender.name };
  }

  /** Sends one request and tells the answer, unless it gets lost. */
  #travel(raw: RawRequest, tell: (answer: Answer) => void): void {
    const { schedule, reborn } = this.#ports;
    const request = this.#requestOf(raw);
    const auditId = raw.headers['audit-id'] ?? null;
    this.#sender.onLeaving(request, auditId);
    const fate = this.#sender.fateOf(request);
    const reset: Answer = { type: 'unknown', because: 'UND_ERR_SOCKET: other side closed' };
    switch (fate.type) {
      case 'none':
      case 'held':
        return void schedule.after(this.#hop() + (fate.type === 'held' ? fate.ms : 0), () => {
          const reply = this.#handle(request, auditId);
          this.#arrive(this.#hop(), () => tell(answerOf(reply)));
        });
      case 'reborn':
        return void schedule.after(this.#hop(), () => {
          if (fate.when === 'before') reborn(request.path);
          const reply = this.#handle(request, auditId);
          if (fate.when === 'after') reborn(request.path);
          this.#arrive(this.#hop(), () => tell(answerOf(reply)));
        });
      case 'lost-request':
        return fate.silent ? undefined : this.#arrive(this.#hop(), () => tell(reset));
      case 'lost-answer':
        return void schedule.after(this.#hop(), () => {
          this.#handle(request, auditId);
          if (!fate.silent) this.#arrive(this.#hop(), () => tell(reset));
        });
      case 'replaced': {
        const { status, reason, retryAfterMs } = fate;
        const reply = statusReply(status, reason, `${reason} by the plan`, retryAfterMs);
        return this.#arrive(2 * this.#hop(), () => tell(answerOf(reply)));
      }
    }
  }

  /** A watch of the world as this process sees it, of now or of the past. */
  #watch({ path, query }: RawRequest, sink: WatchSink): ReturnType<Watches['open']> {
    const { watches, schedule } = this.#ports;
    const view = this.#sender.view();
    const open = (): ReturnType<Watches['open']> => watches.open(path, query, sink);
    if (view?.covers(path) !== true) return open();
    if (Number(query['resourceVersion']) > view.version)
      return statusReply(504, 'Timeout', 'Too large resource version', 1_000);
    return watchStill(view, { schedule, sink, open });
  }
}

/** The HTTP port of one process. */
export function makeNetwork(ports: NetworkPorts, sender: Sender): Network {
  return new SimulatedNetwork(ports, sender);
}
