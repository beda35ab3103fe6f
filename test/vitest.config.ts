import { defineConfig } from 'vitest/config';
import { longestFirst } from './support/longest-first.ts';

/** More than eight seconds of a core each. */
const long = [
  'test/src/cli/pgc.test.ts',
  'test/machines/cluster/exhaustive.test.ts',
  'test/src/sim/runs.test.ts',
  'test/src/sim/foresee.test.ts',
  'test/golden/journals/journals.test.ts',
  'test/src/sim/hazards.test.ts',
  'test/src/journal/retention.test.ts',
  'test/src/replay/compare.test.ts',
];

/**
 * Tests that need no cluster: `npm test`. Files share their processes: to start one for each file and to load everything anew
 * took a tenth of all the time. What has to be clean is a process of its own (`pgc`, an operator that is killed), not a module.
 * One process more than CI has cores: some wait for what they start.
 */
export default defineConfig({
  root: new URL('..', import.meta.url).pathname,
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/integration/**', 'test/e2e/**', 'test/browser/**', 'node_modules/**'],
    pool: 'forks',
    isolate: false,
    maxWorkers: 3,
    retry: 0,
    sequence: { sequencer: longestFirst(long) },
    testTimeout: 60_000,
  },
});
