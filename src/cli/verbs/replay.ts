/** Owns: `pgc replay`: every row decided again, compared byte for byte. */
import type { Command } from 'commander';
import { buildId } from '#src/build-id.ts';
import { decidedRows } from '#src/export/decided.ts';
import { makeCore } from '#src/replay/core.ts';
import { verifyRows } from '#src/replay/verify.ts';
import { clusterOf, print, verb } from '../command.ts';

/** Adds `replay`. */
export function addReplay(program: Command): void {
  verb(program, 'replay [name]', 'decide every row again and compare byte for byte', async (source, flags, [name]) => {
    const clusters = name === undefined ? await source.clusters() : [await clusterOf(source, flags, name)];
    let total = 0;
    let verified = 0;
    for (const cluster of clusters) {
      const rows = await source.rows({ uid: cluster.uid });
      const blobs = await source.blobs(rows);
      const report = verifyRows(makeCore(), { rows, from: null, getBlob: (hash) => blobs.get(hash) ?? '' });
      total += report.rows;
      verified += report.verified;
      const { firstDivergence } = report;
      if (firstDivergence !== null) {
        print(
          `${cluster.namespace}/${cluster.name}: row ${firstDivergence.seq} differs at ${firstDivergence.pointer || 'the whole body'}`,
        );
        print(
          `  recorded ${firstDivergence.recorded ?? 'nothing'}\n  computed ${firstDivergence.computed ?? 'nothing'}`,
        );
        const builds = new Set(
          decidedRows(rows, blobs).flatMap(({ decision }) =>
            decision.observation.type === 'ProcessStarted' ? [decision.observation.build] : [],
          ),
        );
        if ([...builds].some((build) => build !== buildId()))
          print(`  written by build ${[...builds].join(', ')}, replayed by ${buildId()}`);
      }
    }
    print(`${verified} of ${total} decisions are byte-identical`);
    return total > 0 && verified === total ? 0 : 1;
  }).option('--verify', 'compare with what is recorded (the default)');
}
