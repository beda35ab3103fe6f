/**
 * T13: two leaders. One stands still, another takes over, the first goes on as if nothing had been; clocks disagree.
 * On a real API server, with and without the admission policy: `test/integration/leaders.test.ts`.
 * Hunts: cilium#42920 (a shutdown hook that outlived its grace), kubernetes#23731.
 * Switch: `test/mutants/t13-lease-not-asked.patch`.
 */
import { describe, expect, it } from 'vitest';
import { singleCrashes } from '#src/sim/exploration.ts';
import type { Plan, PlanStep } from '#src/sim/plan.ts';
import { calm, planOf, slice, violated } from './hazard.ts';
import { deposedChangesNothing } from './laws.ts';

const scenario = 'two-operators';

async function pauses(): Promise<readonly Plan[]> {
  return singleCrashes((await calm(scenario)).run, 'pause');
}

/** Those in the middle of several changes: one is sent, its answer is not there, and others are to follow. */
async function pausesWithMoreToSend(): Promise<readonly Plan[]> {
  const { passages } = (await calm(scenario)).run;
  return (await pauses()).filter(({ steps: [step] }) => {
    if (step?.type !== 'crash') return false;
    const [now, next = ''] = (passages[step.operator] ?? []).slice(step.passage);
    return now === 'sent-no-response' && ['before-send', 'before-append'].includes(next);
  });
}

describe('T13: two operators', () => {
  it('the leader stands still anywhere, and goes on after another has taken over: it changes nothing more', async () => {
    const plans = [...slice(await pauses(), 2), ...slice(await pausesWithMoreToSend(), 8)];
    expect(await violated(plans, { also: [deposedChangesNothing] })).toEqual([]);
  });

  it('the same with clocks that are hours apart', async () => {
    const jumps: readonly PlanStep[] = [
      { type: 'clock', operator: 'operator-0', atMs: 0, byMs: 3_600_000 },
      { type: 'clock', operator: 'operator-1', atMs: 0, byMs: -7_200_000 },
    ];
    const plans = slice(await pauses(), 2).map((plan) => planOf(scenario, [...jumps, ...plan.steps]));
    expect(await violated(plans, { also: [deposedChangesNothing] })).toEqual([]);
  });
});
