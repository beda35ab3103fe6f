/** One term after another in the same process: nothing of the earlier one holds, and nothing is told of what nobody looked at. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BehaviorSubject } from 'rxjs';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { readConfig } from '#src/config.ts';
import { kubeOver } from '#src/kube/api.ts';
import type { Answer, Http } from '#src/kube/request.ts';
import { makeLog } from '#src/log.ts';
import { beginTerm, type Term, type TermPorts } from '#src/operator/term.ts';
import { makeMetrics } from '#src/status/metrics.ts';
import type { Ports } from '#src/ports.ts';
import { systemPorts } from '#src/system-ports.ts';
import { openAlone } from '#src/journal/database.ts';
import { dumpOfFile, fillLikeAnOperator, manualTicks, opened } from '../journal/journals.ts';

let folder: string;
let path: string;
const terms: Term[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'term-'));
  path = join(folder, 'journal.db');
});
afterEach(async () => {
  for (const term of terms.splice(0)) {
    await term.quiet();
    term.close();
  }
  rmSync(folder, { recursive: true });
});

/** An API server on which there is nothing, and nothing happens. */
const empty: Http = {
  send: async () => ({ type: 'ok', body: { items: [], metadata: { resourceVersion: '1' } } }),
  open: ({ signal }) =>
    new Promise((resolve) => {
      signal?.addEventListener('abort', () => resolve({ type: 'not-sent', because: 'the watch has ended' }));
    }),
  close: async () => undefined,
};

class Over extends Error {}

async function begun(
  writable: BehaviorSubject<boolean>,
  flags: readonly string[] = [],
  metrics = makeMetrics(),
  { ports = systemPorts(), ...other }: Partial<TermPorts> & { readonly ports?: Ports } = {},
): Promise<Term> {
  const fatal: string[] = [];
  const term = await beginTerm(
    {
      options: {
        config: readConfig([`--journal=${path}`, ...flags], {}),
        ports,
        log: makeLog('silent'),
        build: 'b',
        onFatal: (because) => void fatal.push(because),
      },
      kube: kubeOver(empty),
      runInPod: () => Promise.reject(new Error('there are no pods')),
      metrics,
      lease: { mayAct: () => true, epoch: () => 2 },
      writable,
      isOver: () => false,
      onWaiting: () => undefined,
      ...other,
    },
    { epoch: 2, previous: null },
  );
  expect(fatal).toEqual([]);
  if (term === null) throw new Over('the term was over before it began');
  terms.push(term);
  return term;
}

it('a term after one that ended with a journal that could not be written is judged by its own journal', async () => {
  const writable = new BehaviorSubject(false);
  const { journal } = await begun(writable);
  expect(journal.writer.isWritable()).toBe(true);
  expect(writable.value).toBe(true);
});

it('a cluster of a namespace that is not watched is not told gone', async () => {
  const ticks = manualTicks();
  const { journal: before } = opened(path, ticks);
  for (const namespace of ['watched', 'elsewhere'])
    before.writer.append({
      cluster: { uid: `uid-${namespace}`, namespace, name: 'shop' },
      epoch: 1,
      at: 1,
      kind: 'gap',
      type: 'JournalLost',
      typeVersion: 1,
      maskVersion: 1,
      causedBy: null,
      body: '{"because":"a test","anchor":null,"previous":null}',
    });
  ticks.run();
  before.close();
  const { journal } = await begun(new BehaviorSubject(true), ['--namespaces=watched']);
  const typesOf = (uid: string): readonly string[] => journal.reader.rows({ uid }).map(({ type }) => type);
  await vi.waitFor(() => expect(typesOf('uid-watched')).toContain('ClusterGone'), { timeout: 10_000 });
  expect(typesOf('uid-elsewhere')).toEqual(['JournalLost']);
});

