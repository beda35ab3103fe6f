/**
 * Owns: a chart as mermaid's `stateDiagram-v2`, drawn from the machine itself: every state, every arrow with its signal;
 * and, for one moment, where it stands and which arrows are open. Pure.
 */
import { chart } from '#machines/cluster/chart.ts';

/** A node of the chart, as far as drawing needs it. */
interface Node {
  readonly key: string;
  readonly path: readonly string[];
  readonly parent: Node | undefined;
  readonly initial: { readonly target: readonly Node[] };
  readonly states: Readonly<Record<string, Node>>;
  readonly transitions: ReadonlyMap<string, readonly { readonly target: readonly Node[] | undefined }[]>;
}

/** One arrow of the chart, between the states it is drawn on. */
export interface Arrow {
  readonly signal: string;
  /** Paths such as `Alive.Creating`. */
  readonly from: string;
  readonly to: string;
}

/** Paths become names that mermaid takes. */
function nameOf(path: string): string {
  return path.replaceAll('.', '_');
}

function childrenOf(node: Node): readonly Node[] {
  return Object.values(node.states);
}

const root: Node = chart.root as unknown as Node;

function arrowsBelow(node: Node): readonly Arrow[] {
  const own = [...node.transitions].flatMap(([signal, transitions]) =>
    transitions.flatMap(({ target }) =>
      (target ?? []).map((to): Arrow => ({ signal, from: node.path.join('.'), to: to.path.join('.') })),
    ),
  );
  return [...own, ...childrenOf(node).flatMap(arrowsBelow)];
}

/** Every arrow of the chart, in the order of its states. */
export function chartArrows(): readonly Arrow[] {
  return arrowsBelow(root);
}

function stateLines(node: Node, indent: string): readonly string[] {
  const name = nameOf(node.path.join('.'));
  if (childrenOf(node).length === 0) return [`${indent}state "${node.key}" as ${name}`];
  const below = childrenOf(node).flatMap((child) => stateLines(child, `${indent}  `));
  const first = node.initial.target[0];
  const start = first === undefined ? [] : [`${indent}  [*] --> ${nameOf(first.path.join('.'))}`];
  return [`${indent}state "${node.key}" as ${name} {`, ...start, ...below, `${indent}}`];
}

/** What is to be marked in a drawing. */
export interface Marked {
  /** State path that the cluster is in. */
  readonly state: string;
  /** Answer of each signal that has an arrow here. */
  readonly answers: Readonly<Record<string, 'yes' | 'no' | 'unknown'>>;
}

function isAt(path: string, state: string): boolean {
  return state === path || state.startsWith(`${path}.`);
}

/** The chart as mermaid text, without a fence. @param marked where a cluster stands; null for the chart alone */
export function chartMermaid(marked: Marked | null = null): string {
  const first = root.initial.target[0];
  const arrows = chartArrows().map(({ signal, from, to }) => {
    const answer = marked !== null && isAt(from, marked.state) ? marked.answers[signal] : undefined;
    const label = answer === undefined ? signal : `${signal}: ${answer}`;
    return `  ${nameOf(from)} --> ${nameOf(to)} : ${label}`;
  });
  const mark =
    marked === null
      ? []
      : ['  classDef here fill:#15803d,color:#ffffff,stroke-width:3px', `  class ${nameOf(marked.state)} here`];
  return [
    'stateDiagram-v2',
    ...(first === undefined ? [] : [`  [*] --> ${nameOf(first.path.join('.'))}`]),
    ...childrenOf(root).flatMap((node) => stateLines(node, '  ')),
    ...arrows,
    ...mark,
    '',
  ].join('\n');
}
