/** Owns: asking the API server something that has to be told at once, or not at all: it may be away. */
import { request } from 'node:https';
import { loadConnection } from '#src/kube/connection.ts';
import type { World } from '../world.ts';

/** The body of a GET, or null when the API server does not answer well in time. */
export async function askApi(world: World, path: string, timeoutMs = 1000): Promise<string | null> {
  const { server, tls, credentials } = loadConnection({
    kubeconfig: world.target.kubeconfig,
    context: world.target.context,
  });
  const { authorization: token } = await credentials(false);
  return new Promise((resolve) => {
    const call = request(
      new URL(path, server),
      { ...tls, agent: false, timeout: timeoutMs, headers: token === null ? {} : { authorization: token } },
      (response) => {
        const parts: Buffer[] = [];
        response.on('data', (part: Buffer) => parts.push(part));
        response.on('error', () => resolve(null));
        response.on('end', () => resolve(response.statusCode === 200 ? Buffer.concat(parts).toString('utf8') : null));
      },
    );
    call.on('error', () => resolve(null));
    call.on('timeout', () => call.destroy());
    call.end();
  });
}

/** A PostgresCluster as the API server has it. Asked again and again, so not by a program that starts anew each time. @throws when it does not answer well */
export async function readCluster(world: World, namespace: string, name: string): Promise<unknown> {
  const path = `/apis/postgres.example.com/v1alpha1/namespaces/${namespace}/postgresclusters/${name}`;
  const text = await askApi(world, path, 15_000);
  if (text === null) throw new Error(`the API server did not give PostgresCluster ${namespace}/${name}`);
  return JSON.parse(text) as unknown;
}
