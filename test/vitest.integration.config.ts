import { defineConfig } from 'vitest/config';

/**
 * Real control plane, fake kubelet at most: `npm run test:integration`. Each file has a control
 * plane of its own; three at a time, for most of their time is spent waiting: for a Lease, for a process, for silence.
 */
export default defineConfig({
  root: new URL('..', import.meta.url).pathname,
  test: {
    include: ['test/integration/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 3,
    retry: 0,
    testTimeout: 180_000,
    hookTimeout: 180_000,
  },
});
