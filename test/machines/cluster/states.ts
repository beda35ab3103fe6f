/** Owns: the states and arrows that the chart really has, read off it. */
import type { AnyStateNode } from 'xstate';
import { chart } from '#machines/cluster/chart.ts';
import { arrowsOf, follow } from '#machines/cluster/fixpoint.ts';
import { signals } from '#machines/cluster/signals.ts';

function leaves(node: AnyStateNode): readonly string[] {
  const below = Object.values(node.states);
  return below.length === 0 ? [node.path.join('.')] : below.flatMap(leaves);
}

/** Every state path that has no states below it, in the order of the chart. */
export const states: readonly string[] = leaves(chart.root);

/** Every arrow as `from -signal-> to`, also those that a state has from its parents. */
export const arrows: readonly string[] = states.flatMap((from) =>
  signals.flatMap(({ signal }) => (arrowsOf(from).has(signal) ? [`${from} -${signal}-> ${follow(from, signal)}`] : [])),
);
