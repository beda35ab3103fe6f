/**
 * Owns: why something does not happen: the arrows that would have to be taken, each guard asked on the recorded facts with
 * the values it compared; or what holds up an effect on one object. Pure.
 */
import { phaseOf, phases, type Phase } from '#machines/cluster/chart.ts';
import { sentence } from '#machines/cluster/conditions.ts';
import type { Facts } from '#machines/cluster/facts.ts';
import { goneStatus, isGone } from './decided.ts';
import { signals } from '#machines/cluster/signals.ts';
import type { Core } from '#src/replay/redecide.ts';
import { wayTo, type AskedArrow } from '#src/replay/questions.ts';
import type { StoodAt } from '#src/replay/walk.ts';
import { nextStepLines, type NextStep } from './next-steps.ts';
import { answeredBy, answeredLines, comparedWords, type AnsweredBy } from './state.ts';
import { timeWords } from './time.ts';
import { arrowWords } from './words.ts';

/** Words for what people wait for, beside the phases and signals themselves. */
const actions: Readonly<Record<string, Phase>> = {
  failover: 'Recovering',
  rollout: 'Updating',
  update: 'Updating',
  scale: 'Scaling',
  deletion: 'Deleting',
};

/** Everything `why-not` can be asked about, for its help and its refusals. */
export const actionWords: readonly string[] = [
  ...phases.map((phase) => phase.toLowerCase()),
  ...Object.keys(actions),
  ...signals.map(({ signal }) => signal),
  'Kind/name of an object',
];

/** Something that stands in the way besides a guard. */
export interface Hindrance {
  readonly what: string;
  readonly because: string;
  /** When it is tried again; null when nothing is planned for it. */
  readonly dueAt: number | null;
}

export interface WhyNot {
  readonly action: string;
  readonly answeredBy: AnsweredBy;
  readonly state: string;
  /** `reached`: it is so already. `open`: nothing is in its way. `blocked`: the first arrow that is not open says why. */
  readonly verdict: 'reached' | 'open' | 'blocked' | 'no way';
  readonly way: readonly AskedArrow[];
  readonly hindrances: readonly Hindrance[];
  /** What is being done or awaited. */
  readonly reason: string;
  /** What a person does next. */
  readonly steps: readonly NextStep[];
}

type Goal =
  | { readonly type: 'phase'; readonly phase: Phase }
  | { readonly type: 'signal'; readonly signal: string }
  | { readonly type: 'object'; readonly key: string };

function goalOf(action: string): Goal | null {
  const word = action.toLowerCase();
  const named = Object.hasOwn(actions, word) ? actions[word] : undefined;
  const phase = phases.find((each) => each.toLowerCase() === word) ?? named;
  if (phase !== undefined) return { type: 'phase', phase };
  const signal = signals.find((each) => each.signal.toLowerCase() === word)?.signal;
  if (signal !== undefined) return { type: 'signal', signal };
  return /^[A-Z]\w+\/.+$/.test(action) ? { type: 'object', key: action } : null;
}

function dueAt(facts: Facts, timer: string): number | null {
  return facts.memory.timers[timer]?.dueAt ?? null;
}

