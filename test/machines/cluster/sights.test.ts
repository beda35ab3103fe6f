/** What an object that is seen, or is not, does to the facts: what is awaited of it, what was said of it, what it tells by itself. */
import { describe, expect, it } from 'vitest';
import type { Failure, Memory } from '#machines/cluster/facts.ts';
import { learn } from '#machines/cluster/learn.ts';
import type { ClusterObservation, PodDetail } from '#machines/cluster/observations.ts';
import { annotations, labels } from '#machines/shared/names.ts';
import { all, asIs, changed, objectOf, remembering, withObject, type Change } from './changes.ts';
import { calm, factsOf } from './worlds.ts';

const at = 1_000_000;
const timer = { dueAt: at, because: 'it waits' };
const expected = { uid: 'Pod-shop-1', ownedHash: null, renderHash: null };

const leaving: Change = (facts) => {
  const { cluster } = facts.world;
  if (cluster === null) throw new Error('no cluster');
  const seen = { ...cluster.seen, deleting: true };
  return { ...facts, world: { ...facts.world, cluster: { ...cluster, seen } } };
};

describe('an object that no watch shows', () => {
  const made = remembering({
    expected: {
      'Service/shop-repl': { ...expected, uid: 's' },
      'Pod/shop-1': expected,
      'PostgresCluster/shop': expected,
    },
  });
  const theirs: Change = (facts) =>
    withObject({ ...objectOf(facts, 'StatefulSet/shop'), kind: 'Service', name: 'shop', uid: 'theirs', labels: {} })(
      facts,
    );
  const fires = (change: Change): Memory => {
    const before = all(remembering({ timers: { sight: timer } }), change)(factsOf(calm));
    const fired: ClusterObservation = { type: 'TimerFired', id: 'sight', dueAt: at };
    return learn(before, fired, at).memory;
  };
  const doubt = (message: string): Failure => ({
    count: 1,
    reason: 'NotShown',
    message,
    permanent: false,
    since: at,
    waiting: false,
    needsRead: true,
  });
  const known = { ...doubt('it is known'), count: 3, reason: 'Forbidden' };
  const unseen = { 'Service/shop-repl': doubt('Service/shop-repl was created and no watch has shown it') };
  const foreign = { 'Service/shop': doubt('Service/shop does not bear our labels, and no watch tells when it goes') };

  it.each<readonly [string, Change, Memory['failures'], Memory['timers']]>([
    ['is none where all is shown', asIs, {}, {}],
    [
      'is read when it was made, and soon again',
      made,
      unseen,
      { sight: { dueAt: at + 15_000, because: 'no watch has shown Service/shop-repl' } },
    ],
    [
      'is read when it is somebody else’s, and later again',
      theirs,
      foreign,
      { sight: { dueAt: at + 60_000, because: 'no watch has shown Service/shop' } },
    ],
    [
      'is read with others, as soon as the soonest',
      all(made, theirs),
      { ...unseen, ...foreign },
      { sight: { dueAt: at + 15_000, because: 'no watch has shown Service/shop-repl, Service/shop' } },
    ],
    [
      'is not doubted twice',
      all(made, remembering({ failures: { 'Service/shop-repl': known } })),
      { 'Service/shop-repl': known },
      { sight: { dueAt: at + 15_000, because: 'no watch has shown Service/shop-repl' } },
    ],
    ['is read anyway while the cluster goes', all(made, leaving), {}, {}],
    [
      'is asked for while the cluster goes too, where no watch tells that it is gone',
      all(theirs, leaving),
      foreign,
      { sight: { dueAt: at + 60_000, because: 'no watch has shown Service/shop' } },
    ],
  ])('%s', (_, change, failures, timers) => {
    const memory = fires(change);
    expect({ failures: memory.failures, timers: memory.timers }).toEqual({ failures, timers });
    expect(memory.expired).toEqual([]);
  });
});

const awaited = { 'await/Pod/shop-1': timer, 'await/Labels/shop-1': timer, 'await/Restart/shop-1': timer, hold: timer };
const verified = { 'shop-0': { uid: 'a', settings: {} }, 'shop-1': { uid: 'b', settings: {} } };

function reporting(told: Partial<NonNullable<PodDetail['patroni']>> | null): Change {
  return (facts) => {
    const { detail } = objectOf(facts, 'Pod/shop-1');
    if (detail.type !== 'Pod' || detail.patroni === null) throw new Error('no pod');
    const patroni = told === null ? null : { ...detail.patroni, ...told };
    return changed('Pod/shop-1', { detail: { ...detail, patroni } })(facts);
  };
}

const marked = changed('Pod/shop-1', {
  annotations: { [annotations.podMetadata]: 'm', [annotations.template]: 'new' },
});
const restarts = reporting({ pendingRestart: true });

/** The facts after shop-1 was `was` and is `is`. */
function turned(was: Change, is: Change): Memory {
  const before = all(was, remembering({ timers: awaited, verified }))(factsOf(calm));
  const object = objectOf(is(was(factsOf(calm))), 'Pod/shop-1');
  return learn(before, { type: 'ObjectSeen', object, changed: [] }, at).memory;
}

