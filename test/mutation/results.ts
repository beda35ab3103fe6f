/**
 * Owns: what became of the mutants of one file, the list of those that change nothing, and the score of both.
 * Does not own: making and running mutants (Stryker does), and the order of files (`main.ts`).
 */

/** A mutant that no test noticed. */
export interface Survivor {
  /** One-based, as editors count. */
  readonly line: number;
  readonly column: number;
  /** Stryker's name of the mutator: `ConditionalExpression`. */
  readonly kind: string;
  /** Text that was replaced, white space folded. */
  readonly original: string;
  readonly replacement: string;
  /** Whether any test ran the place at all. */
  readonly covered: boolean;
}

/** The mutants of one file. */
export interface FileResult {
  readonly file: string;
  readonly killed: number;
  /** Mutants that ran for ever; a test noticed by its time. */
  readonly timedOut: number;
  readonly survivors: readonly Survivor[];
}

/** A mutant that cannot be told from the original, with the reason. Found by its texts, since lines move. */
export interface Equivalent {
  readonly file: string;
  readonly kind: string;
  readonly original: string;
  readonly replacement: string;
  readonly reason: string;
}

/** White space folded, so that a text is found again after formatting. */
export function folded(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim();
}

function same(equivalent: Equivalent, file: string, survivor: Survivor): boolean {
  return (
    equivalent.file === file &&
    equivalent.kind === survivor.kind &&
    folded(equivalent.original) === survivor.original &&
    folded(equivalent.replacement) === survivor.replacement
  );
}

/** A file's result once the mutants that change nothing are set aside. */
export interface Scored extends FileResult {
  readonly equivalent: number;
  readonly mutants: number;
}

export function scored(result: FileResult, equivalents: readonly Equivalent[]): Scored {
  const survivors = result.survivors.filter((each) => !equivalents.some((known) => same(known, result.file, each)));
  const equivalent = result.survivors.length - survivors.length;
  return { ...result, survivors, equivalent, mutants: result.killed + result.timedOut + survivors.length };
}

/** Listed mutants of files that were run which a test notices after all, or which are no more: to be taken off the list. */
export function stale(results: readonly FileResult[], equivalents: readonly Equivalent[]): readonly Equivalent[] {
  return equivalents.filter((known) => {
    const result = results.find((each) => each.file === known.file);
    return result !== undefined && !result.survivors.some((survivor) => same(known, result.file, survivor));
  });
}

/** Share of mutants that a test noticed, in percent; 100 when there are none. */
export function scoreOf(results: readonly Scored[]): number {
  const mutants = results.reduce((sum, each) => sum + each.mutants, 0);
  const left = results.reduce((sum, each) => sum + each.survivors.length, 0);
  return mutants === 0 ? 100 : (100 * (mutants - left)) / mutants;
}

function row(cells: readonly (string | number)[]): string {
  const [name = '', ...numbers] = cells;
  return `${String(name).padEnd(40)}${numbers.map((each) => String(each).padStart(11)).join('')}`;
}

/** The survivors by place and kind, and a table with one row per file. */
export function report(results: readonly Scored[]): string {
  const survivors = results.flatMap((result) =>
    result.survivors.map(
      ({ line, column, kind, original, replacement, covered }) =>
        `${result.file}:${line}:${column} ${kind}${covered ? '' : ' (no test comes here)'}: ${original} → ${replacement}`,
    ),
  );
  const sum = (pick: (each: Scored) => number): number => results.reduce((all, each) => all + pick(each), 0);
  const total = ['all', sum((each) => each.mutants), sum((each) => each.killed), sum((each) => each.timedOut)];
  const lines = [
    row(['file', 'mutants', 'killed', 'timed out', 'survived', 'equivalent', 'score %']),
    ...results.map((each) =>
      row([
        each.file,
        each.mutants,
        each.killed,
        each.timedOut,
        each.survivors.length,
        each.equivalent,
        scoreOf([each]).toFixed(1),
      ]),
    ),
    row([...total, sum((each) => each.survivors.length), sum((each) => each.equivalent), scoreOf(results).toFixed(1)]),
  ];
  return [...survivors, ...(survivors.length > 0 ? [''] : []), ...lines].join('\n');
}
