/**
 * Owns: `pgc replay` and `pgc compare-versions`: every row decided again, by this build or by another one, up to a row, or up to
 * the first one after which something holds.
 */
import { statSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { InvalidArgumentError, Option, type Command } from 'commander';
import { buildId } from '#src/build-id.ts';
import { Refused } from '#src/errors.ts';
import { stateLines, stateOf } from '#src/export/state.ts';
import { prunedWords } from '#src/export/sealed.ts';
import { timeWords } from '#src/export/time.ts';
import { observationWords } from '#src/export/words.ts';
import type { ClusterSummary } from '#src/journal/read.ts';
import { compareRows, countsOf, type Comparison, type RowDifference } from '#src/replay/compare.ts';
import { makeCore } from '#src/replay/core.ts';
import { differenceClasses, type DifferenceClass } from '#src/replay/differences.ts';
import { verifyRows, type VerifyReport } from '#src/replay/verify.ts';
import { standAt, walk } from '#src/replay/walk.ts';
import { loadBuild, type LoadedBuild } from '../build-file.ts';
import { clusterOf, clustersMeant, refuseEarlier } from '../cluster-of.ts';
import { momentOf, prunedBefore, refuseBefore, replayable, tell, verb, type Flags } from '../command.ts';
import { Misused } from '../misused.ts';
import { predicateOf } from '../predicate.ts';
import { sourceOfFile, type Source } from '../source.ts';

interface Named {
  readonly cluster: string;
}

function nameOf({ namespace, name }: ClusterSummary): string {
  return `${namespace}/${name}`;
}

async function clustersOf(source: Source, flags: Flags, name: string | undefined): Promise<readonly ClusterSummary[]> {
  return name === undefined ? clustersMeant(source, flags) : [await clusterOf(source, flags, name)];
}

/** Builds that wrote rows of a cluster, by what their first rows say. */
function writersOf(rows: readonly { readonly kind: string; readonly body: string }[]): readonly string[] {
  const builds = rows
    .filter(({ kind }) => kind === 'process')
    .map(({ body }) => (JSON.parse(body) as { readonly observation: { readonly build?: string } }).observation.build);
  return [...new Set(builds.filter((each) => each !== undefined))];
}

interface Verified extends VerifyReport, Named {
  readonly writtenBy: readonly string[];
}

function verifiedLines(all: readonly Verified[]): readonly string[] {
  const rows = all.reduce((sum, each) => sum + each.rows, 0);
  const verified = all.reduce((sum, each) => sum + each.verified, 0);
  return [
    ...all.flatMap(({ cluster, firstDivergence, writtenBy }) => {
      if (firstDivergence === null) return [];
      const { seq, pointer, recorded: was, computed } = firstDivergence;
      const others = writtenBy.filter((build) => build !== buildId());
      return [
        `${cluster}: row ${seq} differs at ${pointer || 'the whole body'}`,
        `  recorded ${was ?? 'nothing'}`,
        `  computed ${computed ?? 'nothing'}`,
        ...(others.length === 0 ? [] : [`  written by build ${others.join(', ')}, replayed by build ${buildId()}`]),
      ];
    }),
    `${verified} of ${rows} decisions are byte-identical`,
  ];
}

async function verify(source: Source, flags: Flags, name: string | undefined): Promise<number> {
  const core = makeCore();
  const all: Verified[] = [];
  for (const cluster of await clustersOf(source, flags, name)) {
    const { rows, getBlob, from } = await replayable(source, cluster);
    const report = verifyRows(core, { rows, getBlob, from });
    all.push({ cluster: nameOf(cluster), ...report, writtenBy: writersOf(rows) });
  }
  tell(flags, { value: all, lines: () => verifiedLines(all), items: all });
  return all.some(({ rows }) => rows > 0) && all.every(({ firstDivergence }) => firstDivergence === null) ? 0 : 1;
}

async function until(source: Source, flags: Flags, cluster: ClusterSummary, place: string): Promise<number> {
  const filter: { readonly untilSeq?: number; readonly untilMs?: number } = /^\d+$/.test(place)
    ? { untilSeq: Number(place) }
    : { untilMs: momentOf('until', place, cluster.lastAt) ?? 0 };
  await refuseBefore(source, cluster, filter.untilMs ?? null);
  await refuseEarlier(source, cluster, filter.untilMs ?? null);
  const pruned = await prunedBefore(source, cluster);
  if (pruned !== null && filter.untilSeq !== undefined && filter.untilSeq < pruned.seq)
    throw new Refused(`row ${filter.untilSeq} was pruned`, {
      operation: 'replay',
      subject: nameOf(cluster),
      hint: prunedWords(pruned),
    });
  const { rows, getBlob, from } = await replayable(source, cluster, filter);
  const stood = standAt(makeCore(), { rows, getBlob, from });
  if (stood === null)
    throw new Refused('nothing had been decided by then', {
      operation: 'replay',
      subject: nameOf(cluster),
      hint: "'pgc journal ls' lists its rows",
    });
  const told = stateOf(makeCore(), stood, buildId());
  tell(flags, { value: { ...told, snapshot: stood.standing.snapshot }, lines: () => stateLines(told) });
  return 0;
}

async function bisect(source: Source, flags: Flags, cluster: ClusterSummary, expression: string): Promise<number> {
  const holds = predicateOf(expression);
  const pruned = await prunedBefore(source, cluster);
  const { rows, getBlob, from } = await replayable(source, cluster);
  let count = 0;
  for (const { row, after, again } of walk(makeCore(), { rows, getBlob, from })) {
    count += 1;
    if (
      after === null ||
      !holds({ seq: row.seq, at: row.at, snapshot: after.snapshot, decision: again?.decision ?? null })
    )
      continue;
    const saw = again === null ? row.kind : observationWords(again.decision.observation);
    tell(flags, {
      value: { seq: row.seq, at: row.at, saw, snapshot: after.snapshot },
      lines: () => [`row ${row.seq}, ${timeWords(row.at)}, is the first after which it holds`, `    saw     ${saw}`],
    });
    return 0;
  }
  tell(flags, {
    value: null,
    lines: () => [`it holds after none of ${count} rows`, ...(pruned === null ? [] : [prunedWords(pruned)])],
    items: [],
  });
  return 1;
}

/** Differences shown of each class: the counts are complete, the list is not. */
const shownMax = 5;

interface Compared extends Comparison, Named {
  readonly source: string;
}

function differenceLine(cluster: string, each: RowDifference): readonly string[] {
  const at = each.at === '' ? '' : ` at ${each.at}`;
  return [
    `  ${each.class.padEnd(12)}  ${cluster} row ${each.seq} (${each.observation}): ${each.what}${at}`,
    `                recorded ${each.recorded ?? 'nothing'}`,
    `                computed ${each.computed ?? 'nothing'}`,
  ];
}

function comparedLines(all: readonly Compared[], build: LoadedBuild): readonly string[] {
  const differences = all.flatMap(({ cluster, differences: each }) => each.map((one) => ({ cluster, one })));
  const sum = (pick: (each: Compared) => number): number => all.reduce((total, each) => total + pick(each), 0);
  const unproved = sum((each) => each.unproved);
  return [
    `build ${build.name} decides ${sum((each) => each.alike)} of ${sum((each) => each.rows)} rows of ${all.length} ${all.length === 1 ? 'cluster' : 'clusters'} alike`,
    ...(unproved === 0
      ? []
      : [`build ${buildId()}, which it was compared against, decides ${unproved} of them otherwise than was recorded`]),
    ...differenceClasses.flatMap((kind) => {
      const own = differences.filter(({ one }) => one.class === kind);
      if (own.length === 0) return [];
      const more = own.length > shownMax ? [`                and ${own.length - shownMax} more`] : [];
      return [
        `${kind}: ${own.length}`,
        ...own.slice(0, shownMax).flatMap(({ cluster, one }) => differenceLine(cluster, one)),
        ...more,
      ];
    }),
  ];
}

async function compareSource(
  source: Source,
  candidate: LoadedBuild,
  clusters: readonly ClusterSummary[],
): Promise<readonly Compared[]> {
  const all: Compared[] = [];
  const reference = makeCore();
  for (const cluster of clusters) {
    const { rows, getBlob, from } = await replayable(source, cluster);
    const report = compareRows(reference, candidate.core, { rows, getBlob, from });
    all.push({ source: source.describe, cluster: nameOf(cluster), ...report });
  }
  return all;
}

/** Classes that a human has agreed to. */
function classesOf(text: string): readonly DifferenceClass[] {
  return text
    .split(',')
    .filter((each) => each !== '')
    .map((each) => {
      const found = differenceClasses.find((known) => known === each);
      if (found === undefined || found === 'destructive')
        throw new InvalidArgumentError(
          `${each} is none of ${differenceClasses.filter((known) => known !== 'destructive').join(', ')}.`,
        );
      return found;
    });
}

/** Exit codes: 0 nothing but what is allowed, 1 differences, or nothing to compare, 3 destructive ones among them. */
function tellCompared(flags: Flags, all: readonly Compared[], build: LoadedBuild, allow: unknown): number {
  const differences = all.flatMap((each) => each.differences);
  const counts = countsOf(differences, differenceClasses);
  const value = { build: build.name, against: buildId(), counts, clusters: all };
  tell(flags, {
    value,
    lines: () => comparedLines(all, build),
    items: all.flatMap(({ cluster, differences: each }) => each.map((one) => ({ cluster, ...one }))),
  });
  if (counts.destructive !== undefined) return 3;
  const allowed: readonly string[] = Array.isArray(allow) ? allow : classesOf('cosmetic');
  return all.some(({ rows }) => rows > 0) && differences.every((each) => allowed.includes(each.class)) ? 0 : 1;
}

/** Adds `replay`. */
export function addReplay(program: Command): void {
  verb(
    program,
    'replay [name]',
    'decide every row again and compare, byte for byte, or with another build',
    async (source, flags, [name], own) => {
      const one = async (option: string): Promise<ClusterSummary> => {
        const clusters = await clustersOf(source, flags, name);
        const [first] = clusters;
        if (first !== undefined && clusters.length === 1) return first;
        throw new Refused(`${clusters.length} clusters are there`, {
          operation: 'replay',
          subject: source.describe,
          hint: `--${option} is about one cluster: name it`,
        });
      };
      if (own['allow'] !== undefined && own['with'] === undefined)
        throw new Misused('--allow is about another build, and none is named', {
          operation: 'read',
          subject: '--allow',
          hint: 'name it with --with, or leave --allow away',
        });
      if (typeof own['until'] === 'string') return until(source, flags, await one('until'), own['until']);
      if (typeof own['bisect'] === 'string') return bisect(source, flags, await one('bisect'), own['bisect']);
      if (typeof own['with'] !== 'string') return verify(source, flags, name);
      const build = loadBuild(own['with']);
      const compared = await compareSource(source, build, await clustersOf(source, flags, name));
      return tellCompared(flags, compared, build, own['allow']);
    },
  )
    .addOption(
      new Option('--verify', 'compare with what is replayable, byte for byte (the default)').conflicts([
        'with',
        'until',
        'bisect',
      ]),
    )
    .addOption(
      new Option('--with <build>', 'compare with what another build decides: a core.cjs that its build made').conflicts(
        ['until', 'bisect'],
      ),
    )
    .option('--allow <classes>', 'with --with: classes that are no reason to say no, with commas', classesOf)
    .addOption(new Option('--until <place>', 'how the cluster stood after a row, or at a time').conflicts('bisect'))
    .option(
      '--bisect <expression>',
      'the first row after which it holds: JavaScript over state, phase, facts, seq, at, moves, intents',
    );
}

/** Journals that an argument names: itself, or every journal and export in a folder. @throws Refused when there is none in it */
function journalsOf(path: string): readonly string[] {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) return [path];
  const found = readdirSync(path).filter((name) => /\.(db|ndjson)$/.test(name));
  if (found.length > 0) return found.sort().map((name) => join(path, name));
  throw new Refused('there is no journal in it', {
    operation: 'read',
    subject: path,
    hint: 'name a folder with files that end in .db or .ndjson, or the files themselves',
  });
}

/** Adds `compare-versions`. */
export function addCompareVersions(program: Command): void {
  verb(
    program,
    'compare-versions <build> [journals...]',
    'what another build would decide on all that is recorded: journals, exports, folders of them',
    async (source, flags, [path = '', ...journals], own) => {
      const build = loadBuild(path);
      const all: Compared[] = [];
      const sources = journals.length === 0 ? [source] : journals.flatMap(journalsOf).map(sourceOfFile);
      for (const each of sources) {
        all.push(...(await compareSource(each, build, await each.clusters())));
        if (each !== source) await each.close();
      }
      return tellCompared(flags, all, build, own['allow']);
    },
    ([, ...journals]) => journals.flatMap(journalsOf)[0],
  ).option('--allow <classes>', 'classes that are no reason to say no, with commas', classesOf);
}
