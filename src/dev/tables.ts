/** Owns: tables of documents that are made from code: settings and metrics. Drift tests hold the documents to them. */
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
  const metrics = await makeMetrics().registry.getMetricsAsJSON();
  return [
    '| metric | type | meaning |',
    '|---|---|---|',
    ...metrics.map(({ name, type, help }) => `| \`${name}\` | ${String(type)} | ${help} |`),
  ].join('\n');
}
