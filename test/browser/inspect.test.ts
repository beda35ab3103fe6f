/**
 * `pgc inspect` in a real browser: its page gives a fake inspector on another origin every message of a journal once, in order,
 * again when either page is reloaded; and a page that is not the one it opened gets nothing at all.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { decodeBody } from '#src/decision/codec.ts';
import { openForReading } from '#src/journal/database.ts';
import { makeReader } from '#src/journal/read.ts';
import { pathOf } from '#machines/cluster/fixpoint.ts';
import { quiet } from '#src/sim/plan.ts';
import { runPlan } from '#src/sim/run.ts';
import { pgcProgram } from '#test/support/pgc-program.ts';
import { openBrowser } from './browser.ts';
import { serveFakeInspector, type FakeInspector } from './fake-inspector.ts';

type Message = Readonly<Record<string, unknown>>;

let dir: string;
let browser: Browser;
let inspector: FakeInspector;
/** Arrows as the journal has them, and how many messages there are of it. */
let moves: readonly string[];
let lastId: string;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'browser-'));
  await runPlan(quiet('lose-leader', 1), { scratch: dir, expected: null, keep: dir });
  const reader = makeReader(openForReading(join(dir, 'operator-0.db')));
  const [cluster] = reader.clusters();
  const rows = reader.rows({ uid: cluster?.uid ?? '' });
  moves = rows.flatMap(({ body }) => decodeBody(body, reader.blob).moves.map(({ signal, to }) => `${signal} → ${to}`));
  lastId = `${rows.at(-1)?.seq}.n`;
  reader.close();
  inspector = await serveFakeInspector();
  browser = await openBrowser();
});

afterAll(async () => {
  await browser.close();
  inspector.close();
  rmSync(dir, { recursive: true });
});

interface Told {
  readonly page: string;
  readonly socket: string;
}

let pgc: ChildProcess;
let told: Told;
let context: BrowserContext;
let page: Page;
let complaints: string[];
let origins: Set<string>;

/** Runs pgc, and reads the addresses that it prints. */
async function started(): Promise<Told> {
  const args = [await pgcProgram(), 'inspect', 'shop', '--file', join(dir, 'operator-0.db')];
  pgc = spawn(process.execPath, [...args, '--inspector', inspector.address], { stdio: ['ignore', 'pipe', 'inherit'] });
  const found: Record<string, string> = {};
  for await (const line of createInterface({ input: pgc.stdout as NonNullable<typeof pgc.stdout> })) {
    const [name = '', address = ''] = line.split(/\s+/);
    if (/^(page|socket)$/.test(name)) found[name] = address;
    if (line.startsWith('ends with')) break;
  }
  return { page: found['page'] ?? '', socket: found['socket'] ?? '' };
}

/** A browser profile that notes what its pages complain about, whom they talk to, and which sockets they have. */
async function profile(): Promise<BrowserContext> {
  const made = await browser.newContext();
  made.on('weberror', (error) => complaints.push(String(error.error())));
  made.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text());
  });
  made.on('request', (request) => {
    if (/^https?:/.test(request.url())) origins.add(new URL(request.url()).origin);
  });
  made.on('page', (each) => each.on('websocket', (socket) => origins.add(new URL(socket.url()).host)));
  await made.addInitScript(`{
    window.sockets = [];
    const Own = WebSocket;
    window.WebSocket = class extends Own { constructor(...given) { super(...given); window.sockets.push(this); } };
  }`);
  return made;
}

beforeEach(async () => {
  told = await started();
  complaints = [];
  origins = new Set();
  context = await profile();
  page = await context.newPage();
  await page.goto(told.page);
  await page.locator('#open:enabled').waitFor();
});

afterEach(async () => {
  await context.close();
  pgc.kill('SIGTERM');
  if (pgc.exitCode === null) await new Promise((resolve) => pgc.once('exit', resolve));
});

async function opened(): Promise<Page> {
  const [popup] = await Promise.all([context.waitForEvent('page'), page.locator('#open').click()]);
  return popup;
}

/** What the inspector was given, once the journal's last message is there. */
async function received(popup: Page): Promise<readonly Message[]> {
  await popup.waitForFunction(`window.received?.some(({ id }) => id === '${lastId}')`);
  return popup.evaluate<readonly Message[]>('window.received');
}

function movesIn(messages: readonly Message[]): readonly string[] {
  return messages
    .filter((each) => each['type'] === '@xstate.snapshot' && /^\d+\.\d+\.n$/.test(String(each['id'])))
    .map((each) => {
      const { event, snapshot } = each as unknown as { event: { type: string }; snapshot: { value: never } };
      return `${event.type} → ${pathOf(snapshot.value)}`;
    });
}

