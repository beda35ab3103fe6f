/** What is asked for once, by an annotation: taken, refused or waiting; nothing before its token is acknowledged; never twice. */
import { describe, expect, it } from 'vitest';
import type { Facts } from '#machines/cluster/facts.ts';
import { learn } from '#machines/cluster/learn.ts';
import { conditionsOf } from '#machines/cluster/conditions.ts';
import { leaderOf, membersOf } from '#machines/cluster/members.ts';
import { rolloutStep } from '#machines/cluster/tables/rollout.ts';
import { startedKey, waitingRequest, withRequests } from '#machines/cluster/tables/requests.ts';
import { targetKey } from '#machines/cluster/intents.ts';
import { wants } from '#machines/cluster/wants.ts';
import { oneShotAnnotation, type OneShot } from '#machines/shared/names.ts';
import { holding } from './secrets.ts';
import { calm, factsOf, plan, type Choice } from './worlds.ts';

/** The facts with an annotation that asks, not judged yet. */
function asking(kind: OneShot, token: string, choice: Partial<Choice> = {}): Facts {
  return annotated(factsOf({ ...calm, ...choice }), kind, token);
}

function annotated(facts: Facts, kind: OneShot, token: string): Facts {
  const { cluster } = facts.world;
  if (cluster === null) throw new Error('no cluster');
  const seen = { ...cluster.seen, annotations: { [oneShotAnnotation(kind)]: token } };
  return { ...facts, world: { ...facts.world, cluster: { ...cluster, seen } } };
}

function asked(kind: OneShot, token: string, choice: Partial<Choice> = {}): Facts {
  return withRequests(asking(kind, token, choice));
}

function acknowledged(facts: Facts): Facts {
  const published = { textHash: '', urgentHash: '', at: 0, handled: facts.memory.handled };
  return { ...facts, memory: { ...facts.memory, published } };
}

/** An intent was sent and its answer comes. */
function answered(
  facts: Facts,
  name: string,
  result: Readonly<Record<string, string>>,
  type = 'VerifyParameters',
): Facts {
  const target = { kind: 'Pod', name } as const;
  const intent = { type: type as 'VerifyParameters', target };
  const sent = { ...intent, seq: 9, ordinal: 0, uid: `Pod-${name}`, textHash: null, since: 0, handled: null };
  const open = { ...facts, memory: { ...facts.memory, open: { [targetKey(intent)]: sent } } };
  const outcome = { type: 'done', result } as const;
  return withRequests(learn(open, { type: 'OutcomeArrived', seq: 9, ordinal: 0, intent: type, target, outcome }, 1000));
}

const sent = (facts: Facts): readonly string[] =>
  wants({ state: 'Alive.Updating.configuring', facts, plan }).map(({ type, target }) => `${type} ${target.name}`);

const runsSince = (text: string): Readonly<Record<string, string>> => ({ [startedKey]: text });

function refusedBecause(facts: Facts): string {
  const { status, reason } = conditionsOf({ state: 'Alive.Running', facts, plan, specProblems: [] }).RequestRefused;
  return `${status} ${reason}`;
}

/** What the spec says of control. */
function controlled(facts: Facts, control: Readonly<Record<string, unknown>>): Facts {
  const { cluster } = facts.world;
  if (cluster === null) throw new Error('no cluster');
  const seen = { ...cluster.seen, spec: { ...cluster.seen.spec, ...control } };
  return { ...facts, world: { ...facts.world, cluster: { ...cluster, seen } } };
}

function alone(facts: Facts): Facts {
  const { accepted } = facts.memory;
  if (accepted === null) throw new Error('no spec');
  const one = { ...accepted, spec: { ...accepted.spec, replicas: 1 } };
  return { ...facts, memory: { ...facts.memory, accepted: one } };
}

const notReady = 'shop-1 (its pod is not Ready)';

