import { describe, expect, it } from 'vitest';
import { quantityBytes } from '#machines/shared/quantity.ts';

describe('a quantity', () => {
  it.each([
    ['0', 0],
    ['10', 10],
    ['10Gi', 10_737_418_240],
    ['1Ki', 1024],
    ['1Mi', 1_048_576],
    ['1Ti', 1_099_511_627_776],
    ['1Pi', 2 ** 50],
    ['1Ei', 2 ** 60],
    ['1k', 1e3],
    ['1M', 1e6],
    ['1G', 1e9],
    ['1T', 1e12],
    ['1P', 1e15],
    ['1E', 1e18],
    ['500m', 0.5],
    ['1u', 1e-6],
    ['1n', 1e-9],
    ['1e3', 1000],
    ['12e03', 12_000],
    ['1E3', 1000],
    ['1e+3', 1000],
    ['25e-1', 2.5],
    ['1.5Gi', 1_610_612_736],
    ['12.25', 12.25],
    ['2.', 2],
    ['.5', 0.5],
    ['.25Ki', 256],
    ['+3', 3],
    ['-3', -3],
  ])('%s is %d', (text, value) => expect(quantityBytes(text)).toBe(value));

  it.each(['', 'Gi', '1 Gi', '1Xi', '10GiB', 'x1', '1e', '--1', '.', '1e3Ki', '1,5', '1.2.3'])('%j is none', (text) =>
    expect(quantityBytes(text)).toBeNaN(),
  );
});
