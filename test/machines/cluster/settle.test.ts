/** What follows from facts without a move: who leads, which spec is held, what is chosen once, and what Secrets ask for. */
import { describe, expect, it } from 'vitest';
import type { PostgresClusterSpec } from '#crds/postgrescluster.gen.ts';
import type { Facts, HeldEdit, Memory } from '#machines/cluster/facts.ts';
import type { Problem } from '#machines/cluster/plan.ts';
import { firstProblems, settle, withImageOf, type SpecJudge } from '#machines/cluster/settle.ts';
import { waitingRotation } from '#machines/cluster/tables/rotation.ts';
import { annotations, labels } from '#machines/shared/names.ts';
import { all, asIs, changed, dcs, gone, remembering, type Change } from './changes.ts';
import { asked, holding, newApplication, newSuperuser, people } from './secrets.ts';
import { calm, factsOf, type Choice } from './worlds.ts';

const at = 1_000_000;
const problem: Problem = { field: 'spec.version', value: '12', rule: 'is not supported' };

/** Nothing is wrong with any spec, and each takes a procedure that nobody notices. */
const judge: SpecJudge = {
  creation: () => [],
  edit: () => [],
  needsRollout: (before, wanted) => JSON.stringify(before) !== JSON.stringify(wanted),
  parseParameters: (text) => JSON.parse(text) as Readonly<Record<string, string>>,
  parseAccepted: (text) => JSON.parse(text) as PostgresClusterSpec,
  work: () => [],
  windows: () => ({ isOpen: true, opensAt: null }),
};

function settled(change: Change, choice: Partial<Choice> = {}, by: Partial<SpecJudge> = {}): Facts {
  return settle(change(factsOf({ ...calm, ...choice })), { ...judge, ...by }, at);
}

function memoryAfter(...given: Parameters<typeof settled>): Memory {
  return settled(...given).memory;
}

/** The spec that is written down, as this generation. */
function written(generation: number, spec: Partial<PostgresClusterSpec> = {}, more: object = {}): Change {
  return (facts) => {
    const { cluster } = facts.world;
    if (cluster === null) throw new Error('no cluster');
    const seen = { ...cluster.seen, generation, spec: { ...cluster.seen.spec, ...spec }, ...more };
    return { ...facts, world: { ...facts.world, cluster: { ...cluster, seen } } };
  };
}

const noSettings: Change = (facts) => ({ ...facts, world: { ...facts.world, config: null } });
const onSet = (marks: Readonly<Record<string, string>>): Change => changed('StatefulSet/shop', { annotations: marks });
/** Nothing of the cluster is made yet. */
const unmade: Change = gone('StatefulSet/shop', 'Endpoints/shop', 'Endpoints/shop-config');
const spec = factsOf(calm).memory.accepted?.spec;
if (spec === undefined) throw new Error('no spec');
const image = { ...spec, image: 'other' };

describe('who leads', () => {
  const led = remembering({ leader: { name: 'shop-0', timeline: 1 } });
  const handOver = { 'await/Switchover/shop-failover': { dueAt: 1, because: '' }, hold: { dueAt: 1, because: '' } };

  it.each<readonly [string, Change, Partial<Choice>, Partial<Memory>]>([
    ['is remembered, with the timeline', asIs, {}, { leader: { name: 'shop-0', timeline: 1 }, leaderLostAt: null }],
    [
      'makes the cluster one that has been made',
      remembering({ systemIdentifier: null }),
      {},
      { systemIdentifier: '7' },
    ],
    [
      'does not change which database it is',
      dcs('shop-config', { systemIdentifier: '9' }),
      {},
      { systemIdentifier: '7' },
    ],
    [
      'is missed from when nobody writes',
      led,
      { leader: 'none' },
      { leaderLostAt: at, leader: { name: 'shop-0', timeline: 1 } },
    ],
    ['is missed since before', all(led, remembering({ leaderLostAt: 5 })), { leader: 'none' }, { leaderLostAt: 5 }],
    [
      'is not missed before there was one',
      remembering({ systemIdentifier: null }),
      { leader: 'none' },
      { leaderLostAt: null },
    ],
    ['is missed no more', all(led, remembering({ leaderLostAt: 5 })), {}, { leaderLostAt: null }],
    ['is not learned while the picture is not whole', asIs, { known: false }, { leader: null }],
    ['has been asked to hand over still', all(led, remembering({ timers: handOver })), {}, { timers: handOver }],
    [
      'ends the wait for a switchover when it is another one',
      all(remembering({ timers: handOver, leader: { name: 'shop-1', timeline: 1 } })),
      {},
      { timers: { hold: handOver.hold } },
    ],
    [
      'keeps it when it is the same on another timeline',
      all(remembering({ timers: handOver, leader: { name: 'shop-0', timeline: 0 } })),
      {},
      { timers: handOver, leader: { name: 'shop-0', timeline: 1 } },
    ],
  ])('%s', (_, change, choice, memory) => expect(memoryAfter(change, choice)).toMatchObject(memory));

  it('changes nothing once it is settled', () => {
    const once = settled(asIs);
    expect(settle(once, judge, at + 1)).toBe(once);
  });
});

