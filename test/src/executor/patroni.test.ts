/** What is asked of Patroni in a member's container: the script itself, run by Python with a psql that says what it is told. */
import { execFile } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { askPatroni, restScript } from '#src/executor/effects/patroni.ts';
import type { PatroniRequest } from '#src/decision/record.ts';

const folder = mkdtempSync(join(tmpdir(), 'patroni-'));
const asked: string[] = [];
let server: Server;
let port = 0;

beforeAll(async () => {
  server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    response.end('done');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  port = typeof address === 'object' && address !== null ? address.port : 0;
});

afterAll(() => {
  server.close();
  rmSync(folder, { recursive: true });
});

/** @param says what psql prints; null: it fails */
async function run(started: string | null, says: string | null): Promise<string> {
  const psql = join(folder, 'psql');
  writeFileSync(psql, says === null ? '#!/bin/sh\nexit 2\n' : `#!/bin/sh\necho "${says}"\n`);
  chmodSync(psql, 0o755);
  const place = { namespace: 'n', pod: 'shop-0', container: 'postgres' } as const;
  const script = restScript({ type: 'patroni', ...place, method: 'POST', path: '/restart', body: '{}', started });
  return new Promise((resolve, reject) => {
    const env = { PATH: `${folder}:${process.env['PATH'] ?? ''}` };
    const child = execFile('python3', ['-'], { env }, (error, output) =>
      error === null ? resolve(output.trim()) : reject(error),
    );
    child.stdin?.end(script.replace('127.0.0.1:8008', `127.0.0.1:${port}`));
  });
}

it.each([
  ['asks where PostgreSQL runs since the time that was read', '17.5', '17.5', 'HTTP 200 done', 1],
  ['asks nothing where it runs since another time', '17.5', '18', 'changed', 0],
  ['asks nothing where it does not run any more', '17.5', null, 'changed', 0],
  ['asks where it did not run and does not', 'none', null, 'HTTP 200 done', 1],
  ['asks nothing where it did not run and does now', 'none', '18', 'changed', 0],
  ['asks in any case when no time is named', null, '18', 'HTTP 200 done', 1],
] as const)('%s', async (_, started, says, output, requests) => {
  asked.length = 0;
  expect(await run(started, says)).toBe(output);
  expect(asked).toEqual(Array.from({ length: requests }, () => 'POST /restart'));
});

const restart: PatroniRequest = {
  type: 'patroni',
  namespace: 'n',
  pod: 'shop-0',
  container: 'postgres',
  method: 'POST',
  path: '/restart',
  body: '{}',
  started: null,
};

/** The outcome of a request in whose container the script printed this. */
async function outcomeOf(output: string): Promise<unknown> {
  return askPatroni(restart, async () => ({ exitCode: 0, output, errors: '' }));
}

it.each([
  'HTTP 200 restarted',
  'HTTP 202 restart scheduled',
  'HTTP 503 restart conditions are not satisfied',
  'HTTP 503 restart already in progress',
  'accepted',
])('takes %s for done (16)', async (output) => expect(await outcomeOf(output)).toEqual({ type: 'done', result: {} }));

it.each([
  ['HTTP 503 restart failed', 'RestartFailed'],
  ['HTTP 401 not authenticated', 'PatroniRefused'],
  ['', 'NoAnswer'],
])('takes “%s” for a failure that says %s', async (output, reason) =>
  expect(await outcomeOf(output)).toMatchObject({ type: 'transient', reason }),
);
