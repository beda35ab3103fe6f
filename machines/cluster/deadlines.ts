/**
 * Owns: which timers a state wants, as one table. Timers are journaled data: set here, fired as an observation. Entering
 * another phase clears the deadlines of the one that was left, so that no old deadline can judge a new state.
 */
import {
  askMs,
  askTimer,
  electingTimer,
  goneMs,
  renewalSlackMs,
  holdMs,
  recoverDeadlineMs,
  retryDelayMs,
  roomMs,
  roomTimer,
  silentMs,
  rolloutAgainTimer,
  silentTimer,
  stoppingTimer,
  stallTimer,
  stallMs,
  ttlSecondsDefault,
} from './backoff.ts';
import { phaseOf, type Phase } from './chart.ts';
import { armed, keptKeys, withOccasional } from './world.ts';
import type { AcceptedSpec, Facts, Memory } from './facts.ts';
import type { Step } from './fixpoint.ts';
import { leaderWritable } from './guards.ts';
import { isPatroniPaused, membersOf } from './members.ts';
import { missedFrom } from './missed.ts';
import type { Plan } from './plan.ts';
import { allReplicasReady, isRollingOut, stalledMember } from './procedures.ts';
import { recalled } from './recall.ts';
import { isHeldBack } from './tables/permission.ts';
import { endingMember, goneTimer, renewedTimer, unconfirmedMember } from './tables/replacement.ts';
import { mendingStep, rolloutStep } from './tables/rollout.ts';
import { scalingStep } from './tables/scaling.ts';
import { withImageOf } from './settle.ts';
import type { View } from './view.ts';
import { givenUp, rolloutAgainAfterMs } from './tables/taken-back.ts';
import { crampedPods } from './tables/full-volume.ts';
import { silentObjects, withoutOldWarnings } from './tables/warnings.ts';

interface Wanted {
  readonly id: string;
  readonly delayMs: number;
  readonly because: string;
}

/** Timers of questions, which go on whatever state is entered. */
function isQuestion(id: string): boolean {
  return id === askTimer || id.startsWith(roomTimer(''));
}

/** Timers that belong to a state rather than to a failed target. */
function isStateTimer(id: string): boolean {
  return (
    id === 'hold' ||
    id === 'recover' ||
    isQuestion(id) ||
    id === rolloutAgainTimer ||
    /^(deadline|stall|gone|renewed)\//.test(id)
  );
}

function goodNews(view: View): boolean {
  if (view.state === 'Alive.Recovering.rejoining') return leaderWritable(view).answer === 'yes';
  return view.state === 'Alive.Degraded' && allReplicasReady(view).answer === 'yes';
}

/** What the replacement of a lost member waits for: that the leader shows itself, then that the old pod ends. */
function replacing(facts: Facts): readonly Wanted[] {
  const [doubted, ending] = [unconfirmedMember(facts), endingMember(facts)];
  const renewedMs = (facts.memory.accepted?.spec.patroni?.ttl ?? ttlSecondsDefault) * 1000 + renewalSlackMs;
  const list: Wanted[] = [];
  if (doubted !== null)
    list.push({
      id: renewedTimer(doubted),
      delayMs: renewedMs,
      because: 'a leader that lives has renewed its key by then',
    });
  if (ending !== null)
    list.push({ id: goneTimer(ending), delayMs: goneMs, because: `${ending} should have ended by then` });
  return list;
}

/** Members are added or taken away; a member that is lost meanwhile is made anew beside that, which takes its own time. */
function scaling(view: View, deadlineMs: number): readonly Wanted[] {
  const { stage, handOver } = scalingStep(view.facts);
  const mending = handOver === null ? mendingStep(view, null) : null;
  const step = mending === null ? stage : `${mending.stage}/${mending.awaited ?? ''}`;
  const deadline = { id: `deadline/scaling/${step}`, delayMs: deadlineMs, because: 'the step should be over by then' };
  return [deadline, ...replacing(view.facts)];
}

