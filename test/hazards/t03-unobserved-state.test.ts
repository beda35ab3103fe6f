/**
 * T3: unobserved state. What came and went again between two sights: history is forgotten while nobody looks.
 * Hunts: instaclustr/cassandra-operator#398 (a scale-down that was taken back), zalando/postgres-operator#2678 (a cluster
 * deleted while its operator was down).
 * Switch: `test/mutants/t03-absence-not-told.patch`.
 */
import { describe, expect, it } from 'vitest';
import type { Plan, PlanStep } from '#src/sim/plan.ts';
import { calm, namespace, operator, planOf, slice, violated } from './hazard.ts';

/** Down, or deaf, from one moment to another; what came between is in no history any more. */
function unseen(scenario: string, fromMs: number, untilMs: number, between: readonly PlanStep[] = []): readonly Plan[] {
  const ms = untilMs - fromMs;
  const forgotten: PlanStep = { type: 'compact', atMs: untilMs - 1 };
  const deaf: PlanStep = {
    type: 'requests',
    operator,
    to: 'GET',
    atMs: fromMs,
    ms,
    fate: { type: 'lost-request', silent: false },
  };
  return [
    planOf(scenario, [{ type: 'crash-at', operator, atMs: fromMs, mode: 'pause', ms }, ...between, forgotten]),
    planOf(scenario, [{ type: 'watches-end', atMs: fromMs }, deaf, ...between, forgotten]),
  ];
}

function spec(atMs: number, change: object): PlanStep {
  const path = `/apis/postgres.example.com/v1alpha1/namespaces/${namespace}/postgresclusters/shop`;
  return { type: 'meddle', atMs, path, manager: 'kubectl', how: 'merge', body: { spec: change } };
}

describe('T3: what nobody saw', () => {
  it.each(['vandal', 'recreate'])(
    '%s: whichever stretch of it is missed, it leads to the same end',
    async (scenario) => {
      const { story } = await calm(scenario);
      const moments = story.map(({ atMs }) => atMs);
      const spans = slice(moments, 3).flatMap((from) => unseen(scenario, from, from + 31_000));
      expect(await violated(spans)).toEqual([]);
    },
  );

  it('vandal: each deletion that is missed is found out, and made good', async () => {
    const { story } = await calm('vandal');
    const deletions = story.filter(({ type, name }) => type === 'DELETED' && ['shop-pdb', 'shop-repl'].includes(name));
    expect(deletions.length).toBeGreaterThan(0);
    const spans = deletions.flatMap(({ atMs }) => unseen('vandal', atMs - 1, atMs + 31_000));
    expect(await violated(spans)).toEqual([]);
  });

  it('a spec that was changed and changed back while nobody looked changes nothing', async () => {
    const service = `/api/v1/namespaces/${namespace}/services/shop-repl`;
    const added = (atMs: number, value: string | null): PlanStep => {
      const body = { metadata: { annotations: { 'somebody/else': value } } };
      return { type: 'meddle', atMs, path: service, manager: 'somebody', how: 'merge', body };
    };
    const between = [
      spec(42_000, { postgresqlParams: { work_mem: '8MB' } }),
      added(43_000, 'x'),
      added(44_000, null),
      spec(45_000, { postgresqlParams: null }),
    ];
    expect(await violated(unseen('create', 40_000, 70_000, between))).toEqual([]);
  });
});
