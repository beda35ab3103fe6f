/**
 * T8: a status that lies. Invariant G9 rides along in every run; here the truth changes under the operator's hands.
 * Hunts: cloudnative-pg#10761 (healthy with no pods), CloudNativePG 1.30 (flapping), zalando/postgres-operator#2102 (failed
 * although fine).
 * Switch: `test/mutants/t08-ready-without-members.patch`.
 */
import { describe, expect, it } from 'vitest';
import type { Plan } from '#src/sim/plan.ts';
import { namespace, operator, planOf, violated } from './hazard.ts';
import { steady } from './laws.ts';

const pod = (ordinal: number): string => `${namespace}/shop-${ordinal}`;

const plans: readonly (readonly [what: string, plan: Plan])[] = [
  [
    'both members down',
    planOf(
      'create',
      [0, 1].map((each) => ({ type: 'kill-member', atMs: 40_000, pod: pod(each), ms: 200_000 })),
    ),
  ],
  ...[0, 1].map((each): (typeof plans)[number] => [
    `shop-${each} down`,
    planOf('create', [{ type: 'kill-member', atMs: 40_000, pod: pod(each), ms: 200_000 }]),
  ]),
  [
    'a member that comes and goes',
    planOf(
      'create',
      [0, 1, 2, 3].map((each) => ({ type: 'kill-member', atMs: 40_000 + each * 20_000, pod: pod(1), ms: 4_000 })),
    ),
  ],
  ['the leader cut off', planOf('create', [{ type: 'cut-member', atMs: 40_000, pod: pod(0), ms: 90_000 }])],
  [
    'the operator blind while the leader dies',
    planOf('create', [
      {
        type: 'requests',
        operator,
        to: 'GET',
        atMs: 39_000,
        ms: 150_000,
        fate: { type: 'lost-request', silent: true },
      },
      { type: 'watches-end', atMs: 39_500 },
      { type: 'kill-member', atMs: 40_000, pod: pod(0), ms: 120_000 },
    ]),
  ],
];

describe('T8: what a status says', () => {
  it.each(plans)('%s: Running is never said of what does not run, and no phase flickers', async (_, plan) => {
    expect(await violated([plan], { also: [steady(7)] })).toEqual([]);
  });
});