describe('what is asked for once', () => {
  it.each<readonly [OneShot, string, Partial<Choice>, string, string]>([
    ['switchover', 'a shop-9', {}, 'NoSuchMember', 'shop-9 is none of the 2 members; name one of status.members'],
    [
      'restart',
      'shop1',
      {},
      'NoSuchMember',
      'shop1 is like the name of a member, and is none; name one of status.members',
    ],
    [
      'reload',
      'a shop-0 shop-1',
      {},
      'SeveralMembers',
      'it names shop-0 and shop-1; name one, and when that is done the next',
    ],
    ['switchover', 'a shop-0', {}, 'TargetLeads', 'shop-0 leads; switch over first, or name another member'],
    [
      'switchover',
      'a',
      { ready: 1 },
      'NoCandidate',
      'nobody can take over: shop-1: its pod is not Ready; mend a replica first, or name another one',
    ],
    [
      'switchover',
      'a shop-1',
      { ready: 1 },
      'NoCandidate',
      'nobody can take over: shop-1: its pod is not Ready; mend a replica first, or name another one',
    ],
    ['reinit', 'a', {}, 'NoMember', 'it names no member; name the replica, after the token'],
    ['replace', 'a', {}, 'NoMember', 'it names no member; name the replica, after the token'],
    ['reinit', 'a shop-0', {}, 'TargetLeads', 'shop-0 leads; switch over first, or name another member'],
    [
      'replace',
      'a shop-1',
      {},
      'StillStreams',
      'shop-1 streams, so nothing of it is lost; reinit copies its data anew; to have it elsewhere, end its PostgreSQL for good first',
    ],
    [
      'restart',
      'a',
      { ready: 1 },
      'MembersMissing',
      `not ready: ${notReady}; mend them first, or restart one by its name`,
    ],
    ['restart', 'a', { bootstrapped: false }, 'NotCreated', 'the cluster has not been created yet; ask when it runs'],
  ])('%s "%s" with %o is refused as %s, and its token is handled', (kind, token, choice, reason, words) => {
    const facts = asked(kind, token, choice);
    expect(refusedBecause(facts)).toBe(`True ${reason}`);
    const message = `${kind} "${token}" is not done: ${words}, then ask with another token`;
    expect(facts.memory.refused[kind]).toEqual({ token, reason, message });
    expect(facts.memory.handled[kind]).toBe(token);
    expect(facts.memory.request).toBeNull();
    expect(withRequests(facts)).toEqual(facts);
  });

  it.each<readonly [string, OneShot, (facts: Facts) => Facts, string]>([
    ['Paused', 'reload', (facts) => controlled(facts, { paused: true }), 'spec.paused is set; take spec.paused back'],
    [
      'Observing',
      'reload',
      (facts) => controlled(facts, { mode: 'Observe' }),
      'spec.mode is Observe; set spec.mode to Manage',
    ],
    ['NoCopy', 'replace', alone, 'shop-0 is the only member: nobody else has its data; restore it from a backup'],
  ])('is refused as %s (%s)', (reason, kind, change, words) => {
    const facts = withRequests(change(asking(kind, 'a')));
    const message = `${kind} "a" is not done: ${words}, then ask with another token`;
    expect(facts.memory.refused[kind]).toEqual({ token: 'a', reason, message });
  });

  it('of a member that is named is not held up by another one', () => {
    expect(asked('restart', 'a shop-0', { ready: 1 }).memory.request).toMatchObject({ members: ['shop-0'] });
    expect(asked('reload', 'a', { ready: 1 }).memory.request).toMatchObject({ members: ['shop-0', 'shop-1'] });
  });

  it('is refused no more once its annotation is gone', () => {
    const facts = asked('reinit', 'a');
    const { cluster } = facts.world;
    const seen = cluster === null ? null : { ...cluster, seen: { ...cluster.seen, annotations: {} } };
    expect(refusedBecause({ ...facts, world: { ...facts.world, cluster: seen } })).toBe('False NoneRefused');
  });

  it.each([
    ['a rollout', { generation: 'newer' }, 'the spec is being rolled out'],
    ['a leader', { leader: 'none' }, 'nobody writes: no member holds the leader key'],
    ['what came first', { request: 'restart' }, 'restart "once" comes first'],
  ] as const)('waits for %s, and says so', (_, choice, because) => {
    const facts = asked('switchover', 'a', choice);
    expect(facts.memory.handled['switchover']).toBeUndefined();
    expect(waitingRequest(facts)).toBe(`switchover "a" waits: ${because}`);
  });

  it.each(['reinit', 'replace'] as const)(
    '%s of the member that a rollout waits for does not wait for the rollout',
    (kind) => {
      const choice = { generation: 'newer', ready: 1 } as const;
      expect(asked(kind, 'a shop-1', choice).memory.request).toMatchObject({ kind, member: 'shop-1' });
      const healthy = asked(kind, 'a shop-1', { generation: 'newer' });
      expect(waitingRequest(healthy)).toBe(`${kind} "a shop-1" waits: the spec is being rolled out`);
    },
  );

  it('waits for nothing once it is taken, and is not judged before all is known or once the cluster goes', () => {
    expect(waitingRequest(asked('switchover', 'a'))).toBeNull();
    expect(asked('reload', 'a', { known: false }).memory.handled['reload']).toBeUndefined();
    expect(asked('reload', 'a', { deleting: 'background' }).memory.handled['reload']).toBeUndefined();
  });

  it.each(['restart', 'reload', 'switchover', 'reinit'] as const)(
    '%s sends nothing before the API server has acknowledged its token',
    (kind) => {
      const facts = asked(kind, 'a shop-1');
      expect(facts.memory.request?.kind).toBe(kind);
      expect(sent(facts)).toEqual([]);
      expect(sent(acknowledged(facts)).length).toBeGreaterThan(0);
    },
  );

  it('is not done by an operator that finds its token handled and has lost its journal', () => {
    const facts = asked('restart', 'a');
    const found = withRequests({ ...facts, memory: { ...facts.memory, request: null } });
    expect(found.memory.request).toBeNull();
    expect(sent(acknowledged(found))).toEqual([]);
  });

  it('whose value is cut off, and with it a member, is refused, and what is left of its token handled', () => {
    const facts = asked('reload', `${'x'.repeat(256)} shop-1`);
    expect(facts.memory.request).toBeNull();
    expect(facts.memory.handled['reload']).toBe('x'.repeat(256));
    expect(refusedBecause(facts)).toBe('True TooLong');
    expect(facts.memory.refused['reload']?.message).toContain('its value has 263 characters, and 256 are read');
    expect(asked('reload', 'x'.repeat(256)).memory.request).not.toBeNull();
  });

  it.each(['2026-11-27T10:00', '1', 'once for shop', 'incident-42', 'Fri Nov 27 10:00:00 UTC 2026', 'shop-upgrade-1'])(
    '“%s” is a token, and asks all members',
    (token) => {
      expect(asked('restart', token).memory.request).toMatchObject({ member: null, members: ['shop-0', 'shop-1'] });
    },
  );

  it('new passwords are for all members, whatever its token says', () => {
    const facts = annotated(holding(), 'rotate-credentials', 'shop1 shop-0 shop-1');
    expect(withRequests(facts).memory.request).toMatchObject({ kind: 'rotate-credentials', member: null });
  });
});

