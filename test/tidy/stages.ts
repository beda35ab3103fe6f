/**
 * Owns: the rule that stages meet only in the pipeline: no stage imports a value of another, and types only flow forward,
 * from earlier stages to later ones. (The import checker cannot tell type imports apart, so this reads the lines.)
 */

/** In the order of the line. */
export const stages = ['kube', 'watch', 'stream', 'actor', 'journal', 'executor', 'status'] as const;

export interface SourceFile {
  /** Path from the root: `src/watch/watch.ts`. */
  readonly path: string;
  readonly text: string;
}

function stageOf(path: string): number {
  return stages.findIndex((stage) => path.startsWith(`src/${stage}/`));
}

/** Violations as `file: what to do instead`. */
export function stageViolations(files: readonly SourceFile[]): readonly string[] {
  return files.flatMap(({ path, text }) => {
    const here = stageOf(path);
    if (here < 0) return [];
    const imports = [...text.matchAll(/^import (type )?(?:[^'"]*?from )?['"]#(src\/[^'"]+)['"]/gms)];
    return imports.flatMap(([, isType, target = '']) => {
      const there = stageOf(target);
      if (there < 0 || there === here) return [];
      if (isType === undefined)
        return [`${path} imports a value of ${target}: declare a port and wire it in src/operator`];
      return there > here ? [`${path} imports a type of the later stage ${target}: types flow forward`] : [];
    });
  });
}

function codeOf(text: string): string {
  return text.replaceAll(/\/\*[\s\S]*?\*\//g, '').replaceAll(/\/\/.*$/gm, '');
}

const bannedNames = /(^|\/)(utils|helpers|common|manager|data|info)(\.ts|\/)/;
const bannedWords: readonly { readonly pattern: RegExp; readonly instead: string; readonly inComments?: boolean }[] = [
  { pattern: /\b(it|test|describe)\.(skip|only|todo)\(/, instead: 'a skipped test is a failing test' },
  { pattern: /@ts-(ignore|expect-error|nocheck)/, instead: 'make the types true', inComments: true },
  { pattern: /\bFIXME\b/, instead: 'mend it, or write TODO(owner): reason', inComments: true },
  { pattern: /:\s*any\b|\bas any\b|<any>/, instead: 'use unknown and parse it once' },
];

/** Files whose name or text breaks the sheet. */
export function wordViolations(files: readonly SourceFile[]): readonly string[] {
  return files.flatMap(({ path, text }) => [
    ...(bannedNames.test(path) ? [`${path}: name the idea, not the drawer`] : []),
    ...bannedWords
      .filter(({ pattern, inComments }) => pattern.test(inComments === true ? text : codeOf(text)))
      .map(({ pattern, instead }) => `${path}: ${String(pattern)}: ${instead}`),
  ]);
}

const purityBans: readonly { readonly pattern: RegExp; readonly instead: string }[] = [
  { pattern: /\bDate\.now\(|\bnew Date\(\)/, instead: 'time comes with the row' },
  { pattern: /\bMath\.random\(/, instead: 'chance is drawn outside' },
  { pattern: /\bawait\b|\basync\b/, instead: 'a decision is synchronous' },
  { pattern: /\binvoke\s*:|\bspawn\(|\bspawnChild\b/, instead: 'timers are data, effects are intents' },
  { pattern: /\bIntl\b|localeCompare\(|toLocale/, instead: 'locales differ between machines' },
];

/** Impurities in machines/ and the deciding core, comments aside. */
export function purityViolations(files: readonly SourceFile[]): readonly string[] {
  return files
    .filter(
      ({ path }) => /^(machines|src\/(decision|resources|replay|export))\//.test(path) && !path.endsWith('.gen.ts'),
    )
    .flatMap(({ path, text }) => {
      const code = text
        .replaceAll(/\/\*[\s\S]*?\*\//g, '')
        .replaceAll(/\/\/.*$/gm, '')
        .replaceAll(/'[^'\n]*'|`[^`]*`/g, "''");
      return purityBans
        .filter(({ pattern }) => pattern.test(code))
        .map(({ pattern, instead }) => `${path}: ${String(pattern)}: ${instead}`);
    });
}