/** Each step has a deadline of its own: many members take many times as long as one. */
function updating(view: View, deadlineMs: number): readonly Wanted[] {
  const { stage, awaited } = rolloutStep(view);
  const step = awaited === null ? stage : `${stage}/${awaited}`;
  const deadline = { id: `deadline/updating/${step}`, delayMs: deadlineMs, because: 'the step should be over by then' };
  const gone = replacing(view.facts);
  const stalled = stalledMember(view) ?? retriedMember(view);
  if (stalled === null) return [deadline, ...gone];
  const because = `${stalled.name}: ${stalled.trouble}`;
  return [deadline, ...gone, { id: stallTimer(stalled.name), delayMs: stallMs, because }];
}

/** The member that a step waits for, that named a trouble before, and names none while it tries again; null when there is none. */
function retriedMember(view: View): ReturnType<typeof stalledMember> {
  const { awaited } = rolloutStep(view);
  const member = membersOf(view.facts).find(({ name }) => name === awaited);
  if (member === undefined || member.ready) return null;
  const id = stallTimer(member.name);
  const { timers, expired } = view.facts.memory;
  return timers[id] !== undefined || expired.includes(id) ? { name: member.name, trouble: 'it tries again' } : null;
}

const wantedOn = recalled((facts, state: string, plan: Plan): readonly Wanted[] => {
  const view = { facts, state, plan };
  const phase = phaseOf(state);
  const list: Wanted[] = [];
  const createMs = (facts.world.config?.createDeadlineSeconds ?? 600) * 1000;
  if (phase === 'Creating')
    list.push({ id: 'deadline/creating', delayMs: createMs, because: 'a cluster should be complete by then' });
  // While nothing goes on, nothing is late.
  const isHeld = isHeldBack(facts) || isPatroniPaused(facts);
  if (phase === 'Updating' && !isHeld) list.push(...updating(view, createMs));
  if (phase === 'Scaling' && !isHeld) list.push(...scaling(view, createMs));
  if (phase === 'Deleting')
    list.push({
      id: state === 'Deleting.stopping' ? stoppingTimer : `deadline/deleting/${state.split('.')[1] ?? ''}`,
      delayMs: createMs,
      because: 'the step should be over by then',
    });
  if (state === 'Alive.Recovering.electing') {
    list.push({ id: 'deadline/recovering', delayMs: recoverDeadlineMs, because: 'a leader should write by then' });
  }
  if (state === 'Alive.Recovering.electing' && isRollingOut(view)) {
    const because = 'the spec that is being rolled out may be what keeps it from starting';
    list.push({ id: electingTimer, delayMs: stallMs, because });
    list.push({ id: silentTimer, delayMs: silentMs, because: 'silence that lasts may be the doing of the spec too' });
  }
  if (phase === 'Failed') {
    list.push({
      id: 'recover',
      delayMs: retryDelayMs(facts.memory.retryCount),
      because: 'back-off before the next try',
    });
  }
  const againMs = phase === 'Running' && !isHeld ? rolloutAgainAfterMs(facts) : null;
  if (againMs !== null)
    list.push({ id: rolloutAgainTimer, delayMs: againMs, because: 'what was taken back in silence is tried again' });
  const [silent] = phase === 'Pending' || phase === 'Deleting' ? [] : silentObjects(facts);
  if (silent !== undefined)
    list.push({
      id: askTimer,
      delayMs: askMs,
      because: `${silent.kind}/${silent.name} does not say what it waits for`,
    });
  const cramped = phase === 'Pending' || phase === 'Deleting' ? [] : crampedPods(facts);
  for (const { object } of cramped) {
    const because = `PostgreSQL of ${object.name} cannot do what it should`;
    list.push({ id: roomTimer(object.name), delayMs: roomMs, because });
  }
  if (goodNews(view)) list.push({ id: 'hold', delayMs: holdMs, because: 'good news must hold' });
  return list;
});

