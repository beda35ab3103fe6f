/** Owns: tables of documents that are made from code: settings, metrics, conditions, Kubernetes Events, the journal API. Drift tests hold the documents to them. */
import { phaseOf } from '#machines/cluster/chart.ts';
import { conditionReasons } from '#machines/cluster/condition-reasons.ts';
import { arrowsOf, follow, initialState } from '#machines/cluster/fixpoint.ts';
import { signals } from '#machines/cluster/signals.ts';
import { severityOf } from '../decision/decide.ts';
import { settings } from '../config.ts';
import { makeMetrics } from '../status/metrics.ts';

/** The body of docs/configuration.md's table. */
export function settingsTable(): string {
  const rows = Object.values(settings).map(
    ({ flag, env, default: value, meaning }) =>
      `| \`${flag}\` | \`${env}\` | ${value === '' ? '–' : `\`${value.replaceAll('|', '\\|')}\``} | ${meaning} |`,
  );
  return ['| flag | environment | default | meaning |', '|---|---|---|---|', ...rows].join('\n');
}

/** The body of docs/metrics.md's table. */
export async function metricsTable(): Promise<string> {
  const { registry } = makeMetrics();
  const metrics = await registry.getMetricsAsJSON();
  // Its types do not name them; a metric that it holds has them.
  const labelsOf = (name: string): readonly string[] =>
    (registry.getSingleMetric(name) as unknown as { readonly labelNames: readonly string[] }).labelNames;
  const rows = metrics.map(({ name, type, help }) => {
    const labels = labelsOf(name).map((label) => `\`${label}\``);
    return `| \`${name}\` | ${String(type)} | ${labels.join(', ') || '–'} | ${help} |`;
  });
  return ['| metric | type | labels | meaning |', '|---|---|---|---|', ...rows].join('\n');
}

/** The body of docs/conditions.md: every condition with its reasons. */
export function conditionsTable(): string {
  const rows = Object.entries(conditionReasons).flatMap(([type, reasons]) =>
    Object.entries(reasons).map(
      ([reason, [status, meaning]]) => `| \`${type}\` | ${status} | \`${reason}\` | ${meaning} |`,
    ),
  );
  return ['| condition | status | reason | means |', '|---|---|---|---|', ...rows].join('\n');
}

/** The body of docs/events.md's table: every arrow of the chart that changes the phase. */
export function eventsTable(): string {
  const states = [initialState];
  const rows = new Set<string>();
  for (const from of states) {
    for (const { signal } of signals.filter((each) => arrowsOf(from).has(each.signal))) {
      const to = follow(from, signal);
      if (!states.includes(to)) states.push(to);
      if (phaseOf(from) === phaseOf(to)) continue;
      rows.add(`| \`${signal}\` | ${severityOf(phaseOf(to))} | ${phaseOf(from)} | ${phaseOf(to)} |`);
    }
  }
  return ['| reason | type | from | to |', '|---|---|---|---|', ...[...rows].toSorted()].join('\n');
}

type Rows<Row> = Readonly<Record<string, Row>>;

/** The body of docs/journal-api.md: the paths of the operator's API and their parameters, which it hands in. */
export function journalApiTables(
  routes: Rows<{
    readonly method: string;
    readonly path: string;
    readonly query: readonly string[];
    readonly answer: string;
  }>,
  parameters: Rows<{ readonly meaning: string; readonly example: string }>,
): string {
  const code = (words: readonly string[]): string => words.map((word) => `\`${word}\``).join(', ');
  const paths = Object.values(routes).map(
    ({ method, path, query, answer }) => `| \`${method} ${path}\` | ${code(query) || '–'} | ${answer} |`,
  );
  const queries = Object.entries(parameters).map(
    ([name, { meaning, example }]) => `| \`${name}\` | ${meaning} | \`${example}\` |`,
  );
  return [
    '| path | parameters | answer |',
    '|---|---|---|',
    ...paths,
    '',
    '| parameter | meaning | example |',
    '|---|---|---|',
    ...queries,
  ].join('\n');
}
