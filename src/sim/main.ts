/**
 * Owns: the simulator's command line.
 *
 *   --seed N [--count M] [--scenario NAME]   random faults, and random edits of specs, one plan for each seed from N on
 *   --crashes NAME [--mode kill|amnesia|pause|power|torn|rollback] [--every K]   every single crash of a scenario
 *   --faults NAME [--every K] [--late]       every fault of every single request of a scenario; or only its arrival too late
 *   --plan FILE                              one plan again; --log shows what the operators said
 *   --first                                  stops at the first failure
 *   --out FOLDER                             where plans of failing runs are left
 *
 * Exit code 1 when anything was violated.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { lateRequest, planOf, requestFates, singleCrashes, singleFaults } from './exploration.ts';
import { crashModes, quiet, readPlan, type CrashMode, type Plan } from './plan.ts';
import { runPlan, type RunResult } from './run.ts';
import { makeScratch } from './scratch.ts';
import { shrunk } from './shrink.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    count: { type: 'string', default: '1' },
    scenario: { type: 'string' },
    crashes: { type: 'string' },
    faults: { type: 'string' },
    mode: { type: 'string', default: 'kill' },
    every: { type: 'string', default: '1' },
    plan: { type: 'string' },
    out: { type: 'string' },
    late: { type: 'boolean', default: false },
    log: { type: 'boolean', default: false },
    first: { type: 'boolean', default: false },
  },
});

function modeOf(text: string): CrashMode {
  const found = crashModes.find((mode) => mode === text);
  if (found !== undefined) return found;
  throw new Error(`--mode ${text} is none of ${crashModes.join(', ')}`);
}

const { folder: scratch, remove } = makeScratch();
const calms = new Map<string, RunResult>();
const say = (text: string): void => void process.stdout.write(`${text}\n`);

/** The scenario without faults: what the others are held to. */
async function calm(scenario: string, seed: number): Promise<RunResult> {
  const known = calms.get(scenario);
  if (known !== undefined && known.plan.seed === seed) return known;
  const result = await runPlan(quiet(scenario, seed), { scratch, expected: null });
  if (result.violations.length > 0)
    throw new Error(`${scenario} fails without faults: ${JSON.stringify(result.violations)}`);
  calms.set(scenario, result);
  return result;
}

async function run(plan: Plan, log: boolean): Promise<RunResult> {
  const expected = await calm(plan.scenario, calms.get(plan.scenario)?.plan.seed ?? plan.seed);
  return runPlan(plan, { scratch, expected, ...(log ? { log: (line) => void process.stdout.write(line) } : {}) });
}

async function plans(): Promise<readonly Plan[]> {
  const every = Number(values.every);
  const thin = (all: readonly Plan[]): readonly Plan[] => all.filter((_, index) => index % every === 0);
  const seed = Number(values.seed ?? '1');
  if (values.plan !== undefined) return [readPlan(values.plan)];
  if (values.crashes !== undefined) return thin(singleCrashes(await calm(values.crashes, seed), modeOf(values.mode)));
  if (values.faults !== undefined)
    return thin(singleFaults(await calm(values.faults, seed), values.late ? [lateRequest] : requestFates));
  return Array.from({ length: Number(values.count) }, (_, index) =>
    planOf(seed + index, { scenario: values.scenario }),
  );
}

function leave(plan: Plan, result: RunResult, number: number): string {
  const folder = values.out ?? join(tmpdir(), 'sim-failures');
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${plan.scenario}-${plan.seed}-${number}.json`);
  writeFileSync(path, `${JSON.stringify({ ...plan, violations: result.violations }, null, 2)}\n`);
  return path;
}

async function main(): Promise<void> {
  const started = performance.now();
  const all = await plans();
  const unheard: string[] = [];
  process.on('unhandledRejection', (reason) =>
    unheard.push(reason instanceof Error ? (reason.stack ?? '') : String(reason)),
  );
  let failed = 0;
  for (const [number, plan] of all.entries()) {
    const result = await run(plan, values.log);
    if (result.violations.length === 0 && unheard.length === 0) continue;
    failed += 1;
    say(`FAILED seed ${plan.seed} ${plan.scenario}`);
    const small =
      values.plan === undefined && !values.first ? await shrunk(result, (each) => run(each, false)) : result;
    for (const step of small.plan.steps) say(`  ${JSON.stringify(step)}`);
    for (const { invariant, because, atMs } of small.violations)
      say(`  ${invariant} at ${atMs} ms: ${because.slice(0, 600)}`);
    for (const each of unheard.splice(0)) say(`  unhandled: ${each}`);
    say(`  npm run sim -- --plan ${leave(small.plan, small, number)}`);
    if (values.first) break;
  }
  const seconds = (performance.now() - started) / 1000;
  say(`${all.length} runs, ${failed} failed, ${(all.length / seconds).toFixed(1)} runs/s, ${seconds.toFixed(1)} s`);
  process.exitCode = failed === 0 ? 0 : 1;
}

try {
  await main();
} finally {
  remove();
}
