/**
 * Owns: pgc's command line. Exit codes: 0 yes; 1 no, or a divergence; 2 a damaged or unusable source; 64 wrong usage.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { Command } from 'commander';
import { phaseOf } from '#machines/cluster/chart.ts';
import { membersOf } from '#machines/cluster/members.ts';
import { sha256 } from '#src/decision/hash.ts';
import { messageOf, Refused } from '#src/errors.ts';
import { exportLines } from '#src/export/ndjson.ts';
import { observationWords } from '#src/export/words.ts';
import { buildId } from '#src/build-id.ts';
import { importJournal } from '#src/journal/import.ts';
import type { ClusterSummary } from '#src/journal/read.ts';
import type { Anchor } from '#src/journal/verify.ts';
import { makeCore } from '#src/replay/core.ts';
import { verifyRows } from '#src/replay/verify.ts';
import { readExport } from './export-file.ts';
import { forwardedSource } from './forward.ts';
import { apiSource, databaseSource, exportSource, readable, type Source } from './source.ts';
import { decidedRows, decisionLines, timeWords, whyLines } from './why.ts';

interface Flags {
  readonly file?: string;
  readonly api?: string;
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly operatorNamespace: string;
  readonly namespace: string;
  readonly output: 'table' | 'json' | 'ndjson';
}

const program = new Command('pgc').description('Explains what a PostgreSQL operator did, and why.').version(buildId());
// Before any verb is made: verbs inherit it.
program.configureOutput({ writeErr: (text) => void process.stderr.write(text) });
program.exitOverride();

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function openSource(flags: Flags): Promise<Source> {
  if (flags.file !== undefined)
    return flags.file.endsWith('.ndjson') ? exportSource(flags.file) : databaseSource(flags.file);
  if (flags.api !== undefined) return apiSource(flags.api);
  return forwardedSource({
    kubeconfig: flags.kubeconfig ?? null,
    context: flags.context ?? null,
    namespace: flags.operatorNamespace,
  });
}

async function clusterOf(source: Source, flags: Flags, name: string): Promise<ClusterSummary> {
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

/** Adds a verb with the flags every verb has. */
function verb(
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

async function decided(
  source: Source,
  cluster: ClusterSummary,
  filter: { readonly fromMs?: number; readonly limit?: number } = {},
): Promise<ReturnType<typeof decidedRows>> {
  const rows = await source.rows({ uid: cluster.uid, ...filter });
  return decidedRows(rows, await source.blobs(rows));
}

verb(program, 'status [name]', 'one page about a cluster, or a line for each', async (source, flags, [name]) => {
  const clusters = await source.clusters();
  if (name === undefined) {
    if (flags.output !== 'table') print(JSON.stringify(clusters));
    else
      for (const cluster of clusters)
        print(
          `${cluster.namespace}/${cluster.name}  ${cluster.rows} rows, head ${cluster.head.epoch}.${cluster.head.seq}`,
        );
    return 0;
  }
  const cluster = await clusterOf(source, flags, name);
  const snapshot = await source.snapshot(cluster.namespace, cluster.name);
  if (flags.output !== 'table') {
    print(JSON.stringify({ cluster, snapshot }));
    return 0;
  }
  print(
    `${cluster.namespace}/${cluster.name}  head ${cluster.head.epoch}.${cluster.head.seq} ${cluster.head.head.slice(0, 12)}`,
  );
  if (snapshot === null) {
    const last = (await decided(source, cluster)).at(-1);
    print(
      `  state     ${last?.decision.to ?? 'unknown'} at ${last === undefined ? 'no time' : timeWords(last.row.at)}`,
    );
    return 0;
  }
  print(
    `  phase     ${phaseOf(snapshot.state)} (${snapshot.state}) since ${timeWords(snapshot.facts.memory.stateSince)}`,
  );
  for (const member of membersOf(snapshot.facts))
    print(
      `  member    ${member.name}  ${member.role}, ${member.state}, timeline ${member.timeline ?? '?'}${member.trouble === null ? '' : `: ${member.trouble}`}`,
    );
  for (const [type, condition] of Object.entries(snapshot.facts.memory.conditions))
    print(`  ${type.padEnd(20)} ${condition.status.padEnd(8)} ${condition.message}`);
  for (const [key, open] of Object.entries(snapshot.facts.memory.open))
    print(`  open      ${key}: ${open.type} since ${timeWords(open.since)}`);
  return 0;
});

verb(
  program,
  'why <name>',
  'the causal chain of the last incident, or of the decision at a time',
  async (source, flags, [name = ''], own) => {
    const all = await decided(source, await clusterOf(source, flags, name));
    const at = typeof own['at'] === 'string' ? Date.parse(own['at']) : null;
    if (at !== null && Number.isNaN(at))
      throw new Refused(`${String(own['at'])} is no time`, {
        operation: 'read',
        subject: '--at',
        hint: 'write it as 2026-01-31T03:12:00Z',
      });
    for (const line of whyLines(all, at)) print(line);
    return 0;
  },
).option('--at <time>', 'the decision in force at this time, RFC 3339');

const journal = program.command('journal').description('rows, one row, proof, export');

verb(journal, 'ls <name>', 'rows of a cluster', async (source, flags, [name = ''], own) => {
  const cluster = await clusterOf(source, flags, name);
  const limit = Number(own['limit'] ?? 0);
  const all = await decided(source, cluster);
  for (const { row, decision } of limit > 0 ? all.slice(-limit) : all) {
    if (flags.output !== 'table')
      print(
        JSON.stringify({
          seq: row.seq,
          at: row.at,
          type: row.type,
          to: decision.to,
          moves: decision.moves.map((move) => move.signal),
          intents: decision.intents.map((intent) => intent.type),
        }),
      );
    else {
      const moves = decision.moves.map((move) => ` ⇒ ${move.signal} → ${phaseOf(move.to)}`).join('');
      print(
        `${String(row.seq).padStart(6)}  ${timeWords(row.at)}  ${observationWords(decision.observation)}${moves}${decision.intents.length > 0 ? ` (+${decision.intents.length} effects)` : ''}`,
      );
    }
  }
  return 0;
}).option('--limit <n>', 'only the last so many', '0');

verb(
  journal,
  'show <name> <seq>',
  'one row with guards, intents and outcomes',
  async (source, flags, [name = '', seq = '']) => {
    const all = await decided(source, await clusterOf(source, flags, name));
    const found = all.find(({ row }) => row.seq === Number(seq));
    if (found === undefined)
      throw new Refused(`row ${seq} is not there`, {
        operation: 'show',
        subject: name,
        hint: "'pgc journal ls' lists what is",
      });
    if (flags.output !== 'table') print(JSON.stringify(found));
    else for (const line of decisionLines(found, all)) print(line);
    return 0;
  },
);

function anchorsOf(text: unknown): readonly Anchor[] {
  if (typeof text !== 'string') return [];
  const [uid = '', epoch = '', seq = '', head = ''] = text.split(':');
  return [{ uid, epoch: Number(epoch), seq: Number(seq), head }];
}

verb(
  journal,
  'verify',
  'prove every hash and link; with an anchor, that nothing up to it is lost',
  async (source, flags, _args, own) => {
    const report = await source.verify(anchorsOf(own['anchor']));
    if (flags.output !== 'table') print(JSON.stringify(report));
    else {
      for (const cluster of report.clusters)
        print(
          `${cluster.namespace}/${cluster.name}: ${cluster.verified} of ${cluster.rows} rows, head ${cluster.head.epoch}.${cluster.head.seq} ${cluster.head.head.slice(0, 12)}`,
        );
      for (const damage of report.damage)
        print(`damage: cluster ${damage.uid ?? '-'}, row ${damage.seq ?? '-'}: ${damage.because}`);
      print(
        report.damage.length === 0
          ? `${report.rows} rows and ${report.blobs} blobs are as they were written`
          : report.damage.length === 1
            ? '1 place is damaged'
            : `${report.damage.length} places are damaged`,
      );
    }
    return report.damage.length === 0 ? 0 : 2;
  },
).option('--anchor <uid:epoch:seq:head>', 'a place that the journal must have reached');

verb(journal, 'export <name>', 'the rows as NDJSON', async (source, flags, [name = ''], own) => {
  const cluster = await clusterOf(source, flags, name);
  const rows = await source.rows({ uid: cluster.uid });
  const blobs = await source.blobs(rows);
  const { uid, namespace } = cluster;
  const lines = exportLines({
    cluster: { uid, namespace, name },
    build: buildId(),
    rows,
    blob: (hash) => blobs.get(hash) ?? '',
    sha256,
  });
  const text = `${[...lines].join('\n')}\n`;
  if (typeof own['out'] === 'string') writeFileSync(own['out'], text);
  else process.stdout.write(text);
  return 0;
}).option('--out <path>', 'file to write');

journal
  .command('import <file>')
  .description('an export as a journal file again; refused unless every hash, link and line is as it was written')
  .requiredOption('--out <path>', 'journal file to make; it must not exist')
  .action((file: string, own: { readonly out: string }) => {
    const read = readExport(readFileSync(file, 'utf8'));
    const { namespace, name } = read.cluster;
    print(`${importJournal(read, own.out)} rows of ${namespace}/${name} are in ${own.out}`);
  });

verb(program, 'replay [name]', 'decide every row again and compare byte for byte', async (source, flags, [name]) => {
  const clusters = name === undefined ? await source.clusters() : [await clusterOf(source, flags, name)];
  let total = 0;
  let verified = 0;
  for (const cluster of clusters) {
    const rows = await source.rows({ uid: cluster.uid });
    const blobs = await source.blobs(rows);
    const report = verifyRows(makeCore(), { rows, from: null, getBlob: (hash) => blobs.get(hash) ?? '' });
    total += report.rows;
    verified += report.verified;
    const { firstDivergence } = report;
    if (firstDivergence !== null) {
      print(
        `${cluster.namespace}/${cluster.name}: row ${firstDivergence.seq} differs at ${firstDivergence.pointer || 'the whole body'}`,
      );
      print(`  recorded ${firstDivergence.recorded ?? 'nothing'}\n  computed ${firstDivergence.computed ?? 'nothing'}`);
      const builds = new Set(
        decidedRows(rows, blobs).flatMap(({ decision }) =>
          decision.observation.type === 'ProcessStarted' ? [decision.observation.build] : [],
        ),
      );
      if ([...builds].some((build) => build !== buildId()))
        print(`  written by build ${[...builds].join(', ')}, replayed by ${buildId()}`);
    }
  }
  print(`${verified} of ${total} decisions are byte-identical`);
  return total > 0 && verified === total ? 0 : 1;
}).option('--verify', 'compare with what is recorded (the default)');

program.parseAsync().catch((error: unknown) => {
  if (error instanceof Error && 'code' in error && String(error.code).startsWith('commander.')) {
    process.exitCode = 'exitCode' in error && error.exitCode === 0 ? 0 : 64;
    return;
  }
  process.stderr.write(
    `${messageOf(error)}\n${error instanceof Error && 'hint' in error ? `${String(error.hint)}\n` : ''}`,
  );
  process.exitCode = 2;
});
