import { describe, expect, it } from 'vitest';
import { plainQuantity, quantityBytes } from '#machines/shared/quantity.ts';

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

describe('a quantity in one spelling', () => {
  it.each([
    ['1Gi', '1Gi'],
    ['1024Mi', '1Gi'],
    ['1073741824', '1Gi'],
    ['1.5Gi', '1536Mi'],
    ['1e3', '1000'],
    ['1k', '1000'],
    ['0.5', '500m'],
    ['500m', '500m'],
    ['0.7', '700m'],
    ['2000m', '2'],
    ['1', '1'],
    ['100u', '100u'],
    ['0', '0'],
    ['much', 'much'],
  ])('%s is %s', (text, plain) => expect(plainQuantity(text)).toBe(plain));
});
