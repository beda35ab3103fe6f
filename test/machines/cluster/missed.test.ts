/**
 * Hazard: a member is dead, somebody edits the spec, and from then on nobody is called for that member: what is rolled out expects
 * members to be away. So it went for hours, with every edit that could not end without that member.
 */
import { describe, expect, it } from 'vitest';
import { conditionsOf, withConditions } from '#machines/cluster/conditions.ts';
import { entered } from '#machines/cluster/deadlines.ts';
import type { Facts } from '#machines/cluster/facts.ts';
import { settleState } from '#machines/cluster/fixpoint.ts';
import { settle } from '#machines/cluster/settle.ts';
import { makeBuilders } from '#src/resources/plan.ts';
import { all, asIs, dcs, pod, remembering, swapped, type Change } from './changes.ts';
import { calm, factsOf, plan, type Choice } from './worlds.ts';

const judge = makeBuilders();

interface Place {
  readonly state: string;
  readonly facts: Facts;
}

function from(state: string, choice: Partial<Choice> = {}): Place {
  return { state, facts: factsOf({ ...calm, ...choice }) };
}

/** Where a cluster stands, and what it says, after each of these changes was seen. */
function after(start: Place, ...changes: readonly Change[]): Place {
  return changes.reduce(({ state, facts }, change, at) => {
    const settled = settle(change(facts), judge, at);
    const { view } = settleState({ state, facts: settled, plan }, (each, step) => entered(each, step, at));
    const verdicts = conditionsOf({ ...view, specProblems: [] });
    const conditions = withConditions(view.facts.memory, verdicts, 1, at);
    return { state: view.state, facts: { ...view.facts, memory: { ...view.facts.memory, conditions } } };
  }, start);
}

/** Phase, and what condition Degraded says. */
function told({ state, facts }: Place): string {
  const { status = '', message = '' } = facts.memory.conditions['Degraded'] ?? {};
  return `${state.split('.')[1] ?? ''} ${status}: ${message}`;
}

const dies = (name: string): Change => pod(name, () => ({ ready: false }));
const returns = (name: string): Change => pod(name, () => ({ ready: true }));

/** The spec is edited in these fields. */
function edits(spec: object): Change {
  return (facts) => {
    const { cluster } = facts.world;
    if (cluster === null) throw new Error('no cluster');
    const { seen } = cluster;
    const next = { ...seen, generation: seen.generation + 1, spec: { ...seen.spec, ...spec } };
    return { ...facts, world: { ...facts.world, cluster: { ...cluster, seen: next } } };
  };
}

const image = edits({ image: 'other' });
const fine = 'False: no member is missing that should be there';
const gone = 'True: 1 of 2 members are ready; not ready: shop-1 (its pod is not Ready)';

describe('a member that was away before the spec was edited', () => {
  const edited = after(from('Alive.Running'), dies('shop-1'), image);

  it('is missed while that is rolled out', () => expect(told(edited)).toBe(`Updating ${gone}`));

  it('is missed no more once it is back', () => {
    const back = after(edited, returns('shop-1'));
    expect(told(back)).toBe(`Running ${fine}`);
    expect(back.facts.memory.missed).toBeUndefined();
  });

  it('is missed no more once it is not asked for', () =>
    expect(told(after(edited, edits({ replicas: 1, image: 'other' })))).toMatch(/ False: /));

  it('is told from one that is yet to be made', () => {
    const { state, facts } = after(from('Alive.Running'), dies('shop-1'), edits({ replicas: 3 }));
    expect(state).toMatch(/^Alive\.Scaling/);
    expect(facts.memory.missed).toEqual(['shop-1']);
  });

  it('and goes on being missed while its picture is not complete', () => {
    const blind: Change = (facts) => ({
      ...facts,
      world: { ...facts.world, knowledge: { type: 'unknown', since: 0, because: 'the API server is away' } },
    });
    const { facts } = after(edited, all(returns('shop-1'), blind));
    expect(facts.memory.missed).toEqual(['shop-1']);
  });
});

describe('a member that goes away while something is rolled out', () => {
  const rolling = from('Alive.Updating.replacing', { generation: 'newer', template: 'replica-old' });

  it('is not missed while that may be why', () =>
    expect(told(after(rolling, dies('shop-1')))).toBe(`Updating ${fine}`));

  it('is missed once its time is over, and from then on', () => {
    const late = remembering({ rolledOut: null, expired: ['deadline/updating/replacing/shop-1'] });
    expect(told(after(rolling, dies('shop-1'), late, asIs))).toBe(`Updating ${gone}`);
  });
});

describe('a primary that goes while something is rolled out', () => {
  const lost = dcs('shop', { leader: null });
  const taken = all(swapped, dies('shop-0'), dcs('shop', { leader: 'shop-1' }));
  const held = remembering({ expired: ['hold'] });
  const through = (state: string): string =>
    told(after(from(state, { generation: 'newer', template: 'leader-old' }), lost, taken, held));

  it('is not missed when it was asked to hand over', () => {
    expect(through('Alive.Updating.switching')).toBe(`Updating ${fine}`);
  });

  it('is missed when nobody asked it to', () => {
    expect(through('Alive.Updating.replacing')).toBe(
      'Updating True: 1 of 2 members are ready; not ready: shop-0 (its pod is not Ready)',
    );
  });
});
