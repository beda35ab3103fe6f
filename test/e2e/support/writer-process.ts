/**
 * Owns: writing rows without end through one address, over TLS, each with its outcome; a process of its own, so that what
 * the test does meanwhile delays nothing. Told by messages: configuration first, then stop.
 */
import pg from 'pg';
import type { Row } from '#test/support/day2/accounting.ts';
import { monotonic } from './clock.ts';

export interface WriterConfig {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly password: string;
  readonly sessions: number;
  readonly pauseMs: number;
  readonly connectMs: number;
  readonly answerMs: number;
}

export type ToWriter =
  | { readonly type: 'start'; readonly config: WriterConfig }
  /** Whoever connects from now on says this one. */
  | { readonly type: 'password'; readonly password: string }
  | { readonly type: 'stop' };
export type FromWriter =
  | { readonly type: 'rows'; readonly rows: readonly Row[]; readonly errors: Readonly<Record<string, number>> }
  | { readonly type: 'stopped' };

/** Answers after which the row is certainly not there. A server that ends may have committed before it said so. */
function isRefusal(code: string): boolean {
  return /^[0-9A-Z]{5}$/.test(code) && !code.startsWith('57P') && !code.startsWith('08');
}

const codeOf = (error: unknown): string => String((error as { readonly code?: unknown }).code ?? 'no answer');

let running = true;
let password = '';
let nextId = 1;
let rows: Row[] = [];
let errors: Record<string, number> = {};

function note(what: string): void {
  errors[what] = (errors[what] ?? 0) + 1;
}

function flush(): void {
  if (rows.length === 0 && Object.keys(errors).length === 0) return;
  process.send?.({ type: 'rows', rows, errors } satisfies FromWriter);
  rows = [];
  errors = {};
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function connect(config: WriterConfig): Promise<pg.Client | null> {
  const client = new pg.Client({
    host: config.host,
    port: config.port,
    database: config.database,
    user: config.user,
    password,
    // The certificate is the pod's own and self-signed: encrypted, not verified.
    ssl: { rejectUnauthorized: false },
    connectionTimeoutMillis: config.connectMs,
    query_timeout: config.answerMs,
    application_name: 'day2-writer',
  });
  // A connection that breaks while nothing is asked is told here; the next question finds out.
  client.on('error', () => undefined);
  try {
    await client.connect();
    return client;
  } catch (error) {
    note(`connect: ${codeOf(error)}`);
    end(client);
    return null;
  }
}

function end(client: pg.Client): void {
  client.end().catch(() => undefined);
  // What does not answer is not waited for.
  (client as unknown as { readonly connection: { readonly stream: { destroy(): void } } }).connection.stream.destroy();
}

/** Writes one row. @returns whether the connection can go on */
async function write(client: pg.Client): Promise<boolean> {
  const id = nextId++;
  const sentAt = monotonic();
  const done = (outcome: Row['outcome']): void => void rows.push({ id, outcome, sentAt, answeredAt: monotonic() });
  try {
    await client.query('INSERT INTO day2_rows (id) VALUES ($1)', [id]);
    done('acknowledged');
    return true;
  } catch (error) {
    const code = codeOf(error);
    note(`write: ${code}`);
    done(isRefusal(code) ? 'refused' : 'unknown');
    return false;
  }
}

async function session(config: WriterConfig): Promise<void> {
  while (running) {
    const client = await connect(config);
    while (client !== null && running && (await write(client))) await pause(config.pauseMs);
    if (client !== null) end(client);
    await pause(config.pauseMs);
  }
}

async function start(config: WriterConfig): Promise<void> {
  const ticking = setInterval(flush, 100);
  await Promise.all(Array.from({ length: config.sessions }, () => session(config)));
  clearInterval(ticking);
  flush();
  process.send?.({ type: 'stopped' } satisfies FromWriter, () => process.exit(0));
}

process.on('disconnect', () => process.exit(0));
process.on('message', (message: ToWriter) => {
  if (message.type === 'stop') running = false;
  else if (message.type === 'password') ({ password } = message);
  else {
    ({ password } = message.config);
    void start(message.config);
  }
});
