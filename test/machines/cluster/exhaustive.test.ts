/** Every state with every combination of facts: the machine comes to rest, answers everything, and survives amnesia. */
import { describe, expect, it } from 'vitest';
import { phaseOf, phases } from '#machines/cluster/chart.ts';
import { conditionsOf, sentence } from '#machines/cluster/conditions.ts';
import { entered, withTimers } from '#machines/cluster/deadlines.ts';
import { arrowsOf, follow, movesMax, settleState } from '#machines/cluster/fixpoint.ts';
import { signals } from '#machines/cluster/signals.ts';
import { startingState } from '#machines/cluster/start.ts';
import type { View } from '#machines/cluster/view.ts';
import { wants } from '#machines/cluster/wants.ts';
import { severityOf } from '#src/decision/decide.ts';
import { eventsTable } from '#src/dev/tables.ts';
import { choices, viewOf, type Choice } from './worlds.ts';

const states = [
  'Alive.Pending',
  'Alive.Creating.bootstrapping',
  'Alive.Creating.joining',
  'Alive.Running',
  'Alive.Updating.configuring',
  'Alive.Updating.restarting',
  'Alive.Updating.replacing',
  'Alive.Updating.switching',
  'Alive.Updating.rebuilding',
  'Alive.Scaling.adding',
  'Alive.Scaling.handingOver',
  'Alive.Scaling.removing',
  'Alive.Degraded',
  'Alive.Recovering.electing',
  'Alive.Recovering.rejoining',
  'Alive.Failed',
  'Deleting.stopping',
  'Deleting.clearing',
  'Deleting.stripping',
  'Deleting.releasing',
] as const;

const all = [...choices()];
/** Changes of phase that happened in some world, as docs/events.md writes them. */
const changesOfPhase = new Set<string>();

function rest(view: View): { readonly view: View; readonly moves: number } {
  const { view: at, steps } = settleState(view, (next, step) => entered(next, step, 1));
  for (const { signal, from, to } of steps) {
    const [was, is] = [phaseOf(from), phaseOf(to)];
    if (was !== is) changesOfPhase.add(`| \`${signal}\` | ${severityOf(is)} | ${was} | ${is} |`);
  }
  return { view: { ...at, facts: withTimers(at, 1) }, moves: steps.length };
}

/** The same with a StatefulSet of so many members. */
function withMembers(view: View, replicas: number): View {
  const key = 'StatefulSet/shop';
  const held = view.facts.world.objects[key];
  if (held === undefined || held.object.detail.type !== 'StatefulSet') return view;
  const detail = { ...held.object.detail, replicas };
  const objects = { ...view.facts.world.objects, [key]: { ...held, object: { ...held.object, detail } } };
  return { ...view, facts: { ...view.facts, world: { ...view.facts.world, objects } } };
}

function named(state: string, choice: Choice): string {
  return `${state} with ${JSON.stringify(choice)}`;
}

describe('the cluster machine', () => {
  it('comes to rest from every state on every combination of facts, and stays there', { timeout: 60_000 }, () => {
    for (const state of states) {
      for (const choice of all) {
        const first = rest(viewOf(state, choice));
        if (first.moves > movesMax) expect.fail(`livelock: ${named(state, choice)}`);
        const second = rest(first.view);
        if (second.moves > 0 || second.view.state !== first.view.state)
          expect.fail(`moves again without news: ${named(state, choice)} → ${first.view.state} → ${second.view.state}`);
      }
    }
  });

  it('every Kubernetes Event of docs/events.md happens in some world, and none besides', () => {
    for (const state of states)
      for (const choice of all.filter((each) => each.known && each.generation === 'newer' && each.statefulSet))
        rest(withMembers(viewOf(state, choice), 1));
    const documented = eventsTable().split('\n').slice(2);
    expect([...changesOfPhase].toSorted()).toEqual(documented.toSorted());
  });

  it('is total: every guard, wish, condition and sentence has an answer in every state', { timeout: 60_000 }, () => {
    for (const choice of all) {
      for (const state of states) {
        const view = viewOf(state, choice);
        for (const { signal, guard } of signals) {
          const { answer, because } = guard(view);
          if (!['yes', 'no', 'unknown'].includes(answer) || because === '')
            expect.fail(`${signal} gives no reason: ${named(state, choice)}`);
        }
        wants(view);
        conditionsOf({ ...view, specProblems: [] });
        if (sentence({ ...view, specProblems: [] }) === '') expect.fail(`no sentence: ${named(state, choice)}`);
      }
    }
  });

  it('moves nowhere and wishes nothing while the picture is incomplete, but for a deletion', () => {
    for (const state of states) {
      for (const choice of all.filter((each) => !each.known)) {
        const view = viewOf(state, choice);
        expect(wants(view)).toEqual([]);
        const { view: at } = rest(view);
        if (at.state !== state && choice.deleting === 'no') {
          // Leaving Failed or Running for a newer accepted spec needs no watch; nothing else may move.
          expect(named(state, choice)).toMatch(/newer/);
        }
      }
    }
  });

  it('finds the same phase again after amnesia, from the published phase and the same facts', () => {
    for (const state of states.filter((each) => each.startsWith('Alive') && each !== 'Alive.Pending')) {
      for (const choice of all.filter((each) => each.known && each.deleting === 'no')) {
        const before = rest(viewOf(state, choice)).view;
        const published = phaseOf(before.state);
        const found = { phase: published } as NonNullable<View['facts']['memory']['found']>;
        const lost: View = {
          ...before,
          state: 'Alive.Pending',
          facts: { ...before.facts, memory: { ...before.facts.memory, found } },
        };
        const after = rest({ ...lost, state: startingState(lost.state, lost.facts) }).view;
        if (phaseOf(after.state) !== published)
          expect.fail(`${named(state, choice)}: ${published} became ${phaseOf(after.state)}`);
      }
    }
  });

  it('can be deleted from every state', () => {
    for (const state of states.filter((each) => each.startsWith('Alive'))) {
      expect(follow(state, 'DeletionRequested')).toBe('Deleting.stopping');
      expect(follow(state, 'OrphanRequested')).toBe('Deleting.stripping');
    }
  });

  it('never starts a deletion over', () => {
    for (const state of states.filter((each) => each.startsWith('Deleting'))) {
      expect(arrowsOf(state).has('DeletionRequested')).toBe(false);
      expect(follow(state, 'DeletionRequested')).toBe(state);
    }
  });

  it('has an arrow out of every state but the last, and every phase has a state', () => {
    for (const state of states) expect(arrowsOf(state).size > 0 || state === 'Deleting.releasing').toBe(true);
    expect([...new Set(states.map(phaseOf))].sort()).toEqual([...phases].sort());
  });

  it('never calls a cluster Running without a writable leader, nor one with missing members', () => {
    for (const choice of all.filter((each) => each.known && each.deleting === 'no' && each.bootstrapped)) {
      const { view } = rest(viewOf('Alive.Running', choice));
      if (choice.leader !== 'writable') expect(view.state).not.toBe('Alive.Running');
      if (choice.ready < 2) expect(view.state).not.toBe('Alive.Running');
    }
  });
});
