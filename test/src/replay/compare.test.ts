/**
 * A change of the deciding core is reported by what it does, on journals of simulated clusters; a change of the code alone is
 * not reported at all.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { mentionedIn } from '#src/decision/codec.ts';
import { buildOf } from '#src/cli/build-file.ts';
import { coreBundle, nameOfCore } from '#src/dev/bundle.ts';
import { buildId } from '#src/build-id.ts';
import { openForReading } from '#src/journal/database.ts';
import { makeReader } from '#src/journal/read.ts';
import type { RecordRow } from '#src/journal/record.ts';
import { compareRows, type RowDifference } from '#src/replay/compare.ts';
import { makeCore } from '#src/replay/core.ts';
import { differenceClasses, type DifferenceClass } from '#src/replay/differences.ts';
import type { Core } from '#src/replay/redecide.ts';
import { quiet } from '#src/sim/plan.ts';
import { runPlan } from '#src/sim/run.ts';
import { mutants, openMutation, refactorings } from './mutants.ts';

/** Every mutant takes a second of computing: all of them by `npm run mutants:decisions`, every fifth in every test run. */
const all = process.env['ALL_MUTANTS'] !== undefined;
const tried = mutants.filter((_, index) => all || index % 5 === 0);

const scenarios = ['lose-leader', 'delete', 'drift', 'vandal'];

interface Chain {
  readonly rows: readonly RecordRow[];
  readonly getBlob: (hash: string) => string;
}

// A bundle and some hundred decisions each: seconds of computing, many where a machine is shared.
vi.setConfig({ testTimeout: 120_000 });

const chains: Chain[] = [];
const reference = makeCore();
let folder: string;
let mutation: Awaited<ReturnType<typeof openMutation>>;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'compare-'));
  mutation = await openMutation();
  for (const scenario of scenarios) {
    await runPlan(quiet(scenario, 1), { scratch: folder, expected: null, keep: folder });
    const reader = makeReader(openForReading(join(folder, 'operator-0.db')));
    for (const { uid } of reader.clusters()) {
      const rows = reader.rows({ uid });
      const blobs = new Map(rows.flatMap(({ body }) => mentionedIn(body)).map((hash) => [hash, reader.blob(hash)]));
      chains.push({ rows, getBlob: (hash) => blobs.get(hash) ?? '' });
    }
    reader.close();
  }
}, 120_000);

afterAll(async () => {
  await mutation.close();
  rmSync(folder, { recursive: true });
});

function compared(candidate: Core): readonly RowDifference[] {
  return chains.flatMap(({ rows, getBlob }) => {
    const report = compareRows(reference, candidate, { rows, getBlob, from: null });
    expect(report.unproved).toBe(0);
    return report.differences;
  });
}

function gravest(differences: readonly RowDifference[]): DifferenceClass | 'none' {
  const present = new Set(differences.map((each) => each.class));
  // What cannot be answered is graver than words, and lighter than what is known.
  return (
    differenceClasses.find((each) => each !== 'cosmetic' && present.has(each)) ??
    (present.has('cosmetic') ? 'cosmetic' : 'none')
  );
}

describe('another build on recorded rows', () => {
  it('is found alike when it is the same', async () => {
    const text = await coreBundle();
    const build = buildOf('core.cjs', text);
    expect(build.name).toBe(nameOfCore(text));
    expect(build.name).toBe(buildId());
    expect(compared(build.core)).toEqual([]);
  });

  it.each(all ? refactorings : refactorings.slice(0, 2))(
    'says nothing of a refactoring: $change',
    async (refactoring) => {
      const { core } = buildOf('core.cjs', await mutation.mutated(refactoring));
      expect(compared(core)).toEqual([]);
    },
  );

  it.each(tried)('reports: $change ($expected)', async (mutant) => {
    const { core } = buildOf('core.cjs', await mutation.mutated(mutant));
    const differences = compared(core);
    const found = gravest(differences);
    expect(found, JSON.stringify(differences.find((each) => each.class === found))).toBe(mutant.expected);
  });

  it('has at least fifty of them', () => expect(mutants.length).toBeGreaterThanOrEqual(50));
});
