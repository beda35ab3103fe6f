/** What a soak does: the same for a seed, everything in each round, and edits also in company of a fault. */
import { describe, expect, it } from 'vitest';
import { scaledTo, soakEdits, soakFaults, soakSteps, soakText, stepName, type SoakStep } from './soak-plan.ts';

const roundLength = soakEdits.length * 2 + soakFaults.length;

function steps(seed: number, count: number): readonly SoakStep[] {
  const all = soakSteps(seed);
  return Array.from({ length: count }, () => all.next().value);
}

describe('the steps of a soak', () => {
  it('are the same for the same seed, and others for another', () => {
    expect(steps(7, 40)).toEqual(steps(7, 40));
    expect(steps(8, 40)).not.toEqual(steps(7, 40));
  });

  it('have every edit and every fault alone in each round, and every edit with a fault', () => {
    const second = steps(3, roundLength * 2).slice(roundLength);
    const alone = second.filter(({ edit, fault }) => edit === null || fault === null);
    expect(new Set(alone.map(({ edit, fault }) => edit ?? fault))).toEqual(new Set([...soakEdits, ...soakFaults]));
    const together = second.filter(({ edit, fault }) => edit !== null && fault !== null);
    expect(together.map(({ edit }) => edit).sort()).toEqual([...soakEdits].sort());
  });

  it('strike primaries and replicas', () => {
    expect(new Set(steps(1, roundLength).map(({ whom }) => whom))).toEqual(new Set(['primary', 'replica']));
  });
});

it('a cluster is never scaled below two members, and comes back to three', () => {
  expect([scaledTo(3, 0.1), scaledTo(3, 0.9), scaledTo(2, 0.1), scaledTo(4, 0.9)]).toEqual([2, 4, 3, 3]);
});

it('the report has every kind of step with its worst gap, and says what was lost', () => {
  const whom = 'primary' as const;
  const name = stepName({ edit: 'scale', fault: 'node cut off', whom, choice: 0 });
  expect(name).toBe('scale + node cut off (primary)');
  const text = soakText({
    seed: 4,
    setting: 'PostgreSQL 17, Endpoints, 3 members',
    minutes: 30,
    steps: [
      { name, gapMs: 1500, tookMs: 1 },
      { name, gapMs: 31_040, tookMs: 1 },
    ],
    acknowledged: 9,
    unknown: 2,
    unknownFound: 1,
    lost: 3,
    twoPrimaries: ['a and b both wrote'],
  });
  expect(text).toContain('| scale + node cut off (primary) | 2 | 31.0 |');
  expect(text).toContain('3 of them lost');
  expect(text).toContain('two writable primaries a and b both wrote');
});