describe('a member’s pod', () => {
  const rest = (...gone: readonly string[]): readonly string[] =>
    Object.keys(awaited).filter((id) => !gone.includes(id));

  it.each<readonly [string, Change, Change, readonly string[], boolean]>([
    ['that is as it was is awaited still', asIs, asIs, rest(), true],
    [
      'that changes ends the wait for it and for a start',
      asIs,
      reporting({ timeline: 2 }),
      rest('await/Pod/shop-1', 'await/Restart/shop-1'),
      true,
    ],
    [
      'that bears another mark ends the wait for labels',
      asIs,
      marked,
      rest('await/Pod/shop-1', 'await/Labels/shop-1', 'await/Restart/shop-1'),
      true,
    ],
    ['that has yet to start anew is awaited', asIs, restarts, rest('await/Pod/shop-1'), true],
    [
      'that has started anew may run with other settings',
      restarts,
      reporting({ pendingRestart: false }),
      rest('await/Pod/shop-1', 'await/Restart/shop-1'),
      false,
    ],
    [
      'that has yet to start anew since before has said what it runs with',
      restarts,
      all(restarts, reporting({ timeline: 2 })),
      rest('await/Pod/shop-1'),
      true,
    ],
    [
      'that reports nothing has said nothing',
      asIs,
      reporting(null),
      rest('await/Pod/shop-1', 'await/Restart/shop-1'),
      false,
    ],
    [
      'that stops has said nothing',
      asIs,
      reporting({ state: 'stopped' }),
      rest('await/Pod/shop-1', 'await/Restart/shop-1'),
      false,
    ],
    [
      'that streams has said what it runs with',
      reporting({ state: 'running' }),
      reporting({ state: 'streaming' }),
      rest('await/Pod/shop-1', 'await/Restart/shop-1'),
      true,
    ],
  ])('%s', (_, was, is, timers, holds) => {
    const memory = turned(was, is);
    expect(Object.keys(memory.timers)).toEqual(timers);
    expect(memory.verified).toEqual(holds ? verified : { 'shop-0': verified['shop-0'] });
  });
});

describe('an object that is seen', () => {
  const sees = (change: Change, key: string, what: Parameters<typeof changed>[1]): Memory => {
    const before = change(factsOf(calm));
    const object = objectOf(changed(key, what)(before), key);
    return learn(before, { type: 'ObjectSeen', object, changed: [] }, at).memory;
  };
  const secret =
    (name: string): Change =>
    (facts) =>
      withObject({
        ...objectOf(facts, 'StatefulSet/shop'),
        kind: 'Secret',
        name,
        labels: { [labels.cluster]: 'shop' },
        detail: { type: 'Secret', keys: [] },
      })(facts);
  const revision = (of: string | null): Change =>
    remembering({ credentials: { revision: of, settled: null, set: null } });
  const says = { annotations: { [annotations.credentials]: '3' } };
  const inForce = 'shop-credentials-inforce';

  it.each<readonly [string, Change, string, string | null]>([
    ['in force', secret(inForce), `Secret/${inForce}`, '3'],
    ['in force, after another revision', all(secret(inForce), revision('2')), `Secret/${inForce}`, '3'],
    ['that people read says no revision', secret('shop-credentials'), 'Secret/shop-credentials', null],
  ])('tells which passwords are in force: the Secret %s', (_, change, key, known) =>
    expect(sees(change, key, says).credentials.revision).toBe(known),
  );

  it.each<readonly [string, Change, Parameters<typeof changed>[1], string | null]>([
    ['where nothing else did', asIs, says, '3'],
    ['not where the Secret did', revision('2'), says, '2'],
    ['not where it says nothing', asIs, { annotations: {} }, null],
  ])('tells which passwords are in force: the StatefulSet %s', (_, change, what, known) =>
    expect(sees(change, 'StatefulSet/shop', what).credentials.revision).toBe(known),
  );

  const forgotten = remembering({ dcs: null, image: null });
  const bears = (dcs: string): object => ({ annotations: { [annotations.dcs]: dcs, [annotations.image]: 'other' } });

  it.each<readonly [string, Change, object, readonly (string | null)[]]>([
    ['its mode and image to whoever has lost the journal', forgotten, bears('ConfigMaps'), ['ConfigMaps', 'other']],
    ['the other mode', forgotten, bears('Endpoints'), ['Endpoints', 'other']],
    ['no mode that there is not', forgotten, bears('Etcd'), [null, 'other']],
    ['nothing where it bears nothing', forgotten, { annotations: {} }, [null, null]],
    [
      'a newer image than status, which was not written any more',
      remembering({ accepted: null, image: 'older' }),
      bears('Endpoints'),
      ['Endpoints', 'other'],
    ],
    [
      'no newer image where it bears nothing',
      remembering({ accepted: null, image: 'older' }),
      { annotations: {} },
      ['Endpoints', 'older'],
    ],
    ['nothing that is known', asIs, bears('ConfigMaps'), ['Endpoints', 'i']],
  ])('tells, as a StatefulSet, %s', (_, change, what, known) => {
    const { dcs, image } = sees(change, 'StatefulSet/shop', what);
    expect([dcs, image]).toEqual(known);
  });

  it('tells no mode where it is no StatefulSet', () => {
    const { dcs, image } = sees(forgotten, 'Pod/shop-1', bears('ConfigMaps'));
    expect([dcs, image]).toEqual([null, null]);
  });
});
