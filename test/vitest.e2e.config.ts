import { defineConfig } from 'vitest/config';

/** Real Kubernetes node, Patroni and PostgreSQL: `npm run test:e2e`. */
export default defineConfig({
  root: new URL('..', import.meta.url).pathname,
  test: {
    include: ['test/e2e/**/*.test.ts'],
    pool: 'forks',
    fileParallelism: false,
    retry: 0,
    testTimeout: 600_000,
    hookTimeout: 600_000,
  },
});
