/** Loops: when an effect that somebody undoes is one, how long the next waits, and when it is over. */
import { describe, expect, it } from 'vitest';
import { withLoops } from '#machines/cluster/breaker.ts';
import { conditionsOf } from '#machines/cluster/conditions.ts';
import type { Facts, Loop, Memory } from '#machines/cluster/facts.ts';
import { learn } from '#machines/cluster/learn.ts';
import {
  closed,
  isOpen,
  loopAfter,
  loopDelayMs,
  loopsOf,
  loopWords,
  onceMore,
  timesOf,
  wholeObject,
} from '#machines/cluster/tables/loops.ts';
import { takenAway } from '#machines/cluster/undone.ts';
import type { View } from '#machines/cluster/view.ts';
import { wants } from '#machines/cluster/wants.ts';
import { finalizer } from '#machines/shared/names.ts';
import { desired, objectOf, withObject } from './changes.ts';
import { calm, factsOf, plan } from './worlds.ts';

const pdb = { kind: 'PodDisruptionBudget', name: 'shop-pdb' } as const;
const key = 'PodDisruptionBudget/shop-pdb';
const minuteMs = 60_000;

function many(fields: readonly string[], times: number): Loop {
  let loop: Loop | undefined;
  for (let count = 0; count < times; count += 1) ({ loop } = onceMore(loop, { fields, by: ['another'] }, count));
  if (loop === undefined) throw new Error('no time at all');
  return loop;
}

/** The object is deleted once more, and was ours. */
function deletedOnce(facts: Facts, at: number): Facts {
  const expected = { ...facts.memory.expected, [key]: { uid: 'x', ownedHash: null, renderHash: null } };
  const ours = { ...facts, memory: { ...facts.memory, expected } };
  return learn(ours, { type: 'ObjectGone', object: pdb, uid: 'x' }, at);
}

function deleted(times: number): Facts {
  let facts = factsOf(calm);
  for (let count = 0; count < times; count += 1) facts = deletedOnce(facts, count * 1000);
  return facts;
}

function failing(facts: Facts): { readonly status: string; readonly reason: string; readonly message: string } {
  return conditionsOf({ state: 'Alive.Running', facts, plan, specProblems: [] }).ReconcileFailing;
}

/** @param at when the timer of the loop fires */
function timerFired(facts: Facts, at: number): Facts {
  const told = learn(facts, { type: 'TimerFired', id: `loop/${key}`, dueAt: at }, at);
  return withLoops({ state: 'Alive.Running', facts: told, plan }, at);
}

describe('the wait before the next', () => {
  it('doubles from 5 s on, and from the fifth on from ten minutes to an hour', () => {
    const seconds = [1, 2, 3, 4, 5, 6, 7, 8, 9, 1000].map((times) => loopDelayMs(times, times, false) / 1000);
    expect(seconds).toEqual([5, 10, 20, 40, 600, 1200, 2400, 3600, 3600, 3600]);
  });

  it('is none twice for what is gone, and never more than five minutes', () => {
    const seconds = [1, 2, 3, 4, 5, 6, 7, 8, 9, 1000].map((times) => loopDelayMs(times, times, true) / 1000);
    expect(seconds).toEqual([0, 0, 5, 10, 20, 40, 80, 160, 300, 300]);
  });
});

