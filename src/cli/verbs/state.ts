/** Owns: `pgc state`: where a cluster stood, with every arrow out of there and what its guard says. */
import type { Command } from 'commander';
import { buildId } from '#src/build-id.ts';
import { Refused } from '#src/errors.ts';
import { decidedRows } from '#src/export/decided.ts';
import { evidenceOf, type Evidence } from '#src/export/evidence.ts';
import { stateLines, stateMermaid, stateOf } from '#src/export/state.ts';
import { makeCore } from '#src/replay/core.ts';
import { standAt, type StoodAt } from '#src/replay/walk.ts';
import { clusterOf, refuseEarlier } from '../cluster-of.ts';
import {
  knownBefore,
  momentOf,
  print,
  recorded,
  refuseBefore,
  replayable,
  tell,
  verb,
  type Flags,
} from '../command.ts';
import type { Source } from '../source.ts';

/** How a cluster stood at a moment, or after its last row. @throws Refused when nothing was decided by then */
export async function stoodAt(
  source: Source,
  flags: Flags,
  asked: { readonly name: string; readonly at: unknown },
): Promise<StoodAt> {
  const cluster = await clusterOf(source, flags, asked.name);
  const untilMs = momentOf('at', asked.at, cluster.lastAt);
  await refuseBefore(source, cluster, untilMs);
  await refuseEarlier(source, cluster, untilMs);
  const { rows, getBlob, from } = await replayable(source, cluster, untilMs === null ? {} : { untilMs });
  const stood = standAt(makeCore(), { rows, getBlob, from });
  if (stood !== null) return stood;
  throw new Refused('nothing had been decided by then', {
    operation: 'look into',
    subject: `${cluster.namespace}/${cluster.name}`,
    hint: `its ${cluster.rows} rows begin later; 'pgc journal ls' lists them`,
  });
}

/** What was seen and told of a cluster by a moment, or up to its last row. */
export async function evidenceAt(
  source: Source,
  flags: Flags,
  asked: { readonly name: string; readonly at: unknown },
): Promise<Evidence> {
  const cluster = await clusterOf(source, flags, asked.name);
  const untilMs = momentOf('at', asked.at, cluster.lastAt);
  const { rows, blobs } = await recorded(source, cluster, untilMs === null ? {} : { untilMs });
  return evidenceOf(decidedRows(rows, blobs), knownBefore(source, rows));
}

/** Adds `state`. */
export function addState(program: Command): void {
  verb(
    program,
    'state <name>',
    'where it stood: the state, every arrow out of it, open or blocked, and by what',
    async (source, flags, [name = ''], own) => {
      const told = stateOf(makeCore(), await stoodAt(source, flags, { name, at: own['at'] }), buildId());
      if (flags.output === 'mermaid') print(stateMermaid(told).trimEnd());
      else tell(flags, { value: told, lines: () => stateLines(told), items: told.arrows });
      return 0;
    },
  ).option('--at <time>', 'as it stood then: RFC 3339, or 15m before the last row');
}
