/** Volumes that grow: which claim comes next, who is waited for, and what is hopeless. */
import { describe, expect, it } from 'vitest';
import type { Facts } from '#machines/cluster/facts.ts';
import { growing, hopelessVolume, smallClaims } from '#machines/cluster/tables/volumes.ts';
import type { PersistentVolumeClaimDetail } from '#machines/cluster/observations.ts';
import { calm, factsOf } from './worlds.ts';

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
    const detail = {
      type: 'PersistentVolumeClaim',
      phase: 'Bound',
      requested: '1Gi',
      capacity: '1Gi',
      storageClass: null,
    } as const;
    const name = `data-shop-${ordinal}`;
    const object = {
      ...pod.object,
      kind: 'PersistentVolumeClaim',
      name,
      uid: name,
      detail: { ...detail, ...claim },
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
