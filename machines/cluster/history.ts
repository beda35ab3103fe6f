/**
 * Owns: how what an earlier version of this machine remembered becomes what this version remembers: a step for each raise of
 * `memoryVersion`, and the new name of each state that was renamed or taken away. A migration touches the state path and
 * memory, never the world: that is what the API server says.
 * Does not own: upcasting recorded observations (`upcasters.ts`); the row that records an upgrade (`src/actor`).
 *
 * I1. Released steps are never edited; a new one is added, with a test that takes a memory of the version before.
 * I2. Of a version that is newer than this one nothing is guessed: it is refused.
 */
import { arrowsOf } from './fixpoint.ts';
import { memoryVersion, type Snapshot } from './facts.ts';

type Plain = Readonly<Record<string, unknown>>;

/** Makes the memory of version n + 1 from that of version n. */
export type MemoryStep = (memory: Plain) => Plain;

/** The history of a machine: what its releases changed in what is remembered. */
export interface History {
  readonly version: number;
  /** By the version they start from. */
  readonly steps: Readonly<Record<number, MemoryStep>>;
  /** Paths of states that are no more, and where their clusters stand now. */
  readonly states: Readonly<Record<string, string>>;
  /** True for a path of the present chart. */
  readonly isState: (path: string) => boolean;
}

/** What a snapshot is to this version of the machine. */
export type Adopted =
  | { readonly type: 'present'; readonly snapshot: Snapshot }
  | { readonly type: 'migrated'; readonly snapshot: Snapshot; readonly from: number }
  /** Written by a version this one does not know; nothing may be decided on it. */
  | { readonly type: 'newer'; readonly version: number }
  | { readonly type: 'foreign'; readonly because: string };

function isPlain(value: unknown): value is Plain {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isState(path: string): boolean {
  try {
    return arrowsOf(path).size >= 0;
  } catch {
    return false;
  }
}

/** The history of the cluster machine. */
export const history: History = { version: memoryVersion, steps: {}, states: {}, isState };

/** Takes a snapshot over from whatever version of the machine wrote it. Pure and total. */
export function adopt(value: unknown, { version, steps, states, isState: known }: History = history): Adopted {
  if (!isPlain(value) || value['machine'] !== 'cluster' || typeof value['state'] !== 'string')
    return { type: 'foreign', because: 'it is no snapshot of the cluster machine' };
  const { facts } = value;
  if (!isPlain(facts) || !isPlain(facts['world']) || !isPlain(facts['memory']))
    return { type: 'foreign', because: 'it holds no world and memory' };
  const from = facts['memory']['version'];
  if (typeof from !== 'number' || !Number.isInteger(from))
    return { type: 'foreign', because: 'its memory has no version' };
  if (from > version) return { type: 'newer', version: from };
  const state = states[value['state']] ?? value['state'];
  if (!known(state)) return { type: 'foreign', because: `state ${value['state']} is none of this chart` };
  if (from === version && state === value['state'])
    // The cast stands at the border: this version of the machine wrote the memory.
    return { type: 'present', snapshot: value as unknown as Snapshot };
  let memory: Plain = facts['memory'];
  for (let each = from; each < version; each += 1) {
    const step = steps[each];
    if (step === undefined) return { type: 'foreign', because: `no step leads from memory version ${each} on` };
    memory = { ...step(memory), version: each + 1 };
  }
  const snapshot = { machine: 'cluster', state, facts: { world: facts['world'], memory } };
  return { type: 'migrated', from, snapshot: snapshot as unknown as Snapshot };
}
