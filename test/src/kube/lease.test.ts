/** One leader at a time, and a term that only rises: two and more holders on one Lease, with clocks of their own. */
import { afterEach, describe, expect, it } from 'vitest';
import type { WireRequest } from '#src/kube/api.ts';
import { actingMs, deadlines, leaseDurationMs } from '#src/kube/deadlines.ts';
import { holdLease, type LeaseHandle, type OperatorHead } from '#src/kube/lease.ts';
import type { Answer } from '#src/kube/request.ts';
import { virtualTime, type VirtualTime } from '../stream/virtual-time.ts';

interface LeaseBody {
  readonly metadata: {
    readonly uid?: string;
    readonly resourceVersion?: string;
    readonly annotations: Readonly<Record<string, string>>;
  };
  readonly spec: { readonly holderIdentity: string; readonly renewTime: string; readonly leaseTransitions: number };
}

interface Store {
  lease: LeaseBody | null;
  version: number;
  readonly writes: WireRequest[];
}

const conflict: Extract<Answer, { type: 'refused' }> = {
  type: 'refused',
  status: 409,
  reason: 'Conflict',
  message: 'the object has been modified',
  retryAfterMs: null,
  body: null,
};
const absent: Answer = { ...conflict, status: 404, reason: 'NotFound', message: 'not found' };
const lost: Answer = { type: 'unknown', because: 'no answer' };

/**
 * As an API server keeps one Lease: creation once, replacement only of the version that was read. One that is gone is made anew
 * by a replacement, unless it names a uid (`stop.test.ts` asks a real one).
 */
function written(store: Store, request: WireRequest): Answer {
  store.writes.push(request);
  const body = JSON.parse(request.body ?? '') as LeaseBody;
  if (request.method === 'POST' && store.lease !== null) return { ...conflict, reason: 'AlreadyExists' };
  const { uid, resourceVersion } = body.metadata;
  if (request.method === 'PUT' && uid !== undefined && uid !== store.lease?.metadata.uid) return conflict;
  if (request.method === 'PUT' && store.lease !== null && resourceVersion !== String(store.version)) return conflict;
  store.version += 1;
  const made = { uid: store.lease?.metadata.uid ?? `uid-${store.version}`, resourceVersion: String(store.version) };
  store.lease = { ...body, metadata: { annotations: body.metadata.annotations, ...made } };
  return { type: 'ok', body: store.lease };
}

interface Holder extends LeaseHandle {
  readonly time: VirtualTime;
  readonly told: readonly string[];
  /** Terms that began, with the holder and the head that the Lease named before; and terms that were over. */
  readonly terms: readonly string[];
  /** How this holder's requests fare; null is well. `answer-lost` writes and loses the answer. */
  fault: 'unreachable' | 'answer-lost' | 'refused' | null;
  beforeWrite: () => void | Promise<void>;
}

let holders: Holder[] = [];

afterEach(() => {
  holders = [];
});

function holder(
  store: Store,
  name: string,
  epochAtLeast: number = 0,
  operatorHead: () => OperatorHead | null = () => ({ seq: 7, head: 'abc' }),
): Holder {
  const time = virtualTime();
  const told: string[] = [];
  const terms: string[] = [];
  const state: Pick<Holder, 'fault' | 'beforeWrite'> = { fault: null, beforeWrite: () => undefined };
  const handle = holdLease(
    {
      get: async () => {
        if (state.fault === 'unreachable') return lost;
        return store.lease === null ? absent : { type: 'ok', body: store.lease };
      },
      send: async (request) => {
        await state.beforeWrite();
        if (state.fault === 'refused') return conflict;
        const answer = written(store, request);
        return state.fault === 'answer-lost' ? lost : answer;
      },
      clock: time.clock,
      ticks: time.ticks,
      crash: { hit: () => undefined },
    },
    {
      namespace: 'ns',
      name: 'operator',
      holder: name,
      epochAtLeast,
      operatorHead,
      onChange: (change) => void told.push(change),
      onTerm: ({ epoch, previous }) =>
        void terms.push(
          previous === null
            ? `${epoch}`
            : `${epoch} after ${previous.epoch} of ${previous.holder} at ${previous.head.seq}/${previous.head.head}`,
        ),
      onOver: () => void terms.push('over'),
    },
  );
  const made = Object.assign(state, handle, { time, told, terms });
  holders.push(made);
  return made;
}

