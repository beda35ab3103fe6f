/**
 * Owns: one decision: (snapshot, observation) → (snapshot, decision). Learn, settle, move to the fixpoint, arm timers,
 * judge conditions, wish, render. Pure and total; the same inputs give the same bytes on every machine, every time.
 * Does not own: facts and chart (`machines/`), builders (`src/resources`), durability (`src/journal`).
 */
import { statusIntervalMs, retryJitter } from '#machines/cluster/backoff.ts';
import { phaseOf, type Phase } from '#machines/cluster/chart.ts';
import { withLoops } from '#machines/cluster/breaker.ts';
import { conditionsOf, withConditions, type Assessed } from '#machines/cluster/conditions.ts';
import { entered, withTimers } from '#machines/cluster/deadlines.ts';
import type { Facts, Memory, Snapshot } from '#machines/cluster/facts.ts';
import { initialState, movesMax, settleState, type Step } from '#machines/cluster/fixpoint.ts';
import { membersReady } from '#machines/cluster/guards.ts';
import { effectClasses, targetKey, type Intent } from '#machines/cluster/intents.ts';
import { knownFacts } from '#machines/cluster/knowledge.ts';
import { initialFacts, learn } from '#machines/cluster/learn.ts';
import type { ClusterObservation } from '#machines/cluster/observations.ts';
import type { Plan, Problem } from '#machines/cluster/plan.ts';
import { isObserving } from '#machines/cluster/tables/permission.ts';
import { isLossPlanned } from '#machines/cluster/tables/planned-loss.ts';
import { firstProblems, settle, type SpecJudge } from '#machines/cluster/settle.ts';
import { startingState } from '#machines/cluster/start.ts';
import { armed, eventsMax } from '#machines/cluster/world.ts';
import { finalizer } from '#machines/shared/names.ts';
import type { View } from '#machines/cluster/view.ts';
import { wants, withoutForgotten } from '#machines/cluster/wants.ts';
import { render, textHashOf } from './render.ts';
import type { Decision, IntentRecord, Read, RowStamp, TimerSet, Versions } from './record.ts';
import { statusOf, statusRequest, statusTextHash, urgentHash, type StatusText } from './status.ts';

/** What the builders say; implemented by `src/resources`, memoised there. */
export interface Builders extends SpecJudge {
  /** What the accepted spec asks for on these facts. */
  readonly plan: (facts: Facts) => Plan;
}

export interface DecideInput {
  readonly snapshot: Snapshot;
  readonly observation: ClusterObservation;
  readonly stamp: RowStamp;
  readonly versions: Versions;
}

export interface Decided {
  readonly snapshot: Snapshot;
  readonly decision: Decision;
}

/** Nothing known, nothing done. @param at milliseconds, stamp of the first row */
export function initialSnapshot(at: number): Snapshot {
  return { machine: 'cluster', state: initialState, facts: initialFacts(at) };
}

/** The same list each time: what was judged without a problem stands while it is the same. */
const none: readonly Problem[] = [];

function specProblems(facts: Facts, builders: Builders): readonly Problem[] {
  const seen = facts.world.cluster?.seen;
  const { accepted } = facts.memory;
  const { config } = facts.world;
  if (seen === undefined || config === null) return none;
  if (seen.misfits !== undefined) return seen.misfits;
  if (accepted === null) return firstProblems(facts, seen.spec, config, builders);
  const failed = facts.memory.failedRollout;
  if (failed !== null && failed.generation === seen.generation) return [failed.problem];
  return accepted.generation === seen.generation
    ? none
    : builders.edit(accepted.spec, seen.spec, config, facts.memory.rolledOut?.spec ?? null);
}

/** What guards and sentences look at, on the facts of a snapshot. Pure. */
export function assess({ state, facts }: Snapshot, builders: Builders): Assessed {
  return { state, facts, plan: builders.plan(facts), specProblems: specProblems(facts, builders) };
}

/** Type of the Kubernetes Event for entering a phase. */
export function severityOf(phase: Phase): 'Normal' | 'Warning' {
  return phase === 'Degraded' || phase === 'Recovering' || phase === 'Failed' ? 'Warning' : 'Normal';
}

/** Whether members are all there again, or something else goes on: Degraded is the way from Recovering to every other phase. */
function isComplete(view: View, step: Step): boolean {
  return step.signal === 'RecoveryCompleted' && (view.state !== step.to || membersReady(view).answer === 'yes');
}

