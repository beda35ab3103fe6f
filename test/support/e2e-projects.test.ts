/** Which files the end-to-end runs have: all of them, and in CI none that would be empty. */
import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { e2eJobs, e2eProjects } from './e2e-projects.ts';

const onDisk = readdirSync(new URL('../e2e', import.meta.url))
  .filter((name) => name.endsWith('.test.ts'))
  .map((name) => `test/e2e/${name}`);

describe('the end-to-end files', () => {
  it('all run, those of day two in three settings each', () => {
    const jobs = e2eJobs(e2eProjects({}));
    expect(new Set(jobs.map(({ file }) => file))).toEqual(new Set(onDisk));
    for (const file of onDisk)
      expect(
        jobs.filter((job) => job.file === file),
        file,
      ).toHaveLength(file.includes('/day2-') ? 3 : 1);
  });

  it('begin with those that take longest', () => {
    const files = e2eJobs(e2eProjects({})).map(({ file }) => file);
    expect(files.slice(0, 3)).toEqual(Array(3).fill('test/e2e/day2-credentials.test.ts'));
  });

  it('run in one setting where one is named, and in CI', () => {
    const names = (env: NodeJS.ProcessEnv): readonly string[] => e2eProjects(env).map(({ name }) => name);
    expect(names({ DAY2_VERSION: '18' })).toEqual(['line', 'killed', '18 Endpoints']);
    expect(names({ E2E: 'core' })).toEqual(['line', 'killed', '17 Endpoints']);
  });

  it('of CI are each in one of its parts, but the one that makes a cluster of its own', () => {
    const filesOf = (part?: string): readonly string[] =>
      e2eProjects({ E2E: 'core', ...(part === undefined ? {} : { E2E_PART: part }) }).flatMap(({ files }) => files);
    const inParts = ['deletion', 'calm', 'others'].flatMap(filesOf);
    expect([...inParts, 'test/e2e/cluster-killed.test.ts'].sort()).toEqual([...filesOf()].sort());
    expect(() => filesOf('other')).toThrow(/E2E_PART is other, not deletion, calm, others/);
  });

  it('that have only what CI leaves out are left out in CI', () => {
    const files = e2eProjects({ E2E: 'core' }).flatMap((project) => project.files);
    expect(files).toContain('test/e2e/day2-failure-nodes.test.ts');
    expect(files).toContain('test/e2e/kill.test.ts');
    for (const name of ['day2-control', 'incidents-edits', 'plan'])
      expect(files).not.toContain(`test/e2e/${name}.test.ts`);
  });
});
