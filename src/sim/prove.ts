/**
 * Owns: the proof's command line: shares of it in worker processes, one table at the end, its last line counts.
 *
 *   (none)                  all of it: `make proof`
 *   --slice                 a part, another one for each commit: what CI runs
 *   --every K --seeds A..B --scenario NAME   every K-th single crash, these seeds, of the scenarios this one alone
 *   --portions A..B         fiftieths of all of it, 0 to 49; what `docs/proof.jsonl` has of this commit is not run again
 *   --shards A..B           seeds alone, ten thousand a shard; what the ledger has is not run again
 *   --sum                   what the ledger adds up to
 *   --workers N             processes, two unless said
 *   --ledger FILE           where shards are written down
 *   --out FOLDER            where plans and journals of failing runs are left
 */
import { spawn, spawnSync } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { parsed, isJson, number, text } from './json.ts';
import { quiet, type Plan } from './plan.ts';
import { runPlan, type RunResult } from './run.ts';
import { makeScratch } from './scratch.ts';
import { allScenarios, nothing, runShare, summed, type Failure, type Scope, type Tally } from './share.ts';
import { shrunk } from './shrink.ts';

const { values } = parseArgs({
  options: {
    slice: { type: 'boolean', default: false },
    every: { type: 'string' },
    scenario: { type: 'string' },
    seeds: { type: 'string' },
    shards: { type: 'string' },
    portions: { type: 'string' },
    sum: { type: 'boolean', default: false },
    workers: { type: 'string', default: '2' },
    ledger: { type: 'string' },
    out: { type: 'string', default: '.run/proof' },
    share: { type: 'string' },
  },
});

const shardSeeds = 10_000;
const say = (line: string): void => void process.stdout.write(`${line}\n`);

function commit(): string {
  return spawnSync('git', ['rev-parse', '--short=12', 'HEAD'], { encoding: 'utf8' }).stdout.trim() || 'unknown';
}

const whole: Omit<Scope, 'part' | 'parts'> = {
  scenarios: allScenarios,
  every: 1,
  offset: 0,
  doublesEvery: 8,
  seeds: { from: 1, count: 10_000 },
  edits: true,
  rebuilds: true,
  twice: 1_000,
};

/** In so many portions all of it can be run, one after the other, whenever there is time. */
const portionsOfAll = 50;

/** Together the portions are everything, each run of it once. */
function portion(nth: number): Omit<Scope, 'part' | 'parts'> {
  const { seeds, twice } = whole;
  const count = seeds.count / portionsOfAll;
  return {
    ...whole,
    every: portionsOfAll,
    offset: nth,
    seeds: { from: seeds.from + nth * count, count },
    rebuilds: nth === 0,
    twice: twice / portionsOfAll,
  };
}

/** A part of the proof that moves on with every commit. */
function slice(of: string): Omit<Scope, 'part' | 'parts'> {
  const turn = Number.parseInt(of.slice(0, 7), 16) || 0;
  return {
    ...whole,
    every: 293,
    offset: turn,
    doublesEvery: 40,
    seeds: { from: 1_000_000 + (turn % 100_000) * 100, count: 30 },
    twice: 3,
    // Of random edits one in a hundred and sixty still finds something (docs/roadmap.md): they explore, and hold nobody up.
    edits: false,
  };
}

/** The smallest run that fails, its plan and its journals, in a folder of its own. */
async function leave({ plan, violations }: Failure, scratch: string): Promise<string> {
  const expected = await runPlan(quiet(plan.scenario, 1), { scratch, expected: null });
  const again = (each: Plan): Promise<RunResult> =>
    runPlan(each, { scratch, expected: { ...expected, rests: new Set<string>() } });
  const first = await again(plan);
  const small = first.violations.length === 0 ? first : await shrunk(first, again);
  const name = `${plan.scenario}-${plan.seed}-${small.journals.slice(0, 8)}`;
  const folder = join(values.out, name);
  mkdirSync(folder, { recursive: true });
  await runPlan(small.plan, { scratch, expected, keep: folder });
  const found = small.violations.length > 0 ? small.violations : violations;
  writeFileSync(join(folder, 'plan.json'), `${JSON.stringify({ ...small.plan, violations: found }, null, 2)}\n`);
  return join(folder, 'plan.json');
}

