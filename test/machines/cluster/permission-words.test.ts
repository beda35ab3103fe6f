/** What people are told of an edit, or of new passwords, that may not begin: what it takes, what holds it, and what to do. */
import { describe, expect, it } from 'vitest';
import type { PostgresClusterSpec } from '#crds/postgrescluster.gen.ts';
import type { Facts, HeldEdit, Turn } from '#machines/cluster/facts.ts';
import {
  controllingSpec,
  costOf,
  fieldCosts,
  heldEdit,
  heldRotation,
  higher,
  isHeldBack,
  type Cost,
  type EditJudge,
  type Work,
} from '#machines/cluster/tables/permission.ts';
import { annotations } from '#machines/shared/names.ts';
import { asIs, dcs, remembering, type Change } from './changes.ts';
import { calm, factsOf } from './worlds.ts';

const at = Date.parse('2026-11-27T12:00:00Z');
const opensAt = Date.parse('2026-11-28T02:00:00Z');
const two: PostgresClusterSpec = { version: '17', replicas: 2, storage: { size: '1Gi' } };

/** Every edit takes this work at these fields; windows are closed and open then. */
function judging(work: Work, fields: readonly string[] = ['spec.image'], opens: number | null = opensAt): EditJudge {
  return { work: () => fields.map((field) => ({ field, work })), windows: () => ({ isOpen: false, opensAt: opens }) };
}

function facts(
  spec: PostgresClusterSpec,
  approve: string | null = null,
  limit: number | null = null,
  change: Change = asIs,
): Facts {
  const now = change(factsOf(calm));
  const { cluster, config } = now.world;
  if (cluster === null || config === null) throw new Error('no cluster');
  const marks = approve === null ? {} : { [annotations.approve]: approve };
  const seen = { ...cluster.seen, generation: 7, annotations: marks, spec };
  const limited = limit === null ? config : { ...config, maxDisruptions: limit };
  return { ...now, world: { ...now.world, cluster: { ...cluster, seen }, config: limited } };
}

const windows = { maintenanceWindows: [{ schedule: '0 2 * * *', duration: '2h' }] };
const takes = 'generation 7 is held: it takes';
const approve = (value: string): string => `annotation ${annotations.approve}=${value}`;
const turn = (state: Turn['state'], subject = 'generation 7'): Change =>
  remembering({ turn: { subject, change: null, state, because: 'the same change is tried on a first' } });
const waiting = { subject: 'generation 7', change: 'spec.image="other"', isApproved: false };

