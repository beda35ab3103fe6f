/** Who leads, and of each member what it is, how far behind, and why it is not ready: word by word. */
import { describe, expect, it } from 'vitest';
import type { Facts } from '#machines/cluster/facts.ts';
import {
  actualMembers,
  dcsOf,
  leaderOf,
  memberCalled,
  membersOf,
  systemIdentifier,
  troubledMembers,
  type Leader,
  type Member,
} from '#machines/cluster/members.ts';
import {
  all,
  asIs,
  changed,
  dcs,
  gone,
  inConfigMaps,
  objectOf,
  patroni,
  pod,
  remembering,
  replicas,
  type Change,
} from './changes.ts';
import { calm, factsOf, type Choice } from './worlds.ts';

function facts(change: Change = asIs, choice: Partial<Choice> = {}): Facts {
  return change(factsOf({ ...calm, ...choice }));
}

const mute = (name: string): Change => pod(name, () => ({ patroni: null }));
const ends = (name: string): Change => changed(`Pod/${name}`, { deleting: true });
const leading: Leader = {
  name: 'shop-0',
  writable: true,
  because: 'shop-0 leads on timeline 1',
  timeline: 1,
  positionBytes: 0,
};
const silent = { ...leading, writable: false };
const unseen = { ...silent, timeline: null, positionBytes: null };
const noTimeline = patroni('shop-0', { timeline: null });
const before = (name: string, lost: number | null = null): Change =>
  remembering({ leader: { name, timeline: 4 }, leaderLostAt: lost });
const failsafe = (...names: readonly string[]): Change => dcs('shop', { failsafe: names });
const joined =
  'shop-1 joined after the last leader had written down who may follow it: in failsafe mode Patroni elects none but shop-0, until one of those is back';

