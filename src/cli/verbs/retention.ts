/** Owns: `pgc journal prune`, `hold`, `holds` and `release`: what of a journal goes, and what does not. */
import type { Command } from 'commander';
import { durationMs } from '#machines/shared/duration.ts';
import { Refused } from '#src/errors.ts';
import { timeWords } from '#src/export/time.ts';
import type { Pruned } from '#src/journal/prune.ts';
import type { ClusterCut, Hold, KeepPolicy, PrunePlan } from '#src/journal/retention.ts';
import { clusterOf, refuseEarlier } from '../cluster-of.ts';
import { momentOf, print, tell, verb } from '../command.ts';
import { Misused, wholeOf } from '../misused.ts';

/** As `--journal-keep` of the operator: 0 is for ever. @throws Misused when it is no time */
function keepAge(text: string): number {
  const ms = text === '0' ? Infinity : durationMs(text, 'mhd');
  if (ms !== null && ms > 0) return ms;
  const hint = 'write 12h or 14d, or 0 to keep them however old they are';
  throw new Misused(`${text} is no time`, { operation: 'read', subject: '--keep', hint });
}

/** The policy that the flags name; null where they leave it to the source. @throws Misused when they are wrong */
function policyOf(own: Readonly<Record<string, unknown>>): KeepPolicy | null {
  const { keep, keepBytes } = own;
  if (keep === undefined && keepBytes === undefined) return null;
  const ageMs = keep === undefined ? Infinity : keepAge(String(keep));
  // As for the operator: 0 is no bound, or a slip would take all that may go.
  const given = keepBytes === undefined ? 0 : wholeOf('--keep-bytes', keepBytes, '268435456 for 256 MiB');
  return { ageMs, bytes: given === 0 ? Infinity : given };
}

function cutWords({ namespace, name, keepFrom, rows, bytes, untilMs }: ClusterCut): string {
  const rest = keepFrom === null ? 'the cluster is gone, nothing of it stays' : `it begins with row ${keepFrom} then`;
  return `${namespace}/${name}: ${rows} rows (${bytes} bytes) up to ${timeWords(untilMs)}; ${rest}`;
}

function holdWords({ id, namespace, name, fromMs, untilMs, because }: Hold): string {
  return `hold ${id}  ${namespace}/${name}  ${timeWords(fromMs)} to ${timeWords(untilMs)}: ${because}`;
}

function planLines({ cuts, held, ticksFrom }: PrunePlan): readonly string[] {
  return [
    ...cuts.map(cutWords),
    ...held.map((hold) => `kept for ${holdWords(hold)}`),
    ...(ticksFrom === null ? [] : [`the operator’s chain begins with its row ${ticksFrom} then`]),
    ...(cuts.length === 0 ? ['nothing would go'] : []),
  ];
}

function prunedLine({ rows, clusters, ticks, blobs }: Pruned): string {
  return rows + ticks === 0
    ? 'nothing went'
    : `${rows} rows went, ${clusters} whole clusters, ${ticks} rows of the operator’s chain, ${blobs} texts`;
}

function addPrune(journal: Command): void {
  const description = 'what is older than is kept goes: from a file; a running operator does it by itself';
  verb(journal, 'prune', description, async (source, flags, _args, own) => {
    if (flags.namespaceGiven)
      throw new Misused('a prune is of the whole journal, and a namespace is named', {
        operation: 'prune',
        subject: source.describe,
        hint: 'leave -n away',
      });
    const policy = policyOf(own);
    if (own['dryRun'] === true) {
      const plan = await source.retention.plan(policy);
      tell(flags, { value: plan, lines: () => planLines(plan), items: plan.cuts });
      return 0;
    }
    const pruned = await source.retention.prune(policy);
    tell(flags, { value: pruned, lines: () => [prunedLine(pruned)] });
    return 0;
  })
    .option('--dry-run', 'say what would go, and change nothing')
    .option('--keep <time>', 'how long rows are kept: 12h, 14d; 0 is for ever')
    .option('--keep-bytes <n>', 'bytes of rows of one cluster beyond which its oldest go; 0 is no bound');
}

function addHold(journal: Command): void {
  const description = 'keep the rows of an incident from being pruned, and those after it, until the hold is released';
  verb(journal, 'hold <name>', description, async (source, flags, [name = ''], own) => {
    if (String(own['because']).trim() === '')
      throw new Misused('it says nothing', {
        operation: 'read',
        subject: '--because',
        hint: 'write what the rows are kept for: an incident’s number',
      });
    const cluster = await clusterOf(source, flags, name);
    const [from, to] = ['from', 'to'].map((flag) => momentOf(flag, own[flag], cluster.lastAt));
    const [fromMs, untilMs] = [from ?? cluster.lastAt, to ?? cluster.lastAt];
    if (fromMs > untilMs)
      throw new Misused(`${timeWords(fromMs)} is after ${timeWords(untilMs)}`, {
        operation: 'hold',
        subject: `${cluster.namespace}/${cluster.name}`,
        hint: 'name the beginning with --from and the end with --to',
      });
    await refuseEarlier(source, cluster, untilMs);
    const id = await source.retention.hold(cluster.uid, { fromMs, untilMs, because: String(own['because']) });
    tell(flags, {
      value: { id, fromMs, untilMs },
      lines: () => [`hold ${id}: nothing from ${timeWords(fromMs)} on is pruned until 'pgc journal release ${id}'`],
    });
    return 0;
  })
    .requiredOption('--from <time>', 'the beginning: RFC 3339, or 15m before the last row')
    .option('--to <time>', 'the end; the last row when it is left out')
    .requiredOption('--because <text>', 'what it is kept for');
}

function addHolds(journal: Command): void {
  verb(journal, 'holds', 'what is kept from being pruned, and what for', async (source, flags) => {
    const holds = await source.retention.holds();
    tell(flags, {
      value: holds,
      lines: () => (holds.length === 0 ? ['nothing is held'] : holds.map(holdWords)),
      items: holds,
    });
    return 0;
  });
  verb(journal, 'release <hold>', 'end a hold', async (source, _flags, [hold = '']) => {
    // Another word would be a path of the operator's API that is none.
    const id = wholeOf('the hold', hold, "its number, as 'pgc journal holds' lists it");
    if (!(await source.retention.release(id)))
      throw new Refused('there is no such hold', {
        operation: 'release',
        subject: hold,
        hint: "'pgc journal holds' lists them",
      });
    print(`hold ${hold} is released`);
    return 0;
  });
}

/** Adds the verbs of retention below `journal`. */
export function addRetention(journal: Command): void {
  for (const add of [addPrune, addHold, addHolds]) add(journal);
}
