/**
 * Owns: asking guards on recorded facts: which arrows are open at a moment, and which are closed and by what. The answers
 * are those of the build that asks, which need not be the one that wrote the facts; who shows them says so.
 */
import type { Assessed } from '#machines/cluster/conditions.ts';
import { arrowsOf, follow } from '#machines/cluster/fixpoint.ts';
import { signals, type Signal } from '#machines/cluster/signals.ts';
import type { Answer } from '#machines/shared/answer.ts';

/** An arrow, and what its guard says. */
export interface AskedArrow extends Answer {
  readonly signal: Signal;
  readonly from: string;
  readonly to: string;
}

/** Arrows out of a state, in the order in which their signals are asked. */
function arrowsFrom(state: string): readonly { readonly signal: Signal; readonly to: string }[] {
  const own = arrowsOf(state);
  return signals.filter(({ signal }) => own.has(signal)).map(({ signal }) => ({ signal, to: follow(state, signal) }));
}

function ask(view: Assessed, signal: Signal, to: string): AskedArrow {
  const answer = signals.find((each) => each.signal === signal)?.guard(view);
  if (answer === undefined) throw new Error(`${signal} is no signal of this build`);
  return { signal, from: view.state, to, ...answer };
}

/** Every arrow out of the present state with the answer of its guard now, in order of precedence. */
export function askedArrows(view: Assessed): readonly AskedArrow[] {
  return arrowsFrom(view.state).map(({ signal, to }) => ask(view, signal, to));
}

interface Stop {
  readonly state: string;
  readonly way: readonly { readonly from: string; readonly signal: Signal; readonly to: string }[];
}

/**
 * The shortest way to a state, each arrow asked as if its state had been reached on the facts of now.
 * @param isGoal tells of a state path, and of the signal that led there, whether it is what is looked for
 * @returns null when no way leads there
 */
export function wayTo(
  view: Assessed,
  isGoal: (state: string, signal: Signal) => boolean,
): readonly AskedArrow[] | null {
  const seen = new Set([view.state]);
  let front: readonly Stop[] = [{ state: view.state, way: [] }];
  while (front.length > 0) {
    const next: Stop[] = [];
    for (const { state, way } of front)
      for (const { signal, to } of arrowsFrom(state)) {
        const longer = [...way, { from: state, signal, to }];
        if (isGoal(to, signal)) return longer.map((each) => ask({ ...view, state: each.from }, each.signal, each.to));
        if (seen.has(to)) continue;
        seen.add(to);
        next.push({ state: to, way: longer });
      }
    front = next;
  }
  return null;
}
