/** The way to another number of members, step by step: who goes, who hands over first, and what holds it up. */
import { describe, expect, it } from 'vitest';
import type { Facts } from '#machines/cluster/facts.ts';
import type { DcsSeen } from '#machines/cluster/observations.ts';
import { nextMembers, scalingStep, type ScalingStep } from '#machines/cluster/tables/scaling.ts';
import { calm, factsOf, type Choice } from './worlds.ts';

/** Two members run; so many are wanted, and so many the StatefulSet has. */
function facts(wanted: number, made: number | null = 2, choice: Partial<Choice> = {}): Facts {
  const base = factsOf({ ...calm, ...choice });
  const { accepted } = base.memory;
  const fact = base.world.objects['StatefulSet/shop'];
  if (accepted === null || fact?.object.detail.type !== 'StatefulSet') throw new Error('no cluster');
  const { 'StatefulSet/shop': _before, ...others } = base.world.objects;
  const set = { ...fact, object: { ...fact.object, detail: { ...fact.object.detail, replicas: made ?? 0 } } };
  return {
    world: { ...base.world, objects: made === null ? others : { ...others, 'StatefulSet/shop': set } },
    memory: { ...base.memory, accepted: { ...accepted, spec: { ...accepted.spec, replicas: wanted } } },
  };
}

/** An object of Patroni's says something else. */
function dcs(before: Facts, name: string, change: Partial<DcsSeen>): Facts {
  const fact = before.world.objects[`Endpoints/${name}`] ?? before.world.objects['Endpoints/shop'];
  if (fact?.object.detail.type !== 'Endpoints' || fact.object.detail.dcs === null) throw new Error('no object');
  const detail = { ...fact.object.detail, dcs: { ...fact.object.detail.dcs, ...change } };
  const object = { ...fact.object, name, uid: `Endpoints-${name}`, detail };
  return {
    ...before,
    world: { ...before.world, objects: { ...before.world.objects, [`Endpoints/${name}`]: { ...fact, object } } },
  };
}

/** The other member leads. */
function ledBySecond(before: Facts): Facts {
  const [one, two] = ['Pod/shop-0', 'Pod/shop-1'].map((key) => before.world.objects[key]);
  if (one?.object.detail.type !== 'Pod' || two?.object.detail.type !== 'Pod') throw new Error('no pods');
  const objects = {
    ...before.world.objects,
    'Pod/shop-0': { ...one, object: { ...one.object, detail: two.object.detail } },
    'Pod/shop-1': { ...two, object: { ...two.object, detail: one.object.detail } },
  };
  return dcs({ ...before, world: { ...before.world, objects } }, 'shop', { leader: 'shop-1' });
}

const calmly = { handOver: null, isHeld: false } as const;

describe('another number of members', () => {
  it.each<readonly [string, Facts, ScalingStep, number]>([
    [
      'nothing is known of the StatefulSet',
      facts(2, null),
      { ...calmly, stage: 'done', because: 'the StatefulSet has not been seen' },
      2,
    ],
    ['all are there', facts(2), { ...calmly, stage: 'done', because: 'there are 2 members' }, 2],
    ['more are wanted', facts(3), { ...calmly, stage: 'adding', because: '3 members are wanted, there are 2' }, 3],
    ['one less is wanted', facts(1), { ...calmly, stage: 'removing', because: 'shop-1 goes' }, 1],
    [
      'whoever went last is not gone',
      facts(1, 1),
      { ...calmly, stage: 'removing', because: 'shop-1 has to be gone' },
      1,
    ],
    [
      'nobody has said how many are wanted',
      facts(0, 1),
      { ...calmly, stage: 'done', because: 'the StatefulSet has not been seen' },
      1,
    ],
    [
      'nobody leads',
      facts(1, 2, { leader: 'none' }),
      { ...calmly, stage: 'removing', because: 'no member holds the leader key' },
      2,
    ],
    [
      'Patroni is paused',
      dcs(facts(1), 'shop-config', { paused: true }),
      {
        ...calmly,
        stage: 'removing',
        because: 'Patroni is paused by hand; no member goes until it is resumed',
        isHeld: true,
      },
      2,
    ],
    [
      'who is to go leads',
      ledBySecond(facts(1)),
      {
        stage: 'handingOver',
        because: 'shop-1 leads and is to go: shop-0 streams from shop-1 and is least behind',
        handOver: { leader: 'shop-1', candidate: 'shop-0' },
        isHeld: false,
      },
      2,
    ],
    [
      'who is to go was asked to hand over',
      dcs(ledBySecond(facts(1)), 'shop-failover', { failover: { leader: 'shop-1', candidate: 'shop-0' } as never }),
      { ...calmly, stage: 'handingOver', because: 'shop-1 is asked to hand over to shop-0' },
      2,
    ],
    [
      'who is to go was asked to hand over to whomever',
      dcs(ledBySecond(facts(1)), 'shop-failover', { failover: { leader: 'shop-1', candidate: null } as never }),
      { ...calmly, stage: 'handingOver', because: 'shop-1 is asked to hand over to anybody' },
      2,
    ],
  ])('while %s', (_, now, step, next) => {
    expect(scalingStep(now)).toEqual(step);
    expect(nextMembers(now)).toBe(next);
  });

  it('does not let one go while another is not ready', () => {
    const one = facts(1, 3, { ready: 1 });
    expect(scalingStep(one)).toEqual({ ...calmly, stage: 'removing', because: 'shop-2 goes' });
    expect(nextMembers(facts(2, 3, { ready: 1 }))).toBe(3);
    expect(nextMembers(facts(2, 3))).toBe(2);
  });

  it('waits until fewer are needed to confirm commits', () => {
    const now = facts(1, 2, { synchrony: 'confirmed' });
    const { stage, because, isHeld } = scalingStep(now);
    expect({ stage, isHeld, next: nextMembers(now) }).toEqual({ stage: 'removing', isHeld: true, next: 2 });
    expect(because).toBe(
      'Patroni has to be told first: 1 of the replicas must confirm commits, so that 2 members have to stay',
    );
  });
});
