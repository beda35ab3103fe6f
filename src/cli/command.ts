/** Owns: what every verb of pgc has: its flags, where it reads from, and which cluster is meant. */
import { writeFileSync } from 'node:fs';
import { Command, Option } from 'commander';
import type { Facts } from '#machines/cluster/facts.ts';
import { durationMs } from '#machines/shared/duration.ts';
import { messageOf, Refused } from '#src/errors.ts';
import type { ClusterSummary, RowFilter } from '#src/journal/read.ts';
import { instantOf } from './instant.ts';
import { kubeconfigOf } from './kubeconfig.ts';
import { Misused } from './misused.ts';
import { usualOperatorNamespace } from './operator.ts';
import { apiSource, readable, sourceOfFile, type Source } from './source.ts';
import { decidedRows } from '#src/export/decided.ts';
import { prunedWords } from '#src/export/sealed.ts';
import { timeWords } from '#src/export/time.ts';
import type { RecordRow } from '#src/journal/record.ts';
import { isMoment } from '#src/journal/retention.ts';
import { standingOf } from '#src/replay/redecide.ts';
import type { Standing } from '#src/replay/snapshot-text.ts';

/** Flags of every verb that reads a source. */
export interface Flags {
  readonly file?: string;
  readonly api?: string;
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly operatorNamespace: string;
  readonly namespace: string;
  /** Whether the namespace was asked for, and is not the usual one. */
  readonly namespaceGiven: boolean;
  /** Of which cluster of a name, where it was deleted and made again. */
  readonly uid?: string;
  readonly output: 'table' | 'json' | 'ndjson' | 'mermaid';
}

/** One line to standard output. */
export function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Writes an answer to the file that `--out` names. @throws Refused when it cannot be written */
export function writeOut(path: string, text: string): void {
  try {
    writeFileSync(path, text);
  } catch (cause) {
    throw new Refused(`it cannot be written: ${messageOf(cause)}`, {
      operation: 'write',
      subject: path,
      hint: 'name a file with --out, in a folder that is there and may be written to',
      cause,
    });
  }
}

/** @throws Misused when it is no address that can be asked: `localhost:8081` has no host, but a scheme of that name */
function addressOf(api: string): string {
  const { protocol } = URL.parse(api) ?? {};
  if (protocol === 'http:' || protocol === 'https:') return api;
  throw new Misused(`${api} is no address of the operator’s API`, {
    operation: 'read',
    subject: '--api, or PGC_API',
    hint: 'write it as http://localhost:8081',
  });
}

/** The source that the flags name. @throws Refused when it cannot be opened */
export async function openSource(flags: Flags): Promise<Source> {
  if (flags.file !== undefined) return sourceOfFile(flags.file);
  const api = flags.api ?? process.env['PGC_API'];
  if (api !== undefined && api !== '') return apiSource(addressOf(api));
  // Loaded when it is needed: it brings a whole client of Kubernetes with it.
  const { forwardedSource } = await import('./forward.ts');
  return forwardedSource({
    kubeconfig: kubeconfigOf(flags.kubeconfig),
    context: flags.context ?? null,
    namespace: flags.operatorNamespace,
  });
}

/** The namespace that is meant where none is given: the one of the context, as kubectl has it; without a context `default`. */
export async function usualNamespace(flags: Pick<Flags, 'file' | 'api' | 'kubeconfig' | 'context'>): Promise<string> {
  if (flags.file !== undefined || (flags.api ?? process.env['PGC_API'] ?? '') !== '') return 'default';
  const { contextNamespace, loadConnection } = await import('#src/kube/connection.ts');
  const where = { kubeconfig: kubeconfigOf(flags.kubeconfig), context: flags.context ?? null };
  return contextNamespace(loadConnection(where).config);
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
    own: Readonly<Record<string, unknown>>,
  ) => Promise<number>,
  /** A file that an argument names, for verbs that take it there. */
  fileOf: (args: readonly string[]) => string | undefined = () => undefined,
): Command {
  const command = parent.command(usage).description(description);
  // Only the answer that is a chart can be drawn.
  const formats = ['table', 'json', 'ndjson', ...(usage.startsWith('state ') ? ['mermaid'] : [])];
  command
    .option('--file <path>', 'a journal file, or an export that ends in .ndjson')
    .option('--api <url>', 'the operator’s loopback API, when it is within reach; or PGC_API')
    .option('--kubeconfig <path>', 'kubeconfig of the operator’s cluster')
    .option('--context <name>', 'context in it')
    .option('--operator-namespace <name>', 'where the operator runs', usualOperatorNamespace)
    .option('-n, --namespace <name>', 'namespace of the cluster; that of the context, or default, unless given')
    .addOption(new Option('-o, --output <format>', 'how the answer is written').choices(formats).default('table'));
  if (/[<[]name[\]>]/.test(usage))
    command.option('--uid <uid>', 'an earlier cluster of the name, that was deleted and made again; status lists them');
  return command.action(async (...given: unknown[]) => {
    const values = command.opts();
    const args = given
      .slice(0, -2)
      .flat()
      .filter((each): each is string => typeof each === 'string');
    const named = fileOf(args);
    const asked = {
      ...(values as unknown as Omit<Flags, 'namespaceGiven'>),
      namespaceGiven: values['namespace'] !== undefined,
      ...(named === undefined ? {} : { file: named }),
    };
    try {
      const flags = asked.namespaceGiven ? asked : { ...asked, namespace: await usualNamespace(asked) };
      const source = await openSource(flags);
      try {
        process.exitCode = await run(source, flags, args, values);
      } finally {
        await source.close();
      }
    } catch (error) {
      throw readable(error, asked.file ?? 'the operator');
    }
  });
}