describe('an inspector on another origin', () => {
  it('sees each transition once, in order, and again after it is reloaded', async () => {
    const popup = await opened();
    const first = await received(popup);
    expect(movesIn(first)).toEqual(moves);
    expect(moves.length).toBeGreaterThan(6);
    expect(new Set(first.map((each) => `${String(each['sessionId'])} ${String(each['id'])}`)).size).toBe(first.length);
    await popup.reload();
    expect(await received(popup)).toEqual(first);
    await popup.reload();
    expect(await received(popup)).toEqual(first);
  });

  it('sees the same when the page that feeds it is reloaded and opens it again', async () => {
    const first = await received(await opened());
    await page.reload();
    await page.locator('#open:enabled').click();
    const [, popup] = context.pages();
    if (popup === undefined) throw new Error('there is no second page');
    await popup.waitForLoadState();
    expect(await received(popup)).toEqual(first);
  });

  it('is told nothing before a person opens it; then nothing but the two pages is talked to, and nobody complains', async () => {
    const product = new URL(told.page);
    expect(origins).toEqual(new Set([product.origin, product.host]));
    await received(await opened());
    expect(origins).toEqual(new Set([product.origin, product.host, new URL(inspector.address).origin]));
    expect(complaints).toEqual([]);
    expect(await page.locator('#cluster').textContent()).toBe('team/shop');
    expect(await page.locator('#moves tr').count()).toBeGreaterThan(20);
  });
});

describe('a page that was not opened from here', () => {
  /** A page of another origin, which knows the addresses. */
  async function foreign(): Promise<Page> {
    const other = await context.newPage();
    await other.goto(inspector.address);
    return other;
  }

  it('gets no message by opening the page and announcing itself', async () => {
    const other = await foreign();
    const [victim] = await Promise.all([
      context.waitForEvent('page'),
      other.evaluate(`void (window.victim = window.open('${told.page}'))`),
    ]);
    await victim.locator('#open:enabled').waitFor();
    await other.evaluate("window.victim?.postMessage({ type: '@statelyai.connected' }, '*')");
    // What is asked for here is answered after what was asked for there.
    await received(await opened());
    expect(await other.evaluate('window.received.length + window.strayed.length')).toBe(0);
  });

  it('is not heard from a frame within the inspector', async () => {
    const popup = await opened();
    const first = await received(popup);
    const asks = `parent.opener.postMessage({ type: '@statelyai.connected' }, '*'); parent.asked = true`;
    await popup.evaluate(`{
      const frame = document.createElement('iframe');
      frame.srcdoc = ${JSON.stringify(`<script>${asks}</script>`)};
      document.body.append(frame);
    }`);
    await popup.waitForFunction('window.asked');
    // Answered after what was asked before.
    await page.evaluate('new Promise((resolve) => setTimeout(resolve))');
    expect(await popup.evaluate('window.received')).toEqual(first);
  });

  it('is not let in at the WebSocket, with a good ticket, and the ticket stays good', async () => {
    const other = await foreign();
    const outcome = `new Promise((resolve) => {
      const socket = new WebSocket('${told.socket}');
      socket.onmessage = () => resolve('a message');
      socket.onclose = ({ code }) => resolve('closed ' + code);
    })`;
    expect(await other.evaluate(outcome)).toBe('closed 1006');
    expect(await page.evaluate(outcome)).toBe('a message');
  });

  it('gets no ticket with the key', async () => {
    const other = await foreign();
    const { origin, hash } = new URL(told.page);
    const asked = `fetch('${origin}/ticket', { method: 'POST', headers: { authorization: 'Bearer ${hash.slice(1)}' } })
      .then(({ status }) => status, (error) => error.name)`;
    expect(await other.evaluate(asked)).toBe('TypeError');
    expect(await page.evaluate(asked)).toBe(200);
  });

  it('cannot frame it', async () => {
    const other = await foreign();
    await other.evaluate(
      `document.body.append(Object.assign(document.createElement('iframe'), { src: '${told.page}' }))`,
    );
    const frame = other.frames().at(-1);
    await frame?.waitForLoadState();
    expect(await frame?.locator('#open').count()).toBe(0);
  });
});

describe('the page', () => {
  it('that sends something is put out, begins again by itself, and tells nothing twice', async () => {
    const popup = await opened();
    const first = await received(popup);
    const code = page.evaluate(`new Promise((resolve) => {
      const [socket] = window.sockets;
      socket.addEventListener('close', ({ code }) => resolve(code));
      socket.send('hello');
    })`);
    const again = page.waitForEvent('websocket');
    expect(await code).toBe(1008);
    const socket = await again;
    const begun = new Promise<void>((resolve) => {
      socket.on('framereceived', ({ payload }) => {
        if (String(payload).includes(`"id":"${lastId}"`)) resolve();
      });
    });
    await begun;
    expect(await received(popup)).toEqual(first);
  });

  it('without the key says what to do', async () => {
    const other = await context.newPage();
    await other.goto(new URL(told.page).origin);
    await other.getByText("run 'pgc inspect' again").waitFor();
    expect(await other.locator('#open').isDisabled()).toBe(true);
  });
});
