/**
 * Owns: everything that happened to a cluster in one list: what was seen, what changed in Patroni, which arrows were taken,
 * what was done and how it ended. Made from the rows alone, so that it reads what any build wrote. Pure.
 */
import type { Facts } from '#machines/cluster/facts.ts';
import type { ClusterObservation, ClusterProjection, PatroniMember } from '#machines/cluster/observations.ts';
import type { Decision } from '#src/decision/record.ts';
import type { RecordRow } from '#src/journal/record.ts';
import { contentOf } from '#src/replay/redecide.ts';
import { nextStepWords, type NextStep } from './next-steps.ts';
import { prunedWords } from './sealed.ts';
import { editsTeller } from './spec-edits.ts';
import { durationWords, timeWords } from './time.ts';
import { arrowWords, observationWords, outcomeWords } from './words.ts';

export const entryKinds = [
  'operator',
  'seen',
  'patroni',
  'moved',
  'effect',
  'outcome',
  'timer',
  'journal',
  'next',
] as const;
export type EntryKind = (typeof entryKinds)[number];

/** One line of the list. A row gives one for what it saw and one for each thing that came of it. */
export interface TimelineEntry {
  readonly seq: number;
  readonly at: number;
  readonly kind: EntryKind;
  readonly text: string;
}

/** Decodes a body; what it needs besides the row stands behind it. */
export type Decode = (row: RecordRow) => Decision;

const kinds: Readonly<Record<ClusterObservation['type'], EntryKind>> = {
  ProcessStarted: 'operator',
  OperatorConfigSeen: 'operator',
  ClusterSeen: 'seen',
  ClusterGone: 'seen',
  PublishedStatusSeen: 'seen',
  ObjectSeen: 'seen',
  ObjectGone: 'seen',
  Synced: 'operator',
  SourceWentStale: 'operator',
  SourceFresh: 'operator',
  LeaderSilent: 'patroni',
  LeaderHeard: 'patroni',
  TurnTold: 'operator',
  TimerFired: 'timer',
  OutcomeArrived: 'outcome',
};

interface Remembered {
  readonly members: Map<string, PatroniMember | null>;
  readonly sent: Map<string, number>;
  readonly edits: (seen: ClusterProjection) => readonly string[];
  leader: string | null;
}

/** What differs in Patroni's own words between two reports of a member. */
function memberChanges(name: string, before: PatroniMember | null, now: PatroniMember | null): readonly string[] {
  if (now === null) return before === null ? [] : [`${name} does not report any more`];
  const words = (member: PatroniMember): string =>
    `${member.role}, ${member.state}, timeline ${member.timeline ?? 'unknown'}`;
  if (before === null) return [`${name} reports: ${words(now)}`];
  return words(before) === words(now) ? [] : [`${name}: ${words(before)} → ${words(now)}`];
}

function patroniChanges(observation: ClusterObservation, known: Remembered): readonly string[] {
  if (observation.type !== 'ObjectSeen') return [];
  const { name, detail } = observation.object;
  if (detail.type === 'Pod') {
    const before = known.members.get(name) ?? null;
    known.members.set(name, detail.patroni);
    return memberChanges(name, before, detail.patroni);
  }
  if (detail.type !== 'Endpoints' && detail.type !== 'ConfigMap') return [];
  const { leader } = detail.dcs;
  if (leader === null || leader === known.leader) return [];
  const before = known.leader;
  known.leader = leader;
  return [`the leader key goes ${before === null ? 'to' : `from ${before} to`} ${leader}`];
}

function outcomeText(observation: ClusterObservation, at: number, known: Remembered): string {
  if (observation.type !== 'OutcomeArrived') return observationWords(observation);
  const { seq, ordinal, intent, target, outcome } = observation;
  const sentAt = known.sent.get(`${seq}-${ordinal}`);
  const took = sentAt === undefined ? '' : ` after ${durationWords(at - sentAt)}`;
  return `${intent} ${target.kind}/${target.name}: ${outcomeWords(outcome)}${took}`;
}

function entriesOf(row: RecordRow, decision: Decision, known: Remembered): readonly TimelineEntry[] {
  const entry = (kind: EntryKind, text: string): TimelineEntry => ({ seq: row.seq, at: row.at, kind, text });
  const { observation, moves, intents } = decision;
  for (const { ordinal } of intents) known.sent.set(`${row.seq}-${ordinal}`, row.at);
  return [
    entry(kinds[observation.type] ?? 'seen', outcomeText(observation, row.at, known)),
    ...(observation.type === 'ClusterSeen' ? known.edits(observation.cluster) : []).map((text) => entry('seen', text)),
    ...patroniChanges(observation, known).map((text) => entry('patroni', text)),
    ...moves.map(({ signal, from, to, answers }) =>
      entry('moved', `${arrowWords(from, to)} by ${signal}: ${answers.at(-1)?.because ?? ''}`),
    ),
    ...intents.map(({ type, target, because }) => entry('effect', `${type} ${target.kind}/${target.name}: ${because}`)),
  ];
}

function otherEntry(row: RecordRow): TimelineEntry {
  const text =
    row.kind === 'gap'
      ? 'rows are lost here: what was decided in between is not known'
      : row.kind === 'base'
        ? 'how it stood was written down: rows before this can be pruned'
        : 'another build took over';
  return { seq: row.seq, at: row.at, kind: 'journal', text };
}

/**
 * A maker of entries for one cluster; rows are to be given in order, each once, from the first that there is.
 * @param before what was known before that; null when it is the cluster's first
 */
export function timelineOf(
  decode: Decode,
  before: Facts['world'] | null = null,
): (row: RecordRow) => readonly TimelineEntry[] {
  const edits = editsTeller(before?.cluster?.seen ?? null);
  const known: Remembered = { members: new Map(), sent: new Map(), edits, leader: null };
  let begun = false;
  return (row) => {
    const prunedUpTo = begun || row.kind !== 'base' || row.seq === 1 ? null : row.seq;
    begun = true;
    if (prunedUpTo !== null) return [{ seq: row.seq, at: row.at, kind: 'journal', text: prunedWords(row) }];
    return contentOf(row.kind) === 'decision' ? entriesOf(row, decode(row), known) : [otherEntry(row)];
  };
}

/** What a person does next, as the last entries: of a list that ends, at the row it ends with. */
export function nextEntries(last: TimelineEntry | undefined, steps: readonly NextStep[]): readonly TimelineEntry[] {
  if (last === undefined) return [];
  const { seq, at } = last;
  return steps.map((step) => ({ seq, at, kind: 'next', text: nextStepWords(step) }));
}

/** An entry as a line. */
export function timelineLine({ seq, at, kind, text }: TimelineEntry): string {
  return `${timeWords(at)}  ${String(seq).padStart(6)}  ${kind.padEnd(8)}  ${text}`;
}
