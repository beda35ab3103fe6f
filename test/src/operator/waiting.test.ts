/** An operator that does not lead says why: whoever looks at its log must find what keeps it from working. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { readConfig } from '#src/config.ts';
import { openForWriting } from '#src/journal/database.ts';
import type { Answer, Http } from '#src/kube/request.ts';
import { startOperator, type Operator } from '#src/operator/operator.ts';
import { systemPorts } from '#src/system-ports.ts';

let folder: string;
/** A busy machine takes its time. */
const patience = { timeout: 20_000 };

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'waiting-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function refusal(message: string): Extract<Answer, { readonly type: 'refused' }> {
  return { type: 'refused', status: 403, reason: 'Forbidden', message, retryAfterMs: null, body: {} };
}

it('an operator that may not read its Lease, or not any more, says so, and once', async () => {
  let lease: Answer = refusal('leases is forbidden');
  const lane: Http = {
    send: async ({ path }) =>
      path.includes('/leases/') ? lease : { type: 'ok', body: { items: [], metadata: { resourceVersion: '1' } } },
    open: async () => ({ type: 'not-sent', because: 'nothing is watched here' }),
    close: async () => undefined,
  };
  const said: string[] = [];
  const ports = systemPorts();
  const operator = await startOperator({
    config: readConfig(
      [`--journal=${join(folder, 'journal.db')}`, '--http-address=127.0.0.1:0', '--api-address=127.0.0.1:0'],
      {},
    ),
    // Two seconds are a long time for a test.
    ports: { ...ports, ticks: { ...ports.ticks, after: (ms, run) => ports.ticks.after(ms / 100, run) } },
    log: pino({ base: null }, { write: (line) => void said.push(line) }),
    build: 'b',
    onFatal: (because) => void said.push(because),
    runInPod: () => Promise.reject(new Error('there are no pods')),
    openLane: () => lane,
  });
  const tellings = (words: string): number => said.filter((line) => line.includes(words)).length;
  await vi.waitFor(() => expect(tellings('leases is forbidden')).toBe(1), patience);
  const spec = { holderIdentity: 'another', leaseDurationSeconds: 15, renewTime: 'x' };
  lease = { type: 'ok', body: { metadata: { uid: 'u', resourceVersion: '1' }, spec } };
  await vi.waitFor(() => expect(tellings('another holds the Lease')).toBe(1), patience);
  lease = refusal('forbidden since');
  await vi.waitFor(() => expect(tellings('forbidden since')).toBe(1), patience);
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(tellings('forbidden since')).toBe(1);
  await operator.stop();
});

/** An operator whose only lane this is, a hundred times as impatient, and what keeps it from working. */
function startedOn(lane: Http): { readonly starting: Promise<Operator>; readonly troubles: () => readonly string[] } {
  const ports = systemPorts();
  let asked: () => readonly string[] = () => [];
  const starting = startOperator({
    config: readConfig([`--journal=${join(folder, 'journal.db')}`], {}),
    ports: { ...ports, ticks: { ...ports.ticks, after: (ms, run) => ports.ticks.after(ms / 100, run) } },
    log: pino({ level: 'silent' }),
    build: 'b',
    onFatal: () => undefined,
    runInPod: () => Promise.reject(new Error('there are no pods')),
    openLane: () => lane,
    serve: async ({ health }) => {
      asked = health.troubles;
      return { httpPort: 0, apiPort: 0, close: async () => undefined };
    },
  });
  return { starting, troubles: () => asked() };
}

it('health is told while the API server is away: whoever asks would end an operator that only waits', async () => {
  let isAway = true;
  const away: Answer = { type: 'not-sent', because: 'nobody is there' };
  const lane: Http = {
    send: async () => (isAway ? away : { type: 'ok', body: { items: [], metadata: { resourceVersion: '1' } } }),
    open: async () => away,
    close: async () => undefined,
  };
  const { starting, troubles } = startedOn(lane);
  await vi.waitFor(() => expect(troubles().join()).toContain('nobody is there'), patience);
  isAway = false;
  const operator = await starting;
  expect(troubles()).toEqual(['waiting for the Lease']);
  await operator.stop();
});

it('a term whose Lease is lost before it has begun is given up, whatever it waits for', async () => {
  let lists: Answer = { type: 'ok', body: { items: [], metadata: { resourceVersion: '1' } } };
  let lease: Answer = { ...refusal('there is none'), status: 404 };
  const lane: Http = {
    send: async ({ method, path }) => {
      if (!path.includes('/leases')) return lists;
      return method === 'GET' ? lease : { type: 'ok', body: {} };
    },
    open: async () => ({ type: 'not-sent', because: 'nothing is watched here' }),
    close: async () => undefined,
  };
  const { starting, troubles } = startedOn(lane);
  const operator = await starting;
  lists = { ...refusal('clusters is forbidden'), status: 403 };
  await vi.waitFor(() => expect(troubles().join()).toContain('clusters is forbidden'), patience);
  const spec = { holderIdentity: 'another', leaseDurationSeconds: 15, renewTime: 'x' };
  lease = { type: 'ok', body: { metadata: { uid: 'u', resourceVersion: '1' }, spec } };
  await vi.waitFor(() => expect(troubles()).toEqual(['waiting for the Lease']), patience);
  await operator.stop();
});

it('a journal of a newer format is refused before anything is served or asked for', async () => {
  const path = join(folder, 'journal.db');
  const db = openForWriting(path);
  db.pragma('user_version = 99');
  db.close();
  const asked: string[] = [];
  const note = (what: string) => async (): Promise<never> => {
    asked.push(what);
    throw new Error(what);
  };
  const starting = startOperator({
    config: readConfig([`--journal=${path}`], {}),
    ports: systemPorts(),
    log: pino({ level: 'silent' }),
    build: 'b',
    onFatal: () => undefined,
    runInPod: note('a command'),
    openLane: () => ({ send: note('a request'), open: note('a watch'), close: async () => undefined }),
    serve: note('a server'),
  });
  await expect(starting).rejects.toMatchObject({
    message: `${path} has journal format 99, this build reads up to 1`,
    hint: 'run a build at least as new as the one that wrote it',
  });
  expect(asked).toEqual([]);
});

it('a journal that cannot be opened ends the operator with what to do about it', async () => {
  const made: Answer = { type: 'ok', body: {} };
  const absent: Answer = { ...refusal('there is none'), status: 404 };
  const lane: Http = {
    send: async ({ method, path }) =>
      method !== 'GET'
        ? made
        : path.includes('/leases/') || path.includes('/secrets/')
          ? absent
          : { type: 'ok', body: { items: [], metadata: { resourceVersion: '1' } } },
    open: async () => ({ type: 'not-sent', because: 'nothing is watched here' }),
    close: async () => undefined,
  };
  const fatal: string[] = [];
  const operator = await startOperator({
    config: readConfig([`--journal=${folder}`, '--http-address=127.0.0.1:0', '--api-address=127.0.0.1:0'], {}),
    ports: systemPorts(),
    log: pino({ level: 'silent' }),
    build: 'b',
    onFatal: (because) => void fatal.push(because),
    runInPod: () => Promise.reject(new Error('there are no pods')),
    openLane: () => lane,
  });
  await vi.waitFor(() => expect(fatal.join()).toContain('give this user the right to write the file'), patience);
  await operator.stop();
});
