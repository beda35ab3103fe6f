/**
 * Owns: the operator in this process, under its own account, before a real control plane and the fake kubelet; and what
 * its tests ask: status, changes in the audit log, journal and audit log joined.
 */
import { cpSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Snapshot } from '#machines/cluster/facts.ts';
import { readConfig } from '#src/config.ts';
import type { ClusterIdentity } from '#src/journal/record.ts';
import { openForReading } from '#src/journal/database.ts';
import { makeReader, type JournalReader } from '#src/journal/read.ts';
import { journalKeySecret } from '#machines/shared/names.ts';
import { makeLog } from '#src/log.ts';
import { startOperator, type Operator } from '#src/operator/operator.ts';
import { makeCore } from '#src/replay/core.ts';
import { verifyRows } from '#src/replay/verify.ts';
import { systemPorts } from '#src/system-ports.ts';
import {
  changesIn,
  joinAudit,
  operatorEvents,
  orphans,
  type AuditEvent,
  type Join,
  type Provoked,
} from '#test/support/audit-join.ts';
import { startFakeKubelet, type FakeKubelet } from '#test/support/fake-kubelet/kubelet.ts';
import { collectedJournals } from '#test/collected.ts';
import { waitFor } from '#test/cluster/shell.ts';
import { accepted, startApiWorld, type ApiWorld, type Json } from './api-world.ts';

const root = new URL('../../', import.meta.url).pathname;

export interface LineWorld {
  readonly api: ApiWorld;
  readonly kubelet: FakeKubelet;
  readonly kubeconfig: string;
  /** Starts an operator on a journal, with more flags if any, and waits until it leads; a second start goes on with it. */
  readonly operator: (journal: string, kubeconfig?: string, flags?: readonly string[]) => Promise<Operator>;
  /** Keeps a journal whose file a test is about to take away: what it says still counts. */
  readonly keep: (journal: string) => void;
  /**
   * Ends the last operator once its intents are answered, then everything else.
   * @param provoked what the tests did that leaves intents open or lets changes come late
   * @throws when audit log and journals do not explain each other
   */
  readonly stop: (provoked?: Provoked) => Promise<void>;
}

/** A kubeconfig that is the operator's own account and nothing more. */
async function operatorKubeconfig(api: ApiWorld): Promise<string> {
  await api.kubectl(['apply', '--server-side', '-k', `${root}deploy/base`]);
  await api.kubectl(['--namespace', 'postgres-operator-system', 'delete', 'deployment', 'postgres-operator']);
  const account = ['--namespace', 'postgres-operator-system', 'create', 'token', 'postgres-operator', '--duration=4h'];
  const token = (await api.kubectl(account)).trim();
  const config = JSON.parse(await api.kubectl(['config', 'view', '--raw', '--output', 'json'])) as {
    readonly users: readonly { readonly name: string }[];
  };
  const users = config.users.map(({ name }) => ({ name, user: { token } }));
  const file = `${api.dir}/operator.kubeconfig`;
  writeFileSync(file, JSON.stringify({ ...config, users }), { mode: 0o600 });
  return file;
}

const journalFile = /journal\.db$/;

/** Copies the journals of a folder: `npm run replay:collected` decides all of them again. */
function copyJournals(dir: string, target: string, prefix: string): void {
  mkdirSync(target, { recursive: true });
  for (const file of readdirSync(dir).filter((name) => /journal\.db(-wal|-shm)?$/.test(name)))
    cpSync(`${dir}/${file}`, `${target}/${prefix}${file}`);
}

/** Every journal of a world, those that tests took away too. */
function journalsOf(dir: string): readonly JournalReader[] {
  return [dir, `${dir}/kept`]

    .filter((folder) => existsSync(folder))
    .flatMap((folder) =>
      readdirSync(folder)
        .filter((file) => journalFile.test(file))
        .map((file) => makeReader(openForReading(`${folder}/${file}`))),
    );
}

/** Audit log and all journals of a world, joined. */
export function joinWorld(api: ApiWorld): Join {
  const readers = journalsOf(api.dir);
  const join = joinAudit(operatorEvents(api.auditLog), readers);
  for (const reader of readers) reader.close();
  return join;
}

/** Between two looks at all there is: one costs some ten milliseconds of a core, half of it the API server’s. */
export const lookMs = 500;

/** Waits until every intent has its outcome; a failure shows the open ones. */
export async function answered(api: ApiWorld): Promise<void> {
  await waitFor('every intent answered', async () => joinWorld(api).openIntents.length === 0, 30_000, lookMs).catch(
    () => {
      throw new Error(`intents without an outcome:\n${joinWorld(api).openIntents.join('\n')}`);
    },
  );
}

function tellJoin(label: string, join: Join, found: readonly string[]): void {
  const exempt = Object.entries(join.exempt).map(([name, count]) => `${name} ${count}`);
  process.stdout.write(
    `join ${label}: ${join.changes} changes, ${join.intents} intents, ${found.length} orphans; by name: ${exempt.join(', ')}\n`,
  );
}