describe('an edit that is held', () => {
  const image = { ...two, image: 'other' };

  it.each<readonly [string, Facts, PostgresClusterSpec, EditJudge, Partial<HeldEdit> | null]>([
    [
      'by mode Observe',
      facts({ ...two, mode: 'Observe' }),
      image,
      judging('replace'),
      { by: 'Observe', message: 'generation 7 is held: mode is Observe, and nothing is changed', until: null },
    ],
    [
      'by a pause',
      facts({ ...two, paused: true }),
      image,
      judging('nothing'),
      { by: 'Paused', message: 'generation 7 is held: spec.paused is set', until: null },
    ],
    [
      'for want of an approval',
      facts(image),
      { ...image, maxDisruption: 'Reload' },
      judging('replace'),
      {
        by: 'PendingApproval',
        message: `${takes} Switchover for spec.image, and maxDisruption is Reload; approve it with pgc approve shop, or ${approve('7')}`,
        until: null,
      },
    ],
    [
      'by nothing once it is approved',
      facts(image, '7'),
      { ...image, maxDisruption: 'Reload' },
      judging('replace'),
      null,
    ],
    [
      'for all fields that cost as much',
      facts(image),
      { ...image, maxDisruption: 'None' },
      judging('restart', ['spec.image', 'spec.env']),
      {
        message: `${takes} Switchover for spec.image, spec.env, and maxDisruption is None; approve it with pgc approve shop, or ${approve('7')}`,
      },
    ],
    [
      'until its window',
      facts(image),
      { ...image, ...windows },
      judging('replace'),
      {
        by: 'Window',
        message: `${takes} Switchover for spec.image; a window opens at 2026-11-28T02:00:00.000Z`,
        until: opensAt,
      },
    ],
    [
      'for ever where no window opens',
      facts(image),
      { ...image, ...windows },
      judging('replace', ['spec.image'], null),
      { by: 'Window', message: `${takes} Switchover for spec.image; no window ever opens`, until: null },
    ],
    ['by no window that there is not', facts(image), { ...image, maintenanceWindows: [] }, judging('replace'), null],
    ['by nothing where it is a reload', facts(image, null, 1), { ...image, ...windows }, judging('reload'), null],
    [
      'until its turn',
      facts(image, null, 1),
      image,
      judging('replace'),
      { by: 'Turn', message: `${takes} Switchover for spec.image; its turn has not come`, until: null, turn: waiting },
    ],
    [
      'until its turn, of which the fleet has said why',
      facts(image, null, 1, turn('queued')),
      image,
      judging('replace'),
      { by: 'Turn', message: `${takes} Switchover for spec.image; the same change is tried on a first`, turn: waiting },
    ],
    [
      'by what went badly elsewhere',
      facts(image, null, 1, turn('stopped')),
      image,
      judging('replace'),
      {
        by: 'Turn',
        message: `${takes} Switchover for spec.image; the same change is tried on a first; put it right there, or begin all the same with ${approve('7')}`,
        turn: waiting,
      },
    ],
    [
      'not by what another edit was told',
      facts(image, null, 1, turn('stopped', 'generation 6')),
      image,
      judging('replace'),
      { message: `${takes} Switchover for spec.image; its turn has not come` },
    ],
    [
      'and approved says so to the fleet',
      facts(image, '7', 1),
      image,
      judging('replace'),
      { turn: { ...waiting, isApproved: true } },
    ],
    ['by nothing once its turn was granted', facts(image, null, 1, turn('granted')), image, judging('replace'), null],
    ['by nothing where no limit is set', facts(image), image, judging('replace'), null],
  ])('%s', (_, now, to, judge, held) => {
    const found = heldEdit(now, { from: [two], to }, judge, at);
    if (held === null) expect(found).toBeNull();
    else expect(found).toMatchObject({ generation: 7, ...held });
  });

  it.each<readonly [string, Partial<PostgresClusterSpec>, Partial<PostgresClusterSpec>, readonly string[], string]>([
    ['a value', {}, { image: 'other' }, ['spec.image'], 'spec.image="other"'],
    ['a value that is gone', { image: 'other' }, {}, ['spec.image'], 'spec.image=unset'],
    [
      'values below, those that differ',
      { resources: { requests: { cpu: '1', memory: '1Gi' } } },
      { resources: { requests: { cpu: '2', memory: '1Gi' } } },
      ['spec.resources'],
      'spec.resources.requests.cpu="2"',
    ],
    [
      'values of two fields',
      {},
      { image: 'other', dcs: 'ConfigMaps' },
      ['spec.image', 'spec.dcs'],
      'spec.image="other" spec.dcs="ConfigMaps"',
    ],
    [
      'parameters by name',
      { postgresqlParams: { b: '1' } },
      { postgresqlParams: { a: '1' } },
      ['spec.postgresqlParams'],
      'spec.postgresqlParams.a="1" spec.postgresqlParams.b=unset',
    ],
  ])('is the same change as another with %s', (_, before, to, fields, change) => {
    const now = facts({ ...two, ...to }, null, 1);
    const found = heldEdit(
      now,
      { from: [{ ...two, ...before }], to: { ...two, ...to } },
      judging('restart', fields),
      at,
    );
    expect(found?.turn?.change).toBe(change);
  });
});

