/** Owns: `pgc why` and `pgc why-not`: the causal chain of what happened, and what is in the way of what does not. */
import type { Command } from 'commander';
import { buildId } from '#src/build-id.ts';
import { Refused } from '#src/errors.ts';
import { decidedRows } from '#src/export/decided.ts';
import { nextSteps } from '#src/export/next-steps.ts';
import { sealedOf } from '#src/export/sealed.ts';
import { whyLines, whyOf } from '#src/export/why.ts';
import { actionWords, whyNot, whyNotLines } from '#src/export/why-not.ts';
import { makeCore } from '#src/replay/core.ts';
import { clusterOf, refuseEarlier } from '../cluster-of.ts';
import { knownBefore, momentOf, recorded, refuseBefore, tell, verb } from '../command.ts';
import { evidenceAt, stoodAt } from './state.ts';

/** Adds `why`. */
export function addWhy(program: Command): void {
  verb(
    program,
    'why <name>',
    'the causal chain of the last incident, or of the decision at a time',
    async (source, flags, [name = ''], own) => {
      const cluster = await clusterOf(source, flags, name);
      const at = momentOf('at', own['at'], cluster.lastAt);
      await refuseBefore(source, cluster, at);
      await refuseEarlier(source, cluster, at);
      const { rows, blobs } = await recorded(source, cluster);
      const sealed = sealedOf(makeCore(), rows);
      const before = knownBefore(source, rows);
      const why = whyOf({ all: decidedRows(rows, blobs), clusterUid: cluster.uid, atMs: at, sealed, before });
      tell(flags, { value: why, lines: () => whyLines(why), items: why.decisions });
      return 0;
    },
  ).option('--at <time>', 'the decision in force then: RFC 3339, or 15m before the last row');
}

/** Adds `why-not`. */
export function addWhyNot(program: Command): void {
  verb(
    program,
    'why-not <name> <action>',
    'what is in the way: every guard on the way there, asked on the recorded facts',
    async (source, flags, [name = '', action = ''], own) => {
      const stood = await stoodAt(source, flags, { name, at: own['at'] });
      const steps = nextSteps(await evidenceAt(source, flags, { name, at: own['at'] }));
      const told = whyNot(makeCore(), stood, { action, build: buildId(), steps });
      if (told === null)
        throw new Refused(`${action} is no action of the cluster machine`, {
          operation: 'ask',
          subject: name,
          hint: `ask for one of: ${actionWords.join(', ')}`,
        });
      tell(flags, { value: told, lines: () => whyNotLines(told), items: told.way });
      return told.verdict === 'open' || told.verdict === 'reached' ? 0 : 1;
    },
  ).option('--at <time>', 'as it stood then: RFC 3339, or 15m before the last row');
}
