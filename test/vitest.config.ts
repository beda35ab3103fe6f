import { defineConfig } from 'vitest/config';

/**
 * Tests that need no cluster: `npm test`. Files share two processes: starting one for each and loading everything anew took
 * a tenth of all the time. What has to be clean is a process of its own (`pgc`, an operator that is killed), not a module.
 */
export default defineConfig({
  root: new URL('..', import.meta.url).pathname,
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/integration/**', 'test/e2e/**', 'test/browser/**', 'node_modules/**'],
    pool: 'forks',
    isolate: false,
    maxWorkers: 2,
    retry: 0,
    testTimeout: 60_000,
  },
});
