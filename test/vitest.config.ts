import { defineConfig } from 'vitest/config';
import { longestFirst } from './support/longest-first.ts';

/** More than eight seconds of a core each. */
const long = [
  'test/src/cli/pgc.test.ts',
  'test/machines/cluster/exhaustive.test.ts',
  'test/src/cli/exit-codes.test.ts',
  'test/golden/journals/journals.test.ts',
  'test/src/journal/retention.test.ts',
  'test/src/replay/compare.test.ts',
  'test/src/sim/edits.test.ts',
  'test/src/sim/runs.test.ts',
  'test/src/sim/foresee.test.ts',
  'test/src/sim/hazards.test.ts',
];

/**
 * What computes for long, each as much as a hundred other tests: lives of whole clusters in the simulated world, weeks of a journal,
 * every place of the machine, a core that was changed in one way after the other.
 */
const simulated = [
  'test/src/sim/*.test.ts',
  'test/hazards/**/*.test.ts',
  'test/stories/**/*.test.ts',
  'test/machines/cluster/exhaustive.test.ts',
  'test/src/journal/retention.test.ts',
  'test/src/replay/compare.test.ts',
];

/**
 * Tests that need no cluster, in two projects: `unit` is `make test`, `simulated` is `make test-simulated`; CI runs the second one
 * beside what waits. Files share their processes: to start one for each file and to load everything anew took a tenth of all the
 * time. What has to be clean is a process of its own (`pgc`, an operator that is killed), not a module.
 * One process more than CI has cores: some wait for what they start.
 */
export default defineConfig({
  root: new URL('..', import.meta.url).pathname,
  test: {
    maxWorkers: 3,
    retry: 0,
    sequence: { sequencer: longestFirst(long) },
    projects: [
      {
        name: 'unit',
        include: ['test/**/*.test.ts'],
        exclude: [...simulated, 'test/integration/**', 'test/e2e/**', 'test/browser/**'],
      },
      // A second of a core is many where it has only what others leave: what hangs is still told.
      { name: 'simulated', include: simulated, exclude: [], testTimeout: 900_000 },
    ].map((test) => ({
      extends: true as const,
      test: { testTimeout: 60_000, ...test, pool: 'forks' as const, isolate: false },
    })),
  },
});
