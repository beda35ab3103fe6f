/**
 * T4: identity reuse. What an effect is about is deleted and made anew under its name, between decision and arrival, or
 * between arrival and answer.
 * Hunts: K8SPSMDB-430, K8SSAND-559 (volumes in use deleted because of a predecessor's mark), client-go#1346 (an apply made
 * a deleted pod anew), kubernetes#126107 (409 for what is gone, 422 for what is another).
 * Switch: `test/mutants/t04-no-uid.patch`.
 */
import { describe, expect, it } from 'vitest';
import type { Plan } from '#src/sim/plan.ts';
import { calm, namespace, operator, planOf, slice, violated } from './hazard.ts';
import { meantForOne } from './laws.ts';

const whens = ['before', 'after'] as const;

/** For some seconds, whatever a request that begins so is about is made anew as it comes. */
function reborn(scenario: string, to: string, atMs: number): readonly Plan[] {
  return whens.map((when) =>
    planOf(scenario, [{ type: 'requests', operator, to, atMs, ms: 1_500, fate: { type: 'reborn', when } }]),
  );
}

const trial = { also: [meantForOne], sameEnd: false };

describe('T4: another object of the same name', () => {
  it('is not deleted in place of the one that was meant', async () => {
    const { story } = await calm('delete-volumes');
    const begins = story.find(({ kind, type }) => kind === 'StatefulSet' && type === 'DELETED')?.atMs ?? 0;
    const kinds = ['apps/v1', 'policy/v1', 'rbac.authorization.k8s.io/v1'].map((group) => `/apis/${group}`);
    const plans = ['/api/v1', ...kinds].flatMap((root) =>
      [begins - 60, begins + 4_500].flatMap((atMs) =>
        reborn('delete-volumes', `DELETE ${root}/namespaces/${namespace}/`, atMs),
      ),
    );
    expect(await violated(slice(plans, 4), trial)).toEqual([]);
  });

  it('is not written over in place of the one that was meant', async () => {
    const { story } = await calm('drift');
    const edited = story.findLast(({ kind, name }) => kind === 'Service' && name === 'shop-repl')?.atMs ?? 0;
    const service = `PATCH /api/v1/namespaces/${namespace}/services/shop-repl`;
    expect(await violated(reborn('drift', service, edited - 300), trial)).toEqual([]);
  });

  it('is not marked, adopted or given a status in place of the one that was meant', async () => {
    const { story } = await calm('delete');
    const begins = story.find(({ kind, type }) => kind === 'Pod' && type === 'DELETED')?.atMs ?? 0;
    const claim = `PATCH /api/v1/namespaces/${namespace}/persistentvolumeclaims/`;
    const secret = `PATCH /api/v1/namespaces/${namespace}/secrets/`;
    const plans = [claim, secret].flatMap((to) => reborn('delete', to, begins - 20));
    expect(await violated(plans, trial)).toEqual([]);
  });
});
