/** The account of a day-two run can fail: each finding is made once, and the innocent neighbour of each is not found. */
import { describe, expect, it } from 'vitest';
import { balance, longestGap, startsOf, twoPrimaries, type Attempt, type Row } from './accounting.ts';

function row(id: number, outcome: Row['outcome'], answeredAt = id * 10): Row {
  return { id, outcome, sentAt: answeredAt - 5, answeredAt };
}

function wrote(pod: string, timeline: number, at: number, probe = 'outside'): Attempt {
  return { probe, pod, sentAt: at, answeredAt: at + 5, outcome: 'wrote', inRecovery: false, timeline, startedAt: 1000 };
}

describe('balance', () => {
  it('finds every acknowledged row that is missing, and lets unknown ones be either', () => {
    const rows = [row(1, 'acknowledged'), row(2, 'acknowledged'), row(3, 'unknown'), row(4, 'unknown')];
    expect(balance(rows, [1, 3])).toEqual({
      acknowledged: 2,
      refused: 0,
      unknown: 2,
      unknownFound: 1,
      lost: [2],
      unexplained: [],
    });
  });

  it('does not accept a row that was refused or never sent', () => {
    expect(balance([row(1, 'refused')], [1, 9]).unexplained).toEqual([1, 9]);
  });
});

describe('longestGap', () => {
  const rows = [row(1, 'acknowledged', 100), row(2, 'unknown', 300), row(3, 'acknowledged', 700)];

  it('is the longest time without an acknowledged row', () => {
    expect(longestGap(rows, 90, 710)).toEqual({ from: 100, ms: 600 });
  });

  it('counts from the beginning and to the end of the time looked at', () => {
    expect(longestGap(rows, 0, 2000)).toEqual({ from: 700, ms: 1300 });
    expect(longestGap([], 0, 50)).toEqual({ from: 0, ms: 50 });
  });
});

describe('twoPrimaries', () => {
  it('says nothing of one primary after another, there and back', () => {
    expect(twoPrimaries([wrote('a', 1, 0), wrote('b', 2, 10), wrote('b', 2, 20), wrote('a', 3, 30)])).toEqual([]);
  });

  it('finds a write on the old timeline after the new one had taken one, whichever probe saw it', () => {
    const found = twoPrimaries([wrote('a', 1, 0), wrote('b', 2, 10), wrote('a', 1, 40, 'node1')]);
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(
      'a took a write on timeline 1, seen by node1, 25 ms after b had taken one on timeline 2',
    );
  });

  it('forgives a write that was on its way when the new primary took its first', () => {
    const slow: Attempt = { ...wrote('a', 1, 9), answeredAt: 40 };
    expect(twoPrimaries([slow, wrote('b', 2, 10)])).toEqual([]);
  });

  it('finds two pods that write on one timeline', () => {
    expect(twoPrimaries([wrote('a', 2, 0), wrote('b', 2, 10)])).toEqual(['b and a both wrote on timeline 2']);
  });

  it('takes refused and failed attempts for nothing', () => {
    const refused: Attempt = { ...wrote('a', 1, 40), outcome: 'refused', timeline: null };
    expect(twoPrimaries([wrote('b', 2, 10), refused, { ...refused, outcome: 'failed' }])).toEqual([]);
  });
});

describe('startsOf', () => {
  it('counts the starts beyond the first of each pod', () => {
    const later = { ...wrote('b', 2, 10), startedAt: 2000 };
    expect(startsOf([wrote('b', 1, 0), later, later, wrote('a', 1, 0)])).toEqual({ a: 0, b: 1 });
  });
});
