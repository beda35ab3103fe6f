/**
 * Owns: which timers a state wants, as one table. Timers are journaled data: set here, fired as an observation. Entering
 * another phase clears the deadlines of the one that was left, so that no old deadline can judge a new state.
 */
import { holdMs, recoverDeadlineMs, retryDelayMs } from './backoff.ts';
import { phaseOf } from './chart.ts';
import { armed } from './world.ts';
import type { Facts, Memory } from './facts.ts';
import type { Step } from './fixpoint.ts';
import { allReplicasReady, leaderWritable } from './guards.ts';
import type { View } from './view.ts';

interface Wanted {
  readonly id: string;
  readonly delayMs: number;
  readonly because: string;
}

/** Timers that belong to a state rather than to a failed target. */
function isStateTimer(id: string): boolean {
  return id === 'hold' || id === 'recover' || id.startsWith('deadline/');
}

function goodNews(view: View): boolean {
  if (view.state === 'Alive.Recovering.rejoining') return leaderWritable(view).answer === 'yes';
  return view.state === 'Alive.Degraded' && allReplicasReady(view).answer === 'yes';
}

function wanted(view: View): readonly Wanted[] {
  const { facts, state } = view;
  const phase = phaseOf(state);
  const list: Wanted[] = [];
  const createMs = (facts.world.config?.createDeadlineSeconds ?? 600) * 1000;
  if (phase === 'Creating')
    list.push({ id: 'deadline/creating', delayMs: createMs, because: 'a cluster should be complete by then' });
  if (phase === 'Updating' || phase === 'Scaling') {
    list.push({
      id: `deadline/${phase.toLowerCase()}`,
      delayMs: createMs,
      because: 'the procedure should be over by then',
    });
  }
  if (state === 'Alive.Recovering.electing') {
    list.push({ id: 'deadline/recovering', delayMs: recoverDeadlineMs, because: 'a leader should write by then' });
  }
  if (phase === 'Failed') {
    list.push({
      id: 'recover',
      delayMs: retryDelayMs(facts.memory.retryCount),
      because: 'back-off before the next try',
    });
  }
  if (goodNews(view)) list.push({ id: 'hold', delayMs: holdMs, because: 'good news must hold' });
  return list;
}

function cleared(memory: Memory, keep: (id: string) => boolean): Memory {
  const timers = Object.fromEntries(Object.entries(memory.timers).filter(([id]) => keep(id)));
  const expired = memory.expired.filter((id) => keep(id));
  return { ...memory, timers, expired };
}

/** Facts with the timers the state wants armed, and those it does not want cleared. */
export function withTimers(view: View, at: number): Facts {
  const list = wanted(view);
  const ids = new Set(list.map((timer) => timer.id));
  const memory = cleared(view.facts.memory, (id) => !isStateTimer(id) || ids.has(id));
  const timers = list.reduce((all, timer) => {
    const standing = all[timer.id] !== undefined || memory.expired.includes(timer.id);
    return standing ? all : armed(all, timer.id, at + timer.delayMs, timer.because);
  }, memory.timers);
  return { ...view.facts, memory: { ...memory, timers } };
}

/** What entering a state does to memory: old deadlines go, retries are counted, the generation is noted. */
export function entered(view: View, step: Step, at: number): View {
  const from = phaseOf(step.from);
  const to = phaseOf(step.to);
  let memory: Memory = { ...view.facts.memory, stateSince: at };
  if (step.from !== step.to)
    memory = cleared(memory, (id) => (id === 'hold' ? false : from === to || !isStateTimer(id)));
  if (to === 'Failed') {
    const answer = step.answers.at(-1);
    memory = {
      ...memory,
      retryCount: memory.retryCount + 1,
      failedGeneration: view.facts.world.cluster?.seen.generation ?? null,
      lastError: answer?.because ?? memory.lastError,
      lastErrorAt: at,
    };
  }
  if (to === 'Running') {
    memory = {
      ...memory,
      retryCount: 0,
      rolledOutGeneration: memory.accepted?.generation ?? memory.rolledOutGeneration,
    };
  }
  return { ...view, facts: { ...view.facts, memory } };
}
