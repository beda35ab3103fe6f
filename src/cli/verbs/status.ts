/** Owns: `pgc status`: one page about a cluster, or a line for each. */
import type { Command } from 'commander';
import { phaseOf } from '#machines/cluster/chart.ts';
import { membersOf } from '#machines/cluster/members.ts';
import { roleOf } from '#machines/cluster/tables/synchrony.ts';
import { columns } from '#src/export/columns.ts';
import { decidedRows, gone, goneRow, goneStatus, isGone, isSight } from '#src/export/decided.ts';
import { sealedOf } from '#src/export/sealed.ts';
import { timeWords } from '#src/export/time.ts';
import type { ClusterSummary } from '#src/journal/read.ts';
import { makeCore } from '#src/replay/core.ts';
import { standAt } from '#src/replay/walk.ts';
import { clusterOf, clustersMeant, earlierOf } from '../cluster-of.ts';
import { print, recorded, replayable, tell, verb, type Flags } from '../command.ts';
import type { Source } from '../source.ts';

/** A cluster of a source, with the phase that its last decision left it in. */
type Listed = ClusterSummary & { readonly phase: string };

/** Rows looked at first: the last one holds a decision, but where a process has just begun or rows were lost. */
const lookBack = [1, 20, Infinity];

/** The phase that a cluster is in after its last row; Unknown when no row says so. */
async function phaseIn(source: Source, cluster: ClusterSummary): Promise<string> {
  for (const back of lookBack) {
    const { rows, blobs } = await recorded(source, cluster, { afterSeq: Math.max(0, cluster.head.seq - back) });
    const all = decidedRows(rows, blobs);
    const last = all.at(-1);
    // Whether a deletion is over says the row in which the object was seen last, which others may follow.
    const isSure = back === Infinity || all.some(({ decision }) => isSight(decision.observation.type));
    if (last !== undefined && (isSure || phaseOf(last.decision.to) !== 'Deleting'))
      return goneRow(all) === null ? phaseOf(last.decision.to) : gone;
    // A base row of a redacted export holds nothing any more.
    const sealed = source.unreplayable === null ? sealedOf(makeCore(), rows) : null;
    if (sealed !== null) return sealed.status.phase;
  }
  return source.standing === null ? 'Unknown' : phaseOf(source.standing.snapshot.state);
}

function listLines(all: readonly Listed[]): readonly string[] {
  const rows = all.map(({ namespace, name, phase, rows: count, head, uid, lastAt }) => {
    const others = all.filter((each) => each.namespace === namespace && each.name === name).length > 1;
    const which = others ? `up to ${timeWords(lastAt)}, --uid ${uid}` : timeWords(lastAt);
    return [`${namespace}/${name}`, phase, String(count), `${head.epoch}.${head.seq}`, which];
  });
  return columns([['CLUSTER', 'PHASE', 'ROWS', 'HEAD', 'LAST ROW'], ...rows]);
}

async function list(source: Source, flags: Flags): Promise<number> {
  const all: Listed[] = [];
  for (const cluster of await clustersMeant(source, flags))
    all.push({ ...cluster, phase: await phaseIn(source, cluster) });
  tell(flags, { value: all, lines: () => listLines(all), items: all });
  return 0;
}

/** Adds `status`. */
export function addStatus(program: Command): void {
  verb(program, 'status [name]', 'one page about a cluster, or a line for each', async (source, flags, [name]) => {
    if (name === undefined) return list(source, flags);
    const clusters = await source.clusters();
    const cluster = await clusterOf(source, flags, name);
    const live = await source.snapshot(cluster.namespace, cluster.name, cluster.uid);
    const snapshot = live ?? standAt(makeCore(), await replayable(source, cluster))?.standing.snapshot ?? null;
    if (flags.output !== 'table') {
      print(JSON.stringify({ cluster, snapshot }));
      return 0;
    }
    print(
      `${cluster.namespace}/${cluster.name}  head ${cluster.head.epoch}.${cluster.head.seq} ${cluster.head.head.slice(0, 12)}`,
    );
    for (const { uid, lastAt } of earlierOf(clusters, cluster))
      print(`  earlier   another cluster of the name, up to ${timeWords(lastAt)}: --uid ${uid}`);
    if (snapshot === null) {
      print('  state     unknown: nothing is recorded since its rows were lost');
      return 0;
    }
    if (isGone(snapshot)) {
      print(`  phase     ${gone}: ${goneStatus.reason}, since ${timeWords(cluster.lastAt)}`);
      return 0;
    }
    print(
      `  phase     ${phaseOf(snapshot.state)} (${snapshot.state}) since ${timeWords(snapshot.facts.memory.stateSince)}`,
    );
    for (const member of membersOf(snapshot.facts))
      print(
        `  member    ${member.name}  ${roleOf(snapshot.facts, member)}, ${member.state}, timeline ${member.timeline ?? '?'}${member.trouble === null ? '' : `: ${member.trouble}`}`,
      );
    for (const [type, condition] of Object.entries(snapshot.facts.memory.conditions))
      print(`  ${type.padEnd(20)} ${condition.status.padEnd(8)} ${condition.message}`);
    for (const [key, open] of Object.entries(snapshot.facts.memory.open))
      print(`  open      ${key}: ${open.type} since ${timeWords(open.since)}`);
    return 0;
  });
}