/** @param before the facts before what was observed */
function withEvents(before: Facts, view: View, steps: readonly Step[]): Memory {
  const { memory } = view.facts;
  const news = steps
    .filter((step) => phaseOf(step.from) !== phaseOf(step.to))
    .map((step) => {
      const to = phaseOf(step.to);
      const isPlanned = step.signal === 'PrimaryLost' && isLossPlanned(before, step.from);
      return {
        reason: step.signal,
        note: `${phaseOf(step.from)} → ${to}: ${step.answers.at(-1)?.because ?? ''}${isPlanned ? '; as planned' : ''}`,
        severity: isPlanned || isComplete(view, step) ? 'Normal' : severityOf(to),
      } as const;
    });
  return news.length === 0 ? memory : { ...memory, events: [...memory.events, ...news].slice(-eventsMax) };
}

interface Effects {
  readonly memory: Memory;
  readonly intents: readonly IntentRecord[];
  readonly reads: readonly Read[];
}

/** A status to be written, beside its text; null where none may be, or what is published is true. */
interface StatusWish {
  readonly intent: Intent;
  readonly memory: Memory;
  readonly textHash: string;
  readonly text: StatusText;
}

function statusWish(view: Assessed, at: number): StatusWish | null {
  const { memory } = view.facts;
  const cluster = view.facts.world.cluster?.seen;
  const failure = memory.failures['Status'];
  // Once our finalizer is off, the object may be gone before a status reaches it.
  const leaving = phaseOf(view.state) === 'Deleting' && cluster?.finalizers.includes(finalizer) !== true;
  if (cluster === undefined || view.facts.world.knowledge.type !== 'known' || leaving) return null;
  if (memory.open['Status'] !== undefined || failure?.waiting === true) return null;
  const urgent = urgentHash(view);
  const atOnce = memory.published === null || memory.published.urgentHash !== urgent;
  if (!atOnce && memory.timers['status'] !== undefined) return null;
  // What a status says is made out last: of most decisions nobody asks.
  const text = statusOf(view);
  const hash = statusTextHash(text);
  if (memory.published?.textHash === hash) return null;
  const timers = armed(memory.timers, 'status', at + statusIntervalMs, 'the next status write that is not urgent');
  const intent: Intent = {
    type: 'PublishStatus',
    target: { kind: 'PostgresCluster', name: cluster.name },
    because: 'what is published is no longer true',
  };
  return { intent, memory: { ...memory, timers }, textHash: `${hash}:${urgent}`, text };
}

function effects(view: Assessed, input: DecideInput): Effects {
  const { stamp } = input;
  const wish = statusWish(view, stamp.at);
  const all = [...wants(view), ...(wish === null ? [] : [wish.intent])];
  const status = wish === null ? null : statusRequest(view.facts, wish.text);
  let memory = wish?.memory ?? view.facts.memory;
  const intents: IntentRecord[] = [];
  const reads: Read[] = [];
  for (const intent of all) {
    const ordinal = intents.length;
    const suffix = `${stamp.epoch}-${stamp.seq}-${ordinal}`;
    const rendered = render(
      { facts: view.facts, plan: view.plan, versions: input.versions, status, at: stamp.at, suffix },
      intent,
    );
    if (rendered === null) continue;
    const { type, target, because } = intent;
    intents.push({
      ordinal,
      type,
      class: effectClasses[type],
      target: { kind: target.kind, name: target.name },
      because,
      request: rendered.request,
    });
    reads.push(...rendered.reads);
    const textHash = wish !== null && intent === wish.intent ? wish.textHash : textHashOf(view.plan, intent);
    const uid = 'uid' in intent ? intent.uid : null;
    const handled = type === 'PublishStatus' ? memory.handled : null;
    const diff = 'diff' in intent && intent.diff !== undefined ? { diff: intent.diff } : {};
    const open = { seq: stamp.seq, ordinal, type, target, uid, textHash, since: stamp.at, handled, ...diff };
    memory = { ...memory, open: { ...memory.open, [targetKey(intent)]: open } };
    if (type === 'EmitEvent') memory = { ...memory, events: memory.events.slice(1) };
  }
  return { memory, intents, reads };
}