/**
 * Control plane, fake kubelet and the operator's account; no operator yet.
 * @param label names the journals that are kept when the world stops
 */
export async function startLineWorld(label: string): Promise<LineWorld> {
  const api = await startApiWorld();
  const kubelet = await startFakeKubelet(api.kube);
  const kubeconfig = await operatorKubeconfig(api);
  const running = new Set<Operator>();
  let kept = 0;
  return {
    api,
    kubelet,
    kubeconfig,
    operator: async (journal, through = kubeconfig, flags = []) => {
      const started = await startOperator({
        config: readConfig(
          [
            `--kubeconfig=${through}`,
            `--journal=${api.dir}/${journal}`,
            '--images={"15":"spilo-15","17":"spilo-17"}',
            '--lease-namespace=postgres-operator-system',
            '--identity=line-test',
            '--http-address=127.0.0.1:0',
            '--api-address=127.0.0.1:0',
            ...flags,
          ],
          {},
        ),
        ports: systemPorts(),
        log: makeLog(process.env['LINE_LOG'] ?? 'silent'),
        build: 'line-test',
        runInPod: kubelet.runInPod,
        onFatal: (because) => {
          throw new Error(`the operator ended: ${because}`);
        },
      });
      const operator: Operator = {
        ...started,
        stop: async () => {
          running.delete(operator);
          await started.stop();
        },
      };
      running.add(operator);
      await operator.leading;
      return operator;
    },
    keep: (journal) => {
      kept += 1;
      copyJournals(dirname(`${api.dir}/${journal}`), `${api.dir}/kept`, `${kept}-`);
    },
    stop: async (provoked = {}) => {
      if (running.size > 0 && provoked.open === undefined) await answered(api);
      for (const operator of running) await operator.stop();
      kubelet.stop();
      const join = joinWorld(api);
      const found = orphans(join, provoked);
      tellJoin(label, join, found);
      for (const folder of [api.dir, `${api.dir}/kept`])
        if (existsSync(folder)) copyJournals(folder, collectedJournals, `${label}-`);
      await api.stop();
      if (found.length > 0) throw new Error(`audit log and journals of ${label}:\n${found.join('\n')}`);
    },
  };
}

/** Every change the operator has asked for and has an intent for, in order. */
export function operatorChanges(api: ApiWorld): readonly AuditEvent[] {
  return changesIn(operatorEvents(api.auditLog));
}

/** Every object the operator has asked for by name: Lease, reviews, discovery and the key of digests apart. */
export function operatorReads(api: ApiWorld): readonly AuditEvent[] {
  return operatorEvents(api.auditLog).filter(
    ({ verb, objectRef }) =>
      verb === 'get' &&
      objectRef !== undefined &&
      !['leases', 'exec'].includes(objectRef.resource ?? '') &&
      objectRef.name !== journalKeySecret,
  );
}

/** Waits until no status waits for its turn: what changes in words alone is told every ten seconds. */
export async function noStatusDue(operator: Operator): Promise<void> {
  const due = async ({ namespace, name }: ClusterIdentity): Promise<boolean> => {
    const answer = await fetch(`http://127.0.0.1:${operator.http.apiPort}/api/clusters/${namespace}/${name}`);
    const { snapshot } = (await answer.json()) as { readonly snapshot?: Snapshot | null };
    return snapshot?.facts.memory.timers['status'] !== undefined;
  };
  const known = operator.journal().reader.clusters();
  await waitFor('no status due', async () => !(await Promise.all(known.map(due))).includes(true), 60_000);
}

/** PostgresClusters of all namespaces by name. Asked again and again by those that wait, so not through kubectl. */
export async function clusters(api: ApiWorld): Promise<ReadonlyMap<string, Json>> {
  const answer = accepted(await api.kube.get('/apis/postgres.example.com/v1alpha1/postgresclusters')) as unknown as {
    readonly items: readonly (Json & { readonly metadata: { readonly name: string } })[];
  };
  return new Map(answer.items.map((item) => [item.metadata.name, item]));
}

/** Phase of each cluster by name; empty text where there is none yet. */
export async function phases(api: ApiWorld): Promise<ReadonlyMap<string, string>> {
  const found = [...(await clusters(api))].map(([name, item]): readonly [string, string] => {
    const status = item['status'] as { readonly phase?: string } | undefined;
    return [name, status?.phase ?? ''];
  });
  return new Map(found);
}

/** Decides every row of a journal again. @returns decisions, and those that came out with the same bytes */
export function replayAll(reader: JournalReader): { readonly rows: number; readonly verified: number } {
  const core = makeCore();
  let rows = 0;
  let verified = 0;
  for (const { uid } of reader.clusters()) {
    const report = verifyRows(core, { rows: reader.iterate({ uid }), getBlob: reader.blob, from: null });
    rows += report.rows;
    verified += report.verified;
  }
  return { rows, verified };
}
