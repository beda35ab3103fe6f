/**
 * T7: retry storms. One effect fails for ever, in every way there is; or somebody else writes the opposite for ever.
 * Hunts: cloudnative-pg#9974, #9885; operator-lifecycle-manager#1816 (megabytes a second of no-ops that made each other).
 * Switches: `test/mutants/t07-no-backoff.patch`, `t07-asked-again-at-once.patch`.
 */
import { describe, expect, it } from 'vitest';
import type { Fate } from '#src/sim/fate.ts';
import type { Plan } from '#src/sim/plan.ts';
import { judged, namespace, operator, planOf, violated, waitUntil } from './hazard.ts';
import { counting } from './laws.ts';

const replaced = (status: number, reason: string): Fate => ({ type: 'replaced', status, reason, retryAfterMs: null });

const fates: readonly (readonly [what: string, fate: Fate])[] = [
  ['400', replaced(400, 'BadRequest')],
  ['403', replaced(403, 'Forbidden')],
  ['409', replaced(409, 'Conflict')],
  ['422', replaced(422, 'Invalid')],
  ['500', replaced(500, 'InternalError')],
  ['no answer', { type: 'lost-answer', silent: true }],
];

const fromMs = 1_000;
const ms = 600_000;
/** First wait 1 s after a conflict and 5 s else, doubling to five minutes: see `machines/cluster/backoff.ts`. */
const most = Math.ceil(Math.log2(300)) + Math.ceil(ms / 300_000) + 1;

/** When it was asked, trials too, while the fault lasted. */
async function asked(to: string, steps: Plan['steps']): Promise<readonly number[]> {
  let times: readonly number[] = [];
  const also = [counting(to, fromMs, fromMs + ms, (each) => (times = each))];
  expect(await violated([planOf('create', steps)], { also })).toEqual([]);
  return times;
}

describe('T7: an effect that fails for ever', () => {
  it.each(fates)('with %s: it is asked for ever more slowly, and all the rest goes on', async (_, fate) => {
    const to = `PATCH /api/v1/namespaces/${namespace}/services/shop-repl`;
    const steps = [{ type: 'requests', operator, to, atMs: fromMs - 500, ms, fate }] as const;
    const times = await asked(to, steps);
    expect(times.length).toBeGreaterThan(3);
    expect(times.length).toBeLessThanOrEqual(most);
  });

  it('of saying how it is, or of asking what would be: no answer is no reason to ask at once', async () => {
    const status = `PATCH /apis/postgres.example.com/v1alpha1/namespaces/${namespace}/postgresclusters/shop/status`;
    const fate: Fate = { type: 'lost-answer', silent: false };
    for (const to of [status, `PATCH /api/v1/namespaces/${namespace}/services/shop-repl`]) {
      const steps = [{ type: 'requests', operator, to, atMs: fromMs - 500, ms, fate }] as const;
      expect((await asked(to, steps)).length).toBeLessThanOrEqual(most + 8);
    }
  });

  it('of telling a cluster that is gone, while no watch says so', async () => {
    const atMs = 60_000;
    const path = `/apis/postgres.example.com/v1alpha1/namespaces/${namespace}/postgresclusters/shop`;
    const by = { atMs, path, manager: 'kubectl' };
    let times: readonly number[] = [];
    const also = [counting(`PATCH ${path}/status`, atMs, atMs + 120_000, (each) => (times = each))];
    const plan = planOf('create', [
      { type: 'line', operator, resource: 'postgresclusters', nth: 6, fate: { type: 'frozen' } },
      { type: 'meddle', ...by, how: 'merge', body: { metadata: { finalizers: null } } },
      { type: 'meddle', ...by, atMs: atMs + 1_000, how: 'delete', body: {} },
      { type: 'kill-member', atMs: atMs + 2_000, pod: `${namespace}/shop-0`, ms: 5_000 },
      { type: 'kill-member', atMs: atMs + 2_000, pod: `${namespace}/shop-1`, ms: 5_000 },
      waitUntil(atMs + 110_000),
    ]);
    // The plan itself takes away what the scenario is for.
    const violations = await judged(plan, { also, sameEnd: false });
    expect(violations.map(({ because }) => because)).toEqual(['create: the goal was reached and left again']);
    expect(times.length).toBeGreaterThan(1);
    expect(times.length).toBeLessThan(20);
  });
});
