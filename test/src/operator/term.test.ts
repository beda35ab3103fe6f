/** One term after another in the same process: nothing of the earlier one holds, and nothing is told of what nobody looked at. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BehaviorSubject } from 'rxjs';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { readConfig } from '#src/config.ts';
import { kubeOver } from '#src/kube/api.ts';
import type { Http } from '#src/kube/request.ts';
import { makeLog } from '#src/log.ts';
import { beginTerm, type Term } from '#src/operator/term.ts';
import { makeMetrics } from '#src/status/metrics.ts';
import { systemPorts } from '#src/system-ports.ts';
import { manualTicks, opened } from '../journal/journals.ts';

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

async function begun(
  writable: BehaviorSubject<boolean>,
  flags: readonly string[] = [],
  metrics = makeMetrics(),
): Promise<Term> {
  const fatal: string[] = [];
  const term = await beginTerm(
    {
      options: {
        config: readConfig([`--journal=${path}`, ...flags], {}),
        ports: systemPorts(),
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
    },
    { epoch: 2, previous: null },
  );
  expect(fatal).toEqual([]);
  if (term === null) throw new Error('the term was over before it began');
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