describe('a StatefulSet that was orphaned', () => {
  const left = (labelled: Readonly<Record<string, string>>, made = { ...spec, version: '16' }): Change =>
    all(
      gone('Endpoints/shop', 'Endpoints/shop-config'),
      remembering({ accepted: null, rolledOut: null, rolledOutGeneration: null }),
      changed('StatefulSet/shop', {
        labels: labelled,
        annotations: { [annotations.acceptedSpec]: JSON.stringify(made) },
      }),
    );
  const nobodys = { [labels.cluster]: 'shop' };
  const sameVersion: Partial<SpecJudge> = {
    edit: (before, wanted) => (before.version === wanted.version ? [] : [problem]),
  };

  it('is not taken over by a spec that it cannot follow', () => {
    expect(memoryAfter(left(nobodys), {}, sameVersion).accepted).toBeNull();
    expect(memoryAfter(left(nobodys, spec), {}, sameVersion).accepted?.spec).toEqual(spec);
    expect(memoryAfter(left({ ...nobodys, [labels.clusterUid]: 'u-0' }), {}, sameVersion).accepted?.spec).toEqual(spec);
  });

  it('is named with the field that is wrong', () => {
    const facts = left(nobodys)(factsOf(calm));
    const { config } = facts.world;
    if (config === null) throw new Error('no settings');
    const by = { ...judge, ...sameVersion };
    expect(firstProblems(facts, spec, config, by)).toEqual([
      {
        ...problem,
        rule: 'is not supported; StatefulSet/shop is left of it, and is taken over by a PostgresCluster that can follow from there',
      },
    ]);
    const invalid = { ...problem, field: 'spec.replicas' };
    expect(firstProblems(facts, spec, config, { ...by, creation: () => [invalid] })).toEqual([invalid]);
  });
});

const timer = { dueAt: 1, because: '' };
const accepts = (memory: Memory): unknown => [memory.accepted?.generation ?? null, memory.rolledOutGeneration];
const failedAt2 = remembering({ failedRollout: { generation: 2, problem } });
const lostJournal = remembering({ accepted: null, rolledOut: null, amnesia: true });