it('of clusters that somebody else leads no metric tells any more', async () => {
  const metrics = makeMetrics();
  const term = await begun(new BehaviorSubject(true), [], metrics);
  metrics.clusters.set({ phase: 'Failed' }, 3);
  metrics.editWars.set(1);
  await term.quiet();
  expect(await metrics.registry.metrics()).not.toMatch(/^postgres_operator_(clusters\{|edit_wars [^0])/m);
});

describe('a journal that takes longer to verify than the Lease lasts', () => {
  beforeEach(() => {
    const ticks = manualTicks();
    const { journal } = opened(path, ticks);
    fillLikeAnOperator(journal, ticks, 3000);
    journal.close();
  });

  /** Between two looks at the clock each takes longer than anybody may wait. */
  function slowPorts(): ReturnType<typeof systemPorts> {
    const ports = systemPorts();
    let now = 0;
    return { ...ports, clock: { ...ports.clock, monotonicMs: () => (now += 1000) } };
  }

  it('leaves everybody else his turn meanwhile, and says how far it has come', async () => {
    const said: string[] = [];
    let turns = 0;
    // What renews a Lease and answers a probe.
    let isGoing = true;
    const others = (): void => {
      turns += 1;
      if (isGoing) setImmediate(others);
    };
    setImmediate(others);
    const term = await begun(new BehaviorSubject(true), [], makeMetrics(), {
      ports: slowPorts(),
      onWaiting: (because) => {
        said.push(because);
      },
    });
    isGoing = false;
    expect(said.length).toBeGreaterThan(5);
    expect(turns).toBeGreaterThanOrEqual(said.length);
    expect(said.some((words) => /^the journal is being verified: \d+ of 3000 rows$/.test(words))).toBe(true);
    expect(term.journal.verify().damage).toEqual([]);
  });

  it('is left as it was where the Lease is lost meanwhile', async () => {
    const before = dumpOfFile(path);
    let waited = 0;
    const over = begun(new BehaviorSubject(true), [], makeMetrics(), {
      ports: slowPorts(),
      onWaiting: () => {
        waited += 1;
      },
      isOver: () => waited > 3,
    });
    await expect(over).rejects.toThrow(Over);
    // Nobody has it open any more, and nothing was added.
    openAlone(path).close();
    expect(dumpOfFile(path) === before).toBe(true);
  });
});

it('a namespace that may not be listed keeps no other one waiting, and is asked what it knows before its clusters are', async () => {
  let isForbidden = true;
  const forbidden: Answer = {
    type: 'refused',
    status: 403,
    reason: 'Forbidden',
    message: 'postgresclusters is forbidden in b',
    retryAfterMs: null,
    body: {},
  };
  const asked: string[] = [];
  const anchored = {
    metadata: { name: 'shop', namespace: 'b', uid: 'uid-b', resourceVersion: '1' },
    status: { journal: { epoch: 1, seq: 7, head: 'h' } },
  };
  const kube = kubeOver({
    ...empty,
    send: async (raw) => {
      asked.push(raw.path);
      if (!raw.path.includes('/namespaces/b/postgresclusters')) return empty.send(raw);
      return isForbidden ? forbidden : { type: 'ok', body: { items: [anchored], metadata: { resourceVersion: '1' } } };
    },
  });
  const real = systemPorts();
  const ports = {
    ...real,
    ticks: { ...real.ticks, after: (ms: number, run: () => void) => real.ticks.after(ms / 100, run) },
  };
  const { journal } = await begun(new BehaviorSubject(true), ['--namespaces=a,b'], makeMetrics(), { ports, kube });
  await vi.waitFor(() => expect(asked.some((path) => path.includes('/namespaces/a/pods'))).toBe(true), {
    timeout: 10_000,
  });
  expect(asked.some((path) => path.includes('/namespaces/b/pods'))).toBe(false);
  isForbidden = false;
  await vi.waitFor(() => expect(asked.some((path) => path.includes('/namespaces/b/pods'))).toBe(true), {
    timeout: 10_000,
  });
  await vi.waitFor(() => expect(journal.reader.gaps('uid-b')).toHaveLength(1), { timeout: 10_000 });
});
