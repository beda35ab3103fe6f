/**
 * T5: bad input. A spec that cannot be, or that somebody regrets, on a cluster that runs; also while the operator dies.
 * Every leaf of the schema, against a real API server: `test/integration/bad-input.test.ts`.
 * Hunts: Acto's 56; zalando/postgres-operator#2966, #3112 (a bad sidecar took a cluster down pod by pod), #3039, #1383
 * (defaults of the server taken for drift: rolling restarts without end).
 * Switch: `test/mutants/t05-edits-not-judged.patch`.
 */
import { describe, expect, it } from 'vitest';
import { list, text } from '#src/sim/json.ts';
import type { Invariant } from '#src/sim/invariants/invariant.ts';
import type { PlanStep } from '#src/sim/plan.ts';
import { namespace, operator, planOf, violated } from './hazard.ts';
import { noPodGoes } from './laws.ts';

const path = `/apis/postgres.example.com/v1alpha1/namespaces/${namespace}/postgresclusters/shop`;

function edit(atMs: number, spec: object): PlanStep {
  return { type: 'meddle', atMs, path, manager: 'kubectl', how: 'merge', body: { spec } };
}

const values: readonly (readonly [what: string, bad: object, back: object])[] = [
  ['a parameter that does not exist', { postgresqlParams: { wrok_mem: '8MB' } }, { postgresqlParams: null }],
  ['a parameter out of range', { postgresqlParams: { max_connections: '-4' } }, { postgresqlParams: null }],
  ['a parameter that is Patroni’s', { postgresqlParams: { hot_standby: 'off' } }, { postgresqlParams: null }],
  ['another major version', { version: '16' }, { version: '17' }],
  [
    'more cpu asked for than allowed',
    { resources: { requests: { cpu: '2' }, limits: { cpu: '1' } } },
    { resources: null },
  ],
];

/** The condition says that the spec is wrong, at some time. */
function named(count: (names: ReadonlySet<string>) => void): Invariant {
  return {
    name: 'T5',
    says: 'a value that is not taken is named',
    watch: (world) => {
      const seen = new Set<string>();
      world.api.store.onChange(({ kind, object }) => {
        if (kind.kind !== 'PostgresCluster') return;
        for (const condition of list(object, 'status', 'conditions'))
          if (text(condition, 'type') === 'ConfigurationValid' && text(condition, 'status') === 'False')
            seen.add(text(condition, 'message'));
      });
      return { atEnd: () => count(seen) };
    },
  };
}

describe('T5: a spec that cannot be', () => {
  it.each(values)('%s: no member is lost, it is said, and put back it is as before', async (_, bad, back) => {
    const steps = [edit(40_000, bad), edit(70_000, back)];
    expect(await violated([planOf('create', steps)], { also: [noPodGoes] })).toEqual([]);
  });

  it('is named in the condition', async () => {
    let names: ReadonlySet<string> = new Set();
    const also = [named((seen) => (names = seen))];
    const [, bad, back] = values[0] ?? [];
    const steps = [edit(40_000, bad ?? {}), edit(70_000, back ?? {})];
    expect(await violated([planOf('create', steps)], { also })).toEqual([]);
    expect([...names].join()).toContain('wrok_mem');
  });

  it('is the same when the operator dies in the midst of it, with and without its journal', async () => {
    const [, bad, back] = values[1] ?? [];
    const plans = (['kill', 'amnesia'] as const).map((mode) =>
      planOf('create', [
        edit(40_000, bad ?? {}),
        { type: 'crash-at', operator, atMs: 40_030, mode, ms: 0 },
        edit(70_000, back ?? {}),
      ]),
    );
    expect(await violated(plans, { also: [noPodGoes] })).toEqual([]);
  });
});
