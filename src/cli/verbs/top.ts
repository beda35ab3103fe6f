/** Owns: `pgc top`: the fleet, a line for each cluster, the troubled first. */
import type { Command } from 'commander';
import { fleetLine, fleetLines, fleetOrder, type FleetLine } from '#src/export/fleet.ts';
import { decided, tell, verb } from '../command.ts';

/** Adds `top`. */
export function addTop(program: Command): void {
  verb(program, 'top', 'the fleet: a line for each cluster, the troubled first', async (source, flags) => {
    const lines: FleetLine[] = [];
    for (const cluster of await source.clusters()) lines.push(fleetLine(cluster, await decided(source, cluster)));
    const ordered = fleetOrder(lines);
    tell(flags, { value: ordered, lines: () => fleetLines(ordered), items: ordered });
    return 0;
  });
}
