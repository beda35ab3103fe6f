/**
 * Owns: `npm run audit:running`: the audit log of the local cluster joined with the journal of the operator that runs in
 * it, and with what tests kept of journals they took away. Exit code 1 unless they explain each other.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { targetCluster } from '#test/cluster/context.ts';
import { auditLogPath } from '#test/cluster/control-plane.ts';
import { clusterOptions } from '#test/cluster/options.ts';
import { endAs } from '#test/cluster/shell.ts';
import { joinAudit, operatorEvents, orphans, type Join } from '#test/support/audit-join.ts';
import { exportedJournal, runningExports } from '#test/support/running-journals.ts';
import { collectedJournals } from './collected.ts';

/** Longest time the last outcomes may take to come. */
const settleMs = 60_000;

async function join(): Promise<Join> {
  const target = await targetCluster();
  if (target.type !== 'local')
    throw new Error(
      `the audit log of ${target.context} is not at hand: only the local cluster's is (unset KUBE_CONTEXT)`,
    );
  const kept = readdirSync(collectedJournals)
    .filter((file) => file.endsWith('.ndjson'))
    .map((file) => readFileSync(`${collectedJournals}/${file}`, 'utf8'));
  // The log first: what is in it has its intent in a journal that is read afterwards.
  const events = operatorEvents(auditLogPath(clusterOptions({ name: process.env['CLUSTER_NAME'] ?? '' }).dir));
  return joinAudit(events, [...kept, ...(await runningExports(target))].map(exportedJournal));
}

async function main(): Promise<number> {
  const end = performance.now() + settleMs;
  let found = await join();
  // An outcome may be on its way; an audit line may be younger than the events read.
  while (orphans(found).length > 0 && performance.now() < end) {
    await pause(1000);
    found = await join();
  }
  const left = orphans(found);
  for (const each of left) process.stdout.write(`${each}\n`);
  const exempt = Object.entries(found.exempt).map(([name, count]) => `${name} ${count}`);
  process.stdout.write(
    `${found.changes} changes and ${found.intents} intents explain each other but for ${left.length}; by name: ${exempt.join(', ')}\n`,
  );
  return left.length === 0 && found.changes > 0 ? 0 : 1;
}

await endAs(main());
