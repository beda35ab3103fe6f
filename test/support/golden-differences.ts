/**
 * Owns: what the present machine decides otherwise than a release did, on the release's own journals, by class. What is agreed to
 * stands beside the release's folder, in `<release>.differences.txt`; no such file: everything is decided alike.
 */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { countsOf, type Comparison, type RowDifference } from '#src/replay/compare.ts';
import { differenceClasses } from '#src/replay/differences.ts';
import { journalsFolder } from './golden-journals.ts';

function example({ seq, observation, what, at }: RowDifference): string {
  return `first in row ${seq} (${observation}): ${what}${at === '' ? '' : ` at ${at}`}`;
}

/** Lines about one chain; none where all of it is decided alike. */
export function differenceLines(name: string, { rows, alike, differences }: Comparison): readonly string[] {
  if (differences.length === 0) return [];
  const counts = countsOf(differences, differenceClasses);
  return [
    `${name}: ${alike} of ${rows} decisions alike`,
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

/** Writes down what is agreed to; nothing takes the file away. */
export function agreeTo(release: string, text: string): void {
  if (text === '') rmSync(pathOf(release), { force: true });
  else writeFileSync(pathOf(release), text);
}
