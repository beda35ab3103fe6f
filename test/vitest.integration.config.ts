import { defineConfig } from 'vitest/config';
import { longestFirst } from './support/longest-first.ts';

/** A hundred clusters at once need the machine for themselves: what they cost is counted while time passes. They go first. */
const hundred = 'test/integration/hundred.test.ts';

/** A process after the other, and so one core at most: CI runs it beside all the others, at a low priority. */
const kill = 'test/integration/kill.test.ts';

/** No control plane, nothing that waits: it computes. CI runs it beside what waits, so that it is given time. */
const power = 'test/integration/journal-power.test.ts';

/** Each waits for a minute and more, most of it for itself: begun last, it would be all that still runs. */
const long = [
  'test/integration/leaders.test.ts',
  'test/integration/bad-input.test.ts',
  'test/integration/line.test.ts',
  'test/integration/journal-start.test.ts',
];

/**
 * Real control plane, fake kubelet at most: `npm run test:integration`. Each file has a control
 * plane of its own; four at a time, for most of their time is spent waiting: for a Lease, for a process, for silence.
 */
export default defineConfig({
  root: new URL('..', import.meta.url).pathname,
  test: {
    retry: 0,
    sequence: { sequencer: longestFirst(long) },
    // Counted from 1: vitest puts a group 0 of one worker behind all others.
    projects: [
      { name: 'hundred', include: [hundred], exclude: [], maxWorkers: 1, sequence: { groupOrder: 1 } },
      {
        name: 'integration',
        include: ['test/integration/**/*.test.ts'],
        exclude: [hundred, kill, power],
        maxWorkers: 4,
        sequence: { groupOrder: 2 },
      },
      { name: 'kill', include: [kill], exclude: [], maxWorkers: 1, sequence: { groupOrder: 3 } },
      {
        name: 'power',
        include: [power],
        exclude: [],
        maxWorkers: 1,
        testTimeout: 900_000,
        sequence: { groupOrder: 4 },
      },
    ].map((test) => ({
      extends: true as const,
      test: { testTimeout: 180_000, ...test, pool: 'forks' as const, hookTimeout: 180_000 },
    })),
  },
});
