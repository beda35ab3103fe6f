/**
 * Owns: `npm run mutation -- [--changed] [--trust] [--one-in N] [--seconds N] [WORD…]`: tries the mutants of the decision core
 * file by file and demands that the tests notice 85 of 100. `WORD` picks files by a part of their path, `--changed` those that
 * differ from origin/main, `--one-in` tries that share of each file's mutants, chosen by their texts and all in one go, `--seconds`
 * stops after so long. What was tried with the same sources and tests is not tried again, so a run that was cut goes on where
 * it was; `--trust` also takes over what was noticed in the same text when tests were added. Results stay in `.run/mutation`.
 * Does not own: mutants (`mutants.ts`), running them (`worker.ts`), the score (`results.ts`).
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { filesOf, inputs, mutantsOf, mutated, read, root, type Mutant } from './mutants.ts';
import { report, scored, scoreOf, stale, type Equivalent, type FileResult } from './results.ts';
import type { Job, Message, Verdict } from './worker.ts';

/** Below this the run fails. */
const scoreMin = 85;
/** Most processor time that one mutant may take; what is mutated into an endless loop shows by it, a busy machine does not. */
const mutantCpuMsMax = 60_000;
/** How often that is looked at. */
const lookMs = 2_000;

const kept = join(root, '.run/mutation');

function hashOfInputs(): string {
  const hash = createHash('sha256');
  for (const file of filesOf(inputs)) hash.update(`${file}\n${read(file)}\n`);
  return hash.digest('hex');
}

/** What verdicts were reached with: the text that was mutated, and all that they depend on. */
interface Basis {
  readonly text: string;
  readonly inputs: string;
  /** Mutants that were noticed in the same text need not be tried again, for tests were only added. */
  readonly trust: boolean;
}

/** Verdicts by index, as far as they were reached on the same basis; a file of lines, the first of them the basis. */
function keptVerdicts(place: string, { text, inputs: all, trust }: Basis): Map<number, Verdict> {
  const [head = '', ...lines] = existsSync(place) ? readFileSync(place, 'utf8').split('\n') : [];
  const [oldText, oldInputs] = head.split(' ');
  const verdicts = lines.flatMap((line): [number, Verdict][] => {
    const at = line.indexOf(' ');
    return at < 0 ? [] : [[Number(line.slice(0, at)), line.slice(at + 1) as Verdict]];
  });
  const same = oldText === text && oldInputs === all;
  const kept = new Map(same || (trust && oldText === text) ? verdicts : []);
  if (!same) for (const [index, verdict] of kept) if (verdict !== 'killed') kept.delete(index);
  writeFileSync(
    place,
    [`${text} ${all}`, ...[...kept].map(([index, verdict]) => `${index} ${verdict}`), ''].join('\n'),
  );
  return kept;
}

/** Calls back once, when this process has worked for too long. */
function endless(end: () => void): NodeJS.Timeout {
  const before = process.cpuUsage();
  const timer = setInterval(() => {
    const { user, system } = process.cpuUsage(before);
    if ((user + system) / 1000 < mutantCpuMsMax) return;
    clearInterval(timer);
    end();
  }, lookMs);
  return timer;
}

/** One thread over some mutants, for so long. Resolves when it has ended or had to be ended. @throws when the tests are red unmutated */
function thread(jobs: readonly Job[], until: number, done: (job: Job, verdict: Verdict) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('worker.ts', import.meta.url), { workerData: jobs });
    let timer: NodeJS.Timeout | undefined;
    worker.on('message', (message: Message) => {
      clearInterval(timer);
      switch (message.type) {
        case 'tests':
          if (message.red.length === 0) return;
          reject(new Error(`tests are red before anything is mutated:\n${message.red.join('\n')}`));
          return;
        case 'begun':
          timer = endless(() => {
            done(message.job, 'timed out');
            void worker.terminate();
          });
          return;
        case 'ended':
          done(message.job, message.verdict);
          if (Date.now() > until) void worker.terminate();
      }
    });
    worker.on('error', reject);
    worker.on('exit', () => {
      clearInterval(timer);
      resolve();
    });
  });
}

/** A file whose mutants are tried, or some of them. */
interface Tried {
  readonly file: string;
  readonly place: string;
  readonly mutants: readonly Mutant[];
  readonly verdicts: Map<number, Verdict>;
}

