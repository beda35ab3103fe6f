/**
 * The operator's two servers under requests that are none, journals that are damaged or long, and readers that are slow: none
 * of them ends the process, and what an answer costs does not grow with the journal.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { get, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readExport } from '#src/cli/export-file.ts';
import { apiSource } from '#src/cli/source.ts';
import { exportLines } from '#src/export/ndjson.ts';
import type { Journal } from '#src/journal/journal.ts';
import { sha256 } from '#src/journal/record.ts';
import type { VerifyReport } from '#src/journal/verify.ts';
import { openHttp, type HttpServers } from '#src/operator/http.ts';
import { makeMetrics } from '#src/status/metrics.ts';
import { clusterOf, manualTicks, opened, type ManualTicks } from '../journal/journals.ts';

const address = { host: '127.0.0.1', port: 0 };
const cluster = clusterOf(0);
const path = `/api/clusters/${cluster.namespace}/${cluster.name}`;
let folder: string;
let ticks: ManualTicks;
let journal: Journal;
let http: HttpServers;
/** Rows that the servers have read of the journal. */
let pulled: number;
/** How it is verified instead; null: as it is. */
let stepping: Journal['verifyInSteps'] | null;
/** What the journal says instead of rows after so many; null: it gives them all. */
let failure: { readonly afterSeq: number; readonly because: string } | null;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'http-'));
  ticks = manualTicks();
  journal = opened(join(folder, 'journal.db'), ticks).journal;
  pulled = 0;
  [failure, stepping] = [null, null];
  const counting: Journal = {
    ...journal,
    verifyInSteps: () => (stepping ?? journal.verifyInSteps)(),
    reader: {
      ...journal.reader,
      rows: (filter) => {
        if (failure !== null && (filter.afterSeq ?? 0) >= failure.afterSeq) throw new Error(failure.because);
        const rows = journal.reader.rows(filter);
        pulled += rows.length;
        return rows;
      },
    },
  };
  http = await openHttp(
    {
      metrics: makeMetrics(),
      health: { troubles: () => [] },
      journal: () => counting,
      actors: () => null,
      build: 'b',
      keep: { ageMs: Infinity, bytes: Infinity },
    },
    { http: address, api: address },
  );
});

afterEach(async () => {
  await http.close();
  journal.close();
  rmSync(folder, { recursive: true });
});

function append(rows: number, body: (index: number) => string, type = 'PodSeen'): void {
  for (let index = 0; index < rows; index += 1)
    journal.writer.append({
      cluster,
      epoch: 1,
      at: 1_700_000_000_000 + index,
      kind: 'observation',
      type,
      typeVersion: 1,
      maskVersion: 1,
      causedBy: null,
      body: body(index),
    });
  ticks.run();
}

/** More than the sockets of both sides and the system between them take up: 32 MB. */
function fill(): number {
  const rows = 2000;
  append(rows, (index) => JSON.stringify({ index, text: 'x'.repeat(16_000) }));
  return rows;
}

/** Status of the answer to a request as it stands here, which no client would send. */
function statusOf(port: number, lines: readonly string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(`${lines.join('\r\n')}\r\n\r\n`));
    socket.once('data', (answer) => {
      socket.destroy();
      resolve(Number(/^HTTP\/1\.1 (\d+)/.exec(String(answer))?.[1]));
    });
    socket.once('error', reject);
  });
}

/** The answer, of which nothing is read yet. */
function answerOf(asked: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    get(`http://127.0.0.1:${http.apiPort}${asked}`, { agent: false }, resolve).once('error', reject);
  });
}

/** What is read of an answer before it breaks off. @throws when it does not */
async function brokenTextOf(answer: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  answer.on('data', (part: Buffer) => parts.push(part));
  await new Promise<void>((resolve, reject) => {
    answer.once('error', () => resolve());
    answer.once('end', () => reject(new Error('it ended as a whole one does')));
  });
  return Buffer.concat(parts).toString();
}

async function textOf(answer: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of answer) parts.push(part as Buffer);
  return Buffer.concat(parts).toString();
}

