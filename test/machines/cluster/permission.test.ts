/** Whether an edit may begin: what it costs, and what holds it. And that mode Observe changes nothing, in any state. */
import { describe, expect, it } from 'vitest';
import type { PostgresClusterSpec } from '#crds/postgrescluster.gen.ts';
import type { Facts } from '#machines/cluster/facts.ts';
import { effectClasses } from '#machines/cluster/intents.ts';
import { withTimers } from '#machines/cluster/deadlines.ts';
import { costOf, disruptionClasses, heldEdit, type Edit } from '#machines/cluster/tables/permission.ts';
import { keptBack, wants } from '#machines/cluster/wants.ts';
import { nextAction } from '#machines/cluster/next-action.ts';
import { windowsAt } from '#src/resources/windows.ts';
import { workOf } from '#src/resources/work.ts';
import { calm, choices, factsOf, plan } from './worlds.ts';

const judge = { work: workOf, windows: windowsAt };
const two: PostgresClusterSpec = { version: '17', replicas: 2, storage: { size: '1Gi' } };
const night = Date.parse('2026-11-27T02:30:00Z');
const day = Date.parse('2026-11-27T12:00:00Z');
const nightly = [{ schedule: '0 2 * * *', duration: '2h' }];

function withSpec(facts: Facts, spec: Partial<PostgresClusterSpec>, annotations: Record<string, string> = {}): Facts {
  const { cluster } = facts.world;
  if (cluster === null) throw new Error('no cluster');
  const seen = { ...cluster.seen, generation: 7, annotations, spec: { ...cluster.seen.spec, ...spec } };
  return { ...facts, world: { ...facts.world, cluster: { ...cluster, seen } } };
}

function heldBy(
  change: Partial<PostgresClusterSpec>,
  at = day,
  annotations: Record<string, string> = {},
): string | null {
  const edit: Edit = { from: [two], to: { ...two, ...change } };
  return heldEdit(withSpec(factsOf(calm), edit.to, annotations), edit, judge, at)?.by ?? null;
}

describe('what an edit costs', () => {
  it.each([
    ['nothing', two, { replicas: 3 }, 'None', []],
    ['a reload', two, { postgresqlParams: { work_mem: '8MB' } }, 'Reload', ['spec.postgresqlParams']],
    ['a start', two, { postgresqlParams: { max_connections: '200' } }, 'Switchover', ['spec.postgresqlParams']],
    [
      'new pods for a parameter',
      two,
      { postgresqlParams: { shared_buffers: '64MB' } },
      'Switchover',
      ['spec.postgresqlParams'],
    ],
    ['new pods', two, { image: 'other' }, 'Switchover', ['spec.image']],
    ['the most of two', two, { image: 'other', postgresqlParams: { work_mem: '8MB' } }, 'Switchover', ['spec.image']],
    ['a new pod, alone', { ...two, replicas: 1 }, { image: 'other' }, 'Outage', ['spec.image']],
    ['a new pod, alone by then', two, { image: 'other', replicas: 1 }, 'Outage', ['spec.image']],
    ['a replica that goes', two, { replicas: 1 }, 'ReplicaRestart', ['spec.replicas']],
    ['nothing of what is live', two, { deletionProtection: true }, 'None', []],
  ] as const)('%s', (_, before, change, disruption, fields) => {
    const cost = costOf(factsOf(calm), before, { ...before, ...change }, judge);
    expect(cost.disruption).toBe(disruption);
    if (disruption !== 'None') expect(cost.fields).toEqual(fields);
  });

  it('the primary that goes is a switchover', () => {
    const three = { ...two, replicas: 3 };
    const { leader } = factsOf(calm).memory;
    expect(leader).toBeNull();
    const facts = factsOf(calm);
    // shop-0 leads in these worlds: nothing below it is left when none is wanted.
    expect(costOf(facts, three, { ...three, replicas: 0 }, judge).disruption).toBe('Switchover');
    expect(costOf(facts, three, { ...three, replicas: 1 }, judge).disruption).toBe('ReplicaRestart');
  });
});

