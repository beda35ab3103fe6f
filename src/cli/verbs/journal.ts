/** Owns: `pgc journal`: rows, one row, proof, export, import. */
import { InvalidArgumentError, type Command } from 'commander';
import { phaseOf } from '#machines/cluster/chart.ts';
import { buildId } from '#src/build-id.ts';
import { sha256 } from '#src/decision/hash.ts';
import { Refused } from '#src/errors.ts';
import type { DecidedRow } from '#src/export/decided.ts';
import {
  exportLines,
  redactedLabel,
  type ExportedStanding,
  type ExportSource,
  type Redacted,
} from '#src/export/ndjson.ts';
import { redactRows } from '#src/export/redact.ts';
import type { ClusterIdentity, RecordRow } from '#src/journal/record.ts';
import { prunedWords } from '#src/export/sealed.ts';
import { timeWords } from '#src/export/time.ts';
import { decisionLines, tellerOf } from '#src/export/why.ts';
import { observationWords } from '#src/export/words.ts';
import { importJournal } from '#src/journal/import.ts';
import type { Anchor } from '#src/journal/verify.ts';
import { makeCore } from '#src/replay/core.ts';
import { encodeStanding } from '#src/replay/snapshot-text.ts';
import { standAt } from '#src/replay/walk.ts';
import { clusterOf, noteEarlier } from '../cluster-of.ts';
import {
  decided,
  momentOf,
  print,
  prunedBefore,
  recorded,
  refuseBefore,
  verb,
  writeOut,
  type Recorded,
} from '../command.ts';
import { readExportFile } from '../export-file.ts';
import { Misused, wholeOf } from '../misused.ts';
import { refuseDamaged } from '../source.ts';
import { addRetention } from './retention.ts';

function rowJson({ row, decision }: DecidedRow): string {
  return JSON.stringify({
    seq: row.seq,
    at: row.at,
    type: row.type,
    to: decision.to,
    moves: decision.moves.map((move) => move.signal),
    intents: decision.intents.map((intent) => intent.type),
  });
}

function rowLine({ row, decision }: DecidedRow): string {
  const moves = decision.moves.map((move) => ` ⇒ ${move.signal} → ${phaseOf(move.to)}`).join('');
  const effects = decision.intents.length > 0 ? ` (+${decision.intents.length} effects)` : '';
  return `${String(row.seq).padStart(6)}  ${timeWords(row.at)}  ${observationWords(decision.observation)}${moves}${effects}`;
}

/** @throws InvalidArgumentError: a number that is none would list everything */
function limitOf(text: string): string {
  if (/^\d+$/.test(text)) return text;
  throw new InvalidArgumentError('It is a whole number, such as 20.');
}

function addLs(journal: Command): void {
  verb(journal, 'ls <name>', 'rows of a cluster', async (source, flags, [name = ''], own) => {
    const limit = Number(own['limit']);
    const cluster = await clusterOf(source, flags, name);
    const all = await decided(source, cluster);
    const pruned = await prunedBefore(source, cluster);
    if (pruned !== null && limit === 0 && flags.output === 'table') print(prunedWords(pruned));
    for (const each of limit > 0 ? all.slice(-limit) : all)
      print(flags.output === 'table' ? rowLine(each) : rowJson(each));
    return 0;
  }).option('--limit <n>', 'only the last so many; 0 is all', limitOf, '0');
}

function addShow(journal: Command): void {
  const description = 'one row with guards, intents and outcomes';
  verb(journal, 'show <name> <seq>', description, async (source, flags, [name = '', given = '']) => {
    const seq = wholeOf('the row', given, "its number, as 'pgc journal ls' lists it");
    const cluster = await clusterOf(source, flags, name);
    const all = await decided(source, cluster);
    const found = all.find(({ row }) => row.seq === seq);
    const pruned = await prunedBefore(source, cluster);
    if (found === undefined && pruned !== null && seq < pruned.seq)
      throw new Refused(`row ${seq} was pruned`, {
        operation: 'show',
        subject: name,
        hint: `${prunedWords(pruned)}; an export that was made before may hold them`,
      });
    if (found === undefined)
      throw new Refused(`row ${seq} is not there`, {
        operation: 'show',
        subject: name,
        hint: "'pgc journal ls' lists what is",
      });
    if (flags.output !== 'table') print(JSON.stringify(found));
    else for (const line of decisionLines(tellerOf(all, cluster.uid)(found))) print(line);
    return 0;
  });
}

function anchorsOf(text: unknown): readonly Anchor[] {
  if (typeof text !== 'string') return [];
  const [uid = '', epoch = '', seq = '', head = '', ...more] = text.split(':');
  if (uid === '' || head === '' || more.length > 0)
    throw new Misused(`${text} is no place in a journal`, {
      operation: 'read',
      subject: '--anchor',
      hint: 'write it as uid:epoch:seq:head, as status.journal of the PostgresCluster has them',
    });
  const [inEpoch, inSeq] = [epoch, seq].map((each) => wholeOf('--anchor', each, 'it as uid:epoch:seq:head'));
  return [{ uid, epoch: inEpoch ?? 0, seq: inSeq ?? 0, head }];
}