describe('who leads', () => {
  it.each<readonly [string, Change, Partial<Choice>, Leader]>([
    ['is whoever holds the key and writes', asIs, {}, leading],
    ['is known where Patroni keeps it in ConfigMaps', inConfigMaps, {}, leading],
    ['is known before the mode is', remembering({ dcs: null }), {}, leading],
    ['is a master too', patroni('shop-0', { role: 'master' }), {}, leading],
    ['is nobody', asIs, { leader: 'none' }, { ...unseen, name: null, because: 'no member holds the leader key' }],
    [
      'is nobody that is seen',
      gone('Endpoints/shop'),
      {},
      { ...unseen, name: null, because: 'no member holds the leader key' },
    ],
    ['has no pod', gone('Pod/shop-0'), {}, { ...unseen, because: 'shop-0 holds the leader key but its pod is gone' }],
    ['is on its way out', ends('shop-0'), {}, { ...unseen, because: 'shop-0 holds the leader key but is terminating' }],
    ['says nothing', mute('shop-0'), {}, { ...unseen, because: 'shop-0 holds the leader key but does not report' }],
    [
      'is silent',
      asIs,
      { leader: 'silent' },
      { ...silent, because: 'shop-0 has not renewed the leader key for its time to live' },
    ],
    [
      'starts',
      asIs,
      { leader: 'starting' },
      { ...silent, because: 'shop-0 holds the leader key but is replica, starting' },
    ],
    [
      'does not run',
      patroni('shop-0', { state: 'stopped' }),
      {},
      { ...silent, because: 'shop-0 holds the leader key but is primary, stopped' },
    ],
    [
      'is a replica',
      patroni('shop-0', { role: 'replica' }),
      {},
      { ...silent, because: 'shop-0 holds the leader key but is replica, running' },
    ],
    [
      'leads on the timeline of before, while it tells none',
      all(noTimeline, before('shop-0')),
      {},
      { ...leading, timeline: 4, because: 'shop-0 leads on timeline 4' },
    ],
    [
      'leads on no known timeline where somebody else led',
      all(noTimeline, before('shop-1')),
      {},
      { ...leading, timeline: null, because: 'shop-0 leads on timeline unknown' },
    ],
    [
      'leads on no known timeline where nobody did meanwhile',
      all(noTimeline, before('shop-0', 5)),
      {},
      { ...leading, timeline: null, because: 'shop-0 leads on timeline unknown' },
    ],
    ['leads while Patroni is paused by hand', dcs('shop-config', { paused: true }), {}, leading],
    [
      'is nobody while Patroni is paused by hand',
      dcs('shop-config', { paused: true }),
      { leader: 'none' },
      {
        ...unseen,
        name: null,
        because: 'no member holds the leader key; Patroni is paused by hand, and nobody takes over until it is resumed',
      },
    ],
    [
      'is nobody, while one runs whom failsafe mode lets be elected',
      failsafe('shop-0'),
      { leader: 'none' },
      { ...unseen, name: null, because: 'no member holds the leader key' },
    ],
    [
      'has no pod, and who runs may not follow it',
      all(gone('Pod/shop-0'), failsafe('shop-0')),
      {},
      { ...unseen, because: `shop-0 holds the leader key but its pod is gone; ${joined}` },
    ],
    [
      'has no pod, and who runs may follow it',
      all(gone('Pod/shop-0'), failsafe('shop-0', 'shop-1')),
      {},
      { ...unseen, because: 'shop-0 holds the leader key but its pod is gone' },
    ],
    [
      'has no pod, and nobody runs',
      all(gone('Pod/shop-0'), failsafe('shop-0'), mute('shop-1')),
      {},
      { ...unseen, because: 'shop-0 holds the leader key but its pod is gone' },
    ],
    [
      'is on its way out, and who runs may not follow it',
      all(ends('shop-0'), failsafe('shop-0')),
      {},
      { ...unseen, because: `shop-0 holds the leader key but is terminating; ${joined}` },
    ],
    [
      'starts, and nobody has to follow it',
      failsafe('shop-0'),
      { leader: 'starting' },
      { ...silent, because: 'shop-0 holds the leader key but is replica, starting' },
    ],
    [
      'is silent, and who runs may not follow it',
      failsafe('shop-0'),
      { leader: 'silent' },
      { ...silent, because: `shop-0 has not renewed the leader key for its time to live; ${joined}` },
    ],
  ])('%s', (_, change, choice, leader) => expect(leaderOf(facts(change, choice))).toEqual(leader));
});

const replica: Member = {
  name: 'shop-1',
  role: 'replica',
  state: 'streaming',
  timeline: 1,
  lagBytes: 0,
  pendingRestart: false,
  ready: true,
  trouble: null,
};
const lame = (trouble: string, change: Partial<Member> = {}): Member => ({
  ...replica,
  ready: false,
  trouble,
  ...change,
});
const most = 32 * 1024 * 1024;
const ahead = (bytes: number): Change => patroni('shop-0', { positionBytes: bytes });
const warned =
  (key: string): Change =>
  (now) =>
    remembering({ warnings: { [key]: { uid: objectOf(now, key).uid, reason: 'Failed', message: 'no disk' } } })(now);
const full = remembering({
  rooms: { 'shop-1': { uid: 'Pod-shop-1', capacity: null, bytes: { free: 0, total: 2 ** 30 }, times: 1 } },
});