/** What holds up effects: of one object, or of all. */
function hindrances(facts: Facts, key: string | null): readonly Hindrance[] {
  const { knowledge, stale } = facts.world;
  const concerns = (each: string): boolean => key === null || each === key || each.endsWith(`/${key}`);
  const { failures, open, conditions } = facts.memory;
  const invalid = conditions['ConfigurationValid'];
  return [
    ...(knowledge.type === 'known' ? [] : [{ what: 'nothing is decided', because: knowledge.because, dueAt: null }]),
    ...stale.map((source) => ({ what: `${source} is not heard`, because: 'what it shows may be old', dueAt: null })),
    ...(facts.memory.held === null
      ? []
      : [{ what: 'the edit may not begin', because: facts.memory.held.message, dueAt: facts.memory.held.until }]),
    ...(facts.memory.accepted?.spec.paused === true
      ? [{ what: 'repairs are paused', because: 'spec.paused is true', dueAt: null }]
      : []),
    ...(invalid?.status === 'False' ? [{ what: 'the spec is not taken', because: invalid.message, dueAt: null }] : []),
    ...Object.entries(failures)
      .filter(([each]) => concerns(each))
      .map(([each, { count, reason, message, needsRead }]) => ({
        what: `${each} failed ${count} ${count === 1 ? 'time' : 'times'}`,
        because: `${reason}: ${message}${needsRead ? '; it is read by name before anything else' : ''}`,
        dueAt: dueAt(facts, `retry/${each}`),
      })),
    ...Object.entries(open)
      .filter(([each]) => concerns(each) && (key !== null || each !== 'Status'))
      .map(([each, { type, since }]) => ({
        what: `${type} ${each} is under way`,
        because: `no answer since ${timeWords(since)}`,
        dueAt: null,
      })),
  ];
}

/**
 * Asks why an action does not happen.
 * @param action a phase, a signal, one of `actionWords`, or the key of an object
 * @returns null when the action is none that this build knows
 */
export function whyNot(
  core: Core,
  stood: StoodAt,
  asked: { readonly action: string; readonly build: string; readonly steps: readonly NextStep[] },
): WhyNot | null {
  const { action, build, steps } = asked;
  const goal = goalOf(action);
  if (goal === null) return null;
  const { snapshot } = stood.standing;
  const view = core.assess(snapshot);
  const told = {
    action,
    answeredBy: answeredBy(stood, build),
    state: snapshot.state,
    hindrances: isGone(snapshot) ? [] : hindrances(snapshot.facts, goal.type === 'object' ? goal.key : null),
    reason: isGone(snapshot) ? goneStatus.reason : sentence(view),
    steps,
  };
  if (goal.type === 'object') return { ...told, way: [], verdict: told.hindrances.length === 0 ? 'open' : 'blocked' };
  if (goal.type === 'phase' && phaseOf(snapshot.state) === goal.phase) return { ...told, way: [], verdict: 'reached' };
  const way = wayTo(view, (state, signal) =>
    goal.type === 'phase' ? phaseOf(state) === goal.phase : signal === goal.signal,
  );
  if (way === null) return { ...told, way: [], verdict: 'no way' };
  return { ...told, way, verdict: way.every((arrow) => arrow.answer === 'yes') ? 'open' : 'blocked' };
}

function verdictLine({ action, verdict, state, way }: WhyNot): string {
  const first = way.find((arrow) => arrow.answer !== 'yes');
  switch (verdict) {
    case 'reached':
      return `${action}: it is so: the cluster is in ${state}`;
    case 'open':
      return `${action}: nothing recorded is in its way`;
    case 'no way':
      return `${action}: no way leads there from ${state}`;
    case 'blocked':
      return first === undefined
        ? `${action}: it is held up`
        : `${action}: ${first.signal} says ${first.answer}: ${first.because}${comparedWords(first.values)}`;
  }
}

/** The answer as lines. */
export function whyNotLines(told: WhyNot): readonly string[] {
  return [
    verdictLine(told),
    ...told.way.map(
      ({ signal, from, to, answer, because, values }) =>
        `  arrow   ${arrowWords(from, to)} by ${signal}: ${answer}, ${because}${comparedWords(values)}`,
    ),
    ...told.hindrances.map(
      ({ what, because, dueAt: due }) =>
        `  held    ${what}: ${because}${due === null ? '' : `; again ${timeWords(due)}`}`,
    ),
    `  now       ${told.reason}`,
    ...nextStepLines(told.steps).map((line) => `  ${line}`),
    ...answeredLines(told.answeredBy).map((line) => `  ${line}`),
  ];
}
