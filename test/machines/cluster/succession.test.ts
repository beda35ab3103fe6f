/** Who may take over on purpose, and the words for why each other member may not. */
import { describe, expect, it } from 'vitest';
import type { Facts } from '#machines/cluster/facts.ts';
import { successor, type Demand } from '#machines/cluster/tables/succession.ts';
import { calm, factsOf, type Choice } from './worlds.ts';

const anybody: Demand = { template: null, below: Infinity, member: null };

/** Three members; how far each of them is. */
function threeAt(positions: readonly (number | null)[]): Facts {
  const facts = factsOf(calm);
  const { accepted } = facts.memory;
  const first = facts.world.objects['Pod/shop-1'];
  if (accepted === null || first === undefined) throw new Error('no cluster');
  const pods = positions.map((positionBytes, ordinal) => {
    const name = `shop-${ordinal}`;
    const { object, ...fact } = facts.world.objects[`Pod/${name}`] ?? first;
    if (object.detail.type !== 'Pod' || object.detail.patroni === null) throw new Error('no pod');
    const detail = { ...object.detail, patroni: { ...object.detail.patroni, positionBytes } };
    return [`Pod/${name}`, { ...fact, object: { ...object, name, uid: `Pod-${name}`, detail } }] as const;
  });
  return {
    world: { ...facts.world, objects: { ...facts.world.objects, ...Object.fromEntries(pods) } },
    memory: { ...facts.memory, accepted: { ...accepted, spec: { ...accepted.spec, replicas: 3 } } },
  };
}

describe('who takes over', () => {
  it.each<readonly [Partial<Choice>, Partial<Demand>, string]>([
    [{ ready: 1 }, {}, 'shop-1: its pod is not Ready'],
    [{ template: 'replica-old' }, { template: 'new' }, 'shop-1: it does not run the new template yet'],
    [{}, { below: 1 }, 'shop-1: it is on its way out'],
    [{}, { member: 'shop-0' }, 'shop-0: it leads'],
    [{ ready: 1 }, { member: 'shop-1' }, 'shop-1: its pod is not Ready'],
    [{}, { member: 'shop-7' }, 'there is no replica'],
    [{ synchrony: 'unconfirmed' }, {}, 'shop-1: it does not confirm commits'],
  ])('is nobody with %o and %o', (choice, demand, reason) => {
    const answer = successor(factsOf({ ...calm, ...choice }), { ...anybody, ...demand });
    expect(answer).toEqual({
      answer: 'no',
      because: `nobody can take over: ${reason}`,
      values: { leader: 'shop-0', candidate: null },
    });
  });

  it('is a replica that is healthy, asked for, on the template and confirms', () => {
    const facts = factsOf({ ...calm, synchrony: 'confirmed' });
    expect(successor(facts, { template: 'new', below: 2, member: 'shop-1' })).toEqual({
      answer: 'yes',
      because: 'shop-1 streams from shop-0 and is least behind',
      values: { leader: 'shop-0', candidate: 'shop-1', lagBytes: 0 },
    });
  });

  it.each([
    [[100, 10, 50], 'shop-2', 50],
    [[100, 50, 10], 'shop-1', 50],
    [[100, 50, 50], 'shop-1', 50],
  ] as const)('of members at %j is %s, %i bytes behind', (positions, candidate, lagBytes) => {
    expect(successor(threeAt(positions), anybody).values).toEqual({ leader: 'shop-0', candidate, lagBytes });
  });

  it('is said of each that may not', () => {
    expect(successor(threeAt([100, null, null]), anybody).because).toBe(
      'nobody can take over: shop-1: its position is not known; shop-2: its position is not known',
    );
    const one = successor(threeAt([100, null, null]), { ...anybody, member: 'shop-2' });
    expect(one.because).toBe('nobody can take over: shop-2: its position is not known');
  });
});
