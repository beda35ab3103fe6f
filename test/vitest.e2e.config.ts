import { defineConfig } from 'vitest/config';

/** Files with nothing in them that CI runs (`test/e2e/support/selection.ts`): a file without a test counts as failed. */
const longerOnly = ['test/e2e/day2-control.test.ts', 'test/e2e/day2-volumes.test.ts'];

/** Real Kubernetes node, Patroni and PostgreSQL: `npm run test:e2e`. */
export default defineConfig({
  root: new URL('..', import.meta.url).pathname,
  test: {
    include: ['test/e2e/**/*.test.ts'],
    exclude: process.env['E2E'] === 'core' ? longerOnly : [],
    pool: 'forks',
    fileParallelism: false,
    retry: 0,
    testTimeout: 600_000,
    hookTimeout: 600_000,
  },
});
