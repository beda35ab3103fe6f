/**
 * T11: field wars. Another manager takes fields of ours, shares them, adds its own, or writes them back whenever we do.
 * Hunts: fdb-kubernetes-operator#269 (in conflict with itself), Altinity/clickhouse-operator#2064 (statuses written whole),
 * autoscalers against replicas.
 * Switches: `test/mutants/t11-drift-not-mended.patch`, `t11-not-on-guard.patch`, `t11-breaker-stays-closed.patch`.
 */
import { describe, expect, it } from 'vitest';
import { makeRival, type Claim } from '#src/sim/controllers/rival.ts';
import { at, list, parsed, text } from '#src/sim/json.ts';
import type { Invariant } from '#src/sim/invariants/invariant.ts';
import type { PlanStep } from '#src/sim/plan.ts';
import type { World } from '#src/sim/world.ts';
import { namespace, planOf, violated, waitUntil } from './hazard.ts';
import { counting, noPodGoes } from './laws.ts';

const service = `/api/v1/namespaces/${namespace}/services/shop-repl`;
const statefulSet = `/apis/apps/v1/namespaces/${namespace}/statefulsets/shop`;

function apply(path: string, body: object): PlanStep {
  return { type: 'meddle', atMs: 40_000, path, manager: 'another', how: 'apply', body };
}

function merge(path: string, body: object): PlanStep {
  return { type: 'meddle', atMs: 40_000, path, manager: 'another', how: 'merge', body };
}

const named = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'shop-repl', namespace } };

const steps: readonly (readonly [what: string, step: PlanStep])[] = [
  ['takes a field by a forced apply', apply(service, { ...named, spec: { type: 'NodePort' } })],
  ['shares a field by saying the same', apply(service, { ...named, spec: { type: 'ClusterIP' } })],
  ['adds a field by an update', merge(service, { spec: { externalIPs: ['192.0.2.1'] } })],
  ['removes a field of ours', merge(service, { spec: { selector: { 'postgres.example.com/cluster': null } } })],
  [
    'changes the template of the pods',
    merge(statefulSet, { spec: { template: { metadata: { annotations: { sidecar: 'on' } } } } }),
  ],
];

/** A controller that has its way from 40 s on, as often as somebody writes or makes another, for so long. */
function rival(forMs: number, claim: Omit<Claim, 'namespace'>): Invariant {
  return {
    name: 'war',
    says: 'nothing',
    watch: (world) => {
      world.schedule.after(40_000, () => {
        const { leave } = makeRival(world, 'another', { namespace, ...claim });
        world.schedule.after(forMs, leave);
      });
      return {};
    },
  };
}

const nodePort: Omit<Claim, 'namespace'> = {
  kind: 'Service',
  name: 'shop-repl',
  wants: (object) => (text(at(object, 'spec'), 'type') === 'NodePort' ? null : { spec: { type: 'NodePort' } }),
};

const minuteMs = 60_000;
const warMs = 10 * minuteMs;

/** Objects that are fought over, as the metric says, at this moment. */
async function warsTold(world: World): Promise<number> {
  const gauge = await world.operators[0]?.metrics()?.editWars.get();
  return gauge?.values[0]?.value ?? 0;
}

/** What the condition says of a war, whenever it says something else, and the metric. */
function saying(tell: (messages: readonly string[], counts: Promise<readonly number[]>) => void): Invariant {
  return {
    name: 'said',
    says: 'nothing',
    watch: (world) => {
      const said: string[] = [];
      const counts: Promise<number>[] = [];
      world.api.store.onChange(({ kind, object }) => {
        const failing = list(object, 'status', 'conditions').find((each) => text(each, 'type') === 'ReconcileFailing');
        if (kind.kind !== 'PostgresCluster' || failing === undefined) return;
        const words = text(failing, 'reason') === 'EditWar' ? text(failing, 'message') : text(failing, 'status');
        if (said.at(-1) === words) return;
        said.push(words);
        counts.push(warsTold(world));
      });
      return { atEnd: () => tell(said, Promise.all(counts)) };
    },
  };
}

/** Wars of ten minutes, what we send in them, and what a human is told. */
const wars: readonly (readonly [
  what: string,
  ours: string,
  most: number,
  said: string,
  claim: Omit<Claim, 'namespace'>,
])[] = [
  ['writes a field back', `PATCH ${service}`, 5, 'Service/shop-repl: another changes spec.type', nodePort],
  [
    'writes Patroni’s configuration back',
    `PATCH /api/v1/namespaces/${namespace}/endpoints/shop-config`,
    5,
    'Endpoints/shop-config: somebody changes ttl',
    {
      kind: 'Endpoints',
      name: 'shop-config',
      wants: (object) => {
        const config = parsed(text(object, 'metadata', 'annotations', 'config'));
        if (at(config)['ttl'] === 77) return null;
        return { metadata: { annotations: { config: JSON.stringify({ ...at(config), ttl: 77 }) } } };
      },
    },
  ],
  [
    'deletes what is made',
    `PATCH /apis/policy/v1/namespaces/${namespace}/poddisruptionbudgets/shop-pdb`,
    9,
    'PodDisruptionBudget/shop-pdb: somebody deletes it',
    { kind: 'PodDisruptionBudget', name: 'shop-pdb', wants: () => 'delete' },
  ],
];

describe('T11: another manager', () => {
  it.each(steps)('%s: it is as we state it again, nobody writes for ever, and no member is lost', async (_, step) => {
    expect(await violated([planOf('create', [step])], { also: [noPodGoes] })).toEqual([]);
  });

  it.each(wars)(
    'that %s for ten minutes is answered ever more slowly, in the end left alone, and told of until it is over',
    async (_, ours, most, said, claim) => {
      let times: readonly number[] = [];
      let words: readonly string[] = [];
      let counts: Promise<readonly number[]> = Promise.resolve([]);
      const also = [
        rival(warMs, claim),
        counting(ours, 39_000, 40_000 + warMs, (each) => (times = each)),
        saying((...each) => ([words, counts] = each)),
      ];
      const sameEnd = claim.kind !== 'PodDisruptionBudget';
      expect(await violated([planOf('create', [waitUntil(2 * warMs)])], { also, sameEnd })).toEqual([]);
      expect(times.filter((each) => each < 40_000 + minuteMs).length).toBeLessThanOrEqual(6);
      expect(times.length).toBeGreaterThan(4);
      expect(times.length).toBeLessThanOrEqual(most);
      expect(words.find((each) => each.includes('/'))).toContain(said);
      expect(words.at(-1)).toBe('False');
      expect(await counts).toEqual(words.map((each) => (each.includes('/') ? 1 : 0)));
    },
  );
});
