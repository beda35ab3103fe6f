/**
 * Owns: the proof that a build decides as it did: every row of a cluster is decided again and compared byte for byte, and what a
 * `base` row says of how the cluster stood is what the rows before it come to.
 * Pure: rows and blobs are handed in, whether from a file, an export or a running operator.
 * Does not own: whether the rows are the ones that were written (the chain, `src/journal`).
 */
import type { Core } from './redecide.ts';
import { decodeStanding, encodeStanding } from './snapshot-text.ts';
import { walk, type WalkInput, type WalkStep } from './walk.ts';

/** Where recorded and computed first part. */
export interface Divergence {
  readonly seq: number;
  /** JSON pointer into the body; empty when the whole differs. */
  readonly pointer: string;
  /** JSON text on each side, shortened; null when there is nothing at the pointer. */
  readonly recorded: string | null;
  readonly computed: string | null;
}

export interface VerifyReport {
  /** Rows that hold a decision. */
  readonly rows: number;
  /** Of those, how many were decided again with the same bytes. */
  readonly verified: number;
  /** Null when all came out as recorded, `base` rows too. */
  readonly firstDivergence: Divergence | null;
}

/** Longest value quoted in a divergence. */
const quoteLengthMax = 400;

function quote(value: unknown): string | null {
  const text = value === undefined ? null : JSON.stringify(value);
  return text !== null && text.length > quoteLengthMax ? `${text.slice(0, quoteLengthMax)}…` : text;
}

function isContainer(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

interface Difference {
  readonly pointer: string;
  readonly recorded: unknown;
  readonly computed: unknown;
}

/** The first place, in the order of the recorded keys, where two JSON values differ; null when only their bytes do. */
function firstDifference(recorded: unknown, computed: unknown, pointer: string): Difference | null {
  if (!isContainer(recorded) || !isContainer(computed) || Array.isArray(recorded) !== Array.isArray(computed)) {
    return recorded === computed ? null : { pointer, recorded, computed };
  }
  const keys = [...new Set([...Object.keys(recorded), ...Object.keys(computed)])];
  for (const key of keys) {
    const step = `${pointer}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`;
    const found = firstDifference(recorded[key], computed[key], step);
    if (found !== null) return found;
  }
  return null;
}

function divergence(seq: number, recorded: string, computed: string): Divergence {
  const found = firstDifference(JSON.parse(recorded), JSON.parse(computed), '');
  if (found === null) return { seq, pointer: '', recorded: quote(recorded), computed: quote(computed) };
  return { seq, pointer: found.pointer, recorded: quote(found.recorded), computed: quote(found.computed) };
}

/** How a `base` row says otherwise than what came before it; null when it does not, or nothing is known from before it. */
function divergenceOfBase({ row, before, after }: WalkStep): Divergence | null {
  if (before === null || after === null) return null;
  // Read as the row was: what an earlier version of the machine remembered is migrated on both sides.
  const read = decodeStanding(encodeStanding({ ...before, at: row.at }));
  const [recorded, computed] = [encodeStanding(after), read === null ? 'null' : encodeStanding(read)];
  return recorded === computed ? null : divergence(row.seq, recorded, computed);
}

/** How a row that was gone over came out otherwise than recorded; null when it did not, or there is nothing to compare. */
export function divergenceOf(step: WalkStep): Divergence | null {
  const { row, again, failed } = step;
  if (failed !== null) {
    const computed = `deciding it again failed: ${String(failed.cause)}`;
    return { seq: row.seq, pointer: '', recorded: quote(row.type), computed };
  }
  if (row.kind === 'base') return divergenceOfBase(step);
  return again === null || again.body === row.body ? null : divergence(row.seq, row.body, again.body);
}

/**
 * Decides every row again.
 * @returns after the first difference the replay goes on from what it computed, so later rows may differ because of it
 */
export function verifyRows(core: Core, input: WalkInput): VerifyReport {
  let rows = 0;
  let verified = 0;
  let firstDivergence: Divergence | null = null;
  for (const step of walk(core, input)) {
    const divergence = divergenceOf(step);
    firstDivergence ??= divergence;
    if (step.again === null && step.failed === null) continue;
    rows += 1;
    if (divergence === null) verified += 1;
  }
  return { rows, verified, firstDivergence };
}