function cleared(memory: Memory, keep: (id: string) => boolean): Memory {
  const timers = keptKeys(memory.timers, keep);
  const expired = memory.expired.every(keep) ? memory.expired : memory.expired.filter(keep);
  return timers === memory.timers && expired === memory.expired ? memory : { ...memory, timers, expired };
}

/** Facts with the timers the state wants armed, and those it does not want cleared. */
export function withTimers(view: View, at: number): Facts {
  const list = wantedOn(view.facts, view.state, view.plan);
  const ids = new Set(list.map((timer) => timer.id));
  const memory = cleared(withoutOldWarnings(view.facts), (id) => !isStateTimer(id) || ids.has(id));
  const timers = list.reduce((all, timer) => {
    const standing = all[timer.id] !== undefined || memory.expired.includes(timer.id);
    return standing ? all : armed(all, timer.id, at + timer.delayMs, timer.because);
  }, memory.timers);
  const same = memory === view.facts.memory && timers === memory.timers;
  return same ? view.facts : { ...view.facts, memory: { ...memory, timers } };
}

/**
 * Memory of a cluster that begins to run: the spec is true of every member, unless only their number is. Of a new one the spec
 * may have been edited since its members were made; then it is rolled out from here on.
 */
function rolledOut(view: View, from: Phase, memory: Memory): Memory {
  const { accepted } = memory;
  if (accepted === null) return memory;
  const [step, scaling] = [rolloutStep(view), scalingStep(view.facts)];
  const isFirst = from === 'Creating' || memory.rolledOutGeneration === null;
  const isDone = step.stage === 'done' && scaling.stage === 'done';
  // What Patroni keeps from a predecessor, or is not told by hand, is put right like any drift.
  const isWaiting = step.stage === 'configuring' && step.act.type === 'none' && scaling.stage === 'done';
  if (isDone || (isFirst && isWaiting)) {
    const kept = withOccasional(memory, 'chosenImage', undefined);
    return { ...kept, rolledOutGeneration: accepted.generation, rolledOut: accepted, configuring: false };
  }
  if (!isFirst) return memory;
  const generation = accepted.generation - 1;
  return { ...memory, rolledOutGeneration: generation, rolledOut: { generation, spec: asMade(memory, accepted.spec) } };
}

/** The spec with the parameters that members were made with: who loses the journal sees that others are wanted by now. */
function asMade({ bootstrapParameters }: Memory, spec: AcceptedSpec['spec']): AcceptedSpec['spec'] {
  const { postgresqlParams: _wanted, ...rest } = spec;
  const made = bootstrapParameters ?? {};
  return Object.keys(made).length === 0 ? rest : { ...rest, postgresqlParams: made };
}

/** What the API server would not take of the spec that is given up is not asked of it again. */
function withoutRefusals({ failures }: Memory): Memory['failures'] {
  return Object.fromEntries(Object.entries(failures).filter(([, { permanent }]) => !permanent));
}

/** Back to the spec that was true before; what failed is remembered with its reason. */
function takenBack(memory: Memory, step: Step): Memory {
  const { accepted, rolledOut: before } = memory;
  if (accepted === null || before === null) return memory;
  return {
    ...withImageOf(givenUp(memory, accepted, before, step.answers.at(-1)), accepted.spec, before.spec),
    accepted: before,
    verified: {},
    failures: withoutRefusals(memory),
  };
}

/** What entering a state does to memory: old deadlines go, retries are counted, the generation is noted. */
export function entered(view: View, step: Step, at: number): View {
  const from = phaseOf(step.from);
  const to = phaseOf(step.to);
  let memory: Memory = { ...missedFrom(view.facts, step), stateSince: at };
  if (step.from !== step.to)
    memory = cleared(memory, (id) => (id === 'hold' ? false : from === to || isQuestion(id) || !isStateTimer(id)));
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
  if (to === 'Running') memory = rolledOut(view, from, { ...memory, retryCount: 0 });
  if (step.signal === 'RolloutFailed') memory = takenBack(memory, step);
  return { ...view, facts: { ...view.facts, memory } };
}
