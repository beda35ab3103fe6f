/** Plans that once broke something, each named after what went wrong. */
import { afterAll, describe, expect, it } from 'vitest';
import { quiet, type Plan } from '#src/sim/plan.ts';
import { runPlan, type RunResult } from '#src/sim/run.ts';
import { makeScratch } from '#src/sim/scratch.ts';
import { screenOf } from '#src/sim/story.ts';

const { folder: scratch, remove } = makeScratch();
afterAll(remove);

async function judged(plan: Plan): Promise<RunResult['violations']> {
  const expected = await runPlan(quiet(plan.scenario, plan.seed), { scratch, expected: null });
  return (await runPlan(plan, { scratch, expected })).violations;
}

describe('plans that once broke something', () => {
  it('a deletion that lost its journal marks what it keeps with the major it holds, or no namesake could take it', async () => {
    const steps = [{ type: 'crash', operator: 'operator-0', passage: 285, mode: 'amnesia', ms: 0 }] as const;
    expect(await judged({ seed: 75, scenario: 'delete', steps })).toEqual([]);
  });

  const conflict = { type: 'replaced', status: 409, reason: 'Conflict', retryAfterMs: null } as const;

  it('a read that is refused is read again, and stops no decision', async () => {
    const steps = [{ type: 'request', operator: 'operator-0', nth: 102, fate: conflict }] as const;
    expect(await judged({ seed: 1564, scenario: 'delete-volumes', steps })).toEqual([]);
  });

  it('a trial that meets another object than it was meant for is tried again, and stops no decision', async () => {
    const steps = [
      { type: 'crash', operator: 'operator-0', passage: 200, mode: 'amnesia', ms: 0 },
      { type: 'request', operator: 'operator-0', nth: 87, fate: conflict },
    ] as const;
    expect(await judged({ seed: 3, scenario: 'drift', steps })).toEqual([]);
  });

  it('a deletion while a watch hangs leaves nothing behind that was created and not seen', async () => {
    const fate = { type: 'lost-answer', silent: true } as const;
    const steps = [{ type: 'request', operator: 'operator-0', nth: 22, fate }] as const;
    expect(await judged({ seed: 1, scenario: 'delete-volumes', steps })).toEqual([]);
  });

  it('a Secret that a hanging watch has not shown for long is not forgotten: what is kept says so', async () => {
    const steps = [
      { type: 'request', operator: 'operator-0', nth: 22, fate: { type: 'lost-request', silent: true } },
    ] as const;
    for (const seed of [63, 79]) expect(await judged({ seed, scenario: 'delete', steps })).toEqual([]);
  });

  it('what must be read is still read after a new generation: a deletion leaves nothing behind that nobody knew of', async () => {
    const steps = [
      { type: 'request', operator: 'operator-0', nth: 19, fate: { type: 'lost-request', silent: true } },
      { type: 'request', operator: 'operator-0', nth: 27, fate: { type: 'lost-answer', silent: true } },
    ] as const;
    expect(await judged({ seed: 100339, scenario: 'delete', steps })).toEqual([]);
  });

  it('a journal that is lost in the middle of a rollout does not make it be taken for done', async () => {
    const steps = [146, 600].map(
      (passage) => ({ type: 'crash', operator: 'operator-0', passage, mode: 'amnesia', ms: 0 }) as const,
    );
    expect(await judged({ seed: 5056, scenario: 'roll-image', steps })).toEqual([]);
  });

  it('a rollout that is taken back again after the journal was lost goes back to what was true before', async () => {
    for (const passage of [445, 447, 449, 451]) {
      const steps = [{ type: 'crash', operator: 'operator-0', passage, mode: 'amnesia', ms: 0 }] as const;
      expect(await judged({ seed: 1, scenario: 'bad-image', steps })).toEqual([]);
    }
  });

  it('a template that is called invalid once, by mistake, is not taken back: full disks would stay full', async () => {
    const steps = [
      { type: 'crash', operator: 'operator-0', passage: 420, mode: 'kill', ms: 25_000 },
      {
        type: 'request',
        operator: 'operator-0',
        nth: 181,
        fate: { type: 'replaced', status: 422, reason: 'Invalid', retryAfterMs: null },
      },
    ] as const;
    expect(await judged({ seed: 1, scenario: 'grow-volumes-full', steps })).toEqual([]);
  });

  it('a member that is cut off while a parameter leaves the spec is waited for, and starts anew when it hears of it', async () => {
    const steps = [{ type: 'cut-member', atMs: 70_883, pod: 'team/shop-0', ms: 81_494 }] as const;
    expect(await judged({ seed: 1_416_774, scenario: 'parameters', steps })).toEqual([]);
  });

  it('a member that starts anew while it is cut off never says that it has to: it is asked again, and not waited for in vain', async () => {
    const steps = [
      { type: 'cut-member', atMs: 30_000, pod: 'team/shop-0', ms: 60_000 },
      { type: 'kill-member', atMs: 55_000, pod: 'team/shop-0', ms: 600 },
    ] as const;
    expect(await judged({ seed: 1, scenario: 'parameters', steps })).toEqual([]);
  });

  it('a primary whose node is cut off during a rollout does not speak against the spec: it is rolled out', async () => {
    const steps = [{ type: 'cut-member', atMs: 25_421, pod: 'team/shop-0', ms: 75_801 }] as const;
    expect(await judged({ seed: 10_546_724, scenario: 'roll-image-alone', steps })).toEqual([]);
  });

  it('a template that is refused when the journal was lost, at the question what it would change, is taken back too', async () => {
    const steps = [{ type: 'crash', operator: 'operator-0', passage: 314, mode: 'rollback', ms: 0 }] as const;
    expect(await judged({ seed: 1, scenario: 'refused-template', steps })).toEqual([]);
  });

  it('that a rollout failed, and of which field, is still said when the journal is lost', async () => {
    const steps = [
      { type: 'crash', operator: 'operator-0', passage: 534, mode: 'rollback', ms: 0 },
      { type: 'request', operator: 'operator-0', nth: 42, fate: { type: 'held', ms: 6000 } },
      { type: 'watches-end', atMs: 60_370 },
      { type: 'watches-end', atMs: 59_369 },
    ] as const;
    expect(await judged({ seed: 7018, scenario: 'bad-parameter', steps })).toEqual([]);
  });

  it('a configuration whose writing was never answered is not taken for one that members follow', async () => {
    const steps = [
      { type: 'crash', operator: 'operator-0', passage: 567, mode: 'pause', ms: 14_090 },
      { type: 'crash', operator: 'operator-0', passage: 38, mode: 'rollback', ms: 0 },
    ] as const;
    expect(await judged({ seed: 200074, scenario: 'parameters', steps })).toEqual([]);
  });

  it('a failover that leaves behind that the database was just made does not leave the application outside', async () => {
    const steps = [1_050, 40_000, 80_000].map(
      (atMs) => ({ type: 'crash-at', operator: 'operator-0', atMs, mode: 'pause', ms: 30_000 }) as const,
    );
    expect(await judged({ seed: 3, scenario: 'lose-leader', steps })).toEqual([]);
  });

  it('a status that was withheld for want of the Lease follows within seconds of its return, not minutes', async () => {
    const story = [
      'apply crds/samples/two-members.yaml',
      'wait Running',
      'pass 30s',
      'api down for 3m',
      'kill pg-two-1 for 5m',
      'pass 4m',
      'show',
    ];
    const root = new URL('../../../', import.meta.url);
    expect(await screenOf(story.join('\n'), { scratch, root })).toContain('pg-two: Degraded, 1 of 2 ready');
  });
});
