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
import { decided, knownBefore, momentOf, recorded, refuseBefore, tell, verb } from '../command.ts';
import { knownObjects, nearObjects } from '../known-objects.ts';
import { Misused } from '../misused.ts';
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
      // A base row of a redacted export holds nothing any more.
      const sealed = source.unreplayable === null ? sealedOf(makeCore(), rows) : null;
      const before = knownBefore(source, rows);
      const why = whyOf({ all: decidedRows(rows, blobs), clusterUid: cluster.uid, atMs: at, sealed, before });
      tell(flags, { value: why, lines: () => whyLines(why), items: why.decisions });
      return 0;
    },
  ).option('--at <time>', 'the decision in force then: RFC 3339, or 15m before the last row');
}

const objectKey = /^[A-Z]\w+\/.+$/;
const words: ReadonlySet<string> = new Set(
  actionWords.filter((each) => !objectKey.test(each)).map((each) => each.toLowerCase()),
);

function noAction(action: string, name: string): Misused {
  return new Misused(`${action} is no action of the cluster machine`, {
    operation: 'ask',
    subject: name,
    hint: `ask for one of: ${actionWords.join(', ')}`,
  });
}

/** Refuses what no answer can be about: of an object that is nowhere, nothing is in the way. @throws Refused naming what is near */
function refuseUnknown(action: string, name: string, known: () => ReadonlySet<string>): void {
  if (words.has(action.toLowerCase())) return;
  if (!objectKey.test(action)) throw noAction(action, name);
  const objects = known();
  if (objects.has(action)) return;
  throw new Refused(`${action} was never seen, and no effect was for it`, {
    operation: 'ask',
    subject: name,
    hint: `ask for one of: ${nearObjects(objects, action).join(', ')}`,
  });
}

/** Adds `why-not`. */
export function addWhyNot(program: Command): void {
  verb(
    program,
    'why-not <name> <action>',
    'what is in the way: every guard on the way there, asked on the recorded facts',
    async (source, flags, [name = '', action = ''], own) => {
      const stood = await stoodAt(source, flags, { name, at: own['at'] });
      // Of all rows: what came later was not known then, but is no slip of the pen.
      const all = await decided(source, await clusterOf(source, flags, name));
      const { facts } = stood.standing.snapshot;
      refuseUnknown(action, name, () => {
        const seen = Object.keys(facts.world.objects);
        const replicas = facts.world.cluster?.seen.spec.replicas ?? 1;
        return new Set([...knownObjects(name, replicas, all), ...seen]);
      });
      const steps = nextSteps(await evidenceAt(source, flags, { name, at: own['at'] }));
      const told = whyNot(makeCore(), stood, { action, build: buildId(), steps });
      if (told === null) throw noAction(action, name);
      tell(flags, { value: told, lines: () => whyNotLines(told), items: told.way });
      return told.verdict === 'open' || told.verdict === 'reached' ? 0 : 1;
    },
  ).option('--at <time>', 'as it stood then: RFC 3339, or 15m before the last row');
}
