/**
 * Owns: what the tests import instead of vitest while mutants run: `describe` and `it` that only collect, with vitest's own
 * `expect`. What it does not know it refuses, so that no test is silently left out.
 */
export { expect } from 'vitest';

type Run = (...values: readonly unknown[]) => unknown;

interface Collected {
  readonly name: string;
  readonly run: () => unknown;
}

declare global {
  /** The tests of the files imported since it was last emptied. */
  var collectedTests: Collected[] | undefined;
}

let path: readonly string[] = [];

function add(name: string, run: () => unknown): void {
  (globalThis.collectedTests ??= []).push({ name: [...path, name].join(' > '), run });
}

function group(name: string, run: () => unknown): void {
  const outer = path;
  path = [...outer, name];
  run();
  path = outer;
}

function rows(table: readonly unknown[]): readonly (readonly unknown[])[] {
  return table.map((row) => (Array.isArray(row) ? (row as readonly unknown[]) : [row]));
}

export const it = Object.assign((name: string, run: () => unknown) => add(name, run), {
  each: (table: readonly unknown[]) => (name: string, run: Run) =>
    rows(table).forEach((row, index) => add(`${name} #${index}`, () => run(...row))),
});

export const test = it;

export const describe = Object.assign((name: string, run: () => unknown) => group(name, run), {
  each: (table: readonly unknown[]) => (name: string, run: Run) =>
    rows(table).forEach((row, index) => group(`${name} #${index}`, () => run(...row))),
});
