/**
 * Owns: a snapshot as text: the cache beside the journal, and the body of a chained `base` row.
 * A cache is never believed blindly: what is not of this format, this machine and this version of memory is refused, and
 * whoever asked goes back to the rows.
 */
import { isObject } from '#machines/shared/json.ts';
import { adopt } from '#machines/cluster/history.ts';
import type { Snapshot } from '#machines/cluster/facts.ts';

/** Raised when the text changes in a way older builds cannot read. */
export const snapshotFormat = 1;

/** An actor as it stood after a row. */
export interface Standing {
  readonly snapshot: Snapshot;
  /** Stamp of that row: stamps of a cluster never go back. */
  readonly at: number;
  /** seq of the row that set each armed timer. */
  readonly timerRows: Readonly<Record<string, number>>;
}

/** The text of a standing; equal standings give equal texts. */
export function encodeStanding({ snapshot, at, timerRows }: Standing): string {
  return JSON.stringify({ format: snapshotFormat, at, timerRows, snapshot });
}

/** The body of a `machine-upgrade` row: the standing that the new build goes on from, and who took over from whom. */
export function encodeUpgrade(
  { snapshot, at, timerRows }: Standing,
  upgrade: { readonly from: string; readonly to: string },
): string {
  return JSON.stringify({ format: snapshotFormat, at, timerRows, snapshot, upgrade });
}

/** What a `base` row holds beside the standing. */
export interface BaseNote {
  /** Build that wrote it. */
  readonly build: string;
  /** The place that the cluster's status named then: its row may be pruned before the status names another. */
  readonly anchor: { readonly epoch: number; readonly seq: number; readonly head: string } | null;
}

/** The body of a `base` row. */
export function encodeBase({ snapshot, at, timerRows }: Standing, base: BaseNote): string {
  return JSON.stringify({ format: snapshotFormat, at, timerRows, snapshot, base });
}

/** Build that wrote a `base` row; null when it does not say. */
export function buildOfBase(body: string): string | null {
  const { base } = JSON.parse(body) as { readonly base?: Partial<BaseNote> };
  return base?.build ?? null;
}

/** What a text of a standing is to this build. */
export type ReadStanding =
  | { readonly type: 'standing'; readonly standing: Standing }
  /** Written by a build that knows more than this one. */
  | { readonly type: 'newer'; readonly because: string }
  | { readonly type: 'unusable'; readonly because: string };

/** Reads a standing; what an earlier version of the machine remembered is migrated. */
export function readStanding(text: string): ReadStanding {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { type: 'unusable', because: 'it is no JSON' };
  }
  if (!isObject(value)) return { type: 'unusable', because: 'it is no standing' };
  const { format, at, timerRows, snapshot } = value;
  if (typeof format === 'number' && format > snapshotFormat)
    return { type: 'newer', because: `its format is ${format}, this build knows ${snapshotFormat}` };
  if (format !== snapshotFormat || typeof at !== 'number' || !isObject(timerRows))
    return { type: 'unusable', because: 'it is no standing' };
  const adopted = adopt(snapshot);
  if (adopted.type === 'newer')
    return { type: 'newer', because: `its memory has version ${adopted.version}, newer than this build knows` };
  if (adopted.type === 'foreign') return { type: 'unusable', because: adopted.because };
  const rows = Object.entries(timerRows).filter((entry): entry is [string, number] => typeof entry[1] === 'number');
  return { type: 'standing', standing: { snapshot: adopted.snapshot, at, timerRows: Object.fromEntries(rows) } };
}

/** The standing written in `text`; null when this build cannot use it. */
export function decodeStanding(text: string): Standing | null {
  const read = readStanding(text);
  return read.type === 'standing' ? read.standing : null;
}