describe('a loop', () => {
  it('is the same field five times, not five fields once', () => {
    expect(isOpen(many(['spec.type'], loopAfter - 1))).toBe(false);
    expect(isOpen(many(['spec.type'], loopAfter))).toBe(true);
    const fields = ['a', 'b', 'c', 'd', 'e', 'f'];
    const each = fields.reduce<Loop | undefined>(
      (loop, field) => onceMore(loop, { fields: [field], by: [] }, 0).loop,
      undefined,
    );
    expect(isOpen(each)).toBe(false);
  });

  it('counts two steps of one war apart: what was changed, and what was added', () => {
    let loop: Loop | undefined;
    for (let count = 0; count < loopAfter; count += 1)
      for (const field of ['spec.type', 'spec.externalIPs'])
        ({ loop } = onceMore(loop, { fields: [field], by: [] }, 0));
    expect(loop?.times).toEqual({ 'spec.type': loopAfter, 'spec.externalIPs': loopAfter });
  });

  it('stays small, whatever is changed', () => {
    let loop: Loop | undefined;
    for (let count = 0; count < 1000; count += 1) {
      const by = [`manager-${count}`];
      ({ loop } = onceMore(loop, { fields: [`metadata.labels.${count}`], by }, count));
    }
    expect(Object.keys(loop?.times ?? {}).length).toBeLessThanOrEqual(16);
    expect(loop?.by.length).toBeLessThanOrEqual(16);
  });

  it('that is over opens again at the next time', () => {
    const over = closed(many(['spec.type'], 9));
    expect(isOpen(over)).toBe(false);
    expect(isOpen(onceMore(over, { fields: ['spec.type'], by: [] }, 0).loop)).toBe(true);
  });

  it('is told with object, field, who, how often, and what to do', () => {
    expect(loopWords('Service/shop', many(['spec.type'], 6))).toBe(
      'Service/shop: another changes spec.type whenever it is put right, 6 times so far; it is left as it is, and tried again ever more seldom; make another leave it alone, or say it in spec.service; after any edit of the spec it is tried at once',
    );
    const unknown = onceMore(undefined, { fields: [], by: [] }, 0).loop;
    expect(loopWords('Role/shop-patroni', unknown)).toContain('somebody changes what is ours of it whenever');
    expect(loopWords(key, onceMore(undefined, { fields: [wholeObject], by: [] }, 0).loop)).toContain(
      'somebody deletes it',
    );
  });
});

describe('an object that is deleted again and again', () => {
  it('is made again at once twice, and waits then', () => {
    const made = (facts: Facts): boolean => {
      const { [key]: _gone, ...objects } = facts.world.objects;
      const left = { ...facts, world: { ...facts.world, objects } };
      const planned = { ...plan, objects: plan.objects.filter(({ ref }) => ref.kind !== 'PodDisruptionBudget') };
      const budget = { ...planned.objects[0], ref: pdb, after: [], creation: 'B' } as (typeof planned.objects)[number];
      const view = { state: 'Alive.Running', facts: left, plan: { ...planned, objects: [budget] } };
      return wants(view).some(({ type }) => type === 'CreateObject');
    };
    expect(made(deleted(1))).toBe(true);
    expect(made(deleted(2))).toBe(true);
    expect(made(deleted(3))).toBe(false);
    expect(deleted(3).memory.timers[`retry/${key}`]?.dueAt).toBe(2000 + 5000);
  });

  it('is an edit war at the fifth time, once told by a Kubernetes Event', () => {
    expect(failing(deleted(loopAfter - 3))).toMatchObject({ status: 'False' });
    expect(failing(deleted(loopAfter))).toMatchObject({ status: 'True', reason: 'EditWar' });
    const events = deleted(loopAfter + 3).memory.events.filter(({ reason }) => reason === 'EditWar');
    expect(events).toHaveLength(1);
    expect(events[0]).toMatchObject({ severity: 'Warning', note: expect.stringContaining(key) as string });
  });

  it('of a cluster on its way out, or that never was ours, counts for nothing', () => {
    const leaving = factsOf({ ...calm, deleting: 'background' });
    expect(deletedOnce(leaving, 0).memory.loops).toBeUndefined();
    expect(takenAway(factsOf(calm), pdb, 'x', 0).memory.loops).toBeUndefined();
  });
});

