/**
 * Owns: running mutants in one thread: the tests are imported once and called again for each mutant, only those that come by
 * it, until one is red. A mutant in what runs at import is tried with what depends on its file imported anew.
 *
 * Reports each mutant as it begins and ends, so that the controller can end a thread that runs for ever. Ends by itself when
 * modules imported anew have filled its memory; the controller starts another one for what is left.
 */
import { registerHooks, stripTypeScriptTypes } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { join } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { mutantsOf, read, root, testFiles, type Mutant } from './mutants.ts';

interface Switches {
  activeMutant?: string | undefined;
  currentTestId?: string | undefined;
  hitCount?: number | undefined;
  hitLimit?: number | undefined;
  /** What tests come by is known; no more is written down. */
  covered?: boolean;
  mutantCoverage?: {
    static: Record<string, number>;
    perTest: Record<string, Record<string, number>>;
  };
}

export type Verdict = 'killed' | 'timed out' | 'survived' | 'no coverage';

/** A mutant, by its place in its file. */
export interface Job {
  readonly file: string;
  readonly index: number;
}

/** From thread to controller. */
export type Message =
  | { readonly type: 'begun'; readonly job: Job }
  | { readonly type: 'ended'; readonly job: Job; readonly verdict: Verdict }
  | { readonly type: 'tests'; readonly count: number; readonly ms: number; readonly red: readonly string[] };

/** How often one mutant may be passed before its test counts as running for ever. */
const hitLimit = 2_000_000;

/** Modules imported anew are never given back: a thread that holds so much ends. */
const heapBytesMax = 1_200_000_000;

const jobs = workerData as readonly Job[];
const switches: Switches = ((globalThis as { __stryker__?: Switches }).__stryker__ ??= {});
const { texts, mutants } = await mutantsOf([...new Set(jobs.map(({ file }) => file))]);

const place = pathToFileURL(root).href;
const collector = new URL('collect.ts', import.meta.url).href;
/** Modules that keep answers for others, and how. */
const memories: Readonly<Record<string, RegExp>> = {
  'machines/shared/once.ts': /const (known) = (new (?:Weak)?Map<.*>\(\));()/g,
  'src/resources/plan.ts': /const (plans) = (new Map<.*>\(\));()/g,
  'machines/cluster/recall.ts': /const (memory) = (new WeakMap<.*>\(\));(\s+let newest: .* = null;)/g,
};
const sources = new Map<string, string>();

/** The text to run: types taken out, mutants in, and forgetting on demand. */
function sourceOf(path: string): string {
  const known = sources.get(path);
  if (known !== undefined) return known;
  const text = (texts.get(path) ?? read(path))
    .replace(/^(\/\*\*[\s\S]*?\*\/)function /, '$1\nfunction ')
    .replace('function cover() {', 'function cover() { if (ns.covered) return;');
  const source = stripTypeScriptTypes(forgetting(path, text));
  sources.set(path, source);
  return source;
}

/**
 * What was kept for one mutant must not answer for another: each memory becomes one that is emptied between them.
 * @throws when the source has no such memory any more
 */
function forgetting(path: string, text: string): string {
  const memory = memories[path];
  if (memory === undefined) return text;
  const changed = text.replaceAll(memory, (_, name: string, empty: string, rest: string) => {
    const last = rest === '' ? '' : ' newest = null;';
    return `let ${name} = ${empty};${rest}\n(globalThis.emptied ??= []).push(() => { ${name} = ${empty};${last} });`;
  });
  if (changed === text) throw new Error(`${path} does not keep its answers as worker.ts expects`);
  return changed;
}

function forget(): void {
  for (const empty of (globalThis as { emptied?: (() => void)[] }).emptied ?? []) empty();
}

/** Who imports a module, by paths. */
const importers = new Map<string, Set<string>>();
/** What is imported anew at present; null for everything. */
let renewed: ReadonlySet<string> | null = null;
let generation = 0;

function pathOf(url: string): string {
  return fileURLToPath(url.replace(/\?.*$/, '')).slice(root.length);
}

registerHooks({
  resolve: (specifier, context, next) => {
    const parent = context.parentURL ?? '';
    if (specifier === 'vitest' && !parent.startsWith(collector)) return { url: collector, shortCircuit: true };
    const found = next(specifier, context);
    const own = found.url.startsWith(place) && found.url.endsWith('.ts') && !found.url.includes('/node_modules/');
    if (!own || found.url.startsWith(new URL('.', collector).href)) return found;
    const path = pathOf(found.url);
    if (parent.startsWith(place)) importers.set(path, (importers.get(path) ?? new Set()).add(pathOf(parent)));
    const since = renewed === null || renewed.has(path) ? generation : 0;
    return { ...found, url: `${found.url}?generation=${since}` };
  },
  load: (url, context, next) =>
    url.includes('?generation=')
      ? { format: 'module', source: sourceOf(pathOf(url)), shortCircuit: true }
      : next(url, context),
});

