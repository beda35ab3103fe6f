/** Every word that Patroni 3.0 to 4.1 has for a role, on the member that holds the leader key and on one that does not. */
import { describe, expect, it } from 'vitest';
import type { Facts } from '#machines/cluster/facts.ts';
import { leaderOf, membersOf } from '#machines/cluster/members.ts';
import { calm, factsOf } from './worlds.ts';

function factsWith(pod: string, role: string): Facts {
  const facts = factsOf(calm);
  const fact = facts.world.objects[`Pod/${pod}`];
  if (fact?.object.detail.type !== 'Pod' || fact.object.detail.patroni === null) throw new Error(`no report of ${pod}`);
  const detail = { ...fact.object.detail, patroni: { ...fact.object.detail.patroni, role } };
  const objects = { ...facts.world.objects, [`Pod/${pod}`]: { ...fact, object: { ...fact.object, detail } } };
  return { ...facts, world: { ...facts.world, objects } };
}

describe('a role word', () => {
  it.each([
    ['master', true, 'shop-0 leads on timeline 1'],
    ['primary', true, 'shop-0 leads on timeline 1'],
    // Between pg_promote and the next look of Patroni: not yet.
    ['promoted', false, 'shop-0 holds the leader key but is promoted, running'],
    ['replica', false, 'shop-0 holds the leader key but is replica, running'],
    ['standby_leader', false, 'shop-0 holds the leader key but is standby_leader, running'],
    ['demoted', false, 'shop-0 holds the leader key but is demoted, running'],
    ['uninitialized', false, 'shop-0 holds the leader key but is uninitialized, running'],
    ['something new', false, 'shop-0 holds the leader key but is something new, running'],
  ])('%s of the holder of the leader key: writable %s', (role, writable, because) =>
    expect(leaderOf(factsWith('shop-0', role))).toMatchObject({ name: 'shop-0', writable, because }),
  );

  it.each([
    ['replica', null],
    ['sync_standby', null],
    ['quorum_standby', null],
    ['master', 'Patroni says role master without the leader key'],
    ['primary', 'Patroni says role primary without the leader key'],
    ['promoted', 'Patroni says role promoted without the leader key'],
    ['standby_leader', 'Patroni says role standby_leader without the leader key'],
    ['demoted', 'Patroni says role demoted without the leader key'],
    ['uninitialized', 'Patroni says role uninitialized without the leader key'],
  ])('%s of another member: %s', (role, trouble) =>
    expect(membersOf(factsWith('shop-1', role))[1]).toMatchObject({ name: 'shop-1', trouble, ready: trouble === null }),
  );
});
