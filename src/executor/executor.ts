/**
 * Owns: carrying out durable intents and telling how they ended. The only sender of changes.
 * Does not own: whether to try again (the machine decides on the outcome), or what was asked (the journal row says).
 * I1. Nothing is sent that is not durable: intents arrive only after their commit.
 * I2. Lease and epoch are checked at the send call itself, also when the effect has read something first; a deposed
 *     process withholds.
 * I3. Every intent ends in exactly one outcome, whatever is thrown.
 * I4. One sick cluster takes at most `perCluster` of the slots, and all sick ones together leave some for those that are well.
 */
import type { Outcome } from '#machines/cluster/observations.ts';
import { effectKey, type IntentRecord, type RowStamp } from '#src/decision/record.ts';
import { messageOf } from '#src/errors.ts';
import { effects } from './effects/send.ts';
import type { RunInPod } from '#src/kube/exec.ts';
import type { ExecutorPorts } from './ports.ts';

/** Whose intent it is and where it stands in the journal. */
export interface IntentOf {
  readonly cluster: { readonly uid: string; readonly namespace: string; readonly name: string };
  readonly stamp: RowStamp;
  readonly intent: IntentRecord;
}

export interface Ended extends IntentOf {
  readonly outcome: Outcome;
  readonly ms: number;
}

export interface Executor {
  /** Queues an intent; `onEnd` of the executor is told once it has ended. */
  readonly execute: (work: IntentOf) => void;
  /** Takes no more; resolves when what is under way has ended. */
  readonly drain: () => Promise<void>;
  readonly inFlight: () => number;
}

const perCluster = 12;
/**
 * From so many on, what is left goes to clusters that have nothing under way, one each: requests of three clusters may hang, and
 * of ten more, and the others go on.
 */
const sharedFreely = 18;
/** Fewer than there are sockets for requests (`kube/request.ts`): the deadline of a change must not pass while it waits for one. */
const inAll = 32;

interface Queue {
  readonly waiting: IntentOf[];
  running: number;
}

/**
 * Carries one intent out. `whyNot` is asked before, and again at the very send: what an effect reads first may take longer than
 * the Lease lasts.
 */
async function outcomeOf(work: IntentOf, ports: ExecutorPorts, whyNot: () => string | null): Promise<Outcome> {
  const before = whyNot();
  if (before !== null) return { type: 'withheld', reason: before };
  const { cluster, stamp, intent } = work;
  const anchor = ports.head(cluster.uid) ?? { epoch: stamp.epoch, seq: stamp.seq, head: '' };
  const fillings = { effectKey: effectKey(cluster.uid, stamp, intent.ordinal), anchor };
  const withheld: string[] = [];
  const guarded =
    <Request, Reply>(send: (request: Request) => Promise<Reply>) =>
    (request: Request): Promise<Reply> => {
      const reason = whyNot();
      if (reason !== null) {
        withheld.push(reason);
        return Promise.reject(new Error(reason));
      }
      ports.crash.hit('before-send');
      return send(request);
    };
  const runInPod: RunInPod = (request) => ports.runInPod({ ...request, auditId: fillings.effectKey });
  const guardedPorts = { ...ports, send: guarded(ports.send), runInPod: guarded(runInPod) };
  const outcome = await effects[intent.type]({ namespace: cluster.namespace, intent, fillings }, guardedPorts).catch(
    (error: unknown): Outcome => ({ type: 'unknown', reason: messageOf(error) }),
  );
  const [reason] = withheld;
  return reason === undefined ? outcome : { type: 'withheld', reason };
}

/** Makes the executor. `onEnd` must not throw. */
export function makeExecutor(ports: ExecutorPorts, nowMs: () => number, onEnd: (ended: Ended) => void): Executor {
  const queues = new Map<string, Queue>();
  let running = 0;
  let draining = false;
  let idle: (() => void)[] = [];

  function whyNot(work: IntentOf): string | null {
    if (draining) return 'the operator is stopping';
    if (!ports.mayAct()) return 'this process does not hold the Lease';
    return ports.epoch() === work.stamp.epoch ? null : `term ${work.stamp.epoch} is over`;
  }

  async function run(work: IntentOf, queue: Queue): Promise<void> {
    const started = nowMs();
    const outcome = await outcomeOf(work, ports, () => whyNot(work));
    running -= 1;
    queue.running -= 1;
    onEnd({ ...work, outcome, ms: nowMs() - started });
    pump();
  }

  function hasTurn({ running: own, waiting }: Queue): boolean {
    if (waiting.length === 0 || running >= inAll) return false;
    return own === 0 || (own < perCluster && running < sharedFreely);
  }

  function pump(): void {
    // Whoever gets a slot goes to the end, and is looked at again there.
    for (const [uid, queue] of queues) {
      const work = hasTurn(queue) ? queue.waiting.shift() : undefined;
      if (work === undefined && (queue.running > 0 || queue.waiting.length > 0)) continue;
      queues.delete(uid);
      if (work === undefined) continue;
      queues.set(uid, queue);
      running += 1;
      queue.running += 1;
      run(work, queue).catch(() => undefined);
    }
    if (running > 0) return;
    for (const wake of idle) wake();
    idle = [];
  }

  return {
    execute: (work) => {
      const queue = queues.get(work.cluster.uid) ?? { waiting: [], running: 0 };
      queues.set(work.cluster.uid, queue);
      queue.waiting.push(work);
      pump();
    },
    drain: () => {
      draining = true;
      return new Promise((resolve) => {
        idle.push(resolve);
        pump();
      });
    },
    inFlight: () => running,
  };
}
