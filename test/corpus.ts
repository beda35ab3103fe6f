/**
 * Owns: `npm run corpus`: the journals that operators leave in simulated worlds with faults from seeds, each decided again from
 * its first row by a core that knows nothing of the run, and compared byte for byte.
 *
 *   --seed N [--count M]   one journal for each operator of each seed from N on
 *
 * Exit code 1 unless every decision of every journal came out as it was recorded.
 */
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { openForReading } from '#src/journal/database.ts';
import { makeReader } from '#src/journal/read.ts';
import { verifyJournal } from '#src/journal/verify.ts';
import { makeCore } from '#src/replay/core.ts';
import { verifyRows } from '#src/replay/verify.ts';
import { planOf } from '#src/sim/exploration.ts';
import { runPlan } from '#src/sim/run.ts';
import { makeScratch } from '#src/sim/scratch.ts';

interface Tally {
  journals: number;
  chains: number;
  decisions: number;
  identical: number;
  readonly wrong: string[];
}

/** Reads one journal as a stranger would: chains first, then every decision. */
function count(path: string, name: string, tally: Tally): void {
  const db = openForReading(path);
  const reader = makeReader(db);
  const core = makeCore();
  for (const { because } of verifyJournal(db).damage) tally.wrong.push(`${name}: ${because}`);
  for (const { uid } of reader.clusters()) {
    const report = verifyRows(core, { rows: reader.iterate({ uid }), getBlob: reader.blob, from: null });
    tally.chains += 1;
    tally.decisions += report.rows;
    tally.identical += report.verified;
    if (report.firstDivergence !== null) tally.wrong.push(`${name}: ${JSON.stringify(report.firstDivergence)}`);
  }
  tally.journals += 1;
  reader.close();
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: { seed: { type: 'string', default: '1' }, count: { type: 'string', default: '1000' } },
  });
  const { folder, remove } = makeScratch();
  const keep = join(folder, 'kept');
  const tally: Tally = { journals: 0, chains: 0, decisions: 0, identical: 0, wrong: [] };
  try {
    for (let index = 0; index < Number(values.count); index += 1) {
      const plan = planOf(Number(values.seed) + index);
      mkdirSync(keep);
      await runPlan(plan, { scratch: folder, expected: null, keep });
      for (const file of readdirSync(keep))
        count(join(keep, file), `seed ${plan.seed}, ${plan.scenario}, ${file}`, tally);
      rmSync(keep, { recursive: true });
    }
  } finally {
    remove();
  }
  for (const each of tally.wrong.slice(0, 20)) process.stdout.write(`${each}\n`);
  const { journals, chains, decisions, identical, wrong } = tally;
  process.stdout.write(
    `${identical} of ${decisions} decisions of ${chains} clusters in ${journals} journals of ${values.count} seeds are byte-identical, ${wrong.length} are not\n`,
  );
  return decisions > 0 && decisions === identical && wrong.length === 0 ? 0 : 1;
}

if (import.meta.main) process.exitCode = await main();
