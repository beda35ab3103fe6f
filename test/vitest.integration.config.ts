import { defineConfig } from 'vitest/config';

/**
 * Real control plane, fake kubelet at most: `npm run test:integration`. Each file has a control
 * plane of its own; two at a time, for much of their time is spent waiting: for a Lease, for a process, for silence.
 */
export default defineConfig({
  root: new URL('..', import.meta.url).pathname,
  test: {
    include: ['test/integration/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 2,
    retry: 0,
    testTimeout: 180_000,
    hookTimeout: 180_000,
  },
});