/** Lets time pass for all holders, each by its own clock, half a second at a time. */
async function pass(ms: number, whom: readonly Holder[] = holders): Promise<void> {
  for (let spent = 0; spent <= ms; spent += 500) {
    for (const each of whom) each.time.advance(spent === 0 ? 0 : 500);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function freshStore(): Store {
  return { lease: null, version: 1, writes: [] };
}

const epochOf = (store: Store): number => Number(store.lease?.metadata.annotations['postgres.example.com/epoch']);

describe('taking', () => {
  it('creates the Lease, begins term 1, and tells the operator chain’s head', async () => {
    const store = freshStore();
    const a = holder(store, 'a');
    await pass(0);
    expect([a.terms, a.epoch(), a.mayAct(), epochOf(store)]).toEqual([['1'], 1, true, 1]);
    expect(store.lease?.metadata.annotations['postgres.example.com/operator-head']).toBe('7/abc');
  });

  it('writes times with six digits, as the API server demands', async () => {
    const store = freshStore();
    holder(store, 'a');
    await pass(0);
    expect(store.lease?.spec.renewTime).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
  });

  it('renews within the term and keeps the epoch', async () => {
    const store = freshStore();
    const a = holder(store, 'a');
    await pass(60_000);
    expect([a.epoch(), a.mayAct()]).toEqual([1, true]);
    expect(store.writes.length).toBeGreaterThan(25);
  });

  it('only one of two that see no Lease gets it', async () => {
    const store = freshStore();
    const [a, b] = [holder(store, 'a'), holder(store, 'b')];
    await pass(30_000);
    expect([a.mayAct(), b.mayAct()].filter(Boolean)).toHaveLength(1);
  });

  it('the same holder takes its Lease again at once, as a new term', async () => {
    const store = freshStore();
    const before = holder(store, 'a');
    await pass(4000);
    holders = [];
    const after = holder(store, 'a');
    await pass(0);
    expect([before.epoch(), after.epoch(), after.mayAct()]).toEqual([1, 2, true]);
  });
});

describe('losing', () => {
  it('acting stops in time for what was begun to end before anybody else may hold the Lease', async () => {
    expect(actingMs + deadlines.sendMs).toBeLessThanOrEqual(leaseDurationMs);
    const store = freshStore();
    const a = holder(store, 'a');
    await pass(0);
    a.fault = 'unreachable';
    a.time.spend(actingMs - 1);
    expect(a.mayAct()).toBe(true);
    a.time.spend(1);
    expect(a.mayAct()).toBe(false);
  });

  it('a foreign holder is believed at once', async () => {
    const store = freshStore();
    const a = holder(store, 'a');
    await pass(0);
    if (store.lease !== null) store.lease = { ...store.lease, spec: { ...store.lease.spec, holderIdentity: 'b' } };
    await pass(2000);
    expect(a.mayAct()).toBe(false);
    expect(a.told).toContain('lost');
  });

  it('a leader that comes back in time goes on with its term, and says so', async () => {
    const store = freshStore();
    const a = holder(store, 'a');
    await pass(0);
    a.fault = 'unreachable';
    await pass(12_000);
    expect([a.mayAct(), a.told.at(-1)]).toEqual([false, 'waiting']);
    a.fault = null;
    await pass(2000);
    expect([a.mayAct(), a.epoch(), a.told.at(-1)]).toEqual([true, 1, 'held']);
  });

  it('a conflict on renewal costs nothing when the next one works', async () => {
    const store = freshStore();
    const a = holder(store, 'a');
    await pass(0);
    a.fault = 'refused';
    await pass(4000);
    expect(a.mayAct()).toBe(true);
    a.fault = null;
    await pass(10_000);
    expect([a.mayAct(), a.epoch()]).toEqual([true, 1]);
  });

  it('a term whose answer was lost is not begun; the next one is above it', async () => {
    const store = freshStore();
    const a = holder(store, 'a');
    a.fault = 'answer-lost';
    await pass(0);
    expect([a.mayAct(), epochOf(store)]).toEqual([false, 1]);
    a.fault = null;
    await pass(2000);
    expect([a.mayAct(), a.epoch(), epochOf(store)]).toEqual([true, 2, 2]);
  });
});

describe('take-over', () => {
  it('waits until the Lease stood still for its duration, then begins a higher term', async () => {
    const store = freshStore();
    const [a, b] = [holder(store, 'a'), holder(store, 'b')];
    await pass(4000);
    a.fault = 'unreachable';
    await pass(12_000);
    expect([a.mayAct(), b.mayAct()]).toEqual([false, false]);
    await pass(6000);
    expect([a.mayAct(), b.mayAct(), b.epoch()]).toEqual([false, true, 2]);
    expect(a.terms).toEqual(['1']);
    a.fault = null;
    await pass(6000);
    expect([a.mayAct(), b.mayAct()]).toEqual([false, true]);
    expect([a.terms, b.terms]).toEqual([['1', 'over'], ['2 after 1 of a at 7/abc']]);
  });

  it('back and forth: each taking is a term of its own, told once, and names the one before', async () => {
    const store = freshStore();
    const [a, b] = [holder(store, 'a'), holder(store, 'b')];
    await pass(0);
    for (const silent of [a, b, a]) {
      silent.fault = 'unreachable';
      await pass(20_000);
      silent.fault = null;
      await pass(4000);
    }
    expect(a.terms).toEqual(['1', 'over', '3 after 2 of b at 7/abc', 'over']);
    expect(b.terms).toEqual(['2 after 1 of a at 7/abc', 'over', '4 after 3 of a at 7/abc']);
  });

  it('what the one before had written stays in the Lease until there is a journal to tell of', async () => {
    const store = freshStore();
    holder(store, 'a');
    await pass(0);
    holders = [];
    const b = holder(store, 'b', 0, () => null);
    await pass(20_000);
    expect(b.terms).toEqual(['2 after 1 of a at 7/abc']);
    expect(store.lease?.metadata.annotations['postgres.example.com/operator-head']).toBe('7/abc');
  });

  it('never two at once, whenever the leader falls silent and comes back', async () => {
    for (let silentMs = 500; silentMs <= 24_000; silentMs += 1500) {
      holders = [];
      const store = freshStore();
      const [a, b] = [holder(store, 'a'), holder(store, 'b')];
      let last = 0;
      for (let at = 0; at < 40_000; at += 500) {
        a.fault = at >= 5000 && at < 5000 + silentMs ? 'unreachable' : null;
        await pass(500);
        expect([a, b].filter((each) => each.mayAct()).length).toBeLessThan(2);
        expect(epochOf(store)).toBeGreaterThanOrEqual(last);
        last = epochOf(store);
      }
    }
  });

  it.each([-3_600_000, 3_600_000])('is the same with a wall clock %i ms wrong', async (skewMs) => {
    const store = freshStore();
    const [a, b] = [holder(store, 'a'), holder(store, 'b')];
    b.time.setWall(b.time.clock.nowMs() + skewMs);
    await pass(60_000);
    expect([a.mayAct(), b.mayAct(), epochOf(store)]).toEqual([true, false, 1]);
    a.fault = 'unreachable';
    await pass(13_000);
    expect(b.mayAct()).toBe(false);
    await pass(6000);
    expect([b.mayAct(), b.epoch()]).toEqual([true, 2]);
  });

  it('a leader paused between reading and writing is refused by the version', async () => {
    const store = freshStore();
    const [a, b] = [holder(store, 'a'), holder(store, 'b')];
    await pass(0);
    a.beforeWrite = () => {
      store.version += 1;
      if (store.lease === null) return;
      store.lease = {
        metadata: { ...store.lease.metadata, resourceVersion: String(store.version) },
        spec: { ...store.lease.spec, holderIdentity: 'b' },
      };
    };
    a.time.spend(20_000);
    await pass(2000, [a]);
    expect([a.mayAct(), store.lease?.spec.holderIdentity]).toEqual([false, 'b']);
    expect(b.mayAct()).toBe(false);
  });
});

describe('the epoch only rises', () => {
  it('above what statuses and journal know', async () => {
    const store = freshStore();
    const a = holder(store, 'a', 41);
    await pass(0);
    expect(a.epoch()).toBe(42);
  });

  it('when the Lease is deleted under its holder', async () => {
    const store = freshStore();
    const a = holder(store, 'a');
    await pass(0);
    store.lease = null;
    await pass(2000);
    expect([a.epoch(), a.mayAct(), epochOf(store)]).toEqual([2, true, 2]);
    expect(a.terms).toEqual(['1', '2']);
  });

  it('when the Lease is deleted between the look at it and its renewal', async () => {
    const store = freshStore();
    const a = holder(store, 'a');
    await pass(0);
    a.beforeWrite = () => {
      a.beforeWrite = () => undefined;
      store.lease = null;
    };
    await pass(4000);
    expect([a.epoch(), a.mayAct(), epochOf(store)]).toEqual([2, true, 2]);
    expect(a.terms).toEqual(['1', '2']);
  });

  it('when the Lease is deleted and a standby, that only ever saw it, takes the next', async () => {
    const store = freshStore();
    const a = holder(store, 'a', 41);
    await pass(0);
    const b = holder(store, 'b');
    await pass(4000);
    holders = [b];
    store.lease = null;
    await pass(2000);
    expect([a.epoch(), b.epoch()]).toEqual([42, 43]);
  });

  it('when somebody takes our annotation off', async () => {
    const store = freshStore();
    const a = holder(store, 'a', 41);
    await pass(0);
    if (store.lease !== null) store.lease = { ...store.lease, metadata: { ...store.lease.metadata, annotations: {} } };
    await pass(2000);
    expect(a.epoch()).toBe(43);
  });
});

describe('giving back', () => {
  it('lets the next one begin at once, and acts no more', async () => {
    const store = freshStore();
    const [a, b] = [holder(store, 'a'), holder(store, 'b')];
    await pass(0);
    await a.release();
    expect([a.mayAct(), store.lease?.spec.holderIdentity]).toEqual([false, '']);
    await pass(2000);
    expect([a.mayAct(), b.mayAct(), b.epoch()]).toEqual([false, true, 2]);
  });

  it('a renewal that is on its way does not take it again', async () => {
    const store = freshStore();
    const a = holder(store, 'a');
    await pass(0);
    let arrive = (): void => undefined;
    const onItsWay = new Promise<void>((resolve) => (arrive = resolve));
    a.beforeWrite = () => {
      a.beforeWrite = async () => {
        arrive();
        await new Promise((resolve) => setImmediate(resolve));
      };
      return onItsWay;
    };
    a.time.advance(2000);
    await new Promise((resolve) => setImmediate(resolve));
    setTimeout(arrive, 20);
    await a.release();
    await pass(10_000);
    expect([a.mayAct(), store.lease?.spec.holderIdentity]).toEqual([false, '']);
  });

  it('does not touch the Lease of somebody else', async () => {
    const store = freshStore();
    const a = holder(store, 'a');
    await pass(0);
    if (store.lease !== null) store.lease = { ...store.lease, spec: { ...store.lease.spec, holderIdentity: 'b' } };
    await a.release();
    expect(store.lease?.spec.holderIdentity).toBe('b');
  });
});
