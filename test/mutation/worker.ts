/**
 * Owns: running the mutants of one file in one thread: the tests are imported once and called again for each mutant, only
 * those that come by it, until one is red. A mutant in what runs at import is tried with all modules imported anew.
 *
 * Reports each mutant as it begins and ends, so that the controller can end a thread that runs for ever.
 */
import { registerHooks, stripTypeScriptTypes } from 'node:module';
import { readFileSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { join } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { mutantsOf, root, testFiles, type Mutant } from './mutants.ts';

interface Switches {
  activeMutant?: string | undefined;
  currentTestId?: string | undefined;
  hitCount?: number | undefined;
  hitLimit?: number | undefined;
  mutantCoverage?: {
    static: Record<string, number>;
    perTest: Record<string, Record<string, number>>;
  };
}

export type Verdict = 'killed' | 'timed out' | 'survived' | 'no coverage';

/** From thread to controller. */
export type Message =
  | { readonly type: 'begun'; readonly index: number }
  | { readonly type: 'ended'; readonly index: number; readonly verdict: Verdict }
  | { readonly type: 'tests'; readonly count: number; readonly ms: number; readonly red: readonly string[] };

/** How often one mutant may be passed before its test counts as running for ever. */
const hitLimit = 2_000_000;

const { file, indices } = workerData as { readonly file: string; readonly indices: readonly number[] };
const switches: Switches = ((globalThis as { __stryker__?: Switches }).__stryker__ ??= {});
const { text, mutants } = await mutantsOf(file);

const place = pathToFileURL(root).href;
const collector = new URL('collect.ts', import.meta.url).href;
const texts = new Map<string, string>([
  [join(root, file), stripTypeScriptTypes(text.replace(/^(\/\*\*[\s\S]*?\*\/)function /, '$1\nfunction '))],
]);
let generation = 0;

registerHooks({
  resolve: (specifier, context, next) => {
    const parent = context.parentURL ?? '';
    if (specifier === 'vitest' && !parent.startsWith(collector)) return { url: collector, shortCircuit: true };
    const found = next(specifier, context);
    const own = found.url.startsWith(place) && found.url.endsWith('.ts') && !found.url.includes('/node_modules/');
    return own && !found.url.startsWith(new URL('.', collector).href)
      ? { ...found, url: `${found.url}?generation=${generation}` }
      : found;
  },
  load: (url, context, next) => {
    if (!url.includes('?generation=')) return next(url, context);
    const path = fileURLToPath(url.slice(0, url.indexOf('?')));
    let source = texts.get(path);
    if (source === undefined) {
      source = stripTypeScriptTypes(readFileSync(path, 'utf8'));
      texts.set(path, source);
    }
    return { format: 'module', source, shortCircuit: true };
  },
});

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

/** How often a test was the one that noticed: the next mutant meets it first. */
const noticing = new Map<string, number>();

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
  const order = tests.toSorted((left, right) => (noticing.get(right.id) ?? 0) - (noticing.get(left.id) ?? 0));
  for (const test of order) {
    if (await green(test)) continue;
    noticing.set(test.id, (noticing.get(test.id) ?? 0) + 1);
    return true;
  }
  return false;
}

/** All modules anew with the mutant on from the first line, then all tests. */
async function noticedAfresh(): Promise<boolean> {
  generation += 1;
  for (const path of testFiles()) {
    let tests: readonly Test[];
    try {
      tests = await testsOf(path);
    } catch {
      return true;
    }
    if (await noticed(tests)) return true;
  }
  return false;
}

async function tried(mutant: Mutant, all: readonly Test[]): Promise<Verdict> {
  const { static: atImport, perTest } = coverage;
  const passing = all.filter(({ id }) => perTest[id]?.[mutant.id] !== undefined);
  const afresh = atImport[mutant.id] !== undefined || memory.has(mutant.id);
  if (passing.length === 0 && !afresh) return 'no coverage';
  switches.activeMutant = mutant.id;
  switches.hitCount = 0;
  switches.hitLimit = hitLimit;
  const red = afresh ? await noticedAfresh() : await noticed(passing);
  switches.activeMutant = undefined;
  const endless = exceeded();
  return endless ? 'timed out' : red ? 'killed' : 'survived';
}

const started = performance.now();
const all: Test[] = [];
for (const path of testFiles()) all.push(...(await testsOf(path)));
const red: string[] = [];
for (const test of all) {
  switches.currentTestId = test.id;
  if (!(await green(test))) red.push(test.id);
}
switches.currentTestId = undefined;
const coverage = switches.mutantCoverage ?? { static: {}, perTest: {} };
// Modules that remember what they worked out once are passed by the first test alone, and a mutant may spoil what they
// remember: all mutants of such a file are tried on modules of their own.
const remembers = /^(const|let) \w+.*= .*new (Map|Set|WeakMap)(<.*>)?\(\)/m.test(text);
const memory = new Set(remembers ? mutants.map(({ id }) => id) : []);
tell({ type: 'tests', count: all.length, ms: performance.now() - started, red });

if (red.length === 0) {
  for (const index of indices) {
    const mutant = mutants[index];
    if (mutant === undefined) continue;
    tell({ type: 'begun', index });
    tell({ type: 'ended', index, verdict: await tried(mutant, all) });
  }
}
