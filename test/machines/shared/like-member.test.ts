/** What is a slip in a member's name and what is a word of somebody's own: the one is refused, the other a token. */
import { describe, expect, it } from 'vitest';
import { likeMember } from '#machines/shared/like-member.ts';

describe('a word that was meant for a member of shop', () => {
  it.each([
    'shop1',
    'shop-l',
    'shop_1',
    'shop-',
    'shop--1',
    'shop-01',
    'shpo-1',
    'sho-12',
    'chop-1',
    'Shop-1',
    'SHOP1',
  ])('%s', (word) => {
    expect(likeMember('shop', word)).toBe(word);
    expect(likeMember('shop', `2026-11-27T10:00 ${word}`)).toBe(word);
  });

  it.each(['pod/shop-1', 'member=shop-1', 'now,shop-1', '"shop-1"', 'shop-1.shop-headless'])('in %s', (text) => {
    expect(likeMember('shop', text)).toBe('shop-1');
  });
});

describe('a word of somebody’s own', () => {
  it.each([
    '',
    'a',
    '1',
    '2026-11-27T10:00:00.000Z',
    'Fri Nov 27 10:00:00 UTC 2026',
    'f81d4fae-7dec-11d0-a765-00a0c91e6bf6',
    'shop',
    'Shop',
    'all of shop.',
    'shops',
    'stop',
    'ship-it',
    'shop-upgrade-1',
    'incident-42',
  ])('“%s”', (text) => expect(likeMember('shop', text)).toBeNull());

  it.each(['0', '1', 'a', 'x', 'a b', '17'])('“%s”, of a cluster called a', (text) => {
    expect(likeMember('a', text)).toBeNull();
  });
});

it('the number of a cluster’s own name is not taken for that of a member', () => {
  expect(likeMember('shop2', 'shop21')).toBe('shop21');
  expect(likeMember('shop2', 'after shop2')).toBeNull();
  expect(likeMember('shop2', 'shop')).toBeNull();
});
