import { defineConfig } from 'vitest/config';

/** Pages in a real browser: `npm run test:browser`. */
export default defineConfig({
  root: new URL('..', import.meta.url).pathname,
  test: {
    include: ['test/browser/**/*.test.ts'],
    pool: 'forks',
    retry: 0,
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});