/** A worker: its share comes as JSON, its failures and its tally go out as lines of JSON. */
async function work(scope: Scope): Promise<void> {
  const { folder: scratch, remove } = makeScratch();
  process.on('unhandledRejection', (reason) => say(JSON.stringify({ type: 'unhandled', because: String(reason) })));
  try {
    const tally = await runShare(scope, {
      scratch,
      onFailure: async (failure) => {
        const path = await leave(failure, scratch);
        const { invariant, because } = failure.violations[0] ?? { invariant: '?', because: '' };
        say(JSON.stringify({ type: 'failure', path, because: `${invariant}: ${because.slice(0, 300)}` }));
      },
    });
    say(JSON.stringify({ type: 'tally', tally }));
  } finally {
    remove();
  }
}

interface Outcome {
  readonly tally: Tally;
  readonly failures: readonly string[];
}

function worker(scope: Scope): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const args = [new URL(import.meta.url).pathname, '--out', values.out, '--share', JSON.stringify(scope)];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    const failures: string[] = [];
    let tally: Tally | null = null;
    let rest = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        const told = parsed(line);
        if (!isJson(told)) say(line);
        else if (told['type'] === 'tally') tally = told['tally'] as Tally;
        else {
          failures.push(text(told, 'because'));
          say(`FAILED ${text(told, 'because')}\n  npm run sim -- --plan ${text(told, 'path')}`);
        }
      }
    });
    child.on('close', (code) =>
      tally === null ? reject(new Error(`a worker ended with ${code} and no tally`)) : resolve({ tally, failures }),
    );
  });
}

async function prove(scope: Omit<Scope, 'part' | 'parts'>): Promise<Outcome> {
  const parts = Number(values.workers);
  const outcomes = await Promise.all(Array.from({ length: parts }, (_, part) => worker({ ...scope, part, parts })));
  return {
    tally: outcomes.map(({ tally }) => tally).reduce(summed, nothing),
    failures: outcomes.flatMap(({ failures }) => failures),
  };
}

function table({ tally, failures }: Outcome, scope: Omit<Scope, 'part' | 'parts'>, seconds: number): number {
  const { from, count } = scope.seeds;
  const part = scope.every === 1 ? 'all' : `every ${scope.every}th from ${scope.offset % scope.every} on`;
  const rows: readonly (readonly [string, string])[] = [
    ['scenarios, rebuilt from the journal after every commit', String(tally.replays)],
    ['classes of crashes', `${tally.classes} (${part})`],
    ['single crashes, over all modes', String(tally.singles)],
    ['double crashes', String(tally.doubles)],
    ['crashes with a fault of the next request', String(tally.pairs)],
    ['seeds', `${tally.seeds} (${from} to ${from + count - 1})`],
    ['seeds run twice, the same bytes', String(tally.twice)],
    ['runs', `${tally.runs}, ${(tally.virtualMs / 86_400_000).toFixed(1)} virtual days, ${seconds.toFixed(0)} s`],
    ['violations', String(failures.length)],
  ];
  for (const [what, how] of rows) say(`${what.padEnd(56)} ${how}`);
  // As the test runner words it, so that `.ci/run` counts it.
  say(`      Tests  ${tally.runs - failures.length} passed | ${failures.length} failed`);
  say(`${tally.runs - failures.length} passed, ${failures.length} failed`);
  return failures.length;
}

const ledgers = { shards: 'docs/seeds.jsonl', portions: 'docs/proof.jsonl' } as const;

function ledgerOf(what: keyof typeof ledgers): string {
  return values.ledger ?? ledgers[what];
}

function entries(path: string): readonly unknown[] {
  if (!existsSync(path)) return [];
  return readFileSync(path, 'utf8').split('\n').filter(Boolean).map(parsed);
}

