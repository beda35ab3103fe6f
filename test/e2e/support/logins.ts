/**
 * Owns: clients that read the Secrets that people read, before each login, and log in with what they say: whether they are let
 * in, and every value that any Secret of the cluster ever had. Writer and probes log in with the newest of it.
 */
import pg from 'pg';
import { secretValues, type SecretValue } from '#test/support/canary.ts';
import { eventually, type World } from '../world.ts';
import { askApi } from './api.ts';
import { serviceAddress, type Subject } from './database.ts';
import type { Run } from './run.ts';

interface Role {
  readonly user: string;
  /** Behind the cluster's name. */
  readonly secret: string;
  readonly key: string;
  /** In the Secret in force. */
  readonly inForce: string;
}

const roles: readonly Role[] = [
  { user: 'app', secret: 'app', key: 'password', inForce: 'APPLICATION_PASSWORD' },
  { user: 'postgres', secret: 'credentials', key: 'POSTGRES_PASSWORD', inForce: 'POSTGRES_PASSWORD' },
  { user: 'standby', secret: 'credentials', key: 'REPLICATION_PASSWORD', inForce: 'REPLICATION_PASSWORD' },
];

interface SecretObject {
  readonly metadata: { readonly name: string };
  readonly data?: Readonly<Record<string, string>>;
}

/** Values of the cluster's Secrets as `secret/key`, all at one moment; null while the API server does not answer. */
export type Values = Readonly<Record<string, string>>;

/** What all Secrets of the cluster's namespace say. */
async function readSecrets(
  world: World,
  { namespace, name }: Subject,
): Promise<{ readonly values: Values; readonly all: readonly SecretValue[] } | null> {
  const text = await askApi(world, `/api/v1/namespaces/${namespace}/secrets`);
  if (text === null) return null;
  const list = JSON.parse(text) as { readonly items: readonly SecretObject[] };
  const entries = list.items.flatMap(({ metadata, data = {} }) =>
    Object.entries(data).map(([key, value]): [string, string] => [
      `${metadata.name.slice(name.length + 1)}/${key}`,
      Buffer.from(value, 'base64').toString('utf8'),
    ]),
  );
  return { values: Object.fromEntries(entries), all: secretValues(list) };
}

/** Values of the cluster's Secrets now. @throws while the API server does not answer */
export async function secretsNow(world: World, subject: Subject): Promise<Values> {
  const read = await readSecrets(world, subject);
  if (read === null) throw new Error('the API server does not answer');
  return read.values;
}

/** A login: let in, refused for the password, or something else was in the way. */
export type Login = 'let in' | 'refused' | 'not reached';

/** Logs in once, over TLS. */
export async function logIn(host: string, user: string, password: string): Promise<Login> {
  const client = new pg.Client({
    host,
    database: 'postgres',
    user,
    password,
    ssl: { rejectUnauthorized: false },
    connectionTimeoutMillis: 3000,
    query_timeout: 3000,
    application_name: 'day2-logins',
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return 'let in';
  } catch (error) {
    return (error as { readonly code?: unknown }).code === '28P01' ? 'refused' : 'not reached';
  } finally {
    client.end().catch(() => undefined);
    (
      client as unknown as { readonly connection: { readonly stream: { destroy(): void } } }
    ).connection.stream.destroy();
  }
}

/** Logs in until PostgreSQL answers: a connection that did not come to be says nothing of the password. */
export function loginAnswer(host: string, user: string, password: string): Promise<Login> {
  return eventually(`${user} being let in or refused`, async () => {
    const login = await logIn(host, user, password);
    return login === 'not reached' ? null : login;
  });
}

export interface Logins {
  /** Every value of every Secret so far. */
  readonly values: () => readonly SecretValue[];
  /** Values that `secret/key` had so far, in order. */
  readonly valuesOf: (place: string) => readonly string[];
  readonly letIn: () => number;
  /** How often a client was refused with what it had just read. */
  readonly refused: () => number;
  /** The longest time for which a role's client was refused with what it read, in milliseconds. */
  readonly longestRefusedMs: () => number;
  /** Refusals that nothing explains: the Secret in force said the same before, and nothing else was published after. */
  readonly unexplained: () => readonly string[];
  readonly stop: () => Promise<void>;
}

const everyMs = 100;

/** Clients that log in without end; returns once each role was let in. */
export async function startLogins(world: World, subject: Subject, run: Run): Promise<Logins> {
  const host = await serviceAddress(world, subject, subject.name);
  const all = new Map<string, SecretValue>();
  const had = new Map<string, string[]>();
  const refusedSince = new Map<string, number>();
  const unexplained: string[] = [];
  let [letIn, refused, longest] = [0, 0, 0];
  let running = true;

  const read = async (): Promise<Values | null> => {
    const now = await readSecrets(world, subject);
    if (now === null) return null;
    for (const each of now.all) all.set(`${each.secret}/${each.key}/${each.value}`, each);
    for (const [place, value] of Object.entries(now.values)) {
      const before = had.get(place) ?? [];
      if (before.at(-1) === value) continue;
      had.set(place, [...before, value]);
      if (place === 'app/password') run.writer.usePassword(value);
      if (place === 'credentials/POSTGRES_PASSWORD') run.probes.usePassword(value);
    }
    return now.values;
  };

  const attempt = async ({ user, secret, key, inForce }: Role): Promise<void> => {
    const before = await read();
    const password = before?.[`${secret}/${key}`];
    if (before === null || password === undefined) return;
    const at = performance.now();
    const login = await logIn(host, user, password);
    if (login === 'let in') {
      letIn += 1;
      refusedSince.delete(user);
    }
    if (login !== 'refused') return;
    refused += 1;
    refusedSince.set(user, refusedSince.get(user) ?? at);
    longest = Math.max(longest, performance.now() - (refusedSince.get(user) ?? at));
    const after = await read();
    const isPublished = after?.[`${secret}/${key}`] === password;
    if (isPublished && before[`credentials-inforce/${inForce}`] === password)
      unexplained.push(`${user} at ${new Date().toISOString()}`);
  };

  const client = async (role: Role): Promise<void> => {
    while (running) {
      await attempt(role);
      await new Promise((resolve) => setTimeout(resolve, everyMs));
    }
  };
  // A login that was not answered in time says nothing; one that is refused here is told as unexplained.
  for (const [index, role] of roles.entries())
    await eventually(`${role.user} being let in with what the Secrets say`, async () => {
      await attempt(role);
      return letIn > index;
    });
  const clients = roles.map(client);
  return {
    values: () => [...all.values()],
    valuesOf: (place) => had.get(place) ?? [],
    letIn: () => letIn,
    refused: () => refused,
    longestRefusedMs: () => Math.round(longest),
    unexplained: () => unexplained,
    stop: async () => {
      running = false;
      await Promise.all(clients);
    },
  };
}