describe('our finalizer that somebody takes off', () => {
  const shown = (facts: Facts, finalizers: readonly string[]): Facts => {
    const seen = facts.world.cluster?.seen;
    if (seen === undefined) throw new Error('no cluster');
    return learn(facts, { type: 'ClusterSeen', cluster: { ...seen, finalizers } }, 0);
  };
  const added: Memory['expected'][string] = { uid: 'u-1', ownedHash: null, renderHash: null };
  const remembered = (facts: Facts): Facts => ({
    ...facts,
    memory: { ...facts.memory, expected: { 'PostgresCluster/shop': added } },
  });
  const view = (facts: Facts): View => ({ state: 'Alive.Running', facts, plan });
  const adds = (facts: Facts): boolean => wants(view(facts)).some(({ type }) => type === 'AddFinalizer');
  const strips = (times: number): Facts => {
    let facts = factsOf(calm);
    for (let count = 0; count < times; count += 1) facts = shown(shown(facts, [finalizer]), []);
    return facts;
  };

  it('was added until the watch shows it, and not any longer', () => {
    const bare = shown(factsOf(calm), []);
    expect(adds(bare)).toBe(true);
    expect(adds(remembered(bare))).toBe(false);
    const held = shown(remembered(bare), [finalizer, 'another']);
    expect(held.memory.expected).toEqual({});
    expect(adds(shown(held, ['another']))).toBe(true);
  });

  it('is added once more when no watch has shown it for long', () => {
    const facts = remembered(shown(factsOf(calm), []));
    expect(adds(learn(facts, { type: 'TimerFired', id: 'sight', dueAt: 0 }, 0))).toBe(true);
  });

  it('is added at once twice, waits then, and is an edit war at the fifth time', () => {
    expect([1, 2, 3].map((times) => adds(strips(times)))).toEqual([true, true, false]);
    expect(failing(strips(loopAfter - 1))).toMatchObject({ reason: 'Failing' });
    expect(failing(strips(loopAfter))).toMatchObject({
      reason: 'EditWar',
      message: expect.stringContaining('PostgresCluster/shop: somebody changes metadata.finalizers') as string,
    });
  });

  it('keeps nothing from being put right that is there, but from being made', () => {
    const service = desired('Service', 'shop');
    const account = desired('ServiceAccount', 'shop');
    const wanting = { ...plan, objects: [service, account] };
    const there = withObject({
      ...objectOf(factsOf(calm), 'StatefulSet/shop'),
      kind: 'Service',
      detail: { type: 'Service' } as never,
    })(strips(1));
    const types = wants({ ...view(there), plan: wanting }).map(({ type, target }) => `${type} ${target.kind}`);
    expect(types).toEqual(['AddFinalizer PostgresCluster', 'CompareObject Service']);
  });
});

describe('the end', () => {
  it('comes once it has stood for five minutes as it should, and is told', () => {
    const open = deleted(loopAfter);
    const calming = withLoops({ state: 'Alive.Running', facts: open, plan }, minuteMs);
    expect(calming.memory.timers[`loop/${key}`]?.dueAt).toBe(6 * minuteMs);
    const over = timerFired(calming, 6 * minuteMs);
    expect(timesOf(loopsOf(over.memory)[key] ?? many(['x'], 1))).toBe(loopAfter - 1);
    expect(failing(over)).toMatchObject({ status: 'False', reason: 'NoErrors' });
    expect(over.memory.events.at(-1)).toMatchObject({ reason: 'EditWarOver', severity: 'Normal' });
    expect(over.memory.timers[`loop/${key}`]?.dueAt).toBe(66 * minuteMs);
  });

  it('and an hour later nothing is left of it', () => {
    const over = timerFired(deleted(1), 60 * minuteMs);
    expect(over.memory.loops).toBeUndefined();
    expect(over.memory.expired).toEqual([]);
  });

  it('comes with a new spec', () => {
    const open = deleted(loopAfter);
    const { cluster } = open.world;
    if (cluster === null) throw new Error('no cluster');
    const edited = { ...cluster.seen, generation: cluster.seen.generation + 1 };
    const after = learn(open, { type: 'ClusterSeen', cluster: edited }, 10_000);
    expect(after.memory.loops).toBeUndefined();
    expect(Object.keys(after.memory.timers).filter((id) => id.endsWith(key))).toEqual([]);
  });

  it('changes nothing when it is asked twice', () => {
    const once = withLoops({ state: 'Alive.Running', facts: deleted(loopAfter), plan }, minuteMs);
    expect(withLoops({ state: 'Alive.Running', facts: once, plan }, minuteMs)).toBe(once);
  });
});
