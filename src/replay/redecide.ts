/**
 * Owns: deciding a recorded row again from what the row itself holds: the observation, the stamp, and what was looked up.
 * Used by hydration and by `verify`, so that what brings an actor back to life is what is proved.
 */
import type { Assessed } from '#machines/cluster/conditions.ts';
import type { Snapshot } from '#machines/cluster/facts.ts';
import type { Adopted } from '#machines/cluster/history.ts';
import type { ClusterObservation } from '#machines/cluster/observations.ts';
import { NewerRow, upcast } from '#machines/cluster/upcasters.ts';
import type { DecideInput, Decided } from '#src/decision/decide.ts';
import { decodeBody, type GetBlob, type PutBlob, type Told } from '#src/decision/codec.ts';
import type { Decision, Read, RowStamp, Versions } from '#src/decision/record.ts';
import { readStanding, type Standing } from './snapshot-text.ts';

/** The pure heart as a value: `decide` over its builders, and the codec of bodies. */
export interface Core {
  readonly decide: (input: DecideInput) => Decided;
  readonly initialSnapshot: (at: number) => Snapshot;
  readonly encodeBody: (decision: Decision, put: PutBlob) => string;
  readonly decodeBody: (text: string, get: GetBlob) => Decision;
  /** What a row is decided again from; builds before this one read the whole body. */
  readonly decodeTold?: (text: string, get: GetBlob) => Told;
  /** What guards look at, on the facts of a snapshot. */
  readonly assess: (snapshot: Snapshot) => Assessed;
  /** A snapshot of any version of the machine as this version's. */
  readonly adopt: (snapshot: unknown) => Adopted;
  /** An observation recorded in an earlier shape in this version's. @throws NewerRow */
  readonly upcast: (version: number, observation: ClusterObservation) => ClusterObservation;
}

/** A row as it is read back; more columns do no harm. */
export interface JournalRow extends RowStamp {
  readonly kind: string;
  readonly type: string;
  /** Version of the shape in which the observation was recorded. */
  readonly typeVersion: number;
  readonly body: string;
}

/** Kinds of rows that hold a decision. `base` and `machine-upgrade` hold a standing; after a `gap` nothing stands. */
const decided: ReadonlySet<string> = new Set(['observation', 'synced', 'config', 'process']);

/** What a row holds. */
export function contentOf(kind: string): 'decision' | 'standing' | 'gap' | 'note' {
  if (kind === 'base' || kind === 'machine-upgrade') return 'standing';
  // What others decided in between is not known here: the cluster is met as for the first time.
  if (kind === 'gap') return 'gap';
  return decided.has(kind) ? 'decision' : 'note';
}

/** Versions as a row recorded them: what it did not record it was not told. */
export function recordedVersions(reads: readonly Read[]): Versions {
  return (kind, name) => {
    const read = reads.find((each) => each.kind === kind && each.name === name);
    return read === undefined ? null : { uid: read.uid, resourceVersion: read.resourceVersion };
  };
}

/** A standing with the timers that a decision set and cleared. */
export function withTimerRows(
  timerRows: Standing['timerRows'],
  decision: Decision,
  seq: number,
): Standing['timerRows'] {
  const { set, cleared } = decision.timers;
  const { observation } = decision;
  const fired = observation.type === 'TimerFired' ? [observation.id] : [];
  if (set.length === 0 && cleared.length === 0 && fired.length === 0) return timerRows;
  const gone = new Set([...cleared, ...fired]);
  const kept = Object.entries(timerRows).filter(([id]) => !gone.has(id));
  return { ...Object.fromEntries(kept), ...Object.fromEntries(set.map(({ id }) => [id, seq])) };
}

export interface Redecided {
  readonly standing: Standing;
  readonly decision: Decision;
}

/**
 * Decides a row again.
 * @param before the standing after the row before; null before the first row
 * @throws what `decide` throws, and whatever is wrong with a damaged body
 */
export function redecide(
  core: Core,
  before: Standing | null,
  source: { readonly row: JournalRow; readonly getBlob: GetBlob },
): Redecided {
  const { row, getBlob } = source;
  const recorded = (core.decodeTold ?? core.decodeBody)(row.body, getBlob);
  const { snapshot, decision } = core.decide({
    snapshot: before?.snapshot ?? core.initialSnapshot(row.at),
    observation: core.upcast(row.typeVersion, recorded.observation),
    stamp: { epoch: row.epoch, seq: row.seq, at: row.at },
    versions: recordedVersions(recorded.reads),
  });
  return {
    // As it was recorded: the shape it was read in is this build's affair.
    decision: { ...decision, observation: recorded.observation },
    standing: { snapshot, at: row.at, timerRows: withTimerRows(before?.timerRows ?? {}, decision, row.seq) },
  };
}

/** A row's decision as this build reads it. @throws NewerRow when the row is of a newer shape */
export function decisionOf(row: Pick<JournalRow, 'body' | 'typeVersion'>, getBlob: GetBlob): Decision {
  const decision = decodeBody(row.body, getBlob);
  return { ...decision, observation: upcast(row.typeVersion, decision.observation) };
}

/**
 * The standing that a `base` or `machine-upgrade` row holds.
 * @throws NewerRow when a newer build wrote it; Error when it cannot be read: rows before it may be gone
 */
export function standingOf(row: JournalRow): Standing {
  const read = readStanding(row.body);
  if (read.type === 'standing') return read.standing;
  if (read.type === 'newer') throw new NewerRow(`row ${row.seq} was written by a newer build: ${read.because}`);
  throw new Error(
    `${row.kind} row ${row.seq} holds no standing that this build can read (${read.because}); use the build that wrote it`,
  );
}
