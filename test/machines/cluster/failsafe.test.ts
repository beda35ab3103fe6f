/**
 * Hazard: with failsafe mode a replica that joined seconds before its primary's node died is not elected for as long as that
 * node is away. Seen on the real cluster; the words then have to say so, and only then.
 */
import { expect, it } from 'vitest';
import type { Facts } from '#machines/cluster/facts.ts';
import { leaderOf } from '#machines/cluster/members.ts';
import { all, asIs, dcs, gone } from './changes.ts';
import { calm, factsOf, type Choice } from './worlds.ts';

/** `shop-0` holds the key; whom it has written down, and what is changed in what is seen of it. */
function scene(failsafe: readonly string[] | undefined, choice: Partial<Choice>, silent: boolean, away = false): Facts {
  const written = failsafe === undefined ? asIs : dcs('shop', { failsafe });
  const facts = all(written, away ? gone('Pod/shop-0') : asIs)(factsOf({ ...calm, ...choice }));
  return { ...facts, world: { ...facts.world, leaderSilentSince: silent ? 1 : null } };
}

const told =
  '; shop-1 joined after the last leader had written down who may follow it: in failsafe mode Patroni elects none but shop-0, until one of those is back';

it.each([
  ['the leader is silent, the replica unknown to it', ['shop-0'], {}, true, false, told],
  ['the leader’s pod is gone', ['shop-0'], {}, false, true, told],
  ['nobody holds the key', ['shop-0'], { leader: 'none' }, false, true, told],
  ['the replica is written down', ['shop-0', 'shop-1'], {}, true, false, ''],
  ['failsafe mode is off', undefined, {}, true, false, ''],
  ['the leader is there and starts', ['shop-0'], { leader: 'starting' }, false, false, ''],
] as const)('%s', (_, failsafe, choice, silent, away, words) => {
  const { writable, because } = leaderOf(scene(failsafe, choice, silent, away));
  expect(writable).toBe(false);
  expect(because.slice(because.includes(';') ? because.indexOf(';') : because.length)).toBe(words);
});

it('says nothing while somebody leads', () => {
  expect(leaderOf(scene(['shop-0'], {}, false)).because).toBe('shop-0 leads on timeline 1');
});
