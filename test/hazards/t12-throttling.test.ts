/**
 * T12: throttling. The API server asks to be left alone for a while.
 * Hunts: stackablectl#370 (429 while a store begins), kopf#963 (objects forgotten after a 429).
 * Switch: `test/mutants/t12-retry-after-ignored.patch`.
 */
import { describe, expect, it } from 'vitest';
import type { Fate } from '#src/sim/fate.ts';
import { namespace, operator, planOf, violated } from './hazard.ts';
import { counting } from './laws.ts';

const retryAfterMs = 30_000;
const tooMany: Fate = { type: 'replaced', status: 429, reason: 'TooManyRequests', retryAfterMs };
const groups = ['/api/v1/', '/apis/apps', '/apis/rbac', '/apis/policy', '/apis/postgres'] as const;

describe('T12: a server that asks for patience', () => {
  it.each(['GET', 'PATCH', 'DELETE', 'POST'])(
    'of %s, for thirty seconds: it is kept, and all the rest follows',
    async (verb) => {
      const steps = groups.map(
        (group) =>
          ({ type: 'requests', operator, to: `${verb} ${group}`, atMs: 1_020, ms: 30_000, fate: tooMany }) as const,
      );
      expect(await violated([planOf('delete-volumes', steps)])).toEqual([]);
    },
  );

  it('is not asked again sooner than it said', async () => {
    const to = `PATCH /api/v1/namespaces/${namespace}/services/shop-repl`;
    let times: readonly number[] = [];
    const also = [counting(to, 0, 120_000, (each) => (times = each))];
    const step = { type: 'requests', operator, to, atMs: 500, ms: 20_000, fate: tooMany } as const;
    expect(await violated([planOf('create', [step])], { also })).toEqual([]);
    const [first = 0, second = 0] = times;
    expect(times.length).toBe(2);
    expect(second - first).toBeGreaterThanOrEqual(retryAfterMs);
  });

  it('slow answers, of five seconds each, only make it slow', async () => {
    const steps = groups.map(
      (group) =>
        ({
          type: 'requests',
          operator,
          to: `PATCH ${group}`,
          atMs: 500,
          ms: 60_000,
          fate: { type: 'held', ms: 5_000 },
        }) as const,
    );
    expect(await violated([planOf('create', steps)])).toEqual([]);
  });
});
