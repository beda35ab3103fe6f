/** Hazard: a protected cluster that was deleted is called managed, and is not: no edit of it takes effect, and nothing that is asked for. */
import { describe, expect, it } from 'vitest';
import type { PostgresClusterSpec } from '#crds/postgrescluster.gen.ts';
import { isLeaving } from '#machines/cluster/knowledge.ts';
import { settle, type SpecJudge } from '#machines/cluster/settle.ts';
import { oneShotAnnotation } from '#machines/shared/names.ts';
import { all, remembering, type Change } from './changes.ts';
import { calm, factsOf } from './worlds.ts';

const judge: SpecJudge = {
  creation: () => [],
  edit: () => [],
  needsRollout: (before, wanted) => JSON.stringify(before) !== JSON.stringify(wanted),
  parseParameters: () => null,
  parseAccepted: () => null,
  work: () => [],
  windows: () => ({ isOpen: true, opensAt: null }),
};

const deleted =
  (spec: Partial<PostgresClusterSpec>, annotations: Readonly<Record<string, string>> = {}): Change =>
  (facts) => {
    const { cluster } = facts.world;
    if (cluster === null) throw new Error('no cluster');
    const { seen } = cluster;
    const generation = spec.replicas === undefined ? seen.generation : 7;
    const edited = { ...seen, deleting: true, generation, spec: { ...seen.spec, ...spec }, annotations };
    return { ...facts, world: { ...facts.world, cluster: { ...cluster, seen: edited } } };
  };

const after = (change: Change): ReturnType<typeof settle> => settle(change(factsOf(calm)), judge, 1);

describe('a cluster that was deleted', () => {
  it.each<readonly [string, Partial<PostgresClusterSpec>, boolean]>([
    ['is on its way out', {}, true],
    ['is not while it is protected', { deletionProtection: true }, false],
    ['is once it is protected no more', { deletionProtection: false }, true],
  ])('%s', (_, spec, is) => expect(isLeaving(deleted(spec)(factsOf(calm)))).toBe(is));
});

describe('a protected cluster that was deleted', () => {
  const edit = { deletionProtection: true, replicas: 5 };

  it('takes an edit', () => {
    expect(after(deleted(edit)).memory.accepted).toMatchObject({ generation: 7, spec: edit });
  });

  it('is managed also where the journal was lost', () => {
    const lost = remembering({ accepted: null, rolledOut: null });
    expect(after(all(lost, deleted(edit))).memory.accepted?.spec).toMatchObject(edit);
  });

  it('is told what to do once', () => {
    const asked = deleted({ deletionProtection: true }, { [oneShotAnnotation('reload')]: 'now' });
    expect(after(asked).memory.request?.token).toBe('now');
    expect(after(deleted({}, { [oneShotAnnotation('reload')]: 'now' })).memory.request).toBeNull();
  });
});