describe('the spec that is held', () => {
  it.each<readonly [string, Change, Partial<SpecJudge>, unknown]>([
    ['is the newest', written(2, { image: 'other' }), {}, [2, 1]],
    [
      'is the newest, true at once, where it takes no procedure',
      written(2, { deletionProtection: true }),
      { needsRollout: () => false },
      [2, 2],
    ],
    [
      'is the newest, not true yet, where it takes no procedure and the one before is still under way',
      all(written(3, { deletionProtection: true }), remembering({ accepted: { generation: 2, spec } })),
      { needsRollout: () => false },
      [3, 1],
    ],
    ['is the one before where the newest may not follow it', written(2), { edit: () => [problem] }, [1, 1]],
    ['is the one before where the newest cannot be read', written(2, {}, { misfits: [problem] }), {}, [1, 1]],
    ['is the one before while the cluster goes', written(2, {}, { deleting: true }), {}, [1, 1]],
    ['is the one before where there are no settings', all(written(2), noSettings), {}, [1, 1]],
    ['is the one before where the newest failed', all(written(2, { image: 'other' }), failedAt2), {}, [1, 1]],
    ['is the newest after one that failed', all(written(3, { image: 'other' }), failedAt2), {}, [3, 1]],
    [
      'is none before there is a valid one',
      all(unmade, written(1), remembering({ accepted: null })),
      { creation: () => [problem] },
      [null, 1],
    ],
    [
      'is none before there is one that can be read',
      all(unmade, written(1, {}, { misfits: [problem] }), remembering({ accepted: null })),
      {},
      [null, 1],
    ],
    [
      'is the newest valid one while nothing is made',
      all(unmade, written(2), remembering({ accepted: null })),
      {},
      [2, 1],
    ],
    [
      'is what the StatefulSet says where the journal is lost',
      all(lostJournal, onSet({ [annotations.acceptedSpec]: JSON.stringify(spec) })),
      {},
      [1, 1],
    ],
    [
      'is nothing of the StatefulSet’s where that cannot be read',
      all(lostJournal, onSet({ [annotations.acceptedSpec]: '{}' })),
      { parseAccepted: () => null, creation: () => [problem] },
      [null, 1],
    ],
  ])('%s', (_, change, by, generations) => expect(accepts(memoryAfter(change, {}, by))).toEqual(generations));

  it('of a failed rollout is tried again once that is due', () => {
    const due = remembering({ silentRollout: { generation: 2, tries: 1 }, expired: ['again/rollout'] });
    const memory = memoryAfter(all(written(2, { image: 'other' }), failedAt2, due));
    expect([accepts(memory), memory.failedRollout]).toEqual([[2, 1], null]);
  });

  it('is waited for anew: what was late with the one before says nothing of it', () => {
    const late = { 'stall/shop-1': timer, 'deadline/updating/replacing/shop-1': timer, hold: timer };
    const waited = remembering({ timers: late, expired: ['again/rollout', 'stall/electing'] });
    const { timers, expired } = memoryAfter(all(written(2, { image: 'other' }), waited));
    expect([Object.keys(timers), expired]).toEqual([['hold'], ['again/rollout']]);
  });

  it('is not taken for true where the journal that was at it is lost', () => {
    const marks = { [annotations.acceptedSpec]: JSON.stringify(spec) };
    const memory = memoryAfter(all(lostJournal, written(2), onSet(marks)));
    expect(accepts(memory)).toEqual([2, 1]);
    // Specs in between may have told Patroni what has to start anew, though this one asks for nothing of the kind.
    expect([memory.configuring, memoryAfter(written(2, { image: 'other' })).configuring]).toEqual([true, false]);
  });

  it('that failed is known by its token where the journal is lost', () => {
    const byToken = remembering({ handled: { 'rollout-failed': '2' } });
    const memory = memoryAfter(all(written(2, { image: 'other' }), byToken));
    expect(accepts(memory)).toEqual([1, 1]);
    expect(memory.failedRollout).toMatchObject({ generation: 2, problem: { field: 'spec.image' } });
  });

  it.each<readonly [string, Readonly<Record<string, string>>, unknown]>([
    ['as it is held', {}, spec],
    ['as the StatefulSet names it beside that', { [annotations.rolledOutSpec]: JSON.stringify(image) }, image],
  ])('is found again to be true of every member %s', (_, marks, found) => {
    const both = { [annotations.acceptedSpec]: JSON.stringify(spec), ...marks };
    expect(memoryAfter(all(lostJournal, onSet(both))).rolledOut).toEqual({ generation: 1, spec: found });
  });

  const switching = { work: () => [{ field: 'spec.image', work: 'replace' as const }] };
  const closed = { ...switching, windows: () => ({ isOpen: false, opensAt: at + 60_000 }) };
  const nightly = { image: 'other', maintenanceWindows: [{ schedule: '0 2 * * *', duration: '2h' }] };
  const held: HeldEdit = { generation: 2, by: 'Paused', message: 'before', until: null };

  it('waits for its window, and is asked again when that opens', () => {
    const memory = memoryAfter(written(2, nightly), {}, closed);
    expect(accepts(memory)).toEqual([1, 1]);
    expect(memory.held).toMatchObject({ generation: 2, by: 'Window', until: at + 60_000 });
    expect(memory.timers['window']).toEqual({ dueAt: at + 60_000, because: memory.held?.message });
  });

  it.each<readonly [string, Change, Partial<SpecJudge>]>([
    [
      'of a cluster that is being made',
      all(written(2, nightly), remembering({ rolledOutGeneration: null, rolledOut: null })),
      closed,
    ],
    ['that takes no procedure', written(2, nightly), { ...closed, needsRollout: () => false }],
    ['that costs nothing', written(2, nightly), { windows: closed.windows }],
  ])('does not wait, for one %s', (_, change, by) => {
    const memory = memoryAfter(change, {}, by);
    expect([memory.accepted?.generation, memory.held]).toEqual([2, null]);
  });

  const images: Partial<SpecJudge> = { ...closed, needsRollout: (before, wanted) => before.image !== wanted.image };
  const begun = remembering({ accepted: { generation: 2, spec: { ...spec, ...nightly } } });

  it('does not wait where it asks for nothing beyond what is under way', () => {
    const memory = memoryAfter(all(written(3, { ...nightly, volumePolicy: 'Delete' }), begun), {}, images);
    expect([accepts(memory), memory.held]).toEqual([[3, 1], null]);
  });

  it.each<readonly [string, object, HeldEdit['by']]>([
    ['where it asks for more than what is under way', { ...nightly, image: 'a third' }, 'Window'],
    ['where it asks for what was before', { ...nightly, image: undefined }, 'Window'],
    ['where it stops what is under way', { ...nightly, paused: true }, 'Paused'],
  ])('waits %s', (_, change, by) => {
    const memory = memoryAfter(all(written(3, change), begun), {}, images);
    expect([accepts(memory), memory.held?.by]).toEqual([[2, 1], by]);
  });

  it('waits no more once it may begin, and its window is not asked for', () => {
    const before = remembering({ held, timers: { window: { dueAt: 1, because: '' } } });
    const memory = memoryAfter(before);
    expect([memory.held, memory.timers]).toEqual([null, {}]);
    expect(memoryAfter(before, { known: false }).held).toEqual(held);
  });
});