describe('a replica', () => {
  it.each<readonly [string, Change, Partial<Choice>, Member]>([
    ['streams', asIs, {}, replica],
    [
      'runs, and its Patroni has no word for that it streams',
      patroni('shop-1', { state: 'running', version: '3.0.3' }),
      {},
      { ...replica, state: 'running' },
    ],
    [
      'reads from an archive',
      patroni('shop-1', { state: 'in archive recovery' }),
      {},
      lame('Patroni says in archive recovery', { state: 'in archive recovery' }),
    ],
    ['confirms commits', patroni('shop-1', { role: 'sync_standby' }), {}, replica],
    ['confirms commits with others', patroni('shop-1', { role: 'quorum_standby' }), {}, replica],
    ['has to start anew', patroni('shop-1', { pendingRestart: true }), {}, { ...replica, pendingRestart: true }],
    ['is as far behind as may be', ahead(most), {}, { ...replica, lagBytes: most }],
    ['is too far behind', ahead(most + 1), {}, lame(`it is ${most + 1} bytes behind`, { lagBytes: most + 1 })],
    ['is ahead of what its leader said last', patroni('shop-1', { positionBytes: 5 }), {}, replica],
    [
      'does not say how far it is',
      patroni('shop-1', { positionBytes: null }),
      {},
      lame('its position is not known', { lagBytes: null }),
    ],
    [
      'is not known to be behind',
      patroni('shop-0', { positionBytes: null }),
      {},
      lame('its position is not known', { lagBytes: null }),
    ],
    [
      'is on another timeline',
      patroni('shop-1', { timeline: 2 }),
      {},
      lame('it is on timeline 2, the leader on 1', { timeline: 2 }),
    ],
    [
      'is on no known timeline',
      patroni('shop-1', { timeline: null }),
      {},
      lame('it is on timeline unknown, the leader on 1', { timeline: null }),
    ],
    [
      'follows nobody',
      asIs,
      { leader: 'none' },
      lame('it is on timeline 1, the leader on unknown', { lagBytes: null }),
    ],
    [
      'does not run',
      patroni('shop-1', { state: 'start failed' }),
      {},
      lame('Patroni says start failed', { state: 'start failed' }),
    ],
    [
      'claims to lead',
      patroni('shop-1', { role: 'primary' }),
      {},
      lame('Patroni says role primary without the leader key'),
    ],
    ['is on its way out', ends('shop-1'), {}, lame('it is terminating', { state: 'terminating' })],
    [
      'has a pod that says what it misses',
      pod('shop-1', () => ({ trouble: 'ErrImagePull' })),
      {},
      lame('ErrImagePull'),
    ],
    [
      'has a pod of which Kubernetes warns',
      all(
        pod('shop-1', () => ({ trouble: 'ErrImagePull' })),
        warned('Pod/shop-1'),
      ),
      {},
      lame('ErrImagePull: Failed: no disk'),
    ],
    [
      'does not report',
      mute('shop-1'),
      {},
      lame('Patroni does not report yet', { state: 'not reporting', timeline: null, lagBytes: null }),
    ],
    [
      'does not report, and Kubernetes warns of it',
      all(mute('shop-1'), warned('Pod/shop-1')),
      {},
      lame('Patroni does not report yet: Failed: no disk', { state: 'not reporting', timeline: null, lagBytes: null }),
    ],
    ['is not ready', asIs, { ready: 1 }, lame('its pod is not Ready')],
    ['has a full volume', full, { ready: 1 }, lame('its pod is not Ready; its volume is full: 0 B of 1 GiB free')],
    ['has a full volume that does no harm yet', full, {}, replica],
    [
      'has no pod',
      gone('Pod/shop-1'),
      {},
      lame('its pod is gone', { state: 'missing', timeline: null, lagBytes: null }),
    ],
    [
      'has no pod, and Kubernetes warns of who should make it',
      all(gone('Pod/shop-1'), warned('StatefulSet/shop')),
      {},
      lame('its pod is gone: Failed: no disk', { state: 'missing', timeline: null, lagBytes: null }),
    ],
    [
      'failed to start, and is tried again',
      all(patroni('shop-1', { state: 'starting' }), remembering({ failedStarts: { 'shop-1': 'Pod-shop-1' } })),
      {},
      lame('Patroni says start failed', { state: 'start failed' }),
    ],
    [
      'starts, where another pod of its name failed to',
      all(patroni('shop-1', { state: 'starting' }), remembering({ failedStarts: { 'shop-1': 'before' } })),
      {},
      lame('Patroni says starting', { state: 'starting' }),
    ],
  ])('%s', (_, change, choice, member) => expect(memberCalled(facts(change, choice), 'shop-1')).toEqual(member));
});

