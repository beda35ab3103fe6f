/** The planted bugs fit the sources, and every hazard has its switch. That each is caught: `npm run mutants`. */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { mutants } from './patches.ts';

const root = new URL('../../', import.meta.url).pathname;
const hazards = readdirSync(`${root}test/hazards`).filter((name) => name.endsWith('.test.ts'));

describe('planted bugs', () => {
  it('are twenty at least, and each fits the sources', () => {
    const all = mutants();
    expect(all.length).toBeGreaterThanOrEqual(20);
    const unfit = all.flatMap(({ name, path }) => {
      const { status, stderr } = spawnSync('git', ['apply', '--check', '-C1', path], { cwd: root, encoding: 'utf8' });
      return status === 0 ? [] : [`${name}: ${stderr.trim()}`];
    });
    expect(unfit).toEqual([]);
  });

  it('switch off the protection of every hazard, as its file says', () => {
    const names = new Set(mutants().map(({ name }) => name));
    for (const hazard of hazards) {
      const text = readFileSync(`${root}test/hazards/${hazard}`, 'utf8');
      const head = text.slice(0, text.indexOf('*/'));
      const named = [...head.matchAll(/(t\d\d-[\w-]+)\.patch/g)].map((found) => found[1] ?? '');
      expect(named.length, `${hazard} names no switch`).toBeGreaterThan(0);
      for (const name of named) expect(names.has(name), `${hazard} names ${name}.patch, which is not there`).toBe(true);
      const class_ = hazard.slice(0, 3);
      const own = [...names].filter((name) => name.startsWith(`${class_}-`));
      expect(own.toSorted()).toEqual(named.toSorted());
    }
  });

  it('has a file for every class that can be simulated', () => {
    const classes = Array.from({ length: 16 }, (_, index) => `t${String(index + 1).padStart(2, '0')}`).filter(
      (each) => each !== 't15',
    );
    expect(hazards.map((name) => name.slice(0, 3)).toSorted()).toEqual(classes);
  });
});
