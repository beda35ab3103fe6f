/**
 * T11: field wars. Another manager takes fields of ours, shares them, adds its own, or writes them back whenever we do.
 * Hunts: fdb-kubernetes-operator#269 (in conflict with itself), Altinity/clickhouse-operator#2064 (statuses written whole),
 * autoscalers against replicas.
 * Switches: `test/mutants/t11-drift-not-mended.patch`, `t11-not-on-guard.patch`.
 */
import { describe, expect, it } from 'vitest';
import { at, put, text } from '#src/sim/json.ts';
import type { Invariant } from '#src/sim/invariants/invariant.ts';
import type { PlanStep } from '#src/sim/plan.ts';
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

/** A controller that writes its value back as often as somebody writes another. */
const stubborn: Invariant = {
  name: 'war',
  says: 'nothing',
  watch: (world) => {
    let untilMs = Infinity;
    world.schedule.after(40_000, () => {
      untilMs = world.schedule.elapsedMs() + 120_000;
      world.user.patch(put(world.user.get('Service', namespace, 'shop-repl') ?? {}, [], {}), {
        spec: { type: 'NodePort' },
      });
    });
    world.api.store.onChange(({ kind, object }) => {
      const isOurs = kind.kind === 'Service' && text(object, 'metadata', 'name') === 'shop-repl';
      const now = world.schedule.elapsedMs();
      if (!isOurs || now < 40_000 || now > untilMs || text(at(object, 'spec'), 'type') === 'NodePort') return;
      world.schedule.after(50, () => {
        const live = world.user.get('Service', namespace, 'shop-repl');
        if (live !== null) world.user.patch(live, { spec: { type: 'NodePort' } });
      });
    });
    return {};
  },
};

describe('T11: another manager', () => {
  it.each(steps)('%s: it is as we state it again, nobody writes for ever, and no member is lost', async (_, step) => {
    expect(await violated([planOf('create', [step])], { also: [noPodGoes] })).toEqual([]);
  });

  it('that writes its value back for two minutes is answered ever more slowly', async () => {
    let times: readonly number[] = [];
    const also = [stubborn, counting(`PATCH ${service}`, 40_000, 160_000, (each) => (times = each))];
    expect(await violated([planOf('create', [waitUntil(480_000)])], { also })).toEqual([]);
    expect(times.length).toBeGreaterThan(2);
    expect(times.length).toBeLessThanOrEqual(12);
  });
});
