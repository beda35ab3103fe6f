/**
 * Owns: moving. After every observation the signals are asked in their one order, only those the present state has an
 * arrow for, until none moves. The chart runs pure: one inert scope, no interpreter, nothing started.
 * Invariant: at most 16 moves in one decision; more is a livelock, hence a bug, and says which arrows.
 */
import type { AnyActorScope, AnyMachineSnapshot } from 'xstate';
import { initialTransition } from 'xstate';
import type { Answer } from '../shared/answer.ts';
import { chart } from './chart.ts';
import { signals, type Signal } from './signals.ts';
import type { View } from './view.ts';

export const movesMax = 16;

/** A guard that was asked, by the name of its signal. */
export interface AskedSignal extends Answer {
  readonly guard: Signal;
}

export interface Step {
  readonly signal: Signal;
  readonly from: string;
  readonly to: string;
  readonly answers: readonly AskedSignal[];
}

type StateValue = string | { readonly [key: string]: StateValue | undefined };

/** `{ Alive: { Creating: 'joining' } }` → `Alive.Creating.joining`. */
export function pathOf(value: StateValue): string {
  if (typeof value === 'string') return value;
  const entry = Object.entries(value)[0];
  if (entry === undefined || entry[1] === undefined) return '';
  return `${entry[0]}.${pathOf(entry[1])}`;
}

/** `Alive.Creating.joining` → the value the chart understands. */
function valueOf(path: string): StateValue {
  const [head = '', ...rest] = path.split('.');
  return rest.length === 0 ? head : { [head]: valueOf(rest.join('.')) };
}

/** The state a new cluster starts in. */
export const initialState: string = pathOf(initialTransition(chart)[0].value);

function snapshotAt(path: string): AnyMachineSnapshot {
  return chart.resolveState({ value: valueOf(path), context: {} });
}

/** One scope for all transitions: building one per call costs six times the transition itself. */
const inertScope = {
  self: {},
  id: 'cluster',
  sessionId: 'cluster',
  logger: () => undefined,
  defer: () => undefined,
  system: { _sendInspectionEvent: () => undefined },
  stopChild: () => undefined,
  emit: () => undefined,
  actionExecutor: () => undefined,
} as unknown as AnyActorScope;

const arrowsByState = new Map<string, ReadonlySet<string>>();

/** Signals that have an arrow in this state or in one of its parents. */
export function arrowsOf(path: string): ReadonlySet<string> {
  const known = arrowsByState.get(path);
  if (known !== undefined) return known;
  const names = new Set<string>(snapshotAt(path)._nodes.flatMap((node) => node.ownEvents));
  arrowsByState.set(path, names);
  return names;
}

/** Where arrows lead, by state and signal: the chart has no context and no guard, so nothing else decides. */
const endsByArrow = new Map<string, string>();

/** Where an arrow leads; the same path when the state has no such arrow. */
export function follow(path: string, signal: Signal): string {
  const arrow = `${path} ${signal}`;
  const known = endsByArrow.get(arrow);
  if (known !== undefined) return known;
  const next = chart.transition(snapshotAt(path) as never, { type: signal }, inertScope as never);
  const end = pathOf(next.value);
  endsByArrow.set(arrow, end);
  return end;
}

/** One move, or null when no signal with an arrow here says yes. */
function move(view: View): Step | null {
  const arrows = arrowsOf(view.state);
  const answers: AskedSignal[] = [];
  for (const { signal, guard } of signals) {
    if (!arrows.has(signal)) continue;
    const answer = guard(view);
    answers.push({ guard: signal, ...answer });
    if (answer.answer === 'yes') return { signal, from: view.state, to: follow(view.state, signal), answers };
  }
  return null;
}

/**
 * Moves until no signal moves.
 * @param enter changes the facts on entering a state (deadlines cleared, generations noted); pure
 * @throws when more than 16 moves were made: a livelock
 */
export function settleState(
  view: View,
  enter: (view: View, step: Step) => View,
): { readonly view: View; readonly steps: readonly Step[] } {
  const steps: Step[] = [];
  let now = view;
  for (;;) {
    const step = move(now);
    if (step === null) return { view: now, steps };
    steps.push(step);
    if (steps.length > movesMax) {
      const arrows = steps.map((each) => `${each.from} -${each.signal}-> ${each.to}`).join(', ');
      throw new Error(`the cluster machine made more than ${movesMax} moves on one observation: ${arrows}`);
    }
    now = enter({ ...now, state: step.to }, step);
  }
}
