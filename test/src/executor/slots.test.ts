/** Clusters whose requests hang, and what that costs the others: their turn comes all the same. */
import { expect, it } from 'vitest';
import type { IntentRecord } from '#src/decision/record.ts';
import { makeExecutor, type Executor, type IntentOf } from '#src/executor/executor.ts';
import type { Answer } from '#src/kube/request.ts';

const intent: IntentRecord = {
  ordinal: 0,
  type: 'DeleteObject',
  class: 'D',
  target: { kind: 'Service', name: 's' },
  because: 'test',
  request: { type: 'api', method: 'DELETE', path: '/x', query: {}, contentType: null, body: null, generated: [] },
};

function workOf(uid: string, seq: number): IntentOf {
  return { cluster: { uid, namespace: 'n', name: uid }, stamp: { epoch: 1, seq, at: 0 }, intent };
}

/** Until what can be sent was sent. */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/** An executor whose requests are answered when the test says so. */
function slowExecutor(): {
  readonly executor: Executor;
  readonly sent: string[];
  readonly answer: (uid: string) => Promise<void>;
} {
  const sent: string[] = [];
  const open: { readonly uid: string; readonly resolve: (answer: Answer) => void }[] = [];
  const executor = makeExecutor(
    {
      send: ({ auditId }) =>
        new Promise((resolve) => {
          const uid = auditId?.split('-')[0] ?? '';
          sent.push(uid);
          open.push({ uid, resolve });
        }),
      get: () => Promise.reject(new Error('nothing is read')),
      runInPod: () => Promise.reject(new Error('there are no pods')),
      project: () => null,
      ownership: () => ({ ownedHash: null, foreign: [] }),
      mayAct: () => true,
      epoch: () => 1,
      digest: () => null,
      head: () => null,
      chance: { fraction: () => 0, bytes: (length) => new Uint8Array(length) },
      crash: { hit: () => undefined },
    },
    () => 0,
    () => undefined,
  );
  return {
    executor,
    sent,
    answer: async (uid) => {
      const index = open.findIndex((each) => each.uid === uid);
      const [found] = open.splice(index, 1);
      found?.resolve({ type: 'ok', body: {} });
      await turn();
    },
  };
}

it('three clusters whose requests hang leave room for a fourth', async () => {
  const { executor, sent } = slowExecutor();
  for (const uid of ['a', 'b', 'c']) for (let seq = 1; seq <= 40; seq += 1) executor.execute(workOf(uid, seq));
  executor.execute(workOf('d', 1));
  await turn();
  expect(sent).toContain('d');
});

it('ten clusters whose requests hang leave room for an eleventh', async () => {
  const { executor, sent } = slowExecutor();
  for (let cluster = 0; cluster < 10; cluster += 1)
    for (let seq = 1; seq <= 40; seq += 1) executor.execute(workOf(`hangs${cluster}`, seq));
  executor.execute(workOf('d', 1));
  await turn();
  expect(sent).toContain('d');
});

it('one cluster alone has no more than its share, and all of it', async () => {
  const { executor, sent } = slowExecutor();
  for (let seq = 1; seq <= 40; seq += 1) executor.execute(workOf('a', seq));
  await turn();
  expect(sent).toHaveLength(12);
});

it('a slot that comes free goes to whoever has waited, not to the one that had it', async () => {
  const { executor, sent, answer } = slowExecutor();
  for (let cluster = 0; cluster < 40; cluster += 1)
    for (let seq = 1; seq <= 2; seq += 1) executor.execute(workOf(`c${cluster}`, seq));
  await turn();
  const without = Array.from({ length: 40 }, (_, cluster) => `c${cluster}`).filter((uid) => !sent.includes(uid));
  expect(without.length).toBeGreaterThan(0);
  for (const uid of [...sent]) await answer(uid);
  expect(without.filter((uid) => !sent.includes(uid))).toEqual([]);
});
