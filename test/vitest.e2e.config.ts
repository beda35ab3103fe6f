import { defineConfig } from 'vitest/config';
import { e2eProjects } from './support/e2e-projects.ts';

/** Real Kubernetes nodes, Patroni and PostgreSQL, one file at a time: `npm run test:e2e`; on several clusters `make test-e2e`. */
export default defineConfig({
  root: new URL('..', import.meta.url).pathname,
  test: {
    fileParallelism: false,
    retry: 0,
    projects: e2eProjects(process.env).map(({ name, files, env }) => ({
      extends: true as const,
      test: {
        name,
        env,
        include: [...files],
        exclude: [],
        pool: 'forks' as const,
        testTimeout: 600_000,
        hookTimeout: 600_000,
      },
    })),
  },
});
