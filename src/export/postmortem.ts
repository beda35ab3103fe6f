/** Owns: the report of an incident as Markdown: what happened, how long each phase took, what was decided and why. Pure. */
import type { ClusterIdentity, Head } from '#src/journal/record.ts';
import { effectsOf, goneRow, outcomesOf, toldStatus, type DecidedRow } from './decided.ts';
import { causeOf, incidentRows } from './incident.ts';
import type { TimelineEntry } from './timeline.ts';
import { durationWords, timeWords } from './time.ts';
import { troublesOf } from './troubles.ts';
import { tellerOf, type DecisionTold } from './why.ts';
import { arrowWords, outcomeWords } from './words.ts';

export interface PostmortemInput {
  readonly cluster: ClusterIdentity;
  /** Every decided row of the cluster. */
  readonly all: readonly DecidedRow[];
  readonly entries: readonly TimelineEntry[];
  readonly head: Head;
  /** Whether the rows were decided again byte for byte, and by which build. */
  /** Null where the rows cannot be decided again: those of a redacted export. */
  readonly replayed: { readonly build: string; readonly rows: number; readonly verified: number } | null;
}

/** A phase of an incident, measured between two rows. */
export interface Phase {
  readonly name: string;
  readonly fromSeq: number;
  readonly toSeq: number;
  readonly tookMs: number;
  readonly from: string;
  readonly to: string;
}

interface Marks {
  readonly first: DecidedRow;
  readonly lost: DecidedRow | undefined;
  readonly elected: DecidedRow | undefined;
  readonly completed: DecidedRow | undefined;
  readonly last: DecidedRow | undefined;
}

function moving(rows: readonly DecidedRow[], signal: string): DecidedRow | undefined {
  return rows.find(({ decision }) => decision.moves.some((move) => move.signal === signal));
}

function marksOf(rows: readonly DecidedRow[]): Marks | null {
  const [first] = rows;
  if (first === undefined) return null;
  const last = rows.findLast(({ decision }) => decision.moves.some((move) => move.to === 'Alive.Running'));
  return {
    first,
    lost: moving(rows, 'PrimaryLost'),
    elected: moving(rows, 'PrimaryElected'),
    completed: moving(rows, 'RecoveryCompleted'),
    last,
  };
}

/** Phases of an incident in order; those that it did not have are left out. */
export function phasesOf(rows: readonly DecidedRow[]): readonly Phase[] {
  const marks = marksOf(rows);
  if (marks === null) return [];
  const { first, lost, elected, completed, last } = marks;
  const phase = (name: string, from: DecidedRow | undefined, to: DecidedRow | undefined): readonly Phase[] =>
    from === undefined || to === undefined || to.row.seq <= from.row.seq
      ? []
      : [
          {
            name,
            fromSeq: from.row.seq,
            toSeq: to.row.seq,
            tookMs: to.row.at - from.row.at,
            from: timeWords(from.row.at),
            to: timeWords(to.row.at),
          },
        ];
  return [
    ...phase('detection: the first sign until the primary counted as lost', first, lost),
    ...phase('promotion: until a new primary could be written to', lost ?? first, elected),
    ...phase('proof: until the new primary had held', elected, completed),
    ...phase('repair: until every member was back', completed ?? elected ?? first, last),
    ...phase('in all', first, last),
  ];
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}

function decisionSection({ seq, at, saw, causes, moves, effects }: DecisionTold): readonly string[] {
  return [
    `### ${timeWords(at)}, row ${seq}`,
    '',
    `Seen: ${saw}.`,
    ...causes.map((cause) => `It came from row ${cause.seq} by ${cause.by}: ${cause.saw}.`),
    '',
    ...moves.flatMap(({ signal, from, to, asked }) => [
      `- **${arrowWords(from, to)}** by \`${signal}\``,
      ...asked.map(({ guard, answer, because, values }) => {
        const compared = Object.entries(values).map(([key, value]) => `${key} ${String(value)}`);
        return `  - ${guard}: ${answer}, ${because}${compared.length === 0 ? '' : ` (${compared.join(', ')})`}`;
      }),
    ]),
    ...effects.map(
      ({ type, target, because, outcome, tookMs }) =>
        `- \`${type}\` ${target}: ${because}; ${outcome === null ? 'no answer recorded' : `${outcome} after ${durationWords(tookMs ?? 0)}`}`,
    ),
    '',
  ];
}

