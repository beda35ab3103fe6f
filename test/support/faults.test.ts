/** The table of faults says what is there: the document, each named test, each place of a switch. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { faultGroups } from './fault-rows.ts';
import { faultTables } from './fault-table.ts';

const root = new URL('../../', import.meta.url).pathname;
const text = (path: string): string => readFileSync(join(root, path), 'utf8');
const rows = faultGroups.flatMap((group) => group.rows);

it('docs/faults.md holds the table', () => expect(text('docs/faults.md')).toContain(faultTables()));

it('every named test exists', () => {
  const missing = rows
    .filter(({ test: [file, name] }) => {
      const generic = name
        .replace(/^(401|403|500|503) is/, '%i is')
        .replace('3600000 ms', '%i ms')
        .replace(/429 to the (list|watch)/, '429 to the %s');
      return !text(file).includes(`'${name}'`) && !text(file).includes(`'${generic}'`);
    })
    .map(({ test }) => test.join(': '));
  expect(missing).toEqual([]);
});

it('every switch fits its source exactly once', () => {
  const wrong = rows.filter(({ off }) => text(off.file).split(off.find).length !== 2).map(({ fault }) => fault);
  expect(wrong).toEqual([]);
});

it('tests named elsewhere in the document exist', () => {
  const named = [...text('docs/faults.md').matchAll(/`(test\/[^`]+\.ts)`: “([^”]+)”/g)];
  expect(named.length).toBeGreaterThan(0);
  expect(named.filter(([, file = '', name = '']) => !text(file).includes(name)).map(([all]) => all)).toEqual([]);
});

it('the layers of the official client that are not used are not imported', () => {
  const imports = ['api', 'connection', 'exec', 'lease', 'request'].flatMap((name) =>
    [...text(`src/kube/${name}.ts`).matchAll(/import (?:type )?\{([^}]*)\} from '@kubernetes\/client-node'/g)].map(
      ([, names = '']) => names.trim(),
    ),
  );
  expect(
    imports.flatMap((names) => names.split(',').map((name) => name.replace('type ', '').trim())).toSorted(),
  ).toEqual(['KubeConfig', 'KubeConfig']);
});