describe('what holds an edit', () => {
  const image = { image: 'other' };

  it.each(disruptionClasses)('maxDisruption %s lets through what costs no more', (maxDisruption) => {
    const isAllowed = maxDisruption === 'Switchover' || maxDisruption === 'Outage';
    expect(heldBy({ ...image, maxDisruption })).toBe(isAllowed ? null : 'PendingApproval');
  });

  it('is let through by an approval of this very generation', () => {
    const approve = (generation: string): Record<string, string> => ({ 'postgres.example.com/approve': generation });
    const edit = { ...image, maxDisruption: 'None' } as const;
    expect(heldBy(edit, day, approve('7'))).toBeNull();
    expect(heldBy(edit, day, approve('6'))).toBe('PendingApproval');
  });

  it('a window lets it through while it is open, and a reload at any time', () => {
    expect(heldBy({ ...image, maintenanceWindows: nightly })).toBe('Window');
    expect(heldBy({ ...image, maintenanceWindows: nightly }, night)).toBeNull();
    expect(heldBy({ postgresqlParams: { work_mem: '8MB' }, maintenanceWindows: nightly })).toBeNull();
  });

  it('an approval opens no window', () =>
    expect(
      heldBy({ ...image, maxDisruption: 'None', maintenanceWindows: nightly }, day, {
        'postgres.example.com/approve': '7',
      }),
    ).toBe('Window'));

  it.each([
    [{ paused: true }, 'Paused'],
    [{ mode: 'Observe' }, 'Observe'],
    [{ paused: true, mode: 'Observe' }, 'Observe'],
  ] as const)('%o holds it', (change, by) => expect(heldBy({ ...image, ...change }, night)).toBe(by));

  it('what was rolled out counts beside what is accepted: half a rollout is not a reload', () => {
    const edit: Edit = {
      from: [{ ...two, image: 'other' }, two],
      to: { ...two, image: 'other', maxDisruption: 'Reload' },
    };
    expect(heldEdit(withSpec(factsOf(calm), edit.to), edit, judge, day)?.by).toBe('PendingApproval');
  });
});

describe('mode Observe', () => {
  const states = [
    'Alive.Pending',
    'Alive.Running',
    'Alive.Updating.replacing',
    'Alive.Scaling.adding',
    'Alive.Degraded',
    'Alive.Recovering.electing',
    'Alive.Failed',
  ];

  it('sends nothing that changes anything, in any state on any facts, and tells what it would do', () => {
    const plain = [...choices()].filter(
      ({ request, refused, expired }) => request === 'none' && !refused && expired === 'nothing',
    );
    let kept = 0;
    for (const state of states)
      for (const choice of plain) {
        const view = { state, facts: withSpec(factsOf(choice), { mode: 'Observe' }), plan };
        const changing = wants(view).filter(({ type }) => effectClasses[type] !== 'R');
        if (changing.length > 0) expect.fail(`${state} ${JSON.stringify(choice)}: ${changing[0]?.type ?? ''}`);
        kept += keptBack(view).length;
        if (keptBack(view).length > 0) expect(nextAction(view)).toContain('in mode Manage it would do');
      }
    expect(kept).toBeGreaterThan(0);
  });

  it('finds nothing late while nothing goes on', () => {
    const facts = withSpec(factsOf({ ...calm, generation: 'newer', template: 'replica-old' }), { mode: 'Observe' });
    const armed = (of: Facts): readonly string[] =>
      Object.keys(withTimers({ state: 'Alive.Updating.replacing', facts: of, plan }, 1).memory.timers);
    expect(armed(facts)).toEqual([]);
    expect(armed(withSpec(facts, { mode: 'Manage' }))).not.toEqual([]);
  });
});
