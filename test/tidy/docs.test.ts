/** Documents say what the code says, and their links lead somewhere. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { phases } from '#machines/cluster/chart.ts';
import { conditionReasons } from '#machines/cluster/condition-reasons.ts';
import { conditionTypes } from '#machines/cluster/conditions.ts';
import { chartPage } from '#src/dev/chart-page.ts';
import { conditionsTable, eventsTable, journalApiTables, metricsTable, settingsTable } from '#src/dev/tables.ts';
import { parameters, routes } from '#src/operator/api-routes.ts';
import { words } from '#src/sim/words.ts';

const root = new URL('../../', import.meta.url).pathname;

function text(path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

it('docs/configuration.md lists every setting', () => expect(text('docs/configuration.md')).toContain(settingsTable()));

it('docs/metrics.md lists every metric', async () => expect(text('docs/metrics.md')).toContain(await metricsTable()));

it('docs/conditions.md lists every condition with its reasons, and each of them is given', () => {
  expect(text('docs/conditions.md')).toContain(conditionsTable());
  expect(Object.keys(conditionReasons)).toEqual(conditionTypes);
  const code = ['machines/cluster/conditions.ts', 'machines/cluster/tables/loops.ts', 'src/operator/journal-notice.ts'];
  const given = code.map(text).join('\n');
  const all = Object.values(conditionReasons).flatMap((reasons) => Object.keys(reasons));
  expect(all.filter((reason) => !given.includes(`'${reason}'`) && !phases.some((each) => each === reason))).toEqual([]);
});

it('docs/control.md lists every reason for which a request is refused', () => {
  const code = ['requests', 'replacement'].map((name) => text(`machines/cluster/tables/${name}.ts`)).join('\n');
  const given = new Set([...code.matchAll(/reason: '(\w+)'/g)].map((match) => match[1]));
  const listed = text('docs/control.md').split('| reason | because |')[1]?.split('\n\n')[0] ?? '';
  const told = new Set([...listed.matchAll(/^\| `(\w+)` \|/gm)].map((match) => match[1]));
  expect(told).toEqual(given);
});

it('docs/events.md lists every Kubernetes Event', () => expect(text('docs/events.md')).toContain(eventsTable()));

it('docs/journal-api.md lists every path and parameter', () =>
  expect(text('docs/journal-api.md')).toContain(journalApiTables(routes, parameters)));

it('docs/machines/cluster.md draws the chart as it is', () =>
  expect(text('docs/machines/cluster.md')).toBe(chartPage()));

it('every command of the README is run by CI, or printed by the demo that CI runs', () => {
  const commands = [...text('README.md').matchAll(/^(?:\$ )?((?:make|pgc|npm|kubectl) [^#\n]*)/gm)].map((match) =>
    (match[1] ?? '').trim(),
  );
  const inCi = text('.ci/run');
  const inDemo = text('test/cluster/demo.ts');
  const isRun = (command: string): boolean => {
    const [program = '', what = ''] = command.split(' ');
    if (program === 'make') return inCi.includes(`make -s ${what}`);
    return program === 'pgc' && new RegExp(`'${what}'`).test(inDemo);
  };
  expect(commands.length).toBeGreaterThan(3);
  expect(commands.filter((command) => !isRun(command))).toEqual([]);
});

it('links between documents lead somewhere', () => {
  const documents = [
    'README.md',
    'deploy/README.md',
    'crds/README.md',
    ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.md'))
      .map((name) => `docs/${name}`),
  ];
  const broken = documents.flatMap((path) =>
    [...text(path).matchAll(/\]\((?!https?:|#)([^)#]+)/g)]
      .map((match) => match[1] ?? '')
      .filter((target) => !existsSync(join(root, dirname(path), target)))
      .map((target) => `${path} → ${target}`),
  );
  expect(broken).toEqual([]);
});

it('every package has its line in docs/dependencies.md', () => {
  const manifest = JSON.parse(text('package.json')) as {
    readonly dependencies: object;
    readonly devDependencies: object;
  };
  const page = text('docs/dependencies.md');
  const names = Object.keys({ ...manifest.dependencies, ...manifest.devDependencies }).filter(
    (name) => !name.startsWith('@types/'),
  );
  expect(names.filter((name) => !page.includes(name))).toEqual([]);
});

it('every make target that is not built says so and fails, and every npm script has a use', () => {
  const makefile = text('Makefile');
  for (const target of ['docker-push', 'bench-check', 'docs'])
    expect(makefile).toMatch(new RegExp(`NOT_YET :=.*\\b${target}\\b`));
});

it('docs/sandbox.md lists every word', () => {
  const page = text('docs/sandbox.md');
  const row = ({ usage, does }: { readonly usage: string; readonly does: string }): string =>
    `| \`${usage.replaceAll('|', '\\|')}\` | ${does.replaceAll('|', '\\|')} |`;
  expect(
    Object.values(words)
      .map(row)
      .filter((each) => !page.includes(each)),
  ).toEqual([]);
});
