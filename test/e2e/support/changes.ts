/** Owns: edits of a running cluster: the patch of its spec, and how it is known that the edit is true of every member. */
import { nodesOf, environmentCluster } from '#test/cluster/options.ts';
import { tagImage } from '#test/cluster/node.ts';
import { eventually, psql, type World } from '../world.ts';
import { readCluster } from './api.ts';
import type { Subject } from './database.ts';
import { podsOf } from './pods.ts';
import { allStreaming } from './shop.ts';

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
}

interface Seen {
  readonly metadata: { readonly generation: number };
  readonly status?: {
    readonly phase?: string;
    readonly rolledOutGeneration?: number;
    readonly primaryPod?: string;
    readonly conditions?: readonly Condition[];
  };
}

async function seen(world: World, { namespace, name }: Subject): Promise<Seen> {
  return (await readCluster(world, namespace, name)) as Seen;
}

/** Merges a part into the cluster's spec; null takes a field out. @returns the generation it made */
export async function edit(world: World, subject: Subject, spec: Readonly<Record<string, unknown>>): Promise<number> {
  const patch = JSON.stringify({ spec });
  const { namespace, name } = subject;
  await world.kubectl('--namespace', namespace, 'patch', 'postgrescluster', name, '--type=merge', '--patch', patch);
  return (await seen(world, subject)).metadata.generation;
}

/**
 * Waits until the operator has rolled out what the spec says now. That it runs and has seen the edit is not enough: for a moment it waits for
 * its turn among many clusters.
 */
export async function rolledOut(world: World, subject: Subject, timeoutMs = 400_000): Promise<void> {
  await eventually(
    'the edit being rolled out',
    async () => {
      const { metadata, status } = await seen(world, subject);
      return status?.rolledOutGeneration === metadata.generation && status.phase === 'Running';
    },
    timeoutMs,
  );
}

/** Edits the spec, and waits until it is true of every member and as many replicas stream. */
export async function change(
  world: World,
  subject: Subject,
  spec: Readonly<Record<string, unknown>>,
  replicas: number,
): Promise<void> {
  await edit(world, subject, spec);
  await rolledOut(world, subject);
  await allStreaming(world, subject, replicas);
}

/** One condition of the cluster; null while it is not told. */
export async function condition(world: World, subject: Subject, type: string): Promise<Condition | null> {
  return (await seen(world, subject)).status?.conditions?.find((each) => each.type === type) ?? null;
}

/** `SHOW` on every member, by pod. */
export async function shown(
  world: World,
  subject: Subject,
  parameter: string,
): Promise<Readonly<Record<string, string>>> {
  const pods = (await podsOf(world, subject)) ?? [];
  const values = pods.map(async ({ name }): Promise<[string, string]> => [
    name,
    await psql(world, subject.namespace, name, `SHOW ${parameter}`),
  ]);
  return Object.fromEntries(await Promise.all(values));
}

/** When each member's PostgreSQL started, in milliseconds since 1970, by pod, the earliest first. */
export async function startOrder(world: World, subject: Subject): Promise<readonly string[]> {
  const pods = (await podsOf(world, subject)) ?? [];
  const times = await Promise.all(
    pods.map(async ({ name }) => ({
      name,
      at: Number(await psql(world, subject.namespace, name, 'SELECT extract(epoch FROM pg_postmaster_start_time())')),
    })),
  );
  return times.sort((one, other) => one.at - other.at).map(({ name }) => name);
}

/** The image of every member's container, by pod. */
export async function imagesOf(world: World, subject: Subject): Promise<Readonly<Record<string, string>>> {
  const list = (await world.json(
    '--namespace',
    subject.namespace,
    'get',
    'pods',
    '--selector',
    `postgres.example.com/cluster=${subject.name}`,
  )) as {
    readonly items: readonly {
      readonly metadata: { readonly name: string };
      readonly spec: {
        readonly containers: readonly {
          readonly name: string;
          readonly image: string;
        }[];
      };
    }[];
  };
  return Object.fromEntries(
    list.items.map(({ metadata, spec }) => [
      metadata.name,
      spec.containers.find(({ name }) => name === 'postgres')?.image ?? '',
    ]),
  );
}

/** Gives the cluster's image a second name on every node: another template, the same programs. @returns that name */
export async function secondName(reference: string): Promise<string> {
  const other = `${reference}-rebuilt`;
  for (const node of nodesOf(environmentCluster())) await tagImage(node, reference, other);
  return other;
}
