/**
 * Owns: `npm run replay:collected`: every journal that a test run left in `.run/journals`, and that of the operator which
 * runs in the target cluster when there is one, decided again. Exit code 1 unless all of it came out byte-identical.
 */
import { readdirSync } from 'node:fs';
import { openForReading } from '#src/journal/database.ts';
import { makeReader } from '#src/journal/read.ts';
import { makeCore } from '#src/replay/core.ts';
import { verifyRows } from '#src/replay/verify.ts';
import { targetCluster } from '#test/cluster/context.ts';
import { pgc } from '#test/cluster/deploy.ts';

/** Where test files keep their journals. */
export const collectedJournals = new URL('../.run/journals', import.meta.url).pathname;

interface Count {
  readonly journal: string;
  /** A file may be of an operator that was ended before its first decision; who runs has decided something. */
  readonly mayBeEmpty: boolean;
  readonly clusters: number;
  readonly rows: number;
  readonly verified: number;
}

function replayFile(file: string): Count {
  const reader = makeReader(openForReading(`${collectedJournals}/${file}`));
  const core = makeCore();
  const reports = reader
    .clusters()
    .map(({ uid }) => verifyRows(core, { rows: reader.iterate({ uid }), getBlob: reader.blob, from: null }));
  reader.close();
  const sum = (pick: (report: (typeof reports)[number]) => number): number =>
    reports.reduce((total, report) => total + pick(report), 0);
  return {
    journal: file,
    mayBeEmpty: true,
    clusters: reports.length,
    rows: sum(({ rows }) => rows),
    verified: sum(({ verified }) => verified),
  };
}

async function replayRunning(): Promise<Count> {
  const text = await pgc(await targetCluster(), ['replay']);
  const [, verified = '0', rows = '0'] = /^(\d+) of (\d+) decisions/m.exec(text) ?? [];
  return {
    journal: 'the running operator',
    mayBeEmpty: false,
    clusters: 0,
    rows: Number(rows),
    verified: Number(verified),
  };
}

async function main(): Promise<number> {
  const files = readdirSync(collectedJournals).filter((file) => file.endsWith('.db'));
  const counts = [...files.map(replayFile), ...(process.argv.includes('--running') ? [await replayRunning()] : [])];
  for (const { journal, clusters, rows, verified } of counts)
    process.stdout.write(
      `${journal}: ${verified} of ${rows} decisions${clusters > 0 ? `, ${clusters} clusters` : ''}\n`,
    );
  const rows = counts.reduce((sum, count) => sum + count.rows, 0);
  const verified = counts.reduce((sum, count) => sum + count.verified, 0);
  process.stdout.write(`${verified} of ${rows} decisions in ${counts.length} journals are byte-identical\n`);
  return rows > 0 && rows === verified && counts.every((count) => count.mayBeEmpty || count.rows > 0) ? 0 : 1;
}

if (import.meta.main) process.exitCode = await main();
