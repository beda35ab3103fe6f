/** Volumes that grow: which claim comes next, who is waited for, and what is hopeless. */
import { describe, expect, it } from 'vitest';
import type { Facts, Memory } from '#machines/cluster/facts.ts';
import { growing, hopelessVolume, smallClaims } from '#machines/cluster/tables/volumes.ts';
import type { PersistentVolumeClaimDetail } from '#machines/cluster/observations.ts';
import type { DesiredObject } from '#machines/cluster/plan.ts';
import { wants } from '#machines/cluster/wants.ts';
import { boundClaim } from './changes.ts';
import { calm, factsOf, plan } from './worlds.ts';

type Claims = readonly (Partial<PersistentVolumeClaimDetail> | null)[];

/** Two members, shop-0 leading; one claim each, of 1Gi asked and there unless it says otherwise; `size` is wanted. */
function facts(size: string, claims: Claims, unready: readonly string[] = []): Facts {
  const base = factsOf(calm);
  const accepted = base.memory.accepted;
  if (accepted === null) throw new Error('nothing is accepted in the calm world');
  const pod = base.world.objects['Pod/shop-1'];
  if (pod === undefined || pod.object.detail.type !== 'Pod') throw new Error('there is no shop-1');
  const made = claims.flatMap((claim, ordinal) => {
    if (claim === null) return [];
    const name = `data-shop-${ordinal}`;
    const object = {
      ...pod.object,
      kind: 'PersistentVolumeClaim',
      name,
      uid: name,
      detail: { ...boundClaim('1Gi'), ...claim },
    } as const;
    return [[`PersistentVolumeClaim/${name}`, { object, since: 0, changed: [] }] as const];
  });
  const broken = unready.map((name) => {
    const fact = base.world.objects[`Pod/${name}`] ?? pod;
    const { detail } = fact.object;
    return [`Pod/${name}`, { ...fact, object: { ...fact.object, detail: { ...detail, ready: false } } }] as const;
  });
  const objects = { ...base.world.objects, ...Object.fromEntries(made), ...Object.fromEntries(broken) };
  const spec = { ...accepted.spec, storage: { size } };
  return { world: { ...base.world, objects }, memory: { ...base.memory, accepted: { ...accepted, spec } } } as Facts;
}

const grown = { requested: '2Gi', capacity: '2Gi' };
const underWay = { requested: '2Gi', resizing: 'FileSystemResizePending' };

describe('the next volume to grow', () => {
  it.each<[string, Claims, readonly string[], readonly string[] | 'waits' | 'done']>([
    ['a replica’s before the leader’s', [{}, {}], [], ['data-shop-1']],
    ['the leader’s, once the replicas’ have grown', [{}, grown], [], ['data-shop-0']],
    ['nobody’s while one is growing', [{}, underWay], [], 'waits'],
    [
      'the leader’s, if the one that grows belongs to a member that does not run',
      [{}, underWay],
      ['shop-1'],
      ['data-shop-0'],
    ],
    ['nobody’s when all have grown', [grown, grown], [], 'done'],
    ['nobody’s that is larger already', [{ requested: '9Gi', capacity: '9Gi' }, grown], [], 'done'],
    ['nobody’s that is not bound yet', [{ phase: 'Pending', capacity: null }, grown], [], 'done'],
    ['nobody’s that is not there yet', [null, grown], [], 'done'],
  ])('is %s', (_, claims, unready, expected) => {
    const step = growing(facts('2Gi', claims, unready));
    if (expected === 'done') expect(step).toBeNull();
    else expect(step?.act).toEqual(expected === 'waits' ? { type: 'none' } : { type: 'grow', claims: expected });
  });

  it('says how far it is', () => {
    expect(growing(facts('2Gi', [{}, underWay]))?.because).toBe(
      'data-shop-1 grows from 1Gi to 2Gi, FileSystemResizePending (0 of 2 done)',
    );
  });

  it('belongs to a member in trouble first, whoever leads: its disk may be full', () => {
    expect(smallClaims(facts('2Gi', [{}, {}], ['shop-0'])).map(({ claim }) => claim.name)).toEqual([
      'data-shop-0',
      'data-shop-1',
    ]);
  });
});

describe('a growth that will not come', () => {
  it('is one that its driver calls infeasible, until the size is taken back', () => {
    const claims = [grown, { ...underWay, resizing: 'ControllerResizeInfeasible' }];
    expect(hopelessVolume(facts('2Gi', claims))?.claim.name).toBe('data-shop-1');
    expect(hopelessVolume(facts('1Gi', claims))).toBeNull();
    expect(hopelessVolume(facts('2Gi', [grown, underWay]))).toBeNull();
  });
});

describe('a member that is added', () => {
  const claim = { kind: 'PersistentVolumeClaim', name: 'data-shop-2' } as const;
  const statefulSet = { kind: 'StatefulSet', name: 'shop' } as const;
  const common = { body: {}, generated: [], disruptive: false, leaf: false } as const;
  const objects: readonly DesiredObject[] = [
    {
      ...common,
      ref: claim,
      apiVersion: 'v1',
      resource: 'persistentvolumeclaims',
      deletion: 'claim',
      renderHash: 'claim',
      creation: 'B',
      repair: 'none',
      after: [],
    },
    {
      ...common,
      ref: statefulSet,
      apiVersion: 'apps/v1',
      resource: 'statefulsets',
      deletion: 'statefulset',
      renderHash: 'three members',
      creation: 'B',
      repair: 'full',
      after: ['PersistentVolumeClaim/data-shop-2'],
    },
  ];

  function asked(change: Partial<Memory> = {}): readonly string[] {
    const base = factsOf(calm);
    const fact = base.world.objects['StatefulSet/shop'];
    if (fact === undefined) throw new Error('there is no StatefulSet in the calm world');
    const { uid, ownedHash } = fact.object;
    const applied = { uid, ownedHash, renderHash: 'two members', since: 0 };
    const expected = { ...base.memory.expected, 'StatefulSet/shop': applied, ...change.expected };
    const now = { ...base, memory: { ...base.memory, ...change, expected } };
    return wants({ state: 'Alive.Scaling.adding', facts: now, plan: { ...plan, objects } })
      .filter(({ target }) => target.kind !== 'Event')
      .map(({ type, target }) => `${type} ${target.name}`);
  }

  it('has its claim before the StatefulSet is told: its controller would make it as small as its template was', () => {
    expect(asked()).toEqual(['CreateObject data-shop-2']);
    const made = { uid: 'c', ownedHash: null, renderHash: 'claim', since: 0 };
    expect(asked({ expected: { 'PersistentVolumeClaim/data-shop-2': made } })).toEqual(['RepairStatefulSet shop']);
  });

  it('keeps nothing else of the spec from being told while its claim cannot be made', () => {
    const failure = { reason: 'Forbidden', message: 'quota', count: 1, since: 0, waiting: true, needsRead: false };
    const failures = { 'PersistentVolumeClaim/data-shop-2': { ...failure, permanent: true } };
    expect(asked({ failures } as Partial<Memory>)).toEqual(['RepairStatefulSet shop']);
  });
});
