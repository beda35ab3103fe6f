/**
 * Owns: the Lease: one leader at a time, and the number of its term. Every term takes a new epoch; the same holder takes
 * it again at once, with a new one. A failed renewal is not an exit: acting stops, and resumes if the Lease is regained.
 * I1. `mayAct` is judged by the monotonic clock at the call, with the request timeout taken off: a request that is sent
 *     now ends before anybody else may hold the Lease.
 * I2. The epoch never goes back: it is one above all that are known anywhere.
 */
import { isObject } from '#machines/shared/json.ts';
import type { CrashPoints, Clock, Ticks } from '#src/ports.ts';
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
    resourceVersion: String(metadata['resourceVersion'] ?? ''),
    holder: typeof spec['holderIdentity'] === 'string' ? spec['holderIdentity'] : '',
    epoch: Number(marks[epochAnnotation] ?? 0) || 0,
    head: headOf(marks[headAnnotation]),
    transitions: typeof spec['leaseTransitions'] === 'number' ? spec['leaseTransitions'] : 0,
    mark: `${String(spec['renewTime'] ?? '')}/${String(metadata['resourceVersion'] ?? '')}`,
    durationMs: typeof duration === 'number' ? duration * 1000 : leaseDurationMs,
  };
}

/** MicroTime wants six digits; three are refused. */
function microTime(ms: number): string {
  return new Date(ms).toISOString().replace('Z', '000Z');
}

/** Begins to compete for the Lease; never gives up. */
export function holdLease(ports: LeasePorts, options: LeaseOptions): LeaseHandle {
  const collection = `/apis/coordination.k8s.io/v1/namespaces/${options.namespace}/leases`;
  const path = `${collection}/${options.name}`;
  let epoch = 0;
  /** Highest epoch known, ours or not: a Lease that somebody deleted has forgotten it. */
  let highest = options.epochAtLeast;
  let running: Promise<void> = Promise.resolve();
  let renewedAt: number | null = null;
  let watched: { readonly mark: string; readonly since: number } | null = null;
  let stopped = false;
  let tick = ports.ticks.soon(() => undefined);
  const holds = (): boolean => renewedAt !== null && ports.clock.monotonicMs() - renewedAt < actingMs;

  function body(term: number, seen: Seen | null, holder: string): string {
    // Whoever takes over must still find there how far the one before had come.
    const head = options.operatorHead() ?? seen?.head ?? { seq: 0, head: '' };
    const now = microTime(ports.clock.nowMs());
    return JSON.stringify({
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: {
        name: options.name,
        namespace: options.namespace,
        ...(seen === null ? {} : { resourceVersion: seen.resourceVersion }),
        annotations: { [epochAnnotation]: String(term), [headAnnotation]: `${head.seq}/${head.head}` },
      },
      spec: {
        holderIdentity: holder,
        leaseDurationSeconds: leaseDurationMs / 1000,
        renewTime: now,
        acquireTime: now,
        leaseTransitions: seen === null ? 0 : seen.transitions + (seen.holder === holder ? 0 : 1),
      },
    });
  }

  async function write(term: number, seen: Seen | null, holder: string): Promise<Answer> {
    const method = seen === null ? 'POST' : 'PUT';
    return ports.send({
      method,
      path: seen === null ? collection : path,
      query: {},
      contentType: 'application/json',
      body: body(term, seen, holder),
      auditId: null,
    });
  }

  /** May the Lease be taken now, seen as it is? A foreign one only after it stood still for its duration by our clock. */
  function isFree(seen: Seen): boolean {
    if (seen.holder === '' || seen.holder === options.holder) return true;
    const now = ports.clock.monotonicMs();
    if (watched === null || watched.mark !== seen.mark) watched = { mark: seen.mark, since: now };
    return now - watched.since >= seen.durationMs;
  }

  async function compete(): Promise<void> {
    ports.crash.hit('before-lease-renew');
    const began = ports.clock.monotonicMs();
    const answer = await ports.get(path);
    const absent = answer.type === 'refused' && answer.status === 404;
    if (answer.type !== 'ok' && !absent) {
      options.onChange(
        holds() ? 'held' : 'waiting',
        `the Lease could not be read: ${answer.type === 'refused' ? answer.message : answer.because}`,
      );
      return;
    }
    const seen = absent || answer.type !== 'ok' ? null : seenLease(answer.body);
    highest = Math.max(highest, seen?.epoch ?? 0);
    if (stopped) return;
    if (seen !== null && !isFree(seen)) {
      if (renewedAt !== null) {
        options.onChange('lost', `${seen.holder} holds the Lease`);
        options.onOver(`${seen.holder} holds the Lease since term ${seen.epoch}`);
      }
      renewedAt = null;
      options.onChange('waiting', `${seen.holder} holds the Lease`);
      return;
    }
    const goesOn = seen !== null && seen.holder === options.holder && seen.epoch === epoch && epoch > 0;
    const term = goesOn ? epoch : Math.max(highest, epoch) + 1;
    const written = await write(term, seen, options.holder);
    if (written.type !== 'ok') {
      options.onChange(
        holds() ? 'held' : 'waiting',
        `the Lease could not be written: ${written.type === 'refused' ? written.message : written.because}`,
      );
      return;
    }
    ports.crash.hit('after-lease-renew');
    const before = { epoch, held: holds() };
    epoch = term;
    highest = Math.max(highest, term);
    renewedAt = began;
    if (term === before.epoch) {
      if (!before.held) options.onChange('held', `term ${term} goes on`);
      return;
    }
    options.onChange('held', `term ${term} begins`);
    options.onTerm({ epoch: term, previous: seen });
  }

  function again(): void {
    if (stopped) return;
    running = compete()
      .catch((error: unknown) => options.onChange('waiting', error instanceof Error ? error.message : String(error)))
      .finally(() => {
        if (!stopped) tick = ports.ticks.after(leaseRetryMs, again);
      });
  }

  tick = ports.ticks.soon(again);
  return {
    mayAct: () => !stopped && holds(),
    epoch: () => epoch,
    release: async () => {
      stopped = true;
      tick.cancel();
      // A renewal on its way would be written over what is given back.
      await running;
      if (!holds()) return;
      renewedAt = null;
      const answer = await ports.get(path);
      if (answer.type !== 'ok') return;
      const seen = seenLease(answer.body);
      if (seen.holder === options.holder && seen.epoch === epoch) await write(epoch, seen, '');
    },
  };
}
