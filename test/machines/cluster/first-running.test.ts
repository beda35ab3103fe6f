/** Which spec is called true of every member when a cluster gets to Running, by the way it came. */
import { describe, expect, it } from 'vitest';
import { entered } from '#machines/cluster/deadlines.ts';
import type { Step } from '#machines/cluster/fixpoint.ts';
import { calm, factsOf, plan, type Choice } from './worlds.ts';

function rolledOutAfter(from: string, rolledOutGeneration: number | null, choice: Partial<Choice> = {}): number | null {
  const facts = factsOf({ ...calm, generation: 'newer', ...choice });
  const { rolledOut, ...memory } = facts.memory;
  const before = { ...memory, rolledOutGeneration, rolledOut: rolledOutGeneration === null ? null : rolledOut };
  const step: Step = { from, to: 'Alive.Running', signal: 'AllReplicasReady', answers: [] };
  const view = { state: 'Alive.Running', facts: { ...facts, memory: before }, plan };
  return entered(view, step, 0).facts.memory.rolledOutGeneration;
}

describe('the generation that is rolled out when Running is entered', () => {
  it('is the accepted one after a creation, and after a creation that failed half-way and was mended', () => {
    expect(rolledOutAfter('Alive.Creating.joining', null)).toBe(2);
    expect(rolledOutAfter('Alive.Degraded', null)).toBe(2);
  });

  it('is one, and not yet the accepted one, where that was edited since members were made', () => {
    // Without one each later edit would look like a first; called true, it would never reach the members.
    expect(rolledOutAfter('Alive.Creating.joining', null, { template: 'replica-old' })).toBe(1);
    expect(rolledOutAfter('Alive.Degraded', null, { template: 'replica-old' })).toBe(1);
  });

  it('stays where it was while a member is of an older template', () => {
    expect(rolledOutAfter('Alive.Degraded', 1, { template: 'replica-old' })).toBe(1);
    expect(rolledOutAfter('Alive.Degraded', 1)).toBe(2);
  });
});
