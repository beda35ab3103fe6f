/** The table of pitfalls says what is there: the document, every number, each named test, each decision. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { pitfalls, pitfallTable } from './pitfall-rows.ts';

const root = new URL('../../', import.meta.url).pathname;
const text = (path: string): string => readFileSync(join(root, path), 'utf8');

it('docs/pitfalls.md holds the table', () => {
  const page = text('docs/pitfalls.md');
  const before = page.slice(0, page.indexOf('| # |'));
  if (process.env['UPDATE_GOLDEN'] === '1')
    writeFileSync(join(root, 'docs/pitfalls.md'), `${before}${pitfallTable()}\n`);
  expect(text('docs/pitfalls.md'), 'npm run golden writes it anew').toContain(pitfallTable());
});

it('all 34 are there, each with a test', () => {
  expect(pitfalls.length).toBe(34);
  expect(pitfalls.filter(({ tests }) => tests.length === 0).map(({ trap }) => trap)).toEqual([]);
});

it('every named test exists', () => {
  const missing = pitfalls
    .flatMap(({ tests }) => tests)
    .filter(([file, name]) => !text(file).includes(`${name}'`) && !text(file).includes(`${name}\``));
  expect(missing).toEqual([]);
});

it('a test that bears numbers in its name is named in the row of each', () => {
  const files = new Set(pitfalls.flatMap(({ tests }) => tests.map(([file]) => file)));
  const numbered = [...files].flatMap((file) =>
    [...text(file).matchAll(/it(?:\.each\([^]*?\])?\)?\(\s*'([^'\n]*\(\d+(?:, \d+)*\)[^'\n]*)'/g)].map(
      ([, name = '']) => name,
    ),
  );
  expect(numbered.length).toBeGreaterThan(30);
  const wrong = numbered.flatMap((name) =>
    [...name.matchAll(/\((\d+(?:, \d+)*)\)/g)]
      .flatMap(([, list = '']) => list.split(', '))
      .filter((number) => pitfalls[Number(number) - 1]?.tests.every(([, each]) => each !== name) !== false)
      .map((number) => `${number}: ${name}`),
  );
  expect(wrong, 'name it in the row of its number in test/support/pitfall-rows.ts').toEqual([]);
});

it('every decision that is named exists', () => {
  const decisions = pitfalls.flatMap(({ decision }) => (decision === undefined ? [] : [decision]));
  expect(decisions.filter((file) => !existsSync(join(root, 'docs/decisions', file)))).toEqual([]);
});