function addVerify(journal: Command): void {
  const description = 'prove every hash and link; with an anchor, that nothing up to it is lost';
  verb(journal, 'verify', description, async (source, flags, _args, own) => {
    const report = await source.verify(anchorsOf(own['anchor']));
    if (flags.output !== 'table') print(JSON.stringify(report));
    else {
      for (const { namespace, name, verified, rows, head } of report.clusters)
        print(
          `${namespace}/${name}: ${verified} of ${rows} rows, head ${head.epoch}.${head.seq} ${head.head.slice(0, 12)}`,
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
  }).option('--anchor <uid:epoch:seq:head>', 'a place that the journal must have reached');
}

/** The standing before row `first`, as this build decides the rows before it; null where nothing stands there. */
function standingBefore({ rows, getBlob, from }: Recorded, first: RecordRow): ExportedStanding | null {
  const before = { seq: first.seq - 1, head: first.prev };
  const earlier = rows.filter(({ seq }) => seq < first.seq);
  if (earlier.length === 0) return from === null ? null : { ...before, bytes: encodeStanding(from) };
  const stood = standAt(makeCore(), { rows: earlier, getBlob, from });
  if (stood === null) return null;
  if (stood.divergedAt !== null)
    throw new Refused(`this build decides row ${stood.divergedAt} otherwise than was recorded`, {
      operation: 'export',
      subject: 'part of the rows',
      hint: 'export them all, without --since; or use the pgc of the build that wrote them',
    });
  return { ...before, bytes: encodeStanding(stood.standing) };
}

interface Part {
  readonly rows: readonly RecordRow[];
  readonly standing: ExportedStanding | null;
}

/** The rows from one of them on, and those before it without which nobody could read them. */
function partFrom(all: Recorded, index: number): Part {
  const first = all.rows[index];
  const standing = first === undefined ? null : standingBefore(all, first);
  if (standing !== null || index === 0) return { rows: all.rows.slice(index), standing };
  // Nothing stands behind a row that says others are lost: whoever reads what follows has to be told that.
  return partFrom(all, index - 1);
}

interface Wanted {
  readonly since: number | null;
  readonly redact: boolean;
  /** Head of the whole chain, and whether all of it is as it was written. */
  readonly original: Redacted['original'];
  readonly verified: boolean;
}

function exportOf(
  cluster: ClusterIdentity,
  all: Recorded,
  { since, redact, original, verified }: Wanted,
): ExportSource {
  const build = buildId();
  const index = since === null ? 0 : all.rows.findIndex(({ at }) => at >= since);
  if (redact) {
    const redacted: Redacted = { label: redactedLabel, original, verified };
    const shown = { cluster, rows: all.rows.slice(index), all: all.rows, from: all.from, blob: all.getBlob };
    return { ...redactRows(shown), build, blob: all.getBlob, sha256, redacted };
  }
  const { rows, standing } = partFrom(all, index);
  const source = { cluster, build, rows, blob: all.getBlob, sha256 };
  return standing === null ? source : { ...source, standing };
}

function addExport(journal: Command): void {
  const description = 'the rows as NDJSON: all, those since a time, or such that strangers may read them';
  verb(journal, 'export <name>', description, async (source, flags, [name = ''], own) => {
    const summary = await clusterOf(source, flags, name);
    const { uid, namespace, head } = summary;
    const all = await recorded(source, summary);
    const redact = own['redact'] === true;
    const verified = redact && (await source.verify([])).damage.length === 0;
    const since = momentOf('since', own['since'], summary.lastAt);
    await refuseBefore(source, summary, since);
    if (since !== null && !all.rows.some(({ at }) => at >= since))
      throw new Refused('there are no rows since then', {
        operation: 'export',
        subject: `${namespace}/${name}`,
        hint: `its last row is of ${timeWords(summary.lastAt)}`,
      });
    await noteEarlier(source, flags, summary, since);
    const text = [...exportLines(exportOf({ uid, namespace, name }, all, { since, redact, original: head, verified }))];
    if (typeof own['out'] === 'string') writeOut(own['out'], `${text.join('\n')}\n`);
    else process.stdout.write(`${text.join('\n')}\n`);
    return 0;
  })
    .option('--since <time>', 'rows from then on, with how the cluster stood before them')
    .option('--redact', 'names, addresses and what users wrote taken out; readable, not replayable')
    .option('--out <path>', 'file to write');
}

function addImport(journal: Command): void {
  journal
    .command('import <file>')
    .description('an export as a journal file again; refused unless every hash, link and line is as it was written')
    .requiredOption('--out <path>', 'journal file to make; it must not exist')
    .action((file: string, own: { readonly out: string }) => {
      const read = readExportFile(file);
      refuseDamaged(file, 'export', read.damage);
      const { namespace, name } = read.cluster;
      print(`${importJournal(read, own.out)} rows of ${namespace}/${name} are in ${own.out}`);
    });
}

/** Adds `journal` and the verbs below it. */
export function addJournal(program: Command): void {
  const journal = program.command('journal').description('rows, one row, proof, export, what is kept');
  for (const add of [addLs, addShow, addVerify, addExport, addImport, addRetention]) add(journal);
}
