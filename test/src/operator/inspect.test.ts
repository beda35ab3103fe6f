/**
 * What an inspector gets: read by the library's own receiver, complete and in order, again for a second reader; and who gets
 * nothing at all.
 */
import { createServer, type Server } from 'node:http';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { chart } from '#machines/cluster/chart.ts';
import { pathOf } from '#machines/cluster/fixpoint.ts';
import { decodeBody } from '#src/decision/codec.ts';
import { openForReading } from '#src/journal/database.ts';
import { makeReader, type JournalReader } from '#src/journal/read.ts';
import { attachInspector, type Inspector } from '#src/operator/inspect.ts';
import { messagesOf } from '#src/operator/inspect-feed.ts';
import { quiet } from '#src/sim/plan.ts';
import { runPlan } from '#src/sim/run.ts';
import { receivedFrom, type Message } from '#test/support/inspector.ts';

let dir: string;
let reader: JournalReader;
let server: Server;
let inspector: Inspector;
let base: string;
let now = 0;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'inspect-'));
  await runPlan(quiet('lose-leader', 1), { scratch: dir, expected: null, keep: dir });
  reader = makeReader(openForReading(join(dir, 'operator-0.db')));
}, 60_000);

afterAll(() => {
  reader.close();
  rmSync(dir, { recursive: true });
});

beforeEach(async () => {
  now = 1_000_000;
  server = createServer((_request, response) => response.writeHead(404).end());
  inspector = attachInspector(server, () => now);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  base = `ws://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
});

afterEach(() => {
  inspector.close();
  server.close();
});

function cluster() {
  const [first] = reader.clusters();
  if (first === undefined) throw new Error('the run left no cluster');
  return first;
}

function ticket(): string {
  return `${base}/inspect?ticket=${inspector.ticket(() => messagesOf(reader, cluster()))}`;
}

/** Arrows as the journal has them. */
function recordedMoves(): readonly string[] {
  return reader
    .rows({ uid: cluster().uid })
    .flatMap(({ body }) => decodeBody(body, reader.blob).moves.map(({ signal, to }) => `${signal} → ${to}`));
}

/** Everything up to the message of the last row, as the library's receiver gives it. */
function received(url: string): Promise<readonly Message[]> {
  return receivedFrom(url, (message) => message['id'] === `${cluster().head.seq}.n`);
}

/** How a connection ends: the HTTP status it was refused with, or the code it was closed with. */
function ending(url: string, headers: Readonly<Record<string, string>> = {}, send?: string): Promise<number> {
  return new Promise((resolve) => {
    const client = new WebSocket(url, { headers });
    client.on('unexpected-response', (request, response) => {
      request.destroy();
      resolve(response.statusCode ?? 0);
    });
    client.on('error', () => undefined);
    client.on('open', () => (send === undefined ? undefined : client.send(send)));
    client.on('close', resolve);
  });
}

describe('an inspector', () => {
  it('gets the machine, every transition once and in order, with the journal’s times', async () => {
    const messages = await received(ticket());
    const [actor] = messages;
    expect(actor).toMatchObject({ type: '@xstate.actor', name: 'team/shop', sessionId: 'team/shop' });
    expect(JSON.parse(String(actor?.['definition']))).toEqual(JSON.parse(JSON.stringify(chart.config)));
    const moves = messages
      .filter((each) => each['type'] === '@xstate.snapshot' && /^\d+\.\d+\.n$/.test(String(each['id'])))
      .map((each) => {
        const { event, snapshot } = each as unknown as { event: { type: string }; snapshot: { value: never } };
        return `${event.type} → ${pathOf(snapshot.value)}`;
      });
    expect(moves).toEqual(recordedMoves());
    expect(moves.length).toBeGreaterThan(6);
    const stamps = messages.map((each) => Number(each['createdAt']));
    expect(stamps).toEqual(stamps.toSorted((left, right) => left - right));
    expect(stamps[0]).toBe(reader.rows({ uid: cluster().uid })[0]?.at);
    expect(new Set(messages.map((each) => `${String(each['sessionId'])} ${String(each['id'])}`)).size).toBe(
      messages.length,
    );
    for (const each of messages) {
      expect(each['_version']).toBe('0.7.2');
      expect(['@xstate.actor', '@xstate.event', '@xstate.snapshot']).toContain(each['type']);
    }
  });

  it('gets states that the chart can stand in', async () => {
    for (const { snapshot } of (await received(ticket())) as unknown as { snapshot?: { value?: never } }[])
      if (snapshot?.value !== undefined)
        expect(() => chart.resolveState({ value: snapshot.value as never })).not.toThrow();
  });

  it('gets the same again with another ticket, as after a reload', async () =>
    expect(await received(ticket())).toEqual(await received(ticket())));
});

describe('nothing is given to', () => {
  it('nobody without a ticket', async () => expect(await ending(`${base}/inspect`)).toBe(403));
  it('nobody at another path', async () => expect(await ending(`${base}/`)).toBe(403));

  it('a ticket that was used', async () => {
    const url = ticket();
    await received(url);
    expect(await ending(url)).toBe(403);
  });

  it('a ticket that is too old', async () => {
    const url = ticket();
    now += 60_001;
    expect(await ending(url)).toBe(403);
  });

  it.each([
    ['a name that is not loopback', { host: 'attacker.example:8081' }],
    ['a page of another origin', { origin: 'http://attacker.example' }],
    ['a page that says null', { origin: 'null' }],
    ['a page of another port of this machine', { origin: 'http://127.0.0.1:1' }],
  ])('%s, and its ticket stays good', async (_, headers) => {
    const url = ticket();
    expect(await ending(url, headers)).toBe(403);
    expect((await received(url)).length).toBeGreaterThan(10);
  });

  it('whoever sends something', async () => expect(await ending(ticket(), {}, 'hello')).toBe(1008));
  it('whoever sends much', async () => expect(await ending(ticket(), {}, 'x'.repeat(2000))).toBe(1009));
});
