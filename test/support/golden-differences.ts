/**
 * Owns: what the present machine decides otherwise than a release did, on the release's own journals, by class, and a hash of all
 * of it. What is agreed to stands beside the release's folder, in `<release>.differences.txt`; no such file: everything is
 * decided alike.
 */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { countsOf, type Comparison, type RowDifference } from '#src/replay/compare.ts';
import { differenceClasses } from '#src/replay/differences.ts';
import type { Core } from '#src/replay/redecide.ts';
import { walk, type WalkInput } from '#src/replay/walk.ts';
import { journalsFolder, sha256Of } from './golden-journals.ts';

function example({ seq, observation, what, at }: RowDifference): string {
  return `first in row ${seq} (${observation}): ${what}${at === '' ? '' : ` at ${at}`}`;
}

/** Decisions of one chain, to the byte: as they were recorded, and as a core decides them now. */
export interface Digests {
  readonly recorded: string;
  readonly decided: string;
}

/** A row that cannot be decided counts as one that is decided otherwise. */
export function digestsOf(core: Core, input: WalkInput): Digests {
  const recorded: string[] = [];
  const decided: string[] = [];
  for (const { row, again, failed } of walk(core, input)) {
    if (again === null && failed === null) continue;
    recorded.push(row.body);
    decided.push(again?.body ?? `row ${row.seq}: ${String(failed?.cause)}`);
  }
  const digest = (bodies: readonly string[]): string => sha256Of(bodies.join('\n')).slice(0, 16);
  return { recorded: digest(recorded), decided: digest(decided) };
}

/** Lines about one chain; none where all of it is decided alike. */
export function differenceLines(
  name: string,
  { rows, alike, differences }: Comparison,
  { decided }: Digests,
): readonly string[] {
  if (differences.length === 0) return [];
  const counts = countsOf(differences, differenceClasses);
  return [
    `${name}: ${alike} of ${rows} decisions alike, all of them ${decided}`,
    ...differenceClasses.flatMap((kind) => {
      const first = differences.find((each) => each.class === kind);
      return first === undefined ? [] : [`  ${kind} ${counts[kind] ?? 0}, ${example(first)}`];
    }),
  ];
}

function pathOf(release: string): string {
  return join(journalsFolder, `${release}.differences.txt`);
}

/** What is agreed to; empty when nothing is. */
export function agreedDifferences(release: string): string {
  return existsSync(pathOf(release)) ? readFileSync(pathOf(release), 'utf8') : '';
}

/** What all decisions of a file with one chain are by what is agreed to; null when they are as they were recorded. */
export function agreedDigest(agreed: string, file: string): string | null {
  const line = agreed.split('\n').find((each) => each.startsWith(`${file}: `));
  return line === undefined ? null : (/all of them (\w+)$/.exec(line)?.[1] ?? null);
}

/** Writes down what is agreed to; nothing takes the file away. */
export function agreeTo(release: string, text: string): void {
  if (text === '') rmSync(pathOf(release), { force: true });
  else writeFileSync(pathOf(release), text);
}
