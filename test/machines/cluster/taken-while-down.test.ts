/** Hazard: a cluster that was down before its spec was edited; the edit was blamed for that, and taken back. */
import { describe, expect, it } from 'vitest';
import type { Memory } from '#machines/cluster/facts.ts';
import type { Problem } from '#machines/cluster/plan.ts';
import { settle, type SpecJudge } from '#machines/cluster/settle.ts';
import { all, asIs, remembering, type Change } from './changes.ts';
import { calm, factsOf, type Choice } from './worlds.ts';

const problem: Problem = { field: 'spec.version', value: '12', rule: 'is not supported' };

/** Nothing is wrong with any spec, and each takes a procedure that nobody notices. */
const judge: SpecJudge = {
  creation: () => [],
  edit: () => [],
  needsRollout: () => true,
  parseParameters: () => null,
  parseAccepted: () => null,
  work: () => [],
  windows: () => ({ isOpen: true, opensAt: null }),
};

function memoryAfter(change: Change, choice: Partial<Choice> = {}): Memory {
  return settle(change(factsOf({ ...calm, ...choice })), judge, 1_000_000).memory;
}

/** Another image is written down, as generation 2. */
const edited: Change = (facts) => {
  const { cluster } = facts.world;
  if (cluster === null) throw new Error('no cluster');
  const seen = { ...cluster.seen, generation: 2, spec: { ...cluster.seen.spec, image: 'other' } };
  return { ...facts, world: { ...facts.world, cluster: { ...cluster, seen } } };
};

describe('a spec that is accepted', () => {
  const lost = remembering({ leaderLostAt: 1 });
  const nobody = { leader: 'none' } as const;

  it.each<readonly [string, Change, Memory['takenWhileDown']]>([
    ['where nobody writes', lost, { generation: 2 }],
    ['not where somebody writes', asIs, undefined],
    ['not where what was before is not true yet', all(lost, remembering({ rolledOutGeneration: 0 })), undefined],
    [
      'not where what failed is on its way back',
      all(lost, remembering({ failedRollout: { generation: 1, problem } })),
      undefined,
    ],
    [
      'still where another one was before, and nobody has written since',
      all(lost, remembering({ rolledOutGeneration: 0, takenWhileDown: { generation: 1 } })),
      { generation: 1 },
    ],
  ])('is known to be taken while the cluster is down: %s', (_, change, taken) => {
    expect(memoryAfter(all(edited, change), nobody).takenWhileDown).toEqual(taken);
  });

  it('is one like any other once somebody writes', () => {
    const memory = memoryAfter(all(lost, remembering({ takenWhileDown: { generation: 1 } })));
    expect(memory.takenWhileDown).toBeUndefined();
  });
});
