/** What is wished, to the word: on an object, by a state, and what keeps a wish back. */
import { describe, expect, it } from 'vitest';
import type { Facts, Failure, Memory } from '#machines/cluster/facts.ts';
import type { ObjectProjection } from '#machines/cluster/observations.ts';
import type { DesiredObject, Plan } from '#machines/cluster/plan.ts';
import { keptBack, wants, wishedKeys, withoutForgotten } from '#machines/cluster/wants.ts';
import { dcsFinalizer, labels } from '#machines/shared/names.ts';
import { desired } from './changes.ts';
import { calm, factsOf, plan, type Choice } from './worlds.ts';

const running = 'Alive.Running';

function wishing(objects: readonly DesiredObject[]): Plan {
  return { ...plan, objects };
}

function remembering(memory: Partial<Memory>, choice: Partial<Choice> = {}): Facts {
  const facts = factsOf({ ...calm, ...choice });
  return { ...facts, memory: { ...facts.memory, ...memory } };
}

function withObject(
  change: Partial<ObjectProjection>,
  memory: Partial<Memory> = {},
  choice: Partial<Choice> = {},
): Facts {
  const facts = remembering(memory, choice);
  const base = factsOf(calm).world.objects['StatefulSet/shop']?.object;
  if (base === undefined) throw new Error('no StatefulSet');
  const object = { ...base, detail: { type: 'Service' }, ...change } as ObjectProjection;
  const objects = { ...facts.world.objects, [`${object.kind}/${object.name}`]: { object, since: 0, changed: [] } };
  return { ...facts, world: { ...facts.world, objects } };
}

function words(facts: Facts, of: Plan = plan, state = running): readonly string[] {
  return wants({ state, facts, plan: of }).map(
    ({ type, target, because }) => `${type} ${target.kind}/${target.name}: ${because}`,
  );
}

const failure: Failure = {
  count: 1,
  reason: 'OutcomeUnknown',
  message: 'the connection broke',
  permanent: false,
  since: 0,
  waiting: false,
  needsRead: true,
};

