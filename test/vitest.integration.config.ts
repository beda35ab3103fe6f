import { defineConfig } from 'vitest/config';

/** A hundred clusters at once need the machine for themselves: what they cost is counted while time passes. */
const alone = 'test/integration/hundred.test.ts';

/**
 * Real control plane, fake kubelet at most: `npm run test:integration`. Each file has a control
 * plane of its own; three at a time, for most of their time is spent waiting: for a Lease, for a process, for silence.
 */
export default defineConfig({
  root: new URL('..', import.meta.url).pathname,
  test: {
    retry: 0,
    projects: [
      { name: 'alone', include: [alone], exclude: [], maxWorkers: 1, sequence: { groupOrder: 0 } },
      {
        name: 'integration',
        include: ['test/integration/**/*.test.ts'],
        exclude: [alone],
        maxWorkers: 4,
        sequence: { groupOrder: 1 },
      },
    ].map((test) => ({
      extends: true as const,
      test: { ...test, pool: 'forks' as const, testTimeout: 180_000, hookTimeout: 180_000 },
    })),
  },
});