describe('what is chosen once', () => {
  const params = { postgresqlParams: { a_b: '1' } };
  const withSpec =
    (change: Partial<PostgresClusterSpec>): Change =>
    (facts) =>
      all(written(1, change), remembering({ accepted: { generation: 1, spec: { ...spec, ...change } } }))(facts);

  const unset = gone('StatefulSet/shop');
  const unborn = remembering({ bootstrapParameters: { a_b: '0' }, systemIdentifier: null });
  const unanswered = {
    ...{ count: 1, reason: 'OutcomeUnknown', message: '', permanent: false },
    ...{ since: 1, waiting: true, needsRead: true },
  };

  it.each<readonly [string, Change, Partial<Memory>]>([
    ['the mode of the spec', all(withSpec({ dcs: 'ConfigMaps' }), remembering({ dcs: null })), { dcs: 'ConfigMaps' }],
    ['the mode of the settings', remembering({ dcs: null }), { dcs: 'Endpoints' }],
    ['the mode of before', withSpec({ dcs: 'ConfigMaps' }), { dcs: 'Endpoints' }],
    ['no mode without settings', all(remembering({ dcs: null, image: null }), noSettings), { dcs: null, image: null }],
    ['the image of the spec', withSpec({ image: 'mine' }), { image: 'mine' }],
    ['the image of before', remembering({ image: 'before' }), { image: 'before' }],
    ['the image of the catalog', remembering({ image: null }), { image: 'i' }],
    [
      'no image where the catalog has none',
      all(withSpec({ version: '18' }), remembering({ image: null })),
      { image: null },
    ],
    [
      'the parameters that the cluster is made with',
      all(unmade, withSpec(params)),
      { bootstrapParameters: { a_b: '1' } },
    ],
    [
      'others while nothing is made',
      all(unmade, withSpec({}), remembering({ bootstrapParameters: { a_b: '1' } })),
      { bootstrapParameters: {} },
    ],
    [
      'the parameters that it was made with',
      all(withSpec(params), remembering({ bootstrapParameters: { a_b: '0' } })),
      { bootstrapParameters: { a_b: '0' } },
    ],
    [
      'those that the StatefulSet names where the journal is lost',
      all(withSpec(params), onSet({ [annotations.bootstrapParameters]: '{"a_b":"2"}' })),
      { bootstrapParameters: { a_b: '2' } },
    ],
    ['those of the spec where it names none', withSpec(params), { bootstrapParameters: { a_b: '1' } }],
    [
      'those of the spec while the StatefulSet is not there, whatever else is',
      all(unset, withSpec(params), unborn),
      { bootstrapParameters: { a_b: '1' } },
    ],
    [
      'those that it was made with where the StatefulSet is taken away',
      all(unset, withSpec(params), remembering({ bootstrapParameters: { a_b: '0' } })),
      { bootstrapParameters: { a_b: '0' } },
    ],
    [
      'those that a StatefulSet may be made with just now',
      all(unset, withSpec(params), unborn, remembering({ failures: { 'StatefulSet/shop': unanswered } })),
      { bootstrapParameters: { a_b: '0' } },
    ],
  ])('is %s', (_, change, memory) => expect(memoryAfter(change)).toMatchObject(memory));

  it('is an image, unless the field that named it is gone', () => {
    const memory = factsOf(calm).memory;
    expect(withImageOf(memory, spec, spec)).toBe(memory);
    expect(withImageOf(memory, image, image)).toBe(memory);
    expect(withImageOf(memory, image, spec).image).toBeNull();
  });

  it('is an image that is gone back to, while the spec that names another is not true yet', () => {
    const named = withImageOf(factsOf(calm).memory, spec, image);
    expect(named).toMatchObject({ image: 'i', chosenImage: 'i' });
    const back = withImageOf({ ...named, image: 'other' }, image, spec);
    expect(back.image).toBe('i');
    expect('chosenImage' in back).toBe(false);
  });

  it('is that image for who finds it on the StatefulSet alone', () => {
    const marks = { [annotations.rolledOutSpec]: JSON.stringify(spec), [annotations.chosenImage]: 'before' };
    const found = remembering({ rolledOut: null, image: 'other' });
    expect(memoryAfter(all(found, onSet(marks)))).toMatchObject({ chosenImage: 'before' });
  });
});