async function toTry(file: string, basis: Omit<Basis, 'text'>, oneIn: number): Promise<Tried> {
  const { mutants } = await mutantsOf([file]);
  const place = join(kept, file.replaceAll('/', '+'));
  const text = createHash('sha256').update(read(file)).digest('hex');
  const chosen = mutants.filter((mutant) => isChosen(mutant, oneIn));
  return { file, place, mutants: chosen, verdicts: keptVerdicts(place, { ...basis, text }) };
}

/** By its texts and place, so that it is chosen again whatever becomes of other files. */
function isChosen({ file, index, kind, original, replacement }: Mutant, oneIn: number): boolean {
  const hash = createHash('sha256').update([file, index, kind, original, replacement].join('\n')).digest();
  return hash.readUInt32BE() % oneIn === 0;
}

/** Tries what has no verdict yet. False when time was over before. @throws when the tests are red unmutated */
async function tryAll(group: readonly Tried[], until: number): Promise<boolean> {
  for (;;) {
    const jobs = group.flatMap(({ file, mutants, verdicts }) =>
      mutants.filter(({ index }) => !verdicts.has(index)).map(({ index }): Job => ({ file, index })),
    );
    if (jobs.length === 0) return true;
    if (Date.now() > until) return false;
    await thread(jobs, until, ({ file, index }, verdict) => {
      const { verdicts, place } = group.find((each) => each.file === file) as Tried;
      verdicts.set(index, verdict);
      appendFileSync(place, `${index} ${verdict}\n`);
    });
  }
}

function resultOf({ file, mutants, verdicts }: Tried): FileResult {
  const count = (wanted: Verdict): number => mutants.filter(({ index }) => verdicts.get(index) === wanted).length;
  return {
    file,
    killed: count('killed'),
    timedOut: count('timed out'),
    survivors: mutants.flatMap(({ index, line, column, kind, original, replacement }) => {
      const verdict = verdicts.get(index);
      if (verdict !== 'survived' && verdict !== 'no coverage') return [];
      return [{ line, column, kind, original, replacement, covered: verdict === 'survived' }];
    }),
  };
}

function changedFiles(): readonly string[] {
  return execFileSync('git', ['diff', '--name-only', 'origin/main'], { cwd: root, encoding: 'utf8' }).split('\n');
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      changed: { type: 'boolean' },
      trust: { type: 'boolean' },
      'one-in': { type: 'string', default: '1' },
      seconds: { type: 'string' },
    },
  });
  const changed = values.changed === true ? changedFiles() : null;
  const files = filesOf(mutated).filter(
    (file) =>
      (changed === null || changed.includes(file)) &&
      (positionals.length === 0 || positionals.some((word) => file.includes(word))),
  );
  const equivalents = JSON.parse(read('test/mutation/equivalent.json')) as readonly Equivalent[];
  const basis = { inputs: hashOfInputs(), trust: values.trust === true };
  const until = values.seconds === undefined ? Infinity : Date.now() + Number(values.seconds) * 1000;
  mkdirSync(kept, { recursive: true });
  const oneIn = Number(values['one-in']);
  const each = await Promise.all(files.map((file) => toTry(file, basis, oneIn)));
  const results: FileResult[] = [];
  for (const group of oneIn === 1 ? each.map((one) => [one]) : [each]) {
    const started = Date.now();
    if (!(await tryAll(group, until))) break;
    const found = group.map(resultOf);
    results.push(...found);
    const seconds = ((Date.now() - started) / 1000).toFixed(0);
    for (const { file, killed, survivors } of found)
      process.stderr.write(`${file}: ${killed} killed, ${survivors.length} left, ${seconds} s\n`);
  }
  const all = results.filter(({ killed, timedOut, survivors }) => killed + timedOut + survivors.length > 0);
  const score = all.map((result) => scored(result, equivalents));
  process.stdout.write(`${report(score)}\n`);
  const old = oneIn === 1 ? stale(all, equivalents) : [];
  for (const { file, kind, original } of old)
    process.stdout.write(`to be taken off equivalent.json: ${file} ${kind}: ${original}\n`);
  return scoreOf(score) >= scoreMin && old.length === 0 ? 0 : 1;
}

process.exitCode = await main();
