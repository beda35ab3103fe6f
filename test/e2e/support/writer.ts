/**
 * Owns: the continuous writer of day-two tests: rows through the primary's Service from outside the database's pods, and
 * the exact account of them: what was acknowledged must be found, what is unknown stands apart.
 */
import { balance, longestGap, type Balance, type Gap, type Row } from '#test/support/day2/accounting.ts';
import { eventually, type World } from '../world.ts';
import { startChild } from './child.ts';
import { monotonic } from './clock.ts';
import { appQuery, secretValue, serviceAddress, type Subject } from './database.ts';
import type { FromWriter, ToWriter, WriterConfig } from './writer-process.ts';

export interface Writer {
  /** Waits until a row is acknowledged that was sent after now. */
  readonly writesAgain: (timeoutMs?: number) => Promise<void>;
  /** Waits until no row has been acknowledged for so long. */
  readonly writesNoMore: (quietMs: number, timeoutMs?: number) => Promise<void>;
  /** The longest time without an acknowledged row between two moments of the monotonic clock. */
  readonly gap: (from: number, to?: number) => Gap;
  /** Rows acknowledged so far. */
  readonly acknowledged: () => number;
  /** What went wrong so far, by kind. */
  readonly errors: () => Readonly<Record<string, number>>;
  /** Acknowledged rows of up to now that are not there; the writing goes on. */
  readonly lost: () => Promise<readonly number[]>;
  /** Sessions that begin from now on log in with this one. */
  readonly usePassword: (password: string) => void;
  /** Ends the writing and compares every row sent with every row found. */
  readonly stop: () => Promise<Balance>;
}

export type WriterSettings = Partial<Pick<WriterConfig, 'sessions' | 'pauseMs' | 'connectMs' | 'answerMs'>>;

const table = 'CREATE TABLE IF NOT EXISTS day2_rows (id bigint PRIMARY KEY, written timestamptz DEFAULT now())';

async function readBack(world: World, subject: Subject): Promise<readonly number[]> {
  const found = await eventually('the rows being read back', () =>
    appQuery<{ id: string }>(world, subject, 'SELECT id FROM day2_rows'),
  );
  return found.map(({ id }) => Number(id));
}

/**
 * Starts writing to the cluster's application database; returns once the first row is acknowledged. Two sessions, so that
 * one that waits for an answer that never comes does not make a gap of its own.
 */
export async function startWriter(world: World, subject: Subject, settings: WriterSettings = {}): Promise<Writer> {
  await eventually('the table of rows', async () => {
    await appQuery(world, subject, table);
    await appQuery(world, subject, 'TRUNCATE day2_rows');
    return true;
  });
  const rows: Row[] = [];
  const errors: Record<string, number> = {};
  const child = startChild<ToWriter, FromWriter>('writer-process.ts');
  child.onMessage((message) => {
    if (message.type !== 'rows') return;
    for (const row of message.rows) rows.push(row);
    for (const [what, count] of Object.entries(message.errors)) errors[what] = (errors[what] ?? 0) + count;
  });
  const host = await serviceAddress(world, subject, subject.name);
  const password = await secretValue(world, subject, `${subject.name}-app`, 'password');
  const defaults = { sessions: 2, pauseMs: 20, connectMs: 3000, answerMs: 5000 };
  const config = { host, port: 5432, database: 'app', user: 'app', password, ...defaults, ...settings };
  child.send({ type: 'start', config });
  const lastAnswer = (): number =>
    rows.findLast(({ outcome }) => outcome === 'acknowledged')?.answeredAt ?? Number.NEGATIVE_INFINITY;
  const writer: Writer = {
    writesAgain: async (timeoutMs = 120_000) => {
      const since = monotonic();
      await eventually(
        'a row being acknowledged again',
        () => Promise.resolve(rows.some(({ outcome, sentAt }) => outcome === 'acknowledged' && sentAt > since)),
        timeoutMs,
      );
    },
    writesNoMore: async (quietMs, timeoutMs = 60_000) => {
      await eventually(
        `no row being acknowledged for ${quietMs} ms`,
        () => Promise.resolve(monotonic() - lastAnswer() > quietMs),
        timeoutMs,
      );
    },
    gap: (from, to = monotonic()) => longestGap(rows, from, to),
    acknowledged: () => rows.filter(({ outcome }) => outcome === 'acknowledged').length,
    errors: () => ({ ...errors }),
    lost: async () => {
      const sent = [...rows];
      return balance(sent, await readBack(world, subject)).lost;
    },
    usePassword: (next) => child.send({ type: 'password', password: next }),
    stop: async () => {
      child.send({ type: 'stop' });
      await child.ended;
      return balance(rows, await readBack(world, subject));
    },
  };
  await writer.writesAgain();
  return writer;
}