describe('what Secrets say and nobody asked for by a token', () => {
  const edited = (change: Change = asIs, choice: Partial<Choice> = {}, of = newSuperuser): Facts =>
    change(holding(of, choice));
  const says = `Secret ${people} says what is not in force`;
  const request = { ...asked, token: says, unasked: true };
  const refusedMark = 'eeeeee-bbbbbb-cccccc-dddddd';
  const given = (token: string): Change =>
    remembering({ refused: { 'rotate-credentials': { token, reason: '', message: '' } } });
  const missing = 'not ready: shop-1 (its pod is not Ready)';

  it.each<readonly [string, Facts, unknown, string | null]>([
    ['is taken up', edited(), request, null],
    ['is nothing while all agree', holding(), null, null],
    [
      'is taken up for the application while a member is missing',
      edited(asIs, { ready: 1 }, newApplication as never),
      { ...request, token: 'Secret shop-app says what is not in force' },
      null,
    ],
    ['waits for members that would start anew', edited(asIs, { ready: 1 }), null, `${says}; that waits: ${missing}`],
    [
      'waits for who leads',
      edited(asIs, { leader: 'none' }),
      null,
      `${says}; that waits: nobody writes: no member holds the leader key`,
    ],
    [
      'waits for a rollout',
      edited(remembering({ rolledOutGeneration: 0 })),
      null,
      `${says}; that waits: the spec is being rolled out`,
    ],
    ['is let be while the cluster goes', edited(written(1, {}, { deleting: true })), null, null],
    ['is let be once it was given up', edited(given(refusedMark)), null, null],
    ['is taken up again when it is something else', edited(given('another')), request, null],
  ])('%s', (_, facts, taken, waits) => {
    const before = remembering({ leader: { name: 'shop-0', timeline: 1 } })(facts);
    expect(waitingRotation(before)).toBe(waits);
    expect(settle(before, judge, at).memory.request).toEqual(taken);
  });

  it('is left to what is under way', () => {
    const facts = edited(remembering({ request: { ...asked, unasked: true, token: 'before' } }));
    expect(waitingRotation(facts)).toBeNull();
    expect(settle(facts, judge, at).memory.request?.token).toBe('before');
  });

  it('is held while the spec is paused, behind an edit that is held', () => {
    const facts = edited(written(1, { paused: true }));
    expect(settle(facts, judge, at).memory).toMatchObject({
      request: null,
      held: { by: 'Paused', message: `${says} is held: spec.paused is set` },
    });
    const both = settle(edited(written(2, { paused: true, image: 'other' })), judge, at).memory;
    expect(both.held?.message).toBe(
      'generation 2 is held: spec.paused is set; Secret shop-credentials says what is not in force is held: spec.paused is set',
    );
  });
});