describe('new passwords that are held', () => {
  const due = { because: 'Secret shop-app says what is not in force', mark: 'aaa', restarts: true };
  const judge = judging('nothing');

  it.each<readonly [string, Facts, typeof due, Partial<HeldEdit> | null]>([
    [
      'for want of an approval',
      facts({ ...two, maxDisruption: 'Reload' }),
      due,
      {
        by: 'PendingApproval',
        message: `${due.because} is held: it takes Switchover for new passwords, and maxDisruption is Reload; approve it with ${approve('credentials-aaa')}`,
      },
    ],
    ['by nothing once they are approved', facts({ ...two, maxDisruption: 'Reload' }, 'credentials-aaa'), due, null],
    [
      'for an outage of who is alone',
      facts({ ...two, replicas: 1, maxDisruption: 'Switchover' }),
      due,
      {
        message: `${due.because} is held: it takes Outage for new passwords, and maxDisruption is Switchover; approve it with ${approve('credentials-aaa')}`,
      },
    ],
    [
      'for an outage of who is alone without saying so',
      facts({ version: '17', storage: { size: '1Gi' }, maxDisruption: 'Switchover' }),
      due,
      { by: 'PendingApproval' },
    ],
    [
      'by nothing where no member starts anew',
      facts({ ...two, ...windows }, null, 1),
      { ...due, restarts: false },
      null,
    ],
    [
      'until their turn, which is nobody’s example',
      facts(two, null, 1),
      due,
      { by: 'Turn', turn: { subject: 'credentials-aaa', change: null, isApproved: false } },
    ],
  ])('%s', (_, now, what, held) => {
    const found = heldRotation(now, what, judge, at);
    if (held === null) expect(found).toBeNull();
    else expect(found).toMatchObject(held);
  });
});

describe('what an edit costs', () => {
  it.each<readonly [string, number, number, Change, string]>([
    ['more members', 2, 3, asIs, 'None'],
    ['as many', 2, 2, asIs, 'None'],
    ['a replica less', 2, 1, asIs, 'ReplicaRestart'],
    ['the leader', 2, 1, dcs('shop', { leader: 'shop-1' }), 'Switchover'],
  ])('in members: %s', (_, members, wanted, change, disruption) => {
    const [cost] = fieldCosts(
      change(factsOf(calm)),
      { ...two, replicas: members },
      { ...two, replicas: wanted },
      judging('nothing', ['spec.replicas']),
    );
    expect(cost).toEqual({ field: 'spec.replicas', disruption });
  });

  it.each<readonly [Work, number | undefined, string]>([
    ['nothing', 2, 'None'],
    ['reload', 1, 'Reload'],
    ['restart', 2, 'Switchover'],
    ['restart', 1, 'Outage'],
    ['replace', undefined, 'Outage'],
  ])('in work: %s of %s members', (work, members, disruption) => {
    const { replicas: _replicas, ...one } = two;
    const before = members === undefined ? one : { ...two, replicas: members };
    expect(costOf(factsOf(calm), before, before, judging(work))).toEqual({ disruption, fields: ['spec.image'] });
  });

  it('is nothing where it takes nothing, and the higher of two', () => {
    expect(costOf(factsOf(calm), two, two, judging('nothing', []))).toEqual({ disruption: 'None', fields: [] });
    const [low, high]: readonly Cost[] = [
      { disruption: 'Reload', fields: ['a'] },
      { disruption: 'Outage', fields: ['b'] },
    ];
    if (low === undefined || high === undefined) throw new Error('no costs');
    expect([higher(low, high), higher(high, low)]).toEqual([high, high]);
    expect(higher(low, { ...low, fields: ['c'] })).toBe(low);
  });
});

describe('the spec that says how the cluster is to be treated', () => {
  const misfit = (change: Change): Facts => {
    const now = change(facts({ ...two, paused: true }));
    const { cluster } = now.world;
    if (cluster === null) throw new Error('no cluster');
    const seen = { ...cluster.seen, misfits: [{ field: 'spec', value: null, rule: 'is no spec' }] };
    return { ...now, world: { ...now.world, cluster: { ...cluster, seen } } };
  };

  it.each<readonly [string, Facts, boolean | null]>([
    ['is the newest', facts({ ...two, paused: true }), true],
    ['is the accepted one while the newest cannot be read', misfit(asIs), false],
    ['is the newest all the same before one was accepted', misfit(remembering({ accepted: null })), true],
    ['is none without a cluster', { ...factsOf(calm), world: { ...factsOf(calm).world, cluster: null } }, null],
  ])('%s', (_, now, paused) => {
    const spec = controllingSpec(now);
    expect(spec === null ? null : spec.paused === true).toBe(paused);
    expect(isHeldBack(now)).toBe(paused === true);
  });
});
