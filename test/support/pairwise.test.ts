/** Which settings day-two tests run in: every pair of file, version and home of Patroni's state. */
import { describe, expect, it } from 'vitest';
import { pairwise } from './pairwise.ts';

const files = ['control', 'edits', 'failure', 'nodes', 'volumes'];
const runs = pairwise(files).flatMap(({ setting, files: each }) =>
  each.map((file) => ({ file, version: setting.version, dcs: setting.dcs as string })),
);
const pairs = (one: keyof (typeof runs)[0], other: keyof (typeof runs)[0]): number =>
  new Set(runs.map((run) => `${run[one]} ${run[other]}`)).size;

describe('the settings of day two', () => {
  it('bring every file together with every version and both homes, and every version with both', () => {
    expect(pairs('file', 'version')).toBe(files.length * 3);
    expect(pairs('file', 'dcs')).toBe(files.length * 2);
    expect(pairs('version', 'dcs')).toBe(3 * 2);
  });

  it('take three runs a file', () => {
    expect(runs).toHaveLength(files.length * 3);
    expect(new Set(runs.map((run) => JSON.stringify(run))).size).toBe(runs.length);
  });
});
