/**
 * Hazard: a node is cut off while an edit is rolled out. Nobody writes, nothing says why, and after minutes the edit is taken back,
 * which is right. But the edit is not at fault: an operator that never tries it again leaves the cluster on the old spec for ever.
 */
import { describe, expect, it } from 'vitest';
import { rolloutAgainMs, rolloutAgainTimer } from '#machines/cluster/backoff.ts';
import { entered, withTimers } from '#machines/cluster/deadlines.ts';
import type { Facts } from '#machines/cluster/facts.ts';
import type { AskedSignal } from '#machines/cluster/fixpoint.ts';
import { learn } from '#machines/cluster/learn.ts';
import { settle } from '#machines/cluster/settle.ts';
import { failedRolloutToken } from '#machines/cluster/tables/blame.ts';
import { isRolloutAgainDue } from '#machines/cluster/tables/taken-back.ts';
import { makeBuilders } from '#src/resources/plan.ts';
import { calm, factsOf, plan } from './worlds.ts';

const judge = makeBuilders();
const running = 'Alive.Running';
const electing = 'Alive.Recovering.electing';

/** A calm cluster whose edit to another image is accepted as generation 2. */
function edited(): Facts {
  const base = factsOf(calm);
  const { cluster } = base.world;
  if (cluster === null) throw new Error('no cluster');
  const spec = { ...cluster.seen.spec, image: 'other' };
  const seen = { ...cluster.seen, generation: 2, spec };
  return settle({ ...base, world: { ...base.world, cluster: { ...cluster, seen } } }, judge, 0);
}

/** As if it had been taken back after an election without an end. @param trouble what a member said meanwhile */
function takenBack(facts: Facts, trouble: string | null): Facts {
  const values = { timer: 'stall/silent', member: trouble === null ? null : 'shop-1', trouble };
  const answer: AskedSignal = {
    guard: 'RolloutFailed',
    answer: 'yes',
    because: 'nobody writes: no leader is known',
    values,
  };
  const step = { from: electing, to: electing, signal: 'RolloutFailed', answers: [answer] } as const;
  return settle(entered({ facts, state: electing, plan }, step, 1000).facts, judge, 1000);
}

/** It runs, and its timers of that have fired. */
function ranInPeace(facts: Facts): Facts {
  const armed = withTimers({ facts, state: running, plan }, 2000);
  const id = rolloutAgainTimer;
  if (armed.memory.timers[id] === undefined) return armed;
  const due = settle(learn(armed, { type: 'TimerFired', id, dueAt: 0 }, 3000), judge, 3000);
  return withTimers({ facts: due, state: running, plan }, 3000);
}

const accepted = (facts: Facts): number | undefined => facts.memory.accepted?.generation;

describe('a rollout that was taken back', () => {
  it('in silence is tried again once the cluster has run for a while', () => {
    const back = takenBack(edited(), null);
    expect(accepted(back)).toBe(1);
    expect(back.memory.failedRollout?.problem.rule).toMatch(/tried again once the cluster has run for 10 minutes$/);
    const again = ranInPeace(back);
    expect(accepted(again)).toBe(2);
    expect(again.memory.failedRollout).toBeNull();
    expect(again.memory.handled).not.toHaveProperty(failedRolloutToken);
  });

  it('because a member said what is wrong is not', () => {
    const back = takenBack(edited(), 'start failed');
    expect(back.memory.failedRollout?.problem.rule).not.toContain('again');
    expect(accepted(ranInPeace(back))).toBe(1);
  });

  it('in silence again and again waits four times as long each time, but at most a day', () => {
    const twice = takenBack(ranInPeace(takenBack(edited(), null)), null);
    expect(twice.memory.silentRollout).toEqual({ generation: 2, tries: 2 });
    const { timers } = withTimers({ facts: twice, state: running, plan }, 0).memory;
    expect(timers[rolloutAgainTimer]?.dueAt).toBe(40 * 60_000);
    expect([1, 2, 3, 4, 5, 60].map((tries) => rolloutAgainMs(tries) / 60_000)).toEqual([10, 40, 160, 640, 1440, 1440]);
  });

  it('is not tried again while the cluster does not run', () => {
    const { timers } = withTimers({ facts: takenBack(edited(), null), state: electing, plan }, 0).memory;
    expect(timers).not.toHaveProperty(rolloutAgainTimer);
  });

  it('is not tried again while nothing planned may begin', () => {
    const paused = { ...takenBack(edited(), null) };
    const { cluster } = paused.world;
    if (cluster === null) throw new Error('no cluster');
    const seen = { ...cluster.seen, spec: { ...cluster.seen.spec, paused: true } };
    const facts = { ...paused, world: { ...paused.world, cluster: { ...cluster, seen } } };
    expect(withTimers({ facts, state: running, plan }, 0).memory.timers).not.toHaveProperty(rolloutAgainTimer);
  });

  it('in silence is tried again by an operator that has lost its journal: status tells of it', () => {
    const { memory, world } = takenBack(edited(), null);
    expect(memory.handled[failedRolloutToken]).toBe('2/1');
    const { silentRollout: _lost, ...rest } = memory;
    const found = settle({ world, memory: { ...rest, failedRollout: null, amnesia: true } }, judge, 1500);
    expect(found.memory.failedRollout?.problem.rule).toContain('lost');
    expect(isRolloutAgainDue(found)).toBe(false);
    expect(accepted(ranInPeace(found))).toBe(2);
  });
});