describe('of a cluster that lives', () => {
  it('nothing is wished where all is as it should be, or nothing is known', () => {
    expect(words(factsOf(calm))).toEqual([]);
    const missing = wishing([desired('Service', 'shop')]);
    expect(words(factsOf({ ...calm, known: false }), missing)).toEqual([]);
    expect(words(remembering({ accepted: null }), missing)).toEqual([]);
    const wrong = { ...missing, problems: [{ field: 'spec', value: null, rule: 'is wrong' }] };
    expect(words(factsOf(calm), wrong)).toEqual([]);
  });

  it('what is missing is made, each after what it needs, Secrets in their own way', () => {
    const of = wishing([
      desired('Service', 'shop'),
      desired('Secret', 'shop-app', { creation: 'C' }),
      desired('Role', 'shop', { after: ['StatefulSet/shop'] }),
      desired('RoleBinding', 'shop', { after: ['Role/shop'] }),
    ]);
    expect(words(factsOf(calm), of)).toEqual([
      'CreateObject Service/shop: Service/shop does not exist',
      'CreateSecret Secret/shop-app: Secret/shop-app does not exist',
      'CreateObject Role/shop: Role/shop does not exist',
    ]);
  });

  it('what an earlier cluster of its name left is taken over', () => {
    const left = { kind: 'Secret', name: 'shop-app', uid: 's', labels: { [labels.cluster]: 'shop' } } as const;
    const of = wishing([desired('Secret', 'shop-app', { creation: 'C', repair: 'none' })]);
    expect(
      words(withObject({ ...left, detail: { type: 'Secret', keys: [] } }, { database: { timeline: 1 } }), of),
    ).toEqual(['AdoptObject Secret/shop-app: Secret/shop-app is left from an earlier cluster of this name']);
  });

  it('what nobody knows what was applied to it is compared first', () => {
    const of = wishing([desired('Service', 'shop')]);
    expect(words(withObject({ kind: 'Service', name: 'shop' }), of)).toEqual([
      'CompareObject Service/shop: what was last applied to Service/shop is not known',
    ]);
  });

  it.each<readonly [string, Partial<ObjectProjection>, string, readonly string[]]>([
    ['is as it was applied', {}, 'text', []],
    [
      'was changed by hand',
      { ownedHash: 'other' },
      'text',
      ['RepairObject Service/shop: Service/shop was changed by hand: fields we own differ from what was applied'],
    ],
    [
      'is rendered otherwise by now',
      {},
      'before',
      ['RepairObject Service/shop: what the spec asks of Service/shop has changed'],
    ],
  ])('an object that %s', (_, seen, renderHash, wished) => {
    const expected = { 'Service/shop': { uid: 'u', ownedHash: 'hash', renderHash } };
    const facts = withObject({ kind: 'Service', name: 'shop', uid: 'u', ownedHash: 'hash', ...seen }, { expected });
    expect(words(facts, wishing([desired('Service', 'shop')]))).toEqual(wished);
  });

  it('a leaf that is changed is let be once the cluster goes', () => {
    const expected = { 'Service/shop': { uid: 'u', ownedHash: 'hash', renderHash: 'text' } };
    const change = { kind: 'Service', name: 'shop', uid: 'u', ownedHash: 'other' } as const;
    const facts = withObject(change, { expected }, { deleting: 'protected' });
    expect(words(facts, wishing([desired('Service', 'shop', { leaf: true })]))).toEqual([]);
    expect(words(facts, wishing([desired('Service', 'shop')]))).toHaveLength(1);
  });

  it('what is not known after a failure is read, unless it waits, is under way, or is the cluster itself', () => {
    const failing = (key: string, change: Partial<Failure> = {}, memory: Partial<Memory> = {}): readonly string[] =>
      words(remembering({ failures: { [key]: { ...failure, ...change } }, ...memory }));
    const wished = ['ReadObject Service/shop: OutcomeUnknown: what is there now must be read'];
    expect(failing('Service/shop')).toEqual(wished);
    expect(failing('Service/shop', { waiting: true })).toEqual([]);
    expect(failing('Service/shop', { needsRead: false })).toEqual([]);
    expect(failing('PostgresCluster/shop')).toEqual([]);
    expect(failing('Status')).toEqual([]);
    const open = { 'Service/shop': { type: 'CreateObject' } as never };
    expect(failing('Service/shop', {}, { open })).toEqual([]);
    expect(failing('Service/shop', {}, { open: { 'Read/Service/shop': { type: 'ReadObject' } as never } })).toEqual([]);
  });

  it('its database is made where it is not, and looked for on a new timeline', () => {
    const expected = { 'Secret/shop-app': { uid: 's', ownedHash: null, renderHash: null } };
    expect(words(remembering({ expected }, { database: false }))).toEqual([
      'CreateDatabase Pod/shop-0: database app with owner app is wanted and shop-0 can be written to',
    ]);
    expect(words(remembering({ expected, database: { timeline: 1 } }))).toEqual([]);
    expect(words(remembering({ expected, database: { timeline: 0 } }))).toEqual([
      'CreateDatabase Pod/shop-0: shop-0 leads on timeline 1: whether database app came along has to be seen',
    ]);
    expect(words(remembering({ expected }, { database: false, leader: 'none' }))).toEqual([]);
    expect(words(remembering({}, { database: false }))).toEqual([]);
  });

  it('nothing is made before its deletion can be ordered', () => {
    const facts = factsOf(calm);
    const { cluster } = facts.world;
    if (cluster === null) throw new Error('no cluster');
    const bare = (deleting: boolean): Facts => ({
      ...facts,
      world: { ...facts.world, cluster: { ...cluster, seen: { ...cluster.seen, finalizers: [], deleting } } },
    });
    const of = wishing([desired('Service', 'shop')]);
    expect(words(bare(false), of)).toEqual([
      'AddFinalizer PostgresCluster/shop: nothing may be created before its deletion can be ordered',
    ]);
    expect(words(bare(true), of)).toEqual([]);
  });

  it('the oldest Event is told', () => {
    const event = { reason: 'Why', note: 'it is so', severity: 'Normal' } as const;
    expect(words(remembering({ events: [event, { ...event, note: 'later' }] }))).toEqual([
      'EmitEvent Event/shop: it is so',
    ]);
  });
});

