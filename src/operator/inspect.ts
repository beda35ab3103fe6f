/**
 * Owns: the WebSocket on which an inspector reads a cluster's messages. Loopback only, one way only: a ticket lets in one reader
 * once, a page of another origin or under another name is refused, and whoever sends anything is put out.
 * Called by: the operator's loopback API, `pgc inspect`.
 */
import { randomBytes } from 'node:crypto';
import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type WebSocket } from 'ws';
import type { StatelyMessage } from '#src/export/stately.ts';

/** Gives messages that have not been given yet. */
export type NextMessages = () => Promise<readonly StatelyMessage[]> | readonly StatelyMessage[];

export interface Inspector {
  /** A ticket for one reader of a feed. @param open makes the feed once the reader is there */
  readonly ticket: (open: () => NextMessages) => string;
  readonly close: () => void;
}

/** A ticket nobody used is worth nothing after this. */
const ticketMs = 60_000;
const ticketsMax = 100;
/** Between two looks for new rows. */
const lookMs = 1000;
/** Nothing is to be sent here; more than this is not even read. */
const payloadMax = 1024;
/** Messages that wait in a slow reader's socket before it is let go. */
const bufferedMax = 64 * 1024 * 1024;

/** Whether a Host header names this machine: another name that leads here is a page's trick. */
export function isLoopback(host: string): boolean {
  return /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/.test(host);
}

/** Why a reader may not come in; null when it may. */
function objection(request: IncomingMessage): string | null {
  const { host = '', origin } = request.headers;
  if (!isLoopback(host)) return 'only a loopback name is answered: use 127.0.0.1';
  // A browser always says where its page is from; other programs cannot be lured by a page.
  if (origin !== undefined && origin !== `http://${host}`) return 'a page of another origin is not answered';
  return null;
}

/** What a request asks for; null when its target is no URL. Whoever reaches a port may send any: none may throw. */
export function urlOf(request: IncomingMessage): URL | null {
  return URL.parse(request.url ?? '/', 'http://127.0.0.1');
}

function refuse(socket: Duplex, because: string, status = '403 Forbidden'): void {
  const body = `${JSON.stringify({ error: because, hint: 'get a ticket and use it once, within a minute' })}\n`;
  socket.end(
    `HTTP/1.1 ${status}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
}

function serve(client: WebSocket, next: NextMessages): void {
  let looking: NodeJS.Timeout | null = null;
  const look = async (): Promise<void> => {
    try {
      for (const message of await next()) client.send(JSON.stringify(message));
      if (client.bufferedAmount > bufferedMax) client.close(1013, 'too slow');
      if (client.readyState === client.OPEN) looking = setTimeout(() => void look(), lookMs);
    } catch (error) {
      client.close(1011, (error instanceof Error ? error.message : String(error)).slice(0, 100));
    }
  };
  client.on('message', () => client.close(1008, 'nothing is to be sent here'));
  client.on('error', () => client.terminate());
  client.on('close', () => {
    if (looking !== null) clearTimeout(looking);
  });
  void look();
}

/**
 * Answers upgrades to `/inspect?ticket=…` on a server.
 * @param nowMs a clock, for the age of tickets
 */
export function attachInspector(server: Server, nowMs: () => number): Inspector {
  const sockets = new WebSocketServer({ noServer: true, maxPayload: payloadMax });
  const tickets = new Map<string, { readonly open: () => NextMessages; readonly until: number }>();
  const upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    // Node listens to this socket's errors no more: a reader that is gone before it is answered must not end the process.
    socket.on('error', () => socket.destroy());
    const url = urlOf(request);
    if (url === null) return refuse(socket, `${JSON.stringify(request.url)} is no path of a URL`, '400 Bad Request');
    const because = objection(request);
    if (url.pathname !== '/inspect' || because !== null) return refuse(socket, because ?? 'there is nothing here');
    const name = url.searchParams.get('ticket') ?? '';
    const ticket = tickets.get(name);
    tickets.delete(name);
    if (ticket === undefined || ticket.until < nowMs())
      return refuse(socket, 'this ticket was used, is too old, or none');
    return sockets.handleUpgrade(request, socket, head, (client) => serve(client, ticket.open()));
  };
  server.on('upgrade', upgrade);
  return {
    ticket: (open) => {
      for (const [name, { until }] of tickets) if (until < nowMs() || tickets.size >= ticketsMax) tickets.delete(name);
      const name = randomBytes(24).toString('base64url');
      tickets.set(name, { open, until: nowMs() + ticketMs });
      return name;
    },
    close: () => {
      server.off('upgrade', upgrade);
      for (const client of sockets.clients) client.terminate();
      sockets.close();
    },
  };
}
