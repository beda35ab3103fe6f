/** Every state with every combination of facts: the machine comes to rest, answers everything, and survives amnesia. */
import { beforeAll, describe, expect, it } from 'vitest';
import { phaseOf, phases } from '#machines/cluster/chart.ts';
import { conditionReasons } from '#machines/cluster/condition-reasons.ts';
import { conditionsOf, sentence } from '#machines/cluster/conditions.ts';
import { entered, withTimers } from '#machines/cluster/deadlines.ts';
import { arrowsOf, follow, movesMax, settleState } from '#machines/cluster/fixpoint.ts';
import type { Problem } from '#machines/cluster/plan.ts';
import { signals } from '#machines/cluster/signals.ts';
import { startingState } from '#machines/cluster/start.ts';
import type { View } from '#machines/cluster/view.ts';
import { wants } from '#machines/cluster/wants.ts';
import { severityOf } from '#src/decision/decide.ts';
import { eventsTable } from '#src/dev/tables.ts';
import { choices, factsOf, plan, type Choice } from './worlds.ts';

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

const reasons: Readonly<Record<string, Readonly<Record<string, readonly [string, string]>>>> = conditionReasons;

/** Whether docs/conditions.md lists it, with this status; why a request is refused is in docs/control.md. */
function isListed(type: string, status: string, reason: string): boolean {
  return reasons[type]?.[reason]?.[0] === status || (type === 'RequestRefused' && status === 'True');
}

/** Changes of phase that happened in some world, as docs/events.md writes them. */
const changesOfPhase = new Set<string>();

interface Rest {
  readonly view: View;
  readonly moves: number;
}

function rest(view: View): Rest {
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

/** One state on one combination of facts, and where it comes to rest. */
interface Place {
  readonly state: string;
  readonly choice: Choice;
  readonly view: View;
  readonly at: Rest;
}

/** What has to hold at every place. Each says what is wrong, or nothing. */
const laws: Readonly<Record<string, (place: Place) => string | null>> = {
  'comes to rest from every state on every combination of facts, and stays there': ({ at }) => {
    if (at.moves > movesMax) return 'livelock';
    const again = rest(at.view);
    const stays = again.moves === 0 && again.view.state === at.view.state;
    return stays ? null : `moves again without news: ${at.view.state} → ${again.view.state}`;
  },

  'is total: every guard, wish, condition and sentence has an answer in every state': ({ view }) => {
    for (const { signal, guard } of signals) {
      const { answer, because } = guard(view);
      if (!['yes', 'no', 'unknown'].includes(answer) || because === '') return `${signal} gives no reason`;
    }
    wants(view);
    for (const [type, { status, reason }] of Object.entries(conditionsOf({ ...view, specProblems })))
      if (!isListed(type, status, reason)) return `${type} says ${status} ${reason}, which is not listed`;
    return sentence({ ...view, specProblems }) === '' ? 'no sentence' : null;
  },

  'moves nowhere and wishes nothing while the picture is incomplete, but for a deletion': (place) => {
    const { state, choice, view, at } = place;
    if (choice.known) return null;
    const wishes = wants(view);
    if (wishes.length > 0) return `wishes ${JSON.stringify(wishes)}`;
    // Leaving Failed or Running for a newer accepted spec needs no watch; nothing else may move.
    const isMoved = at.view.state !== state && choice.deleting === 'no';
    return isMoved && choice.generation !== 'newer' ? `moves to ${at.view.state}` : null;
  },

  'finds the same phase again after amnesia, from the published phase and the same facts': (place) => {
    const { state, choice, at } = place;
    if (!state.startsWith('Alive') || state === 'Alive.Pending' || !choice.known || choice.deleting !== 'no')
      return null;
    const before = at.view;
    const published = phaseOf(before.state);
    const found = { phase: published } as NonNullable<View['facts']['memory']['found']>;
    const lost: View = {
      ...before,
      state: 'Alive.Pending',
      facts: { ...before.facts, memory: { ...before.facts.memory, found } },
    };
    const after = rest({ ...lost, state: startingState(lost.state, lost.facts) }).view;
    return phaseOf(after.state) === published ? null : `${published} became ${phaseOf(after.state)}`;
  },

  'never calls a cluster Running without a writable leader, nor one with missing members': (place) => {
    const { state, choice, at } = place;
    if (state !== 'Alive.Running' || !choice.known || choice.deleting !== 'no' || !choice.bootstrapped) return null;
    const isRunning = choice.leader === 'writable' && choice.ready === 2;
    return at.view.state === 'Alive.Running' && !isRunning ? 'is called Running' : null;
  },
};

const specProblems: readonly Problem[] = [];

describe('the cluster machine', () => {
  const broken = new Map<string, string[]>(Object.keys(laws).map((law) => [law, []]));
  let places = 0;

  // All laws at each place while it is there: what one of them has asked stands for the next.
  beforeAll(() => {
    for (const choice of choices()) {
      const facts = factsOf(choice);
      const isScaled = choice.known && choice.generation === 'newer' && choice.statefulSet;
      for (const state of states) {
        const view = { state, facts, plan };
        const place = { state, choice, view, at: rest(view) };
        places += 1;
        if (isScaled) rest(withMembers(view, 1));
        for (const [law, judge] of Object.entries(laws)) {
          const wrong = judge(place);
          if (wrong !== null) broken.get(law)?.push(`${state} with ${JSON.stringify(choice)}: ${wrong}`);
        }
      }
    }
  }, 300_000);

  it.each(Object.keys(laws))('%s', (law) => {
    expect(broken.get(law)).toEqual([]);
    expect(places).toBeGreaterThan(300_000);
  });

  it('every Kubernetes Event of docs/events.md happens in some world, and none besides', () => {
    const documented = eventsTable().split('\n').slice(2);
    expect([...changesOfPhase].toSorted()).toEqual(documented.toSorted());
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
});
