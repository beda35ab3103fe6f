/** Owns: `pgc timeline`: everything that happened to a cluster, in one list; with `--follow`, as it happens. */
import { setTimeout as pause } from 'node:timers/promises';
import { InvalidArgumentError, type Command } from 'commander';
import { Refused } from '#src/errors.ts';
import { nextSteps } from '#src/export/next-steps.ts';
import {
  entryKinds,
  nextEntries,
  timelineLine,
  timelineOf,
  type Decode,
  type TimelineEntry,
} from '#src/export/timeline.ts';
import type { ClusterSummary } from '#src/journal/read.ts';
import { decisionOf } from '#src/replay/redecide.ts';
import { clusterOf, noteEarlier, refuseEarlier } from '../cluster-of.ts';
import { momentOf, print, recorded, tell, verb, type Flags } from '../command.ts';
import { Misused } from '../misused.ts';
import type { Source } from '../source.ts';
import { evidenceAt } from './state.ts';

/** Between two looks for new rows; the operator commits many times a second, a reader needs no more. */
const followMs = 1000;

function kindsOf(text: string): readonly string[] {
  const given = text.split(',');
  const wrong = given.find((each) => !entryKinds.some((kind) => kind === each));
  if (wrong !== undefined) throw new InvalidArgumentError(`${wrong} is none of ${entryKinds.join(', ')}.`);
  return given;
}

interface Listing {
  readonly source: Source;
  readonly cluster: ClusterSummary;
  /** Nothing after this moment is told; null: all that there is. */
  readonly untilMs: number | null;
}

/** Gives entries of rows that have not been given yet. What went before is read too: a change is told against it. */
function lister({ source, cluster, untilMs }: Listing): () => Promise<readonly TimelineEntry[]> {
  let bytes: (hash: string) => string = () => '';
  const decode: Decode = (row) => decisionOf(row, (hash) => bytes(hash));
  const entries = timelineOf(decode, source.standing?.snapshot.facts.world ?? null);
  let afterSeq = 0;
  return async () => {
    const { rows, getBlob } = await recorded(source, cluster, {
      afterSeq,
      ...(untilMs === null ? {} : { untilMs }),
    });
    bytes = getBlob;
    afterSeq = rows.at(-1)?.seq ?? afterSeq;
    return rows.flatMap((row) => entries(row));
  };
}

async function follow(
  next: () => Promise<readonly TimelineEntry[]>,
  wanted: (entry: TimelineEntry) => boolean,
  flags: Flags,
): Promise<void> {
  let gone = false;
  process.stdout.once('close', () => (gone = true));
  for (;;) {
    for (const entry of (await next()).filter(wanted))
      print(flags.output === 'table' ? timelineLine(entry) : JSON.stringify(entry));
    await pause(followMs);
    if (gone) return;
  }
}

/** Adds `timeline`. */
export function addTimeline(program: Command): void {
  verb(
    program,
    'timeline <name>',
    'what was seen, moved, done and answered, and what Patroni changed, in one list',
    async (source, flags, [name = ''], own) => {
      const cluster = await clusterOf(source, flags, name);
      const asked = momentOf('since', own['since'], cluster.lastAt);
      const since = asked ?? 0;
      const untilMs = momentOf('until', own['until'], cluster.lastAt);
      if (untilMs !== null && untilMs < since)
        throw new Misused(`--until ${String(own['until'])} lies before --since ${String(own['since'])}`, {
          operation: 'list',
          subject: `${cluster.namespace}/${cluster.name}`,
          hint: 'change one of them',
        });
      await refuseEarlier(source, cluster, untilMs);
      await noteEarlier(source, flags, cluster, asked);
      const kinds: unknown = own['only'];
      const wanted = ({ at, kind }: TimelineEntry): boolean =>
        at >= since && (!Array.isArray(kinds) || kinds.includes(kind));
      const next = lister({ source, cluster, untilMs });
      if (own['follow'] === true) {
        if (untilMs !== null)
          throw new Misused('what is followed has no end', {
            operation: 'follow',
            subject: source.describe,
            hint: 'leave --until or --follow away',
          });
        if (source.finished)
          throw new Refused('an export does not grow', {
            operation: 'follow',
            subject: source.describe,
            hint: 'leave --follow away, or follow the running operator',
          });
        await follow(next, wanted, flags);
        return 0;
      }
      const told = await next();
      const steps = nextSteps(await evidenceAt(source, flags, { name, at: own['until'] }));
      const entries = [...told, ...nextEntries(told.at(-1), steps)].filter(wanted);
      tell(flags, { value: entries, lines: () => entries.map(timelineLine), items: entries });
      return 0;
    },
  )
    .option('--since <time>', 'from then on: RFC 3339, or 15m before the last row')
    .option('--until <time>', 'up to then, and what was to be done at that moment')
    .option('--only <kinds>', `only these, with commas: ${entryKinds.join(', ')}`, kindsOf)
    .option('--follow', 'go on with what is added, until interrupted');
}
