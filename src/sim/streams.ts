/**
 * Owns: one watch of a process in a simulated world, from its request to its end.
 * Does not own: what befalls single lines (`lines.ts`), or which lines there are (`api/watches.ts`).
 * I1. Lines arrive in the order in which they were sent, unless the plan says otherwise.
 */
import type { Answer, Http, RawRequest } from '#src/kube/request.ts';
import type { ArmedTick } from '#src/ports.ts';
import { statusReply, type Reply } from './api/refusals.ts';
import type { Watches, WatchSink } from './api/watches.ts';
import { makeLines, sinkInto, type LineFate } from './lines.ts';
import type { Fate } from './fate.ts';
import type { View } from './past.ts';
import type { Schedule } from './schedule.ts';

type Refusal = Exclude<Answer, { readonly type: 'ok' }>;

/** What a stream needs of the way between its process and the API server. */
export interface StreamPorts {
  readonly schedule: Schedule;
  /** Time from one end to the other, milliseconds: another one each time. */
  readonly hop: () => number;
  /** Runs something at the process, so much later, as far as it lives and runs then. */
  readonly arrive: (delayMs: number, run: () => void) => void;
  readonly gate: (run: () => void) => void;
  readonly refusalOf: (reply: Reply) => Refusal;
  readonly fateOf: () => Fate;
  readonly lineFateOf: () => LineFate;
  /** Opens the watch at the server. */
  readonly watch: (sink: WatchSink) => ReturnType<Watches['open']>;
  /** Told once, when nothing more comes. */
  readonly onCut: () => void;
}

const bookmarkMs = 60_000;
const reset: Refusal = { type: 'unknown', because: 'UND_ERR_SOCKET: other side closed' };

/** A watch at a view that stands still: it brings nothing until the view is let go, and then all. */
export function watchStill(
  view: View,
  {
    schedule,
    sink,
    open,
  }: { readonly schedule: Schedule; readonly sink: WatchSink; readonly open: () => ReturnType<Watches['open']> },
): () => void {
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
    stop = open();
  });
  return () => {
    state = 'stopped';
    if (typeof stop === 'function') stop();
  };
}

/** A stream whose request is about to leave. */
export class Stream {
  /** What the process is answered: the stream, or why there is none. */
  readonly opened: ReturnType<Http['open']>;
  readonly #raw: RawRequest;
  readonly #ports: StreamPorts;
  readonly #lines = makeLines();
  readonly #late: ArmedTick;
  #answer: (answer: Awaited<ReturnType<Http['open']>>) => void = () => undefined;
  #stop: () => void = () => undefined;
  #state: 'asked' | 'open' | 'cut' = 'asked';
  /** When the last line arrives, milliseconds. */
  #lastMs = 0;

  constructor(raw: RawRequest, ports: StreamPorts) {
    this.#raw = raw;
    this.#ports = ports;
    this.opened = new Promise((resolve) => {
      this.#answer = resolve;
    });
    const { timeoutMs, signal } = raw;
    this.#late = ports.schedule.after(timeoutMs, () => ports.gate(() => this.#isLate()), true);
    signal?.addEventListener('abort', () => {
      this.#refuse({ type: 'unknown', because: 'AbortError: aborted' });
      this.cut('aborted');
    });
  }

  /** The server has said yes, and it was not cut since. */
  get isOpen(): boolean {
    return this.#state === 'open';
  }

  /** Sends the request, to meet what the plan has for it. */
  leave(): void {
    const { schedule, hop, arrive, refusalOf, fateOf } = this.#ports;
    const fate = fateOf();
    switch (fate.type) {
      case 'replaced': {
        const reply = statusReply(fate.status, fate.reason, `${fate.reason} by the plan`, fate.retryAfterMs);
        return arrive(2 * hop(), () => this.#refuse(refusalOf(reply)));
      }
      case 'lost-request':
      case 'lost-answer':
        return fate.silent ? undefined : arrive(hop(), () => this.#refuse(reset));
      case 'none':
      case 'held':
      case 'reborn':
        return void schedule.after(hop() + (fate.type === 'held' ? fate.ms : 0), () => this.#reachServer());
    }
  }

  /** Ends it at once, for its reader too. */
  readonly cut = (because: string): void => {
    this.#state = 'cut';
    this.#ports.onCut();
    this.#late.cancel();
    this.#stop();
    this.#lines.fail(new Error(because));
  };

  #reachServer(): void {
    if (this.#raw.signal?.aborted === true) return;
    const { arrive, refusalOf, lineFateOf, watch } = this.#ports;
    const deliver = (run: () => void): void => this.#deliver(run);
    const opened = watch(sinkInto(this.#lines, { inOrder: deliver, later: arrive, fateOf: lineFateOf }));
    if (typeof opened !== 'function') return deliver(() => this.#refuse(refusalOf(opened)));
    this.#stop = opened;
    return deliver(() => {
      if (this.#state === 'asked') this.#state = 'open';
      this.#answer({ type: 'stream', body: this.#lines, destroy: () => this.cut('aborted') });
    });
  }

  /** After everything that was delivered before. */
  #deliver(run: () => void): void {
    const { schedule, hop, arrive } = this.#ports;
    this.#lastMs = Math.max(this.#lastMs, schedule.elapsedMs() + hop());
    arrive(this.#lastMs - schedule.elapsedMs(), run);
  }

  #isLate(): void {
    const because = `no answer in ${this.#raw.timeoutMs} ms`;
    this.#refuse({ type: 'unknown', because });
    this.#lines.fail(new Error('the stream took too long'));
  }

  /** Means nothing once it is answered. */
  #refuse(answer: Refusal): void {
    this.#answer(answer);
  }
}
