/**
 * Hazard: with failsafe mode a replica that joined seconds before its primary's node died is not elected for as long as that
 * node is away. Seen on the real cluster; the words then have to say so, and only then.
 */
import { expect, it } from 'vitest';
import type { Facts } from '#machines/cluster/facts.ts';
import { leaderOf } from '#machines/cluster/members.ts';
import { calm, factsOf, type Choice } from './worlds.ts';

/** `shop-0` holds the key; whom it has written down, and what is changed in what is seen of it. */
function scene(failsafe: readonly string[] | undefined, choice: Partial<Choice>, silent: boolean, gone = false): Facts {
  const facts = factsOf({ ...calm, ...choice });
  const key = facts.world.objects['Endpoints/shop'];
  if (key === undefined || key.object.detail.type !== 'Endpoints') throw new Error('no leader object');
  const dcs = { ...key.object.detail.dcs, ...(failsafe === undefined ? {} : { failsafe }) };
  const objects = {
    ...facts.world.objects,
    'Endpoints/shop': { ...key, object: { ...key.object, detail: { type: 'Endpoints' as const, dcs } } },
  };
  if (gone) delete (objects as Record<string, unknown>)['Pod/shop-0'];
  return { ...facts, world: { ...facts.world, objects, leaderSilentSince: silent ? 1 : null } };
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
] as const)('%s', (_, failsafe, choice, silent, gone, words) => {
  const { writable, because } = leaderOf(scene(failsafe, choice, silent, gone));
  expect(writable).toBe(false);
  expect(because.slice(because.includes(';') ? because.indexOf(';') : because.length)).toBe(words);
});

it('says nothing while somebody leads', () => {
  expect(leaderOf(scene(['shop-0'], {}, false)).because).toBe('shop-0 leads on timeline 1');
});
