import { defineConfig } from 'vitest/config';

/** One long run against real PostgreSQL: `make soak`. */
export default defineConfig({
  root: new URL('..', import.meta.url).pathname,
  test: {
    include: ['test/e2e/soak/*.test.ts'],
    pool: 'forks',
    retry: 0,
    hookTimeout: 600_000,
  },
});
