/**
 * Owns: a snapshot as text: the cache beside the journal, and the body of a chained `base` row.
 * A cache is never believed blindly: what is not of this format, this machine and this version of memory is refused, and
 * whoever asked goes back to the rows.
 */
import { phaseOf } from '#machines/cluster/chart.ts';
import { memoryVersion, type Snapshot } from '#machines/cluster/facts.ts';

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

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isSnapshot(value: unknown): value is Snapshot {
  if (!isRecord(value) || value['machine'] !== 'cluster' || typeof value['state'] !== 'string') return false;
  const facts = value['facts'];
  if (!isRecord(facts) || !isRecord(facts['world']) || !isRecord(facts['memory'])) return false;
  return facts['memory']['version'] === memoryVersion;
}

/** True when the path names a phase of this build's chart. */
function isState(path: string): boolean {
  try {
    return phaseOf(path) !== undefined;
  } catch {
    return false;
  }
}

/** The standing written in `text`; null when this build cannot use it. */
export function decodeStanding(text: string): Standing | null {
  try {
    const value: unknown = JSON.parse(text);
    if (!isRecord(value) || value['format'] !== snapshotFormat) return null;
    const { at, timerRows, snapshot } = value;
    if (typeof at !== 'number' || !isRecord(timerRows) || !isSnapshot(snapshot) || !isState(snapshot.state))
      return null;
    const rows = Object.entries(timerRows).filter((entry): entry is [string, number] => typeof entry[1] === 'number');
    return { snapshot, at, timerRows: Object.fromEntries(rows) };
  } catch {
    return null;
  }
}
