/** Owns: `pgc status`: one page about a cluster, or a line for each. */
import type { Command } from 'commander';
import { phaseOf } from '#machines/cluster/chart.ts';
import { membersOf } from '#machines/cluster/members.ts';
import { roleOf } from '#machines/cluster/tables/synchrony.ts';
import { timeWords } from '#src/export/time.ts';
import type { ClusterSummary } from '#src/journal/read.ts';
import { makeCore } from '#src/replay/core.ts';
import { standAt } from '#src/replay/walk.ts';
import { clusterOf, earlierOf } from '../cluster-of.ts';
import { print, replayable, verb } from '../command.ts';

function lineOf(cluster: ClusterSummary, all: readonly ClusterSummary[]): string {
  const { namespace, name, rows, head, uid, lastAt } = cluster;
  const others = all.filter((each) => each.namespace === namespace && each.name === name).length > 1;
  const which = others ? `, up to ${timeWords(lastAt)}, --uid ${uid}` : '';
  return `${namespace}/${name}  ${rows} rows, head ${head.epoch}.${head.seq}${which}`;
}

/** Adds `status`. */
export function addStatus(program: Command): void {
  verb(program, 'status [name]', 'one page about a cluster, or a line for each', async (source, flags, [name]) => {
    const clusters = await source.clusters();
    if (name === undefined) {
      if (flags.output !== 'table') print(JSON.stringify(clusters));
      else for (const cluster of clusters) print(lineOf(cluster, clusters));
      return 0;
    }
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
