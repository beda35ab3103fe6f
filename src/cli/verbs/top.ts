/** Owns: `pgc top`: the fleet, a line for each cluster, the troubled first. */
import type { Command } from 'commander';
import { decidedRows } from '#src/export/decided.ts';
import { fleetLine, fleetLines, fleetOrder, type FleetLine } from '#src/export/fleet.ts';
import { sealedOf } from '#src/export/sealed.ts';
import { makeCore } from '#src/replay/core.ts';
import { clustersMeant } from '../cluster-of.ts';
import { recorded, tell, verb } from '../command.ts';

/** Adds `top`. */
export function addTop(program: Command): void {
  verb(program, 'top', 'the fleet: a line for each cluster, the troubled first', async (source, flags) => {
    const lines: FleetLine[] = [];
    for (const cluster of await clustersMeant(source, flags)) {
      const { rows, blobs } = await recorded(source, cluster);
      // A base row of a redacted export holds nothing any more.
      const sealed = source.unreplayable === null ? sealedOf(makeCore(), rows) : null;
      lines.push(fleetLine(cluster, decidedRows(rows, blobs), sealed));
    }
    const ordered = fleetOrder(lines);
    tell(flags, { value: ordered, lines: () => fleetLines(ordered), items: ordered });
    return 0;
  });
}
