/** Owns: `pgc status`: one page about a cluster, or a line for each. */
import type { Command } from 'commander';
import { phaseOf } from '#machines/cluster/chart.ts';
import { membersOf } from '#machines/cluster/members.ts';
import { roleOf } from '#machines/cluster/tables/synchrony.ts';
import { timeWords } from '#src/export/time.ts';
import { makeCore } from '#src/replay/core.ts';
import { standAt } from '#src/replay/walk.ts';
import { clusterOf, print, replayable, verb } from '../command.ts';

/** Adds `status`. */
export function addStatus(program: Command): void {
  verb(program, 'status [name]', 'one page about a cluster, or a line for each', async (source, flags, [name]) => {
    const clusters = await source.clusters();
    if (name === undefined) {
      if (flags.output !== 'table') print(JSON.stringify(clusters));
      else
        for (const cluster of clusters)
          print(
            `${cluster.namespace}/${cluster.name}  ${cluster.rows} rows, head ${cluster.head.epoch}.${cluster.head.seq}`,
          );
      return 0;
    }
    const cluster = await clusterOf(source, flags, name);
    const live = await source.snapshot(cluster.namespace, cluster.name);
    const snapshot = live ?? standAt(makeCore(), await replayable(source, cluster))?.standing.snapshot ?? null;
    if (flags.output !== 'table') {
      print(JSON.stringify({ cluster, snapshot }));
      return 0;
    }
    print(
      `${cluster.namespace}/${cluster.name}  head ${cluster.head.epoch}.${cluster.head.seq} ${cluster.head.head.slice(0, 12)}`,
    );
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