/** Rows of a cluster with the texts that they mention. */
export interface Recorded {
  readonly rows: readonly RecordRow[];
  readonly blobs: ReadonlyMap<string, string>;
  /** @throws when the source does not hold the text: it is damaged */
  readonly getBlob: (hash: string) => string;
  /** How the cluster stood before the first of the rows. */
  readonly from: Standing | null;
}

/** Rows of a cluster as they are, in order. */
export async function recorded(
  source: Source,
  cluster: ClusterSummary,
  filter: Omit<RowFilter, 'uid'> = {},
): Promise<Recorded> {
  const rows = await source.rows({ uid: cluster.uid, ...filter });
  const blobs = await source.blobs(rows);
  const getBlob = (hash: string): string => {
    const bytes = blobs.get(hash);
    if (bytes === undefined)
      throw new Refused(`blob ${hash} is missing`, {
        operation: 'read',
        subject: source.describe,
        hint: "'pgc journal verify' lists all that is wrong",
      });
    return bytes;
  };
  return { rows, blobs, getBlob, from: source.standing };
}

/** As `recorded`, to decide the rows again. @throws Refused when they are not the ones that were written */
export async function replayable(
  source: Source,
  cluster: ClusterSummary,
  filter: Pick<RowFilter, 'untilSeq' | 'untilMs'> = {},
): Promise<Recorded> {
  if (source.unreplayable !== null)
    throw new Refused(source.unreplayable, {
      operation: 'replay',
      subject: source.describe,
      hint: 'use the journal or the whole export that it was made from',
    });
  return recorded(source, cluster, filter);
}

/** Decisions of a cluster, decoded, in order. */
export async function decided(
  source: Source,
  cluster: ClusterSummary,
  filter: Omit<RowFilter, 'uid'> = {},
): Promise<ReturnType<typeof decidedRows>> {
  const { rows, blobs } = await recorded(source, cluster, filter);
  return decidedRows(rows, blobs);
}

/** Where the rows of a cluster begin, when older ones were pruned; null when they are all there, or are a part of an export. */
export async function prunedBefore(
  source: Source,
  cluster: ClusterSummary,
): Promise<{ readonly seq: number; readonly at: number } | null> {
  if (cluster.firstSeq <= 1 || source.standing !== null || source.unreplayable !== null) return null;
  const [first] = await source.rows({ uid: cluster.uid, limit: 1 });
  return first?.kind === 'base' ? { seq: first.seq, at: first.at } : null;
}

/** What was known of the world before the first of the rows: of an export's part, or where older ones were pruned. */
export function knownBefore(source: Source, [first]: readonly RecordRow[]): Facts['world'] | null {
  // A base row of a redacted export holds nothing any more.
  if (source.unreplayable !== null) return null;
  if (source.standing !== null) return source.standing.snapshot.facts.world;
  return first?.kind === 'base' ? standingOf(first).snapshot.facts.world : null;
}

/**
 * Refuses a moment that lies before the rows that are kept: what happened then is not known here, which is not nothing.
 * @throws Refused naming where the rows begin
 */
export async function refuseBefore(source: Source, cluster: ClusterSummary, at: number | null): Promise<void> {
  const pruned = at === null ? null : await prunedBefore(source, cluster);
  if (at === null || pruned === null || at >= pruned.at) return;
  throw new Refused(`what lies before ${timeWords(at)} was pruned`, {
    operation: 'look into',
    subject: `${cluster.namespace}/${cluster.name}`,
    hint: `${prunedWords(pruned)}; an export that was made before may hold it`,
  });
}

/**
 * A moment that a flag names: a time, or so long before the cluster's last row.
 * @returns milliseconds since 1970; null when the flag was not given
 * @throws Misused when it is no moment
 */
export function momentOf(flag: string, given: unknown, lastAt: number): number | null {
  if (typeof given !== 'string') return null;
  const before = durationMs(given, 'smhd');
  const at = before === null ? instantOf(given) : lastAt - before;
  // A hold at a moment that no Date can hold could be written, but never be told again.
  if (at !== null && isMoment(at)) return at;
  throw new Misused(at === null ? `${given} is no time` : `${given} is farther away than any time can be`, {
    operation: 'read',
    subject: `--${flag}`,
    hint: 'write it as 2026-01-31T03:12:00Z, or as 15m: so long before the last row',
  });
}

/** Writes an answer: as lines, as one JSON document, or as one JSON line for each of its items. */
export function tell(
  flags: Flags,
  answer: { readonly value: unknown; readonly lines: () => readonly string[]; readonly items?: readonly unknown[] },
): void {
  if (flags.output === 'table') for (const line of answer.lines()) print(line);
  else if (flags.output === 'ndjson') for (const item of answer.items ?? [answer.value]) print(JSON.stringify(item));
  else print(JSON.stringify(answer.value, null, 2));
}
