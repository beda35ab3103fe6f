/**
 * Owns: asking each pod directly, again and again, whether it is in recovery, and trying to write there whatever it says. A
 * process of its own, which may live in a node's network and so sees what is cut off from everybody else.
 */
import pg from 'pg';
import type { Attempt } from '#test/support/day2/accounting.ts';
import { monotonic } from './clock.ts';

export interface Target {
  readonly pod: string;
  readonly host: string;
}

export interface ProbeConfig {
  readonly probe: string;
  readonly user: string;
  readonly password: string;
  readonly everyMs: number;
  readonly answerMs: number;
}

export type ToProbe =
  | { readonly type: 'start'; readonly config: ProbeConfig }
  | { readonly type: 'targets'; readonly targets: readonly Target[] }
  /** Whoever connects from now on says this one. */
  | { readonly type: 'password'; readonly password: string }
  | { readonly type: 'stop' };
export type FromProbe =
  | { readonly type: 'attempts'; readonly attempts: readonly Attempt[] }
  | { readonly type: 'stopped' };

const ask = 'SELECT pg_is_in_recovery() AS recovery, extract(epoch FROM pg_postmaster_start_time()) * 1000 AS started';
const write = `INSERT INTO day2_probe (probe, pod) VALUES ($1, $2)
  ON CONFLICT (probe, pod) DO UPDATE SET writes = day2_probe.writes + 1
  RETURNING ('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::int AS timeline`;

let attempts: Attempt[] = [];
let targets: readonly Target[] = [];
let running = true;
let password = '';
const loops = new Map<string, Promise<void>>();

function flush(): void {
  if (attempts.length === 0) return;
  process.send?.({ type: 'attempts', attempts } satisfies FromProbe);
  attempts = [];
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

function end(client: pg.Client): void {
  client.end().catch(() => undefined);
  (client as unknown as { readonly connection: { readonly stream: { destroy(): void } } }).connection.stream.destroy();
}

async function connect(config: ProbeConfig, host: string): Promise<pg.Client | null> {
  const { user, answerMs } = config;
  const client = new pg.Client({
    host,
    database: 'postgres',
    user,
    password,
    ssl: { rejectUnauthorized: false },
    connectionTimeoutMillis: answerMs,
    query_timeout: answerMs,
    application_name: `day2-${config.probe}`,
    // Whether a member takes writes is what is asked. A probe that waits for a replica goes on waiting in the server when it is given
    // up here, and holds a slot that the replica's Patroni needs before it can follow.
    options: '-c synchronous_commit=local',
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return client;
  } catch {
    end(client);
    return null;
  }
}

/** One attempt. @returns whether the connection can go on */
async function attempt(client: pg.Client, probe: string, pod: string): Promise<boolean> {
  const sentAt = monotonic();
  let known: Pick<Attempt, 'inRecovery' | 'startedAt'> = { inRecovery: null, startedAt: null };
  const done = (outcome: Attempt['outcome'], timeline: number | null = null): void =>
    void attempts.push({ probe, pod, sentAt, answeredAt: monotonic(), outcome, timeline, ...known });
  try {
    const [state] = (await client.query<{ recovery: boolean; started: string }>(ask)).rows;
    known = { inRecovery: state?.recovery ?? null, startedAt: Math.round(Number(state?.started)) };
    const [written] = (await client.query<{ timeline: number }>(write, [probe, pod])).rows;
    done('wrote', written?.timeline ?? null);
    return true;
  } catch (error) {
    const isReadOnly = (error as { readonly code?: unknown }).code === '25006';
    done(isReadOnly ? 'refused' : 'failed');
    return isReadOnly;
  }
}

const keyOf = ({ pod, host }: Target): string => `${pod} ${host}`;
const isWanted = (target: Target): boolean => running && targets.some((each) => keyOf(each) === keyOf(target));

async function watch(config: ProbeConfig, target: Target): Promise<void> {
  while (isWanted(target)) {
    const client = await connect(config, target.host);
    while (client !== null && isWanted(target) && (await attempt(client, config.probe, target.pod)))
      await pause(config.everyMs);
    if (client !== null) end(client);
    await pause(config.everyMs);
  }
  loops.delete(keyOf(target));
}

async function stop(): Promise<void> {
  running = false;
  await Promise.all(loops.values());
  flush();
  process.send?.({ type: 'stopped' } satisfies FromProbe, () => process.exit(0));
}

let config: ProbeConfig | null = null;
process.on('disconnect', () => process.exit(0));
process.on('message', (message: ToProbe) => {
  if (message.type === 'stop') void stop();
  else if (message.type === 'password') ({ password } = message);
  else if (message.type === 'start') {
    ({ config } = message);
    ({ password } = config);
    setInterval(flush, 100);
  } else if (config !== null) {
    ({ targets } = message);
    for (const target of targets) if (!loops.has(keyOf(target))) loops.set(keyOf(target), watch(config, target));
  }
});
