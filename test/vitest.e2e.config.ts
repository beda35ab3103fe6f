import { readdirSync } from 'node:fs';
import { defineConfig } from 'vitest/config';
import { pairwise, usual, type Setting } from './support/pairwise.ts';

/** Files with nothing in them that CI runs (`test/e2e/support/selection.ts`): a file without a test counts as failed. */
const longerOnly = [
  'test/e2e/day2-control.test.ts',
  'test/e2e/day2-credentials.test.ts',
  'test/e2e/day2-synchronous.test.ts',
  'test/e2e/day2-volumes.test.ts',
  'test/e2e/day2-wrong-edits.test.ts',
  'test/e2e/incidents-*.test.ts',
  'test/e2e/plan.test.ts',
];

/** A cluster of its own, and so beside anything else: CI runs it beside the integration suite. */
const apart = ['test/e2e/cluster-killed.test.ts'];

const isCore = process.env['E2E'] === 'core';
const left = isCore ? longerOnly : [];
const { DAY2_VERSION: version = usual.version, DAY2_DCS: dcs = usual.dcs } = process.env;
const isChosen = process.env['DAY2_VERSION'] !== undefined || process.env['DAY2_DCS'] !== undefined;

const dayTwo = readdirSync(new URL('e2e', import.meta.url))
  .filter((name) => /^day2-.*\.test\.ts$/.test(name))
  .map((name) => `test/e2e/${name}`)
  .sort();

const one: Setting = { version, dcs: dcs === 'ConfigMaps' ? dcs : 'Endpoints' };
const rounds = isCore || isChosen ? [{ setting: one, files: dayTwo }] : pairwise(dayTwo);

/** Real Kubernetes node, Patroni and PostgreSQL: `npm run test:e2e`. Day two runs once for each of its settings. */
export default defineConfig({
  root: new URL('..', import.meta.url).pathname,
  test: {
    fileParallelism: false,
    retry: 0,
    projects: [
      { name: 'line', include: ['test/e2e/**/*.test.ts'], exclude: [...dayTwo, ...apart, ...left], env: {} },
      { name: 'killed', include: apart, exclude: [], env: {} },
      ...rounds.map(({ setting, files }) => ({
        name: `${setting.version} ${setting.dcs}`,
        include: [...files],
        exclude: left,
        env: { DAY2_VERSION: setting.version, DAY2_DCS: setting.dcs },
      })),
    ].map((test) => ({
      extends: true as const,
      test: { ...test, pool: 'forks' as const, testTimeout: 600_000, hookTimeout: 600_000 },
    })),
  },
});
