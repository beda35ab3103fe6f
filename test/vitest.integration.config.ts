import { defineConfig } from 'vitest/config';

/** Real control plane, fake kubelet at most: `npm run test:integration`. One file at a time: they share one API server. */
export default defineConfig({
  root: new URL('..', import.meta.url).pathname,
  test: {
    include: ['test/integration/**/*.test.ts'],
    pool: 'forks',
    fileParallelism: false,
    retry: 0,
    testTimeout: 180_000,
    hookTimeout: 180_000,
  },
});
