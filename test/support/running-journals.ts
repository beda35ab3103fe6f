/** Owns: the journals of an operator that runs in a pod, fetched whole: one export for each cluster it has ever known. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { readExport } from '#src/cli/export-file.ts';
import { collectedJournals } from '#test/collected.ts';
import type { TargetCluster } from '#test/cluster/context.ts';
import { kubectl, operatorNamespace } from '#test/cluster/deploy.ts';
import type { JoinedJournal } from './audit-join.ts';

/** Runs in the pod, beside the operator: its journal API listens on loopback alone. */
const fetchAll = `
const api = 'http://127.0.0.1:8081/api/clusters';
const { clusters } = await (await fetch(api)).json();
for (const { uid, namespace, name } of clusters)
  process.stdout.write(await (await fetch(api + '/' + namespace + '/' + name + '/export?uid=' + uid)).text());
`;

/** NDJSON of each cluster that the running operator's journal holds. @throws when no operator leads */
export async function runningExports(target: TargetCluster): Promise<readonly string[]> {
  const node = ['exec', 'deployment/postgres-operator', '--', '/node', '--input-type=module', '--eval', fetchAll];
  const text = await kubectl(target, ['--namespace', operatorNamespace, ...node]);
  return text.split(/^(?=\{"line":"header")/m).filter((each) => each !== '');
}

/** Keeps what the running operator's journal holds, before a test takes it away; `label` names the files. */
export async function keepRunning(target: TargetCluster, label: string): Promise<void> {
  mkdirSync(collectedJournals, { recursive: true });
  for (const [index, text] of (await runningExports(target)).entries())
    writeFileSync(`${collectedJournals}/${label}-${index}.ndjson`, text);
}

/** Exports as something that can be joined. @throws when one of them is not as it was written */
export function exportedJournal(text: string): JoinedJournal {
  const { cluster, rows, blobs, damage } = readExport(text);
  const [first] = damage;
  if (first !== undefined) throw new Error(`export of ${cluster.namespace}/${cluster.name}: ${first.because}`);
  return {
    clusters: () => [cluster],
    iterate: () => rows[Symbol.iterator](),
    blob: (hash) => blobs.get(hash) ?? '',
  };
}