/** The module and all that import it, by whatever way. */
function dependentsOf(path: string): ReadonlySet<string> {
  const found = new Set([path]);
  for (const each of found) for (const importer of importers.get(each) ?? []) found.add(importer);
  return found;
}

interface Test {
  readonly id: string;
  readonly run: () => unknown;
}

function tell(message: Message): void {
  parentPort?.postMessage(message);
}

/** Imports one test file of the present generation. */
async function testsOf(path: string): Promise<readonly Test[]> {
  globalThis.collectedTests = [];
  await import(pathToFileURL(join(root, path)).href);
  return globalThis.collectedTests.map(({ name, run }, index) => ({ id: `${path} ${index} ${name}`, run }));
}

/** How often a test, or a file of tests, was the one that noticed: the next mutant meets it first. */
const noticing = new Map<string, number>();

function mostNoticingFirst<Each>(all: readonly Each[], nameOf: (each: Each) => string): readonly Each[] {
  const times = (each: Each): number => noticing.get(nameOf(each)) ?? 0;
  return all.toSorted((left, right) => times(right) - times(left));
}

function notice(name: string): void {
  noticing.set(name, (noticing.get(name) ?? 0) + 1);
}

/** Whether a test is green. */
async function green(test: Test): Promise<boolean> {
  try {
    await test.run();
    return true;
  } catch {
    return false;
  }
}

function exceeded(): boolean {
  return (switches.hitCount ?? 0) > hitLimit;
}

async function noticed(tests: readonly Test[]): Promise<boolean> {
  for (const test of mostNoticingFirst(tests, ({ id }) => id)) {
    if (await green(test)) continue;
    notice(test.id);
    return true;
  }
  return false;
}

/** What depends on the mutated file anew, with the mutant on from the first line, then all tests that depend on it. */
async function noticedAfresh(file: string): Promise<boolean> {
  generation += 1;
  renewed = dependentsOf(file);
  const files = testFiles().filter((path) => renewed?.has(path));
  for (const path of mostNoticingFirst(files, (each) => each)) {
    let red = false;
    try {
      red = await noticed(await testsOf(path));
    } catch {
      red = true;
    }
    if (!red) continue;
    notice(path);
    return true;
  }
  return false;
}

async function tried(mutant: Mutant): Promise<Verdict> {
  const passing = all.filter(({ id }) => passedBy.get(id)?.has(mutant.id));
  const afresh = atImport.has(mutant.id) || remembers(mutant.file);
  if (passing.length === 0 && !afresh) return 'no coverage';
  forget();
  switches.activeMutant = mutant.id;
  switches.hitCount = 0;
  switches.hitLimit = hitLimit;
  const red = afresh ? await noticedAfresh(mutant.file) : await noticed(passing);
  switches.activeMutant = undefined;
  const endless = exceeded();
  return endless ? 'timed out' : red ? 'killed' : 'survived';
}

/** A module with a memory of its own: its mutants are tried on modules of their own. */
function remembers(file: string): boolean {
  return memories[file] !== undefined || /^(const|let) \w+.*= .*new (Map|Set|WeakMap)(<.*>)?\(\)/m.test(read(file));
}

const started = performance.now();
const all: Test[] = [];
for (const path of testFiles()) all.push(...(await testsOf(path)));
const red: string[] = [];
for (const test of all) {
  forget();
  switches.currentTestId = test.id;
  if (!(await green(test))) red.push(test.id);
}
switches.currentTestId = undefined;
switches.covered = true;
const { static: passed, perTest } = switches.mutantCoverage ?? { static: {}, perTest: {} };
const atImport = new Set(Object.keys(passed));
const passedBy = new Map(Object.entries(perTest).map(([id, by]) => [id, new Set(Object.keys(by))]));
tell({ type: 'tests', count: all.length, ms: performance.now() - started, red });

const mutantAt = new Map(mutants.map((mutant) => [`${mutant.file} ${mutant.index}`, mutant]));
for (const job of red.length === 0 ? jobs : []) {
  const mutant = mutantAt.get(`${job.file} ${job.index}`);
  if (mutant === undefined) continue;
  tell({ type: 'begun', job });
  tell({ type: 'ended', job, verdict: await tried(mutant) });
  if (process.memoryUsage().heapUsed > heapBytesMax) break;
}