function effectsTable(rows: readonly DecidedRow[], all: readonly DecidedRow[]): readonly string[] {
  const outcomes = outcomesOf(all);
  const effects = rows.flatMap((each) => effectsOf(each, outcomes)).filter(({ intent }) => intent.class !== 'F');
  if (effects.length === 0) return ['Nothing but status and Kubernetes Events was written.', ''];
  return [
    '| time | effect | why | outcome |',
    '|---|---|---|---|',
    ...effects.map(({ at, intent, ended }) =>
      [
        '',
        timeWords(at),
        `${intent.type} ${intent.target.kind}/${intent.target.name}`,
        intent.because,
        ended === null ? 'no answer recorded' : `${outcomeWords(ended.outcome)} (${durationWords(ended.at - at)})`,
        '',
      ]
        .map(cell)
        .join(' | ')
        .trim(),
    ),
    '',
  ];
}

function summary(rows: readonly DecidedRow[]): readonly string[] {
  const cause = causeOf(rows) ?? 'unknown';
  const total = phasesOf(rows).find(({ name }) => name === 'in all');
  const over =
    goneRow(rows) !== null
      ? 'It ended with the cluster.'
      : total === undefined
        ? 'It goes on.'
        : `It was over after ${durationWords(total.tookMs)}.`;
  return [`${cause[0]?.toUpperCase() ?? ''}${cause.slice(1)}. ${over}`, ''];
}

/** The report; null when the cluster never left Running. */
export function postmortem({ cluster, all, entries, head, replayed }: PostmortemInput): string | null {
  const rows = incidentRows(all);
  if (rows === null) return null;
  const [first, last] = [rows[0], rows.at(-1)];
  const within = entries.filter(
    ({ seq, kind }) =>
      seq >= (first?.row.seq ?? 0) && seq <= (last?.row.seq ?? 0) && ['seen', 'patroni', 'moved'].includes(kind),
  );
  const tell = tellerOf(all, cluster.uid);
  const troubles = troublesOf(all);
  return [
    `# ${cluster.namespace}/${cluster.name}: incident of ${timeWords(first?.row.at ?? 0)}`,
    '',
    ...summary(rows),
    '## How long it took',
    '',
    '| phase | from | to | rows | took |',
    '|---|---|---|---|---|',
    ...phasesOf(rows).map(
      ({ name, from, to, fromSeq, toSeq, tookMs }) =>
        `| ${name} | ${from} | ${to} | ${fromSeq} to ${toSeq} | ${durationWords(tookMs)} |`,
    ),
    '',
    '## What happened',
    '',
    '| time | row | | |',
    '|---|---|---|---|',
    ...within.map(({ at, seq, kind, text }) => `| ${timeWords(at)} | ${seq} | ${kind} | ${cell(text)} |`),
    '',
    '## What was decided, and why',
    '',
    ...rows.filter(({ decision }) => decision.moves.length > 0).flatMap((each) => decisionSection(tell(each))),
    '## What was written',
    '',
    ...effectsTable(rows, all),
    '## Where it stands',
    '',
    `Now: ${toldStatus(all)?.reason ?? 'no status was published'}.`,
    ...troubles.map(({ what, because, at }) => `Not put right since ${timeWords(at)}: ${what}: ${because}.`),
    '',
    '## What this rests on',
    '',
    `Rows ${first?.row.seq ?? 0} to ${last?.row.seq ?? 0} of the journal, whose head is \`${head.epoch}.${head.seq}\` \`${head.head}\`.`,
    replayed === null
      ? 'It is a redacted export: readable, not replayable.'
      : `Build \`${replayed.build}\` decided ${replayed.verified} of ${replayed.rows} recorded decisions again, byte for byte.`,
    'Times are those of the operator’s clock when it took an observation in.',
    '',
  ].join('\n');
}
