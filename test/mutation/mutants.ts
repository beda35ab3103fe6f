/**
 * Owns: making mutants: Stryker's instrumenter writes all mutants of a file into its text at once, each behind a switch
 * (`globalThis.__stryker__.activeMutant`), so that trying one costs no compilation.
 * Does not own: running them (`worker.ts`).
 */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInstrumenter } from '@stryker-mutator/instrumenter';
import { createInjector } from 'typed-inject';
import { folded } from './results.ts';

export const root = new URL('../../', import.meta.url).pathname;

/** What is mutated. */
export const mutated = ['machines/**/*.ts', 'src/decision/*.ts'];

/** The tests that mutants must not pass by. Those that try every combination take too long for each of thousands. */
const tests = ['test/machines/**/*.test.ts', 'test/src/decision/**/*.test.ts', 'test/golden/journals/decided.test.ts'];
const slow = /(exhaustive|explored|recovered)\.test\.ts$/;

/** Everything a result depends on. */
export const inputs = [
  ...mutated,
  'src/resources/**/*.ts',
  'test/machines/**/*.ts',
  'test/src/decision/**/*.ts',
  'test/golden/decision/**/*',
  'test/golden/journals/**/*',
  'src/replay/*.ts',
];

/** One mutant of one file. */
export interface Mutant {
  readonly id: string;
  readonly file: string;
  /** Its place among the mutants of its file. */
  readonly index: number;
  /** One-based, as editors count. */
  readonly line: number;
  readonly column: number;
  /** Stryker's name of the mutator: `ConditionalExpression`. */
  readonly kind: string;
  /** Texts, white space folded. */
  readonly original: string;
  readonly replacement: string;
}

/** Paths under the root that fit, sorted. */
export function filesOf(patterns: readonly string[]): readonly string[] {
  return globSync([...patterns], { cwd: root, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length))
    .sort();
}

/** Paths of the tests that are run; those that try most come last. */
export function testFiles(): readonly string[] {
  const files = filesOf(tests).filter((file) => !slow.test(file));
  const last = (file: string): number =>
    ['/faults.test.ts', '/decided.test.ts'].findIndex((each) => file.endsWith(each));
  return files.toSorted((left, right) => last(left) - last(right));
}

export function read(file: string): string {
  return readFileSync(join(root, file), 'utf8');
}

interface Place {
  readonly start: { readonly line: number; readonly column: number };
  readonly end: { readonly line: number; readonly column: number };
}

/** The text between two places; lines and columns from zero. */
function textAt(text: string, { start, end }: Place): string {
  const lines = text.split('\n').slice(start.line, end.line + 1);
  return lines
    .map((line, index) =>
      line.slice(index === 0 ? start.column : 0, index === lines.length - 1 ? end.column : undefined),
    )
    .join('\n');
}

const silent = (): void => undefined;
const logger = {
  isTraceEnabled: () => false,
  isDebugEnabled: () => false,
  isInfoEnabled: () => false,
  isWarnEnabled: () => false,
  isErrorEnabled: () => false,
  isFatalEnabled: () => false,
  trace: silent,
  debug: silent,
  info: silent,
  warn: silent,
  error: silent,
  fatal: silent,
};

/** The texts of `files` with all their mutants in them, and what they are, in order of place. */
export async function mutantsOf(
  files: readonly string[],
): Promise<{ readonly texts: ReadonlyMap<string, string>; readonly mutants: readonly Mutant[] }> {
  const originals = new Map(files.map((file) => [file, read(file)]));
  const injector = createInjector().provideValue('logger', logger).provideValue('options', {});
  const instrumenter = createInstrumenter(injector as never);
  const made = await instrumenter.instrument(
    files.map((file) => ({ name: file, content: originals.get(file) ?? '', mutate: true })),
    { plugins: null, excludedMutations: [], ignorers: [] },
  );
  const counts = new Map<string, number>();
  return {
    texts: new Map(made.files.map(({ name, content }) => [name, content])),
    mutants: made.mutants.map((mutant) => {
      const file = mutant.fileName;
      const index = counts.get(file) ?? 0;
      counts.set(file, index + 1);
      return {
        id: mutant.id,
        file,
        index,
        line: mutant.location.start.line + 1,
        column: mutant.location.start.column + 1,
        kind: mutant.mutatorName,
        original: folded(textAt(originals.get(file) ?? '', mutant.location)),
        replacement: folded(mutant.replacement),
      };
    }),
  };
}