/** Once the servers read no more, for as long as nobody takes what they send. */
async function atRest(): Promise<void> {
  let before = -1;
  for (let still = 0; still < 200; still += 1) {
    if (pulled !== before) still = 0;
    before = pulled;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe('a long journal that is verified', () => {
  const health = async (): Promise<number> => (await fetch(`http://127.0.0.1:${http.httpPort}/healthz`)).status;

  it('keeps nobody waiting, and tells of one moment, though rows come and go meanwhile', async () => {
    const rows = fill();
    let report: VerifyReport | null = null;
    const asked = answerOf('/api/verify')
      .then(textOf)
      .then((text) => (report = JSON.parse(text) as VerifyReport));
    let answered = 0;
    while (report === null && answered < 1000) {
      expect(await health()).toBe(200);
      if (answered === 1) {
        append(1, () => '{}', 'ClusterGone');
        for (const _ of journal.pruner.steps({ ageMs: 0, bytes: Infinity }, 1_800_000_000_000)) ticks.run();
        expect(journal.reader.firstSeq(cluster.uid)).toBe(null);
      }
      answered += 1;
    }
    expect(answered).toBeGreaterThan(2);
    expect(await asked).toMatchObject({ rows, damage: [], clusters: [{ verified: rows }] });
    expect(await answerOf('/api/verify').then(textOf)).toContain('"rows":0');
  });

  it('is not read for a reader who goes away, and holds back no log', async () => {
    fill();
    let [steps, isOver] = [0, false];
    stepping = function* () {
      try {
        for (const all = journal.verifyInSteps(); ; steps += 1) {
          const step = all.next();
          if (step.done === true) return step.value;
          yield step.value;
        }
      } finally {
        isOver = true;
      }
    };
    const request = get(`http://127.0.0.1:${http.apiPort}/api/verify`, { agent: false }).once('error', () => undefined);
    while (steps === 0) await new Promise((resolve) => setImmediate(resolve));
    request.destroy();
    while (!isOver) await new Promise((resolve) => setImmediate(resolve));
    expect(steps).toBeLessThan([...journal.verifyInSteps()].length);
  });
});

describe('a request whose target is no URL is answered with 400, and the next one is answered', () => {
  it.each(['//', 'http://['])('GET %s to health', async (target) => {
    expect(await statusOf(http.httpPort, [`GET ${target} HTTP/1.1`, 'Host: x'])).toBe(400);
    expect(await statusOf(http.httpPort, ['GET /healthz HTTP/1.1', 'Host: x'])).toBe(200);
  });

  it.each(['//', 'http://[', '/api/clusters/%E0%A4%A/x'])('GET %s to the API', async (target) => {
    expect(await statusOf(http.apiPort, [`GET ${target} HTTP/1.1`, 'Host: localhost'])).toBe(400);
    expect(await statusOf(http.apiPort, ['GET /api/clusters HTTP/1.1', 'Host: localhost'])).toBe(200);
  });

  it.each(['//', 'http://['])('an upgrade at %s', async (target) => {
    const upgrade = ['Host: localhost', 'Connection: Upgrade', 'Upgrade: websocket'];
    expect(await statusOf(http.apiPort, [`GET ${target} HTTP/1.1`, ...upgrade])).toBe(400);
    expect(await statusOf(http.apiPort, ['GET /inspect HTTP/1.1', ...upgrade])).toBe(403);
  });
});

it('an upgrade that is reset before it is answered costs only itself', async () => {
  const upgrade = 'GET /inspect HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n';
  for (let index = 0; index < 20; index += 1)
    await new Promise((resolve) => {
      const socket = connect(http.apiPort, '127.0.0.1', () =>
        socket.write(upgrade, () => socket.resetAndDestroy().once('close', resolve)),
      );
    });
  expect((await answerOf('/api/clusters')).statusCode).toBe(200);
});

describe('what the API does not understand is refused by its name', () => {
  const told = async (asked: string, request: RequestInit = {}): Promise<string> => {
    const response = await fetch(`http://127.0.0.1:${http.apiPort}${asked}`, request);
    const { error, hint } = (await response.json()) as { readonly error?: string; readonly hint?: string };
    return `${response.status} ${error}; ${hint}`;
  };
  beforeEach(() => append(3, () => '{}'));

  it.each([
    `${path}/bogus`,
    `${path}/rows/more`,
    `${path}/`,
    '/api',
    '/api/',
    '/api/clusters/',
    '/api/clusters/team',
    '/api/blobs',
    '/api/blobs/',
    '/api/verify/all',
    '/api/prune/1',
    '/elsewhere',
  ])('the path %s', async (asked) => {
    const paths = '/api/clusters, /api/clusters/NAMESPACE/NAME, /api/clusters/NAMESPACE/NAME/rows,';
    expect(await told(asked)).toContain(`404 there is no ${asked}; there are ${paths}`);
  });

  it.each([
    ['/api/holds', 'DELETE', 'it takes GET and POST'],
    ['/api/holds/1', 'GET', 'it takes DELETE'],
    ['/api/holds/1', 'POST', 'it takes DELETE'],
  ])('at %s the method %s', async (asked, method, hint) => {
    const headers = { 'content-type': 'application/json' };
    expect(await told(asked, { method, headers })).toBe(`405 ${method} is not answered at ${asked}; ${hint}`);
  });

  it.each(['after', 'until', 'from', 'to', 'limit'])('of %s what is no number', async (name) => {
    for (const value of ['abc', '1.5', '', '1e3', '0x10', ' 1', '9007199254740993'])
      expect(await told(`${path}/rows?${new URLSearchParams({ [name]: value })}`)).toMatch(
        new RegExp(`^400 ${name}=${value} is no .*; write it as ${name}=\\d+, or leave it out$`),
      );
  });

  it.each(['after', 'until', 'limit'])('of %s what is less than nothing', async (name) => {
    expect(await told(`${path}/rows?${name}=-1`)).toContain(`400 ${name}=-1 is no number of`);
  });

  it('parameters that there are not, or that are given twice', async () => {
    const rows = 'this path takes uid, after, until, from, to, limit';
    expect(await told(`${path}/rows?afer=1`)).toBe(`400 afer=1 is asked for, and there is no such parameter; ${rows}`);
    expect(await told(`${path}/rows?after=1&after=2`)).toBe('400 after is given more than once; give it once');
    expect(await told(`${path}/export?after=1`)).toContain('400 after=1');
    expect(await told(`${path}/rows?uid=`)).toContain('400 uid= is no uid of a cluster');
    for (const asked of ['/api/clusters?x=1', '/api/verify?x=1', '/api/prune?x=1', '/api/holds?x=1'])
      expect(await told(asked)).toContain('400 x=1');
    expect(await told('/api/holds/1?x=1', { method: 'DELETE' })).toContain('400 x=1');
  });

  it('a cluster, a uid, and a blob that there are not', async () => {
    expect(await told('/api/clusters/team/nobody/rows')).toBe(
      '404 team/nobody is not known here; GET /api/clusters lists what is',
    );
    for (const what of ['', '/rows', '/export', '/ticket'])
      expect(await told(`${path}${what}?uid=another`)).toContain('of uid another is not known here');
    expect(await told(`/api/clusters/team/nobody?uid=${cluster.uid}`)).toContain('404 team/nobody of uid');
    expect(await told(`/api/blobs/${'a'.repeat(64)}`)).toContain(`404 blob ${'a'.repeat(64)} is not in this journal;`);
  });

  it('and what it does understand is answered', async () => {
    const rowsOf = async (query: string): Promise<readonly number[]> => {
      const { rows } = JSON.parse(await textOf(await answerOf(`${path}/rows${query}`))) as {
        readonly rows: readonly { readonly seq: number }[];
      };
      return rows.map(({ seq }) => seq);
    };
    expect(await rowsOf(`?uid=${cluster.uid}`)).toEqual([1, 2, 3]);
    expect(await rowsOf('?after=1&until=2')).toEqual([2]);
    expect(await rowsOf('?from=1700000000001')).toEqual([2, 3]);
    expect(await rowsOf('?from=-1&to=1700000000001')).toEqual([1, 2]);
    expect(await rowsOf('?limit=1')).toEqual([1]);
    expect(JSON.parse(await textOf(await answerOf(path)))).toEqual({ uid: cluster.uid, snapshot: null });
  });
});

it('the other port names what it has', async () => {
  const response = await fetch(`http://127.0.0.1:${http.httpPort}/api/clusters`);
  expect(response.status).toBe(404);
  expect(await response.json()).toEqual({
    error: 'there is no /api/clusters',
    hint: 'there are /healthz, /readyz and /metrics',
  });
});

describe('an export of a journal that lacks a text', () => {
  it('breaks off, so that nobody takes it for a whole one, and the next request is answered', async () => {
    append(1, () => JSON.stringify({ text: { $blob: 'a'.repeat(64) } }));
    await expect(answerOf(`${path}/export`).then(textOf)).rejects.toThrow(/aborted|hang up|ECONNRESET/);
    expect((await answerOf('/api/clusters')).statusCode).toBe(200);
  });

  it('says why with its last line, to pgc and to the reader in another language', async () => {
    const [name, because] = ['a'.repeat(64), `blob ${'a'.repeat(64)} is missing from the journal`];
    append(2, (index) => JSON.stringify(index === 0 ? { index } : { text: { $blob: name } }));
    const text = await brokenTextOf(await answerOf(`${path}/export`));
    expect(text.trimEnd().split('\n')).toHaveLength(3);
    const damage = readExport(text).damage.map((each) => each.because);
    expect(damage).toEqual([expect.stringContaining(`it broke off where it was made: ${because}`)]);
    const file = join(folder, 'broken.ndjson');
    writeFileSync(file, text);
    const { status, stdout } = spawnSync('python3', ['docs/journal-reader.py', file], { encoding: 'utf8' });
    expect(stdout).toContain(`damage: it broke off where it was made: ${because}`);
    expect(status).toBe(2);
  });
});

describe('rows that cannot be read to their end', () => {
  it('are told by the reason why they break off', async () => {
    append(150, () => '{}');
    failure = { afterSeq: 100, because: 'disk I/O error' };
    const text = await brokenTextOf(await answerOf(`${path}/rows`));
    expect(JSON.parse(text)).toMatchObject({ rows: { length: 100 }, error: 'disk I/O error' });
    const asked = apiSource(`http://127.0.0.1:${http.apiPort}`).rows({ uid: cluster.uid });
    await expect(asked).rejects.toThrow(/disk I\/O error$/);
    failure = null;
    expect(await apiSource(`http://127.0.0.1:${http.apiPort}`).rows({ uid: cluster.uid })).toHaveLength(150);
  });
});

describe('a long journal and a reader that does not read', () => {
  it.each(['rows', 'export'])('%s: read only as far as its answer is taken, and whole in the end', async (what) => {
    const rows = fill();
    const answer = await answerOf(`${path}/${what}`);
    await atRest();
    expect(pulled).toBeLessThan(rows / 2);
    const all = journal.reader.rows({ uid: cluster.uid });
    const text = await textOf(answer);
    expect(pulled).toBe(rows);
    const lines = exportLines({ cluster, build: 'b', rows: all, blob: journal.reader.blob, sha256 });
    const whole = what === 'rows' ? JSON.stringify({ uid: cluster.uid, rows: all }) : [...lines].join('\n');
    expect(text === `${whole}\n`).toBe(true);
  });

  it.each(['rows', 'export'])(
    '%s: keeps nobody else from reading, and ends with the row that was the last',
    async (what) => {
      const rows = fill();
      const answer = await answerOf(`${path}/${what}`);
      await atRest();
      append(1, () => '{"late":true}');
      expect(journal.reader.rows({ uid: cluster.uid, afterSeq: rows })).toHaveLength(1);
      expect(await textOf(answer)).not.toContain('late');
    },
  );

  it.each(['rows', 'export'])('%s: breaks off when rows that it has not read yet are pruned', async (what) => {
    fill();
    const answer = await answerOf(`${path}/${what}`);
    await atRest();
    append(1, () => '{}', 'ClusterGone');
    expect([...journal.pruner.steps({ ageMs: 0, bytes: Infinity }, 1_800_000_000_000)].length).toBeGreaterThan(0);
    expect(journal.reader.firstSeq(cluster.uid)).toBe(null);
    await expect(textOf(answer)).rejects.toThrow(/aborted|hang up|ECONNRESET/);
  });

  it('one that goes away is not read for any more', async () => {
    const rows = fill();
    const answer = await answerOf(`${path}/rows`);
    await atRest();
    answer.destroy();
    await atRest();
    expect(pulled).toBeLessThan(rows / 2);
    expect((await answerOf('/api/clusters')).statusCode).toBe(200);
  });
});
