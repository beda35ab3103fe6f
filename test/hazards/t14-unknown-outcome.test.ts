/**
 * T14: nobody knows how it ended. The request is lost, or its answer, or it arrives when its sender has given up; and the
 * sender dies, or does not.
 * Hunts: "commit result unknown" of FoundationDB's layers; the loops of AlreadyExists of T1; passwords made twice.
 * Switch: `test/mutants/t14-secret-applied-over.patch`.
 */
import { describe, expect, it } from 'vitest';
import { singleFaults } from '#src/sim/exploration.ts';
import type { Fate } from '#src/sim/fate.ts';
import type { Plan } from '#src/sim/plan.ts';
import { calm, namespace, operator, planOf, slice, violated } from './hazard.ts';
import { secretsMadeOnce } from './laws.ts';

const fates: readonly Fate[] = [
  { type: 'lost-request', silent: true },
  { type: 'lost-answer', silent: true },
  { type: 'lost-answer', silent: false },
  { type: 'held', ms: 6_000 },
];

/** With its sender's death, three seconds later. */
function andDies({ scenario, steps }: Plan, atMs: number): Plan {
  return planOf(scenario, [...steps, { type: 'crash-at', operator, atMs, mode: 'kill', ms: 0 }]);
}

const trial = { also: [secretsMadeOnce] };

describe('T14: an outcome that nobody knows', () => {
  it.each(fates.map((fate) => [JSON.stringify(fate), fate] as const))(
    '%s, with and without the death of its sender: one result',
    async (_, fate) => {
      const plans = slice(singleFaults((await calm('create')).run, [fate]).slice(20, 90), 1);
      expect(await violated([...plans, ...plans.map((plan) => andDies(plan, 1_100))], trial)).toEqual([]);
    },
  );

  it.each(fates.map((fate) => [JSON.stringify(fate), fate] as const))(
    'of making the passwords, again and again: %s',
    async (_, fate) => {
      const to = `PATCH /api/v1/namespaces/${namespace}/secrets/`;
      const steps = [{ type: 'requests', operator, to, atMs: 500, ms: 12_000, fate }] as const;
      const deaths = [1_060, 5_000, 9_000].map(
        (atMs) => ({ type: 'crash-at', operator, atMs, mode: 'kill', ms: 0 }) as const,
      );
      expect(await violated([planOf('create', [...steps, ...deaths])], trial)).toEqual([]);
    },
  );
});
