/**
 * Owns: the Lease: one leader at a time, and the number of its term. Every term takes a new epoch; the same holder takes
 * it again at once, with a new one. A failed renewal is not an exit: acting stops, and resumes if the Lease is regained.
 * I1. `mayAct` is judged by the monotonic clock at the call, with the request timeout taken off: a request that is sent
 *     now ends before anybody else may hold the Lease.
 * I2. The epoch never goes back: it is one above all that are known anywhere.
 */
import { isObject } from '#machines/shared/json.ts';
import type { ArmedTick, CrashPoints, Clock, Ticks } from '#src/ports.ts';
import type { Answer } from './request.ts';
import type { WireRequest } from './api.ts';
import { actingMs, leaseDurationMs, leaseRetryMs } from './deadlines.ts';

const epochAnnotation = 'postgres.example.com/epoch';
const headAnnotation = 'postgres.example.com/operator-head';

export interface LeasePorts {
  readonly get: (path: string) => Promise<Answer>;
  readonly send: (request: WireRequest) => Promise<Answer>;
  readonly clock: Clock;
  readonly ticks: Ticks;
  readonly crash: CrashPoints;
}

export interface LeaseOptions {
  readonly namespace: string;
  readonly name: string;
  /** Name of the pod, or of the host outside a cluster. */
  readonly holder: string;
  /** Highest epoch known from elsewhere: statuses, effect keys, the journal. */
  readonly epochAtLeast: number;
  /** Operator chain's durable head, written along with each renewal; null while no journal is open. */
  readonly operatorHead: () => OperatorHead | null;
  readonly onChange: (state: 'held' | 'lost' | 'waiting', because: string) => void;
  /** A term of this holder begins: the first, or another one after somebody else's, or after the Lease was lost. */
  readonly onTerm: (term: TermBegun) => void;
  /** Somebody else holds the Lease: the term that was ours is over for good. */
  readonly onOver: (because: string) => void;
}

/** Place in an operator chain; seq 0 while nothing was written. */
export interface OperatorHead {
  readonly seq: number;
  readonly head: string;
}

/** A term of ours, and whom it follows. */
export interface TermBegun {
  readonly epoch: number;
  /** What the Lease said of the term before; null when there was none. */
  readonly previous: { readonly holder: string; readonly epoch: number; readonly head: OperatorHead } | null;
}

export interface LeaseHandle {
  readonly mayAct: () => boolean;
  /** Term in force; 0 before the first. */
  readonly epoch: () => number;
  /** Gives the Lease back and stops renewing. */
  readonly release: () => Promise<void>;
}

interface Seen {
  readonly uid: string;
  readonly resourceVersion: string;
  readonly holder: string;
  readonly epoch: number;
  readonly transitions: number;
  readonly head: OperatorHead;
  /** Changes whenever somebody renews. */
  readonly mark: string;
  readonly durationMs: number;
}

function headOf(text: unknown): OperatorHead {
  const [seq = '', head = ''] = typeof text === 'string' ? text.split('/') : [];
  return { seq: Number(seq) || 0, head };
}

function seenLease(body: unknown): Seen {
  const object = isObject(body) ? body : {};
  const metadata = isObject(object['metadata']) ? object['metadata'] : {};
  const spec = isObject(object['spec']) ? object['spec'] : {};
  const marks = isObject(metadata['annotations']) ? metadata['annotations'] : {};
  const duration = spec['leaseDurationSeconds'];
  return {
    uid: String(metadata['uid'] ?? ''),
    resourceVersion: String(metadata['resourceVersion'] ?? ''),
    holder: typeof spec['holderIdentity'] === 'string' ? spec['holderIdentity'] : '',
    epoch: Number(marks[epochAnnotation] ?? 0) || 0,
    head: headOf(marks[headAnnotation]),
    transitions: typeof spec['leaseTransitions'] === 'number' ? spec['leaseTransitions'] : 0,
    mark: `${String(spec['renewTime'] ?? '')}/${String(metadata['resourceVersion'] ?? '')}`,
    durationMs: typeof duration === 'number' ? duration * 1000 : leaseDurationMs,
  };
}

function collectionOf(namespace: string): string {
  return `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`;
}

/** MicroTime wants six digits; three are refused. */
function microTime(ms: number): string {
  return new Date(ms).toISOString().replace('Z', '000Z');
}

function because(answer: Exclude<Answer, { readonly type: 'ok' }>): string {
  return answer.type === 'refused' ? answer.message : answer.because;
}

/** The Lease as it is written: to create it where `seen` is null, else over exactly what was seen. */
function writing(
  { namespace, name }: Pick<LeaseOptions, 'namespace' | 'name'>,
  seen: Seen | null,
  by: { readonly epoch: number; readonly holder: string; readonly head: OperatorHead; readonly nowMs: number },
): WireRequest {
  const collection = collectionOf(namespace);
  const now = microTime(by.nowMs);
  const lease = {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: {
      name,
      namespace,
      // A Lease that is updated and gone is made anew by Kubernetes, unless it had to be the very same one.
      ...(seen === null ? {} : { uid: seen.uid, resourceVersion: seen.resourceVersion }),
      annotations: { [epochAnnotation]: String(by.epoch), [headAnnotation]: `${by.head.seq}/${by.head.head}` },
    },
    spec: {
      holderIdentity: by.holder,
      leaseDurationSeconds: leaseDurationMs / 1000,
      renewTime: now,
      acquireTime: now,
      leaseTransitions: seen === null ? 0 : seen.transitions + (seen.holder === by.holder ? 0 : 1),
    },
  };
  return {
    method: seen === null ? 'POST' : 'PUT',
    path: seen === null ? collection : `${collection}/${name}`,
    query: {},
    contentType: 'application/json',
    body: JSON.stringify(lease),
    auditId: null,
  };
}