function writeDown(path: string, entry: object): void {
  mkdirSync(dirname(path), { recursive: true });
  appendFileSync(path, `${JSON.stringify(entry)}\n`);
  say(JSON.stringify(entry));
}

function sum(): void {
  for (const [what, key] of [
    ['portions', 'portion'],
    ['shards', 'shard'],
  ] as const) {
    const all = entries(ledgerOf(what)).filter((each) => isJson(each) && key in each);
    const total = (of: string): number => all.reduce<number>((so, each) => so + number(each, 0, of), 0);
    const counts = ['singles', 'doubles', 'pairs', 'seeds', 'twice', 'runs', 'failed']
      .filter((of) => all.some((each) => isJson(each) && of in each))
      .map((of) => `${total(of)} ${of}`);
    say(
      [`${all.length} ${what}`, ...counts, `${(total('virtualMs') / 86_400_000).toFixed(1)} virtual days`].join(', '),
    );
  }
}

function bounds(range: string): readonly [number, number] {
  const [first = Number.NaN, last = first] = range.split('..').map(Number);
  if (!Number.isInteger(first) || !Number.isInteger(last) || last < first)
    throw new Error(`${range} is no range: write A..B, two whole numbers`);
  return [first, last];
}

/** What was asked for. */
function scopeAsked(): Omit<Scope, 'part' | 'parts'> {
  if (values.slice) return slice(commit());
  const [first, last] = bounds(values.seeds ?? `${whole.seeds.from}..${whole.seeds.count}`);
  const seeds = { from: first, count: last - first + 1 };
  const scenarios = values.scenario === undefined ? allScenarios : [values.scenario];
  return {
    ...whole,
    scenarios,
    every: Number(values.every ?? whole.every),
    seeds,
    twice: Math.min(whole.twice, seeds.count),
  };
}

async function shards(range: string): Promise<number> {
  const [first, last] = bounds(range);
  const done = new Set(entries(ledgerOf('shards')).map((each) => number(each, -1, 'shard')));
  let failed = 0;
  for (let shard = first; shard <= last; shard += 1) {
    if (done.has(shard)) continue;
    const from = shard * shardSeeds;
    const { tally, failures } = await prove({ ...whole, scenarios: [], seeds: { from, count: shardSeeds }, twice: 0 });
    failed += failures.length;
    const { seeds, virtualMs } = tally;
    writeDown(ledgerOf('shards'), { shard, from, seeds, failed: failures.length, virtualMs, commit: commit() });
  }
  return failed;
}

async function portions(range: string): Promise<number> {
  const [first, last] = bounds(range);
  if (first < 0 || last >= portionsOfAll) throw new Error(`there are portions 0 to ${portionsOfAll - 1}, not ${range}`);
  const here = entries(ledgerOf('portions')).filter((each) => text(each, 'commit') === commit());
  const done = new Set(here.map((each) => number(each, -1, 'portion')));
  let failed = 0;
  for (let nth = first; nth <= last; nth += 1) {
    if (done.has(nth)) continue;
    const { tally, failures } = await prove(portion(nth));
    failed += failures.length;
    writeDown(ledgerOf('portions'), { portion: nth, ...tally, failed: failures.length, commit: commit() });
  }
  return failed;
}

async function main(): Promise<number> {
  if (values.share !== undefined) {
    await work(JSON.parse(values.share) as Scope);
    return 0;
  }
  if (values.sum) {
    sum();
    return 0;
  }
  if (values.shards !== undefined) return shards(values.shards);
  if (values.portions !== undefined) return portions(values.portions);
  const scope = scopeAsked();
  say(
    `seeds ${scope.seeds.from} to ${scope.seeds.from + scope.seeds.count - 1}, every ${scope.every}th crash, ${commit()}`,
  );
  const started = performance.now();
  return table(await prove(scope), scope, (performance.now() - started) / 1000);
}

process.exitCode = (await main()) === 0 ? 0 : 1;
