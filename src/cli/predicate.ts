/** Owns: an expression of a human over how a cluster stood, run apart from everything else. */
import { createContext, Script } from 'node:vm';
import { phaseOf } from '#machines/cluster/chart.ts';
import type { Snapshot } from '#machines/cluster/facts.ts';
import type { Decision } from '#src/decision/record.ts';
import { Misused } from './misused.ts';

/** What an expression is asked about. */
export interface Moment {
  readonly seq: number;
  readonly at: number;
  readonly snapshot: Snapshot;
  /** Null for rows that hold no decision. */
  readonly decision: Decision | null;
}

const names = ['state', 'phase', 'facts', 'world', 'memory', 'seq', 'at', 'moves', 'intents'];
const longestMs = 1000;

function misused(expression: string, cause: unknown): Misused {
  return new Misused(`${expression}: ${String(cause)}`, {
    operation: 'evaluate',
    subject: '--bisect',
    hint: `write JavaScript over ${names.join(', ')}: "phase === 'Failed'" or "memory.retryCount > 3"`,
    cause,
  });
}

/** The expression as a question. @throws Misused when it is none, or when asking it throws */
export function predicateOf(expression: string): (moment: Moment) => boolean {
  let script: Script;
  try {
    script = new Script(`(${expression})`);
  } catch (cause) {
    throw misused(expression, cause);
  }
  const context = createContext({});
  return ({ seq, at, snapshot, decision }) => {
    const { state, facts } = snapshot;
    const values = {
      state,
      phase: phaseOf(state),
      facts,
      world: facts.world,
      memory: facts.memory,
      seq,
      at,
      moves: decision?.moves.map((move) => move.signal) ?? [],
      intents: decision?.intents.map(({ type, target }) => `${type} ${target.kind}/${target.name}`) ?? [],
    };
    Object.assign(context, values);
    try {
      return Boolean(script.runInContext(context, { timeout: longestMs }));
    } catch (cause) {
      throw misused(expression, cause);
    }
  };
}
