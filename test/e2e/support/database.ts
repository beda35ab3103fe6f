/** Owns: reaching a cluster's databases from the test's machine: through a Service's address or at a pod's own, over TLS. */
import pg from 'pg';
import type { World } from '../world.ts';

/** A cluster under test. */
export interface Subject {
  readonly namespace: string;
  readonly name: string;
}

/** Value of a Secret's key. */
export async function secretValue(world: World, { namespace }: Subject, secret: string, key: string): Promise<string> {
  const path = `jsonpath={.data.${key}}`;
  const text = await world.kubectl('--namespace', namespace, 'get', 'secret', secret, '--output', path);
  if (text === '') throw new Error(`secret ${namespace}/${secret} has no key ${key}`);
  return Buffer.from(text, 'base64').toString('utf8');
}

/** The cluster address of a Service; it can be reached from this machine on the local cluster only. */
export async function serviceAddress(world: World, { namespace }: Subject, service: string): Promise<string> {
  if (world.target.type !== 'local')
    throw new Error('the writer and the probes speak to Services and pods directly: they need the local cluster');
  const path = 'jsonpath={.spec.clusterIP}';
  return (await world.kubectl('--namespace', namespace, 'get', 'service', service, '--output', path)).trim();
}

/** Rows of a query by the application user through the primary's Service, on a connection of its own. */
export async function appQuery<T extends pg.QueryResultRow>(
  world: World,
  subject: Subject,
  text: string,
): Promise<readonly T[]> {
  const client = new pg.Client({
    host: await serviceAddress(world, subject, subject.name),
    database: 'app',
    user: 'app',
    password: await secretValue(world, subject, `${subject.name}-app`, 'password'),
    ssl: { rejectUnauthorized: false },
    connectionTimeoutMillis: 5000,
    query_timeout: 60_000,
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return (await client.query<T>(text)).rows;
  } finally {
    await client.end().catch(() => undefined);
  }
}
