/** Owns: what every verb of pgc has: its flags, where it reads from, and which cluster is meant. */
import { Command } from 'commander';
import { Refused } from '#src/errors.ts';
import type { ClusterSummary } from '#src/journal/read.ts';
import { forwardedSource } from './forward.ts';
import { apiSource, databaseSource, exportSource, readable, type Source } from './source.ts';
import { decidedRows } from './why.ts';

/** Flags of every verb that reads a source. */
export interface Flags {
  readonly file?: string;
  readonly api?: string;
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly operatorNamespace: string;
  readonly namespace: string;
  readonly output: 'table' | 'json' | 'ndjson';
}

/** One line to standard output. */
export function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** The source that the flags name. @throws Refused when it cannot be opened */
export async function openSource(flags: Flags): Promise<Source> {
  if (flags.file !== undefined)
    return flags.file.endsWith('.ndjson') ? exportSource(flags.file) : databaseSource(flags.file);
  if (flags.api !== undefined) return apiSource(flags.api);
  return forwardedSource({
    kubeconfig: flags.kubeconfig ?? null,
    context: flags.context ?? null,
    namespace: flags.operatorNamespace,
  });
}

/** The newest cluster of this name in the source. @throws Refused naming those that there are */
export async function clusterOf(source: Source, flags: Flags, name: string): Promise<ClusterSummary> {
  const all = await source.clusters();
  const found = all.filter(
    (cluster) => cluster.name === name && (flags.file !== undefined || cluster.namespace === flags.namespace),
  );
  const newest = found.toSorted((left, right) => left.lastAt - right.lastAt).at(-1);
  if (newest !== undefined) return newest;
  const known = all.map((cluster) => `${cluster.namespace}/${cluster.name}`).join(', ') || 'none';
  throw new Refused(`there is no cluster ${flags.namespace}/${name}`, {
    operation: 'look into',
    subject: source.describe,
    hint: `it knows ${known}; name the namespace with -n`,
  });
}

/** Adds a verb with the flags every verb has; `run` gives the exit code, and the source is closed after it. */
export function verb(
  parent: Command,
  usage: string,
  description: string,
  run: (
    source: Source,
    flags: Flags,
    args: readonly string[],
    own: Record<string, string | boolean | undefined>,
  ) => Promise<number>,
): Command {
  const command = parent.command(usage).description(description);
  command
    .option('--file <path>', 'a journal file, or an export that ends in .ndjson')
    .option('--api <url>', 'the operator’s loopback API, when it is within reach')
    .option('--kubeconfig <path>', 'kubeconfig of the operator’s cluster')
    .option('--context <name>', 'context in it')
    .option('--operator-namespace <name>', 'where the operator runs', 'postgres-operator-system')
    .option('-n, --namespace <name>', 'namespace of the cluster', 'default')
    .option('-o, --output <format>', 'table, json or ndjson', 'table');
  return command.action(async (...given: unknown[]) => {
    const values = command.opts();
    const flags = values as unknown as Flags;
    const args = given.slice(0, -2).filter((each): each is string => typeof each === 'string');
    try {
      const source = await openSource(flags);
      try {
        process.exitCode = await run(source, flags, args, values);
      } finally {
        await source.close();
      }
    } catch (error) {
      throw readable(error, flags.file ?? 'the operator');
    }
  });
}

/** Decisions of a cluster, decoded, in order. */
export async function decided(
  source: Source,
  cluster: ClusterSummary,
  filter: { readonly fromMs?: number; readonly limit?: number } = {},
): Promise<ReturnType<typeof decidedRows>> {
  const rows = await source.rows({ uid: cluster.uid, ...filter });
  return decidedRows(rows, await source.blobs(rows));
}
