/** Whose turn it is across all clusters of a term, from what each of them decides. */
import { describe, expect, it } from 'vitest';
import type { DurableDecision } from '#src/actor/ports.ts';
import { makeFleet } from '#src/operator/fleet.ts';
import type { StreamInput } from '#src/stream/items.ts';
import { calm, factsOf } from '../../machines/cluster/worlds.ts';

const shop = { uid: 'u-1', namespace: 'team', name: 'shop' };
const other = { uid: 'u-2', namespace: 'team', name: 'other' };

/** What the shop decides with an edit that waits for its turn. */
function waits(): DurableDecision {
  const facts = factsOf({ ...calm, generation: 'newer' });
  const turn = { subject: 'generation 2', change: 'image=2', isApproved: false };
  const held = { generation: 2, by: 'Turn', message: 'it waits', until: null, turn } as const;
  const observation = { type: 'ProcessStarted', build: 'b', epoch: 1 } as const;
  return {
    cluster: shop,
    stamp: { seq: 7 },
    decision: { observation, intents: [] },
    snapshot: { machine: 'cluster', state: 'Alive.Running', facts: { ...facts, memory: { ...facts.memory, held } } },
  } as unknown as DurableDecision;
}

const answers = (told: readonly StreamInput[]): readonly unknown[] =>
  told.map((each) => (each.type === 'feedback' ? each.observation : each));

describe('a fleet', () => {
  it('that waits for one cluster alone goes on once that one is parked', () => {
    const fleet = makeFleet(1, [shop, other]);
    expect(fleet.decided(waits())).toEqual([]);
    expect(answers(fleet.parked(other.uid))).toMatchObject([{ type: 'TurnTold', answer: 'granted' }]);
  });

  it('that waits for one cluster alone goes on once that one is seen, also when it is as it was', () => {
    const fleet = makeFleet(1, [shop]);
    const { snapshot, ...rest } = waits();
    const { world } = snapshot.facts;
    const unseen = { ...snapshot, facts: { ...snapshot.facts, world: { ...world, cluster: null } } };
    expect(fleet.decided({ ...rest, snapshot: unseen } as DurableDecision)).toEqual([]);
    expect(answers(fleet.decided({ ...rest, snapshot }))).toMatchObject([{ type: 'TurnTold', answer: 'granted' }]);
  });
});
