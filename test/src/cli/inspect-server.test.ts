/** Who is let in at the server of `pgc inspect`: nobody under another name, of another origin, or without the key. */
import { request } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openInspectServer, type InspectServer } from '#src/cli/inspect-server.ts';

let server: InspectServer;

beforeEach(async () => {
  server = await openInspectServer({
    cluster: 'team/shop',
    inspector: 'https://inspector.example/',
    page: { 'page.html': 'the page', 'page.css': 'its style', 'page.js': 'its script' },
    open: () => () => [],
    nowMs: () => 1_000_000,
  });
});

afterEach(() => server.close());

type Headers = Readonly<Record<string, string>>;

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly text: string;
}

function asked(method: string, path: string, headers: Headers = {}): Promise<Answer> {
  const { hostname, port } = new URL(server.page);
  return new Promise((resolve, reject) => {
    request({ hostname, port, method, path, headers }, (response) => {
      let text = '';
      response.on('data', (chunk) => (text += String(chunk)));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }));
    })
      .on('error', reject)
      .end();
  });
}

const key = (): Headers => ({ authorization: `Bearer ${new URL(server.page).hash.slice(1)}` });

describe('the page of pgc inspect', () => {
  it('is given with headers that bind it to its own server', async () => {
    const { status, text, headers } = await asked('GET', '/');
    expect([status, text]).toEqual([200, 'the page']);
    expect(headers['content-security-policy']).toMatch(/default-src 'none'.*frame-ancestors 'none'/);
    expect(headers).toMatchObject({
      'cross-origin-opener-policy': 'same-origin-allow-popups',
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
    });
  });

  it('gets a ticket with the key, another one each time', async () => {
    const tickets = await Promise.all([0, 1].map(() => asked('POST', '/ticket', key())));
    for (const { status, text } of tickets) {
      expect(status).toBe(200);
      expect(JSON.parse(text)).toMatchObject({ cluster: 'team/shop', inspector: 'https://inspector.example/' });
    }
    expect(tickets[0]?.text).not.toBe(tickets[1]?.text);
  });

  it.each<readonly [string, string, string, () => Headers, number]>([
    ['the page under a name that is not loopback', 'GET', '/', () => ({ host: 'attacker.example' }), 403],
    ['a ticket under such a name', 'POST', '/ticket', () => ({ ...key(), host: 'attacker.example' }), 403],
    ['a ticket to another origin', 'POST', '/ticket', () => ({ ...key(), origin: 'http://attacker.example' }), 403],
    ['a ticket to a page of no origin', 'POST', '/ticket', () => ({ ...key(), origin: 'null' }), 403],
    ['a ticket without a key', 'POST', '/ticket', () => ({}), 403],
    ['a ticket with another key', 'POST', '/ticket', () => ({ authorization: 'Bearer other' }), 403],
    ['a ticket by a link', 'GET', '/ticket', key, 404],
    ['any other file', 'GET', '/../package.json', () => ({}), 404],
  ])('does not give %s', async (_, method, path, headers, expected) => {
    const { status, text } = await asked(method, path, headers());
    expect(status).toBe(expected);
    expect(text).not.toContain('ticket=');
  });
});