/** Its public members are fields, since the line takes them off one by one. */
class Lease implements LeaseHandle {
  readonly #ports: LeasePorts;
  readonly #options: LeaseOptions;
  /** Term in force; 0 before the first. */
  #epoch = 0;
  /** Highest epoch known, ours or not: a Lease that somebody deleted has forgotten it. */
  #highest: number;
  /** When the last renewal was begun that succeeded; null while somebody else has the Lease. */
  #renewedAt: number | null = null;
  /** Somebody else's renewal, and since when nothing came after it. */
  #watched: { readonly mark: string; readonly since: number } | null = null;
  #stopped = false;
  #tick: ArmedTick;
  #running: Promise<void> = Promise.resolve();

  constructor(ports: LeasePorts, options: LeaseOptions) {
    this.#ports = ports;
    this.#options = options;
    this.#highest = options.epochAtLeast;
    this.#tick = ports.ticks.soon(() => this.#again());
  }

  readonly mayAct = (): boolean => !this.#stopped && this.#holds();

  readonly epoch = (): number => this.#epoch;

  readonly release = async (): Promise<void> => {
    this.#stopped = true;
    this.#tick.cancel();
    // A renewal on its way would be written over what is given back.
    await this.#running;
    if (!this.#holds()) return;
    this.#renewedAt = null;
    const answer = await this.#read();
    if (answer.type !== 'ok') return;
    const seen = seenLease(answer.body);
    if (seen.holder === this.#options.holder && seen.epoch === this.#epoch) await this.#write(this.#epoch, seen, '');
  };

  #holds(): boolean {
    return this.#renewedAt !== null && this.#ports.clock.monotonicMs() - this.#renewedAt < actingMs;
  }

  #again(): void {
    if (this.#stopped) return;
    const { onChange } = this.#options;
    this.#running = this.#compete()
      .catch((error: unknown) => onChange('waiting', error instanceof Error ? error.message : String(error)))
      .finally(() => {
        if (!this.#stopped) this.#tick = this.#ports.ticks.after(leaseRetryMs, () => this.#again());
      });
  }

  async #compete(): Promise<void> {
    this.#ports.crash.hit('before-lease-renew');
    const began = this.#ports.clock.monotonicMs();
    const answer = await this.#read();
    const isAbsent = answer.type === 'refused' && answer.status === 404;
    if (answer.type !== 'ok' && !isAbsent) return this.#failed(`the Lease could not be read: ${because(answer)}`);
    const seen = answer.type === 'ok' ? seenLease(answer.body) : null;
    this.#highest = Math.max(this.#highest, seen?.epoch ?? 0);
    if (this.#stopped) return;
    if (seen !== null && !this.#isFree(seen)) return this.#isOver(seen);
    const term = this.#termAfter(seen);
    const written = await this.#write(term, seen, this.#options.holder);
    if (written.type !== 'ok') return this.#failed(`the Lease could not be written: ${because(written)}`);
    this.#ports.crash.hit('after-lease-renew');
    this.#renewed(term, began, seen);
  }

  /** May the Lease be taken now, seen as it is? A foreign one only after it stood still for its duration by our clock. */
  #isFree(seen: Seen): boolean {
    if (seen.holder === '' || seen.holder === this.#options.holder) return true;
    const now = this.#ports.clock.monotonicMs();
    if (this.#watched === null || this.#watched.mark !== seen.mark) this.#watched = { mark: seen.mark, since: now };
    return now - this.#watched.since >= seen.durationMs;
  }

  /** The term of who takes the Lease seen as it is: the running one where it is still ours, else a new one. */
  #termAfter(seen: Seen | null): number {
    const goesOn =
      seen !== null && seen.holder === this.#options.holder && seen.epoch === this.#epoch && this.#epoch > 0;
    return goesOn ? this.#epoch : Math.max(this.#highest, this.#epoch) + 1;
  }

  #renewed(term: number, began: number, seen: Seen | null): void {
    const before = { epoch: this.#epoch, held: this.#holds() };
    this.#epoch = term;
    this.#highest = Math.max(this.#highest, term);
    this.#renewedAt = began;
    if (term !== before.epoch) {
      this.#options.onChange('held', `term ${term} begins`);
      this.#options.onTerm({ epoch: term, previous: seen });
    } else if (!before.held) this.#options.onChange('held', `term ${term} goes on`);
  }

  /** Nothing was learnt: what was held is held until it runs out. */
  #failed(why: string): void {
    this.#options.onChange(this.#holds() ? 'held' : 'waiting', why);
  }

  #isOver(seen: Seen): void {
    const { onChange, onOver } = this.#options;
    const why = `${seen.holder} holds the Lease`;
    if (this.#renewedAt !== null) {
      onChange('lost', why);
      onOver(`${why} since term ${seen.epoch}`);
    }
    this.#renewedAt = null;
    onChange('waiting', why);
  }

  #read(): Promise<Answer> {
    const { namespace, name } = this.#options;
    return this.#ports.get(`${collectionOf(namespace)}/${name}`);
  }

  #write(epoch: number, seen: Seen | null, holder: string): Promise<Answer> {
    // Whoever takes over must still find there how far the one before had come.
    const head = this.#options.operatorHead() ?? seen?.head ?? { seq: 0, head: '' };
    const nowMs = this.#ports.clock.nowMs();
    return this.#ports.send(writing(this.#options, seen, { epoch, holder, head, nowMs }));
  }
}

/** Begins to compete for the Lease; never gives up. */
export function holdLease(ports: LeasePorts, options: LeaseOptions): LeaseHandle {
  return new Lease(ports, options);
}