/** Hazard: a replica that cannot connect runs, on the timeline of a leader that nobody writes to: it counted as ready for ever. */
describe('a replica that runs', () => {
  it.each<readonly [string | null, string | null]>([
    ['3.0.4', 'it does not stream from the leader'],
    ['3.0.10', 'it does not stream from the leader'],
    ['3.1', 'it does not stream from the leader'],
    ['4.0.4', 'it does not stream from the leader'],
    ['10.0.0', 'it does not stream from the leader'],
    ['3.0.3', null],
    ['3.0', null],
    ['2.1.7', null],
    ['none of its releases', null],
    [null, null],
  ])('says nothing of streaming, under Patroni %s', (version, trouble) =>
    expect(memberCalled(facts(patroni('shop-1', { state: 'running', version })), 'shop-1').trouble).toBe(trouble),
  );

  it('on another timeline says on which', () =>
    expect(memberCalled(facts(patroni('shop-1', { state: 'running', timeline: 2 })), 'shop-1').trouble).toBe(
      'it is on timeline 2, the leader on 1',
    ));
});

describe('a leader', () => {
  const leader: Member = { ...replica, name: 'shop-0', role: 'leader', state: 'running' };

  it.each<readonly [string, Change, Partial<Choice>, Member]>([
    ['is ready', asIs, {}, leader],
    [
      'is not behind itself, though it does not say how far it is',
      patroni('shop-0', { positionBytes: null }),
      {},
      leader,
    ],
    [
      'that does not write says why',
      asIs,
      { leader: 'silent' },
      { ...leader, ready: false, trouble: 'shop-0 has not renewed the leader key for its time to live' },
    ],
    [
      'that writes may have a pod that is not ready',
      asIs,
      { ready: 0 },
      { ...leader, ready: false, trouble: 'its pod is not Ready' },
    ],
  ])('%s', (_, change, choice, member) => expect(memberCalled(facts(change, choice), 'shop-0')).toEqual(member));
});

describe('members', () => {
  it('are those that the spec asks for, by ordinal, the missing ones too', () => {
    expect(membersOf(facts(replicas(3))).map(({ name, state }) => `${name} ${state}`)).toEqual([
      'shop-0 running',
      'shop-1 streaming',
      'shop-2 missing',
    ]);
    expect(membersOf(facts(remembering({ accepted: null })))).toEqual([]);
  });

  it('in trouble are named with it', () => {
    const three = membersOf(facts(replicas(3), { ready: 1 }));
    expect(troubledMembers(three)).toBe('shop-1 (its pod is not Ready), shop-2 (its pod is gone)');
    expect(troubledMembers([{ ...lame(''), trouble: null }])).toBe('shop-1 (not ready)');
    expect(troubledMembers(membersOf(facts()))).toBe('');
  });

  it('are as many as the StatefulSet says, once it is seen', () => {
    expect(actualMembers(facts())).toBe(2);
    expect(actualMembers(facts(gone('StatefulSet/shop')))).toBeNull();
    expect(actualMembers(facts(changed('StatefulSet/shop', { detail: { type: 'Service' } as never })))).toBeNull();
  });

  it.each<readonly [string, Change, string | null]>([
    ['is what Patroni says', asIs, '7'],
    ['is what Patroni says in a ConfigMap', inConfigMaps, '7'],
    ['is not known before that is seen', gone('Endpoints/shop-config'), null],
    ['is not known where it is kept elsewhere', remembering({ dcs: 'ConfigMaps' }), null],
    [
      'is not known where the object holds nothing of Patroni’s',
      changed('Endpoints/shop-config', { detail: { type: 'Service' } as never }),
      null,
    ],
  ])('make one database, which %s', (_, change, identifier) => {
    const now = facts(change);
    expect(systemIdentifier(now)).toBe(identifier);
    expect(dcsOf(now, 'shop-config')?.systemIdentifier ?? null).toBe(identifier);
  });
});