describe('a restart', () => {
  const taken = acknowledged(asked('restart', 'a'));

  it('asks every member since when it runs, then starts the replica anew, then the leader', () => {
    expect(sent(taken)).toEqual(['VerifyParameters shop-1', 'VerifyParameters shop-0']);
    const known = answered(answered(taken, 'shop-0', runsSince('1')), 'shop-1', runsSince('2'));
    expect(sent(known)).toEqual(['RestartPostgres shop-1']);
    const [wish] = wants({ state: 'Alive.Updating.restarting', facts: known, plan });
    expect(wish).toMatchObject({ started: '2' });
    const replica = answered(known, 'shop-1', runsSince('3'));
    expect(sent(replica)).toEqual(['RestartPostgres shop-0']);
    const leader = answered(replica, 'shop-0', runsSince('4'));
    expect(leader.memory.request).toBeNull();
    expect(refusedBecause(leader)).toBe('False NoneRefused');
  });

  it('is not done while a member still runs since the same time, or does not answer', () => {
    const known = answered(taken, 'shop-1', runsSince('2'));
    expect(answered(known, 'shop-1', runsSince('2')).memory.request?.done).toEqual([]);
    expect(answered(known, 'shop-1', {}).memory.request?.done).toEqual([]);
  });

  it('of one member leaves the others alone', () => {
    const one = acknowledged(asked('restart', 'a shop-1'));
    const known = answered(one, 'shop-1', runsSince('2'));
    expect(answered(known, 'shop-1', runsSince('3')).memory.request).toBeNull();
  });

  it('goes no further than a member that does not stream', () => {
    const known = answered(answered(taken, 'shop-0', runsSince('1')), 'shop-1', runsSince('2'));
    const limping = { ...known, world: factsOf({ ...calm, ready: 1 }).world };
    const done = { ...limping, memory: answered(known, 'shop-1', runsSince('3')).memory };
    expect(sent(done)).toEqual([]);
    expect(rolloutStep({ facts: done, plan }).because).toMatch(/^shop-0 waits for shop-1/);
  });

  it('that takes too long is given up with a reason', () => {
    const late = withRequests({ ...taken, memory: { ...taken.memory, expired: ['deadline/updating/restarting'] } });
    expect(late.memory.request).toBeNull();
    expect(refusedBecause(late)).toBe('True TimedOut');
  });
});

