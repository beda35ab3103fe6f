/**
 * Owns: where a cluster stood at a moment: the chart's state, every arrow out of it with the answer of its guard, what is
 * awaited. Guards are asked on the recorded facts by the build that answers, and the answer says which that is. Pure.
 */
import { phaseOf } from '#machines/cluster/chart.ts';
import { sentence } from '#machines/cluster/conditions.ts';
import type { Core } from '#src/replay/redecide.ts';
import { askedArrows, type AskedArrow } from '#src/replay/questions.ts';
import type { StoodAt } from '#src/replay/walk.ts';
import { chartMermaid } from './mermaid.ts';
import { timeWords } from './time.ts';

/** Who answered, and whether what was answered on can be trusted. */
export interface AnsweredBy {
  readonly build: string;
  /** Row whose facts were asked. */
  readonly seq: number;
  readonly at: number;
  /** First row that this build decides otherwise than was recorded; null when its facts are the recorded ones. */
  readonly divergedAt: number | null;
}

export interface StateTold {
  readonly answeredBy: AnsweredBy;
  readonly state: string;
  readonly phase: string;
  readonly since: number;
  /** What is being done or awaited. */
  readonly reason: string;
  readonly arrows: readonly AskedArrow[];
  readonly timers: readonly { readonly id: string; readonly dueAt: number; readonly because: string }[];
  readonly open: readonly { readonly key: string; readonly type: string; readonly since: number }[];
}

/** The place an answer was found at. */
export function answeredBy(stood: StoodAt, build: string): AnsweredBy {
  return { build, seq: stood.seq, at: stood.at, divergedAt: stood.divergedAt };
}

/** Where the cluster stood. */
export function stateOf(core: Core, stood: StoodAt, build: string): StateTold {
  const { snapshot } = stood.standing;
  const view = core.assess(snapshot);
  const { memory } = snapshot.facts;
  return {
    answeredBy: answeredBy(stood, build),
    state: snapshot.state,
    phase: phaseOf(snapshot.state),
    since: memory.stateSince,
    reason: sentence(view),
    arrows: askedArrows(view),
    timers: Object.entries(memory.timers)
      .map(([id, { dueAt, because }]) => ({ id, dueAt, because }))
      .toSorted((left, right) => left.dueAt - right.dueAt),
    open: Object.entries(memory.open).map(([key, { type, since }]) => ({ key, type, since })),
  };
}

/** Compared values as text; empty when there are none. */
export function comparedWords(values: AskedArrow['values']): string {
  const parts = Object.entries(values).map(([key, value]) => `${key} ${String(value)}`);
  return parts.length === 0 ? '' : ` [${parts.join(', ')}]`;
}

/** The line that says who answered. */
export function answeredLines({ build, seq, at, divergedAt }: AnsweredBy): readonly string[] {
  const line = `asked     by build ${build} on the facts after row ${seq}, ${timeWords(at)}`;
  if (divergedAt === null) return [line];
  return [
    line,
    `          these facts are this build's opinion: it decides row ${divergedAt} otherwise than was recorded`,
  ];
}

function arrowLine({ signal, to, answer, because, values }: AskedArrow): string {
  const word = { yes: 'open', no: 'blocked', unknown: 'unknown' }[answer];
  return `${word.padEnd(8)}  ${signal} → ${to}: ${because}${comparedWords(values)}`;
}

/** Where it stood, as lines. */
export function stateLines(told: StateTold): readonly string[] {
  return [
    `state     ${told.phase} (${told.state}) since ${timeWords(told.since)}`,
    `now       ${told.reason}`,
    ...told.arrows.map(arrowLine),
    ...told.timers.map(({ id, dueAt, because }) => `timer     ${id} is due ${timeWords(dueAt)}: ${because}`),
    ...told.open.map(({ key, type, since }) => `sent      ${type} ${key}, no answer since ${timeWords(since)}`),
    ...answeredLines(told.answeredBy),
  ];
}

/** Where it stood, drawn. */
export function stateMermaid({ state, arrows }: StateTold): string {
  return chartMermaid({ state, answers: Object.fromEntries(arrows.map(({ signal, answer }) => [signal, answer])) });
}
