/** Holds and the plan of a prune over the operator's loopback API, as pgc asks it; and who may not change anything there. */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { apiSource } from '#src/cli/source.ts';
import type { Journal } from '#src/journal/journal.ts';
import { openHttp, type HttpServers } from '#src/operator/http.ts';
import { makeMetrics } from '#src/status/metrics.ts';
import { clusterOf, fillLikeAnOperator, manualTicks, opened } from '../journal/journals.ts';

const address = { host: '127.0.0.1', port: 0 };
let folder: string;
let journal: Journal;
let http: HttpServers;
let base: string;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'holds-'));
  const ticks = manualTicks();
  journal = opened(join(folder, 'journal.db'), ticks).journal;
  fillLikeAnOperator(journal, ticks, 40);
  http = await openHttp(
    {
      metrics: makeMetrics(),
      health: { troubles: () => [] },
      journal: () => journal,
      actors: () => null,
      build: 'b',
      keep: { ageMs: 1, bytes: Infinity },
    },
    { http: address, api: address },
  );
  base = `http://127.0.0.1:${http.apiPort}`;
});
afterEach(async () => {
  await http.close();
  journal.close();
  rmSync(folder, { recursive: true });
});

it('takes holds, lists them and ends them; rows without a base row never go', async () => {
  const { retention } = apiSource(base);
  const { uid, namespace, name } = clusterOf(0);
  const range = { fromMs: 1, untilMs: 2, because: 'case 7' };
  const id = await retention.hold(uid, range);
  expect(await retention.holds()).toEqual([{ id, uid, namespace, name, ...range }]);
  expect(await retention.plan(null)).toEqual({ cuts: [], held: [], ticksFrom: null });
  expect(await retention.release(id)).toBe(true);
  expect(await retention.release(id)).toBe(false);
  expect(await retention.holds()).toEqual([]);
  await expect(retention.hold('nobody', range)).rejects.toThrow('nobody is not known here');
  await expect(retention.hold(uid, { ...range, untilMs: 0 })).rejects.toThrow('a hold needs');
  await expect(retention.prune(null)).rejects.toThrow('prunes its journal by itself');
  expect(journal.verify().damage).toEqual([]);
});

it('takes words that come in pieces, cut anywhere', async () => {
  const { uid } = clusterOf(0);
  const body = Buffer.from(JSON.stringify({ uid, fromMs: 1, untilMs: 2, because: 'Störung in Köln' }));
  const sent = request({
    ...{ host: '127.0.0.1', port: http.apiPort, method: 'POST', path: '/api/holds' },
    headers: { 'content-type': 'application/json', 'content-length': body.length },
  });
  const middle = body.indexOf(0xc3) + 1;
  sent.write(body.subarray(0, middle));
  await new Promise((resolve) => setTimeout(resolve, 50));
  sent.end(body.subarray(middle));
  await once(sent, 'response');
  expect((await apiSource(base).retention.holds()).map(({ because }) => because)).toEqual(['Störung in Köln']);
});

it('takes no hold over a moment that no date can name: whoever lists holds would fail', async () => {
  const { retention } = apiSource(base);
  const { uid } = clusterOf(0);
  const last = 8_640_000_000_000_000;
  for (const range of [
    { fromMs: 1, untilMs: last + 1 },
    { fromMs: -last - 1, untilMs: 1 },
  ]) {
    await expect(retention.hold(uid, { ...range, because: 'case 8' })).rejects.toThrow('no date can name');
    expect(() => journal.pruner.hold(uid, { ...range, because: 'case 8' })).toThrow('no date can name');
  }
  const id = await retention.hold(uid, { fromMs: -last, untilMs: last, because: 'case 9' });
  expect((await retention.holds()).map((hold) => hold.id)).toEqual([id]);
});

it.each<readonly [string, string, RequestInit]>([
  ['a page of another origin', '/api/holds/1', { method: 'DELETE', headers: { origin: 'http://elsewhere' } }],
  ['a form', '/api/holds', { method: 'POST', body: 'uid=1', headers: { 'content-type': 'text/plain' } }],
  ['a change of anything else', '/api/clusters', { method: 'DELETE' }],
])('refuses %s', async (_, path, init) => {
  expect((await fetch(new URL(path, base), init)).status).toBe(403);
});