describe('a wish', () => {
  const of = wishing([desired('Service', 'shop')]);
  const wished = ['CreateObject Service/shop: Service/shop does not exist'];

  it.each<readonly [string, Partial<Memory>, readonly string[]]>([
    ['is sent', {}, wished],
    ['is not sent while it is under way', { open: { 'Service/shop': { type: 'CreateObject' } as never } }, []],
    ['is not sent while its effect is awaited', { timers: { 'await/Service/shop': { dueAt: 1, because: '' } } }, []],
    [
      'is not sent while it waits after a failure',
      { failures: { 'Service/shop': { ...failure, needsRead: false, waiting: true } } },
      [],
    ],
    ['is sent again after that', { failures: { 'Service/shop': { ...failure, needsRead: false } } }, wished],
  ])('%s', (_, memory, sent) => {
    const view = { state: running, facts: remembering(memory), plan: of };
    expect(words(view.facts, of)).toEqual(sent);
    expect([...wishedKeys(view)]).toEqual(['Service/shop']);
  });

  it('that nobody has any more takes its failure with it', () => {
    const idle = { ...failure, needsRead: false };
    const view = (failures: Memory['failures'], wanted: Plan): Facts =>
      withoutForgotten({ state: running, facts: remembering({ failures }), plan: wanted });
    const all = { 'Service/shop': idle, Status: idle, 'Service/other': { ...idle, waiting: true } };
    expect(Object.keys(view(all, plan).memory.failures)).toEqual(['Status', 'Service/other']);
    expect(Object.keys(view(all, of).memory.failures)).toEqual(['Service/shop', 'Status', 'Service/other']);
    const facts = remembering({ failures: { Status: idle } });
    expect(withoutForgotten({ state: running, facts, plan })).toBe(facts);
  });

  it('is kept back in mode Observe, and told', () => {
    const facts = factsOf(calm);
    const { cluster } = facts.world;
    if (cluster === null) throw new Error('no cluster');
    const spec = { ...cluster.seen.spec, mode: 'Observe' } as const;
    const observed = { ...facts, world: { ...facts.world, cluster: { ...cluster, seen: { ...cluster.seen, spec } } } };
    const told = (each: Facts): readonly string[] =>
      keptBack({ state: running, facts: each, plan: of }).map(({ type }) => type);
    expect([words(observed, of), told(observed)]).toEqual([[], ['CreateObject']]);
    expect(told(facts)).toEqual([]);
    expect(keptBack({ state: 'Deleting.stopping', facts: observed, plan: of })).toEqual([]);
  });
});

describe('of a cluster that goes', () => {
  const goes = { deleting: 'background' } as const;

  it('its StatefulSet goes first', () => {
    expect(words(factsOf({ ...calm, ...goes }), plan, 'Deleting.stopping')).toEqual([
      'DeleteObject StatefulSet/shop: the PostgresCluster was deleted; it is the turn of StatefulSet/shop',
    ]);
  });

  it('what was made and never seen is read by name', () => {
    const expected = { 'Service/shop-repl': { uid: 's', ownedHash: null, renderHash: null } };
    const wished = 'ReadObject Service/shop-repl: it was created and no watch has shown it';
    for (const state of ['Deleting.stopping', 'Deleting.clearing', 'Deleting.stripping'])
      expect(words(remembering({ expected }, goes), plan, state)).toContain(wished);
  });

  it('our finalizer comes off at last, and what holds ours until no pod needs it', () => {
    expect(words(factsOf({ ...calm, ...goes }), plan, 'Deleting.releasing')).toEqual([
      'ReleaseFinalizer PostgresCluster/shop: nothing is left to do',
    ]);
    const held = withObject(
      { kind: 'Service', name: 'shop-config', uid: 's', deleting: true, finalizers: [dcsFinalizer] },
      {},
      { ...goes, ready: 0, statefulSet: false },
    );
    expect(words(held, plan, 'Deleting.clearing')).toContain(
      'ReleaseObject Service/shop-config: no pod needs Service/shop-config any more',
    );
  });
});