function timerChanges(before: Memory['timers'], after: Memory['timers'], at: number): Decision['timers'] {
  const set = Object.entries(after).flatMap(([id, timer]): TimerSet[] => {
    if (before[id]?.dueAt === timer.dueAt) return [];
    const jitter = id.startsWith('retry/') || id === 'recover' ? retryJitter : 0;
    return [{ id, delayMs: timer.dueAt - at, dueAt: timer.dueAt, jitter, because: timer.because }];
  });
  const cleared = Object.keys(before).filter((id) => after[id] === undefined);
  return { set, cleared };
}

/** A timer that fired is gone from the clock already; saying that it was cleared would be noise. */
function withoutFired(timers: Decision['timers'], observation: ClusterObservation): Decision['timers'] {
  if (observation.type !== 'TimerFired') return timers;
  return { ...timers, cleared: timers.cleared.filter((id) => id !== observation.id) };
}

/** Facts after learning and settling, and the state to start moving from. */
function learned(input: DecideInput, builders: Builders): { readonly facts: Facts; readonly state: string } {
  const { snapshot, observation, stamp } = input;
  const facts = settle(learn(snapshot.facts, observation, stamp.at), builders, stamp.at);
  const state = startingState(snapshot.state, facts);
  const found = facts.memory.found !== null && knownFacts(facts).answer === 'yes';
  return { state, facts: found ? { ...facts, memory: { ...facts.memory, found: null } } : facts };
}

/** The view with what its moves changed in what is accepted: a spec that is taken back means another plan. */
function replanned(view: View, builders: Builders, at: number): View {
  const facts = settle(view.facts, builders, at);
  return { ...view, facts, plan: builders.plan(facts) };
}

interface Rest {
  readonly view: View;
  readonly steps: readonly Step[];
}

/**
 * Where the moves end. A move may change what is accepted or asked for: a spec is taken back, a request that waited has its
 * turn. That is another plan, and what holds of it may be a move of its own.
 * @throws on a livelock: moves without end
 */
function atRest(first: View, builders: Builders, at: number, before: readonly Step[] = []): Rest {
  const { view, steps } = settleState(first, (next, step) => entered(next, step, at));
  if (steps.length === 0) return { view, steps: before };
  const all = [...before, ...steps];
  if (all.length > 2 * movesMax)
    throw new Error(`livelock: ${all.length} moves in one decision, the last from ${steps[0]?.from} to ${view.state}`);
  return atRest(replanned(view, builders, at), builders, at, all);
}

/**
 * Makes the function that decides, over the given builders.
 * @returns a pure function; throws only on a bug (a livelock, a corrupt state path), never on data from outside
 */
export function makeDecide(builders: Builders): (input: DecideInput) => Decided {
  return (input) => {
    const { observation, stamp } = input;
    const start = learned(input, builders);
    const known = knownFacts(start.facts).answer === 'yes';
    const first = { state: start.state, facts: start.facts, plan: builders.plan(start.facts) };
    const { view, steps } = known ? atRest(first, builders, stamp.at) : { view: first, steps: [] };
    const { plan } = view;
    const facts = known ? withTimers(view, stamp.at) : view.facts;
    const judgedLoops = withLoops({ state: view.state, facts, plan }, stamp.at);
    const calm = withoutForgotten({ state: view.state, facts: judgedLoops, plan });
    const rested = { state: view.state, facts: calm, plan };
    const told = isObserving(calm) ? calm.memory : withEvents(input.snapshot.facts, rested, steps);
    const moved: Facts = { ...calm, memory: told };
    const assessed: Assessed = { state: view.state, facts: moved, plan, specProblems: specProblems(moved, builders) };
    const generation = moved.world.cluster?.seen.generation ?? 0;
    const conditions =
      moved.world.knowledge.type === 'known'
        ? withConditions(moved.memory, conditionsOf(assessed), generation, stamp.at)
        : moved.memory.conditions;
    const judged: Assessed = { ...assessed, facts: { ...moved, memory: { ...moved.memory, conditions } } };
    const { memory, intents, reads } = effects(judged, input);
    const timers = withoutFired(timerChanges(input.snapshot.facts.memory.timers, memory.timers, stamp.at), observation);
    return {
      snapshot: { machine: 'cluster', state: view.state, facts: { ...judged.facts, memory } },
      decision: { observation, reads, moves: steps, intents, timers, to: view.state },
    };
  };
}