describe('a reload and a new copy', () => {
  it('reload is over when every member was told', () => {
    const taken = acknowledged(asked('reload', 'a'));
    expect(sent(taken)).toEqual(['ReloadPostgres shop-1', 'ReloadPostgres shop-0']);
    const told = answered(taken, 'shop-0', {}, 'ReloadPostgres');
    expect(sent(told)).toEqual(['ReloadPostgres shop-1']);
    expect(answered(told, 'shop-1', {}, 'ReloadPostgres').memory.request).toBeNull();
  });

  it('reinit of a member whose PostgreSQL does not run names that, and is over when it runs and streams', () => {
    const taken = acknowledged(asked('reinit', 'a shop-1'));
    const down = answered(taken, 'shop-1', {});
    const [wish] = wants({ state: 'Alive.Updating.rebuilding', facts: down, plan });
    expect(wish).toMatchObject({ type: 'ReinitializeMember', started: 'none' });
    expect(answered(down, 'shop-1', {}).memory.request?.done).toEqual([]);
    expect(answered(down, 'shop-1', runsSince('5')).memory.request).toBeNull();
  });
});

/** The same facts, the leader's Patroni having left out its timeline. */
function withoutTimeline(facts: Facts): Facts {
  const key = 'Pod/shop-0';
  const fact = facts.world.objects[key];
  if (fact?.object.detail.type !== 'Pod' || fact.object.detail.patroni === null) throw new Error('no report of shop-0');
  const detail = { ...fact.object.detail, patroni: { ...fact.object.detail.patroni, timeline: null } };
  const objects = { ...facts.world.objects, [key]: { ...fact, object: { ...fact.object, detail } } };
  return { ...facts, world: { ...facts.world, objects } };
}

describe('a switchover', () => {
  it('is not overtaken by its own leader, that leaves out its timeline on its way out of office', () => {
    const taken = acknowledged(asked('switchover', 'a shop-1'));
    const led = { ...taken, memory: { ...taken.memory, leader: { name: 'shop-0', timeline: 1 }, leaderLostAt: null } };
    const silent = withRequests(withoutTimeline(led));
    expect(silent.memory.request).toEqual(taken.memory.request);
    expect(refusedBecause(silent)).toBe('False NoneRefused');
    expect(membersOf(silent).map(({ trouble }) => trouble)).toEqual(membersOf(led).map(({ trouble }) => trouble));
    const since = withoutTimeline({ ...led, memory: { ...led.memory, leaderLostAt: 5 } });
    expect(leaderOf(since).timeline, 'it may have been promoted anew').toBeNull();
  });

  it('is over when somebody else leads, or the same one on another timeline', () => {
    const taken = acknowledged(asked('switchover', 'a'));
    expect(sent(taken)).toEqual(['RequestSwitchover shop-failover']);
    const request = taken.memory.request;
    if (request === null) throw new Error('it was not taken');
    const over = (change: Partial<typeof request>): Facts =>
      withRequests({ ...taken, memory: { ...taken.memory, request: { ...request, ...change } } });
    expect(over({ leader: 'shop-1' }).memory.request).toBeNull();
    expect(over({ timeline: 0 }).memory.request).toBeNull();
    expect(refusedBecause(over({ leader: 'shop-1' }))).toBe('False NoneRefused');
    expect(refusedBecause(over({ leader: 'shop-1', member: 'shop-1' }))).toBe('True Overtaken');
  });

  it('is given up when its candidate is fit no more, unless Patroni was told already', () => {
    const taken = acknowledged(asked('switchover', 'a'));
    const limping = { ...taken, world: factsOf({ ...calm, ready: 1 }).world };
    const key = 'await/Switchover/shop-failover';
    const told = { ...limping, memory: { ...limping.memory, timers: { [key]: { dueAt: 1, because: 'told' } } } };
    expect(withRequests(limping).memory.request).toBeNull();
    expect(withRequests(told).memory.request).not.toBeNull();
  });
});
