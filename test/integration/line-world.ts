/**
 * Owns: the operator in this process, under its own account, before a real control plane and the fake kubelet; and what
 * its tests ask: status, changes in the audit log, journal and audit log joined.
 */
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fieldManagers } from '#machines/shared/names.ts';
import { decodeBody } from '#src/decision/codec.ts';
import { effectKey } from '#src/decision/record.ts';
import { readConfig } from '#src/config.ts';
import type { JournalReader } from '#src/journal/read.ts';
import { makeLog } from '#src/log.ts';
import { startOperator, type Operator } from '#src/operator/operator.ts';
import { makeCore } from '#src/replay/core.ts';
import { contentOf } from '#src/replay/redecide.ts';
import { verifyRows } from '#src/replay/verify.ts';
import { systemPorts } from '#src/system-ports.ts';
import { startFakeKubelet, type FakeKubelet } from '#test/support/fake-kubelet/kubelet.ts';
import { collectedJournals } from '#test/collected.ts';
import { startApiWorld, type ApiWorld, type Json } from './api-world.ts';

const root = new URL('../../', import.meta.url).pathname;
export const operatorAccount = 'system:serviceaccount:postgres-operator-system:postgres-operator';

export interface LineWorld {
  readonly api: ApiWorld;
  readonly kubelet: FakeKubelet;
  readonly kubeconfig: string;
  /** Starts an operator on a journal, and waits until it leads; a second start goes on with it. */
  readonly operator: (journal: string, kubeconfig?: string) => Promise<Operator>;
  readonly stop: () => Promise<void>;
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

/** Keeps the journals of a test file: `npm run replay:collected` decides all of them again. */
function collect(dir: string, label: string): void {
  mkdirSync(collectedJournals, { recursive: true });
  for (const file of readdirSync(dir).filter((name) => /^journal\.db(-wal|-shm)?$/.test(name)))
    cpSync(`${dir}/${file}`, `${collectedJournals}/${label}-${file}`);
}

/**
 * Control plane, fake kubelet and the operator's account; no operator yet.
 * @param label names the journals that are kept when the world stops
 */
export async function startLineWorld(label: string): Promise<LineWorld> {
  const api = await startApiWorld();
  const kubelet = await startFakeKubelet(api.kube);
  const kubeconfig = await operatorKubeconfig(api);
  return {
    api,
    kubelet,
    kubeconfig,
    operator: async (journal, through = kubeconfig) => {
      const operator = await startOperator({
        config: readConfig(
          [
            `--kubeconfig=${through}`,
            `--journal=${api.dir}/${journal}`,
            '--images={"15":"spilo-15","17":"spilo-17"}',
            '--lease-namespace=postgres-operator-system',
            '--identity=line-test',
            '--http-address=127.0.0.1:0',
            '--api-address=127.0.0.1:0',
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
      await operator.leading;
      return operator;
    },
    stop: async () => {
      kubelet.stop();
      collect(api.dir, label);
      await api.stop();
    },
  };
}

export interface AuditEvent {
  readonly auditID: string;
  readonly verb: string;
  readonly stage: string;
  readonly requestURI: string;
  readonly requestReceivedTimestamp: string;
  readonly user: { readonly username: string };
  readonly responseStatus?: { readonly code?: number };
  readonly objectRef?: {
    readonly resource?: string;
    readonly subresource?: string;
    readonly namespace?: string;
    readonly name?: string;
  };
}

function operatorRequests(api: ApiWorld): readonly AuditEvent[] {
  return readFileSync(api.auditLog, 'utf8')
    .split('\n')
    .filter((line) => line.includes(operatorAccount))
    .map((line) => JSON.parse(line) as AuditEvent)
    .filter(
      ({ user, objectRef, requestURI }) =>
        user.username === operatorAccount &&
        objectRef?.resource !== 'leases' &&
        !requestURI.includes('dryRun') &&
        !requestURI.includes(`fieldManager=${fieldManagers.journal}`) &&
        !/reviews?$/.test(objectRef?.resource ?? ''),
    );
}

/** Every change the operator has asked for, in order: Lease, reviews, dry-runs and the journal's own notice apart. */
export function operatorChanges(api: ApiWorld): readonly AuditEvent[] {
  return operatorRequests(api).filter(({ verb }) => verb !== 'get');
}

/** Every object the operator has asked for by name: Lease and discovery apart. */
export function operatorReads(api: ApiWorld): readonly AuditEvent[] {
  return operatorRequests(api).filter(({ verb, objectRef }) => verb === 'get' && objectRef !== undefined);
}

/** One change as a line for a failed test to show. */
export function describeChange({ verb, objectRef, auditID, responseStatus }: AuditEvent): string {
  const { resource = '', subresource = '', namespace = '', name = '' } = objectRef ?? {};
  return `${verb} ${resource}/${subresource} ${namespace}/${name} ${responseStatus?.code ?? 0} ${auditID}`;
}

/** PostgresClusters by name. */
export async function clusters(api: ApiWorld): Promise<ReadonlyMap<string, Json>> {
  const answer = JSON.parse(await api.kubectl(['get', 'postgrescluster', '--all-namespaces', '--output', 'json'])) as {
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

export interface Join {
  /** Changes in the audit log that no earlier durable intent explains. */
  readonly unexplained: readonly string[];
  /** Intents for the API server without an outcome. */
  readonly openIntents: readonly string[];
  readonly changes: number;
  readonly intents: number;
}

interface RecordedIntent {
  readonly at: number;
  readonly type: string;
  readonly isChange: boolean;
}

/** Joins the audit log with a journal: every change is one intent that was durable before it, every intent has an outcome. */
export function joinAudit(api: ApiWorld, readers: readonly JournalReader[]): Join {
  const intents = new Map<string, RecordedIntent>();
  const ended = new Set<string>();
  for (const reader of readers) {
    for (const { uid } of reader.clusters()) {
      const epochs = new Map<number, number>();
      const ofTheCluster: string[] = [];
      const everyIntent: string[] = [];
      for (const row of reader.iterate({ uid })) {
        epochs.set(row.seq, row.epoch);
        // Whatever was under way is unknown from here on: others acted in between.
        if (contentOf(row.kind) === 'gap') for (const key of everyIntent) ended.add(key);
        if (contentOf(row.kind) !== 'decision') continue;
        const { observation, intents: recorded } = decodeBody(row.body, reader.blob);
        for (const { ordinal, type, target, request } of recorded) {
          const key = effectKey(uid, row, ordinal);
          intents.set(key, { at: row.at, type, isChange: request.type === 'api' && request.method !== 'GET' });
          everyIntent.push(key);
          if (target.kind === 'PostgresCluster' || target.kind === 'Event') ofTheCluster.push(key);
        }
        // Nobody is left to ask: that the object is gone is the outcome.
        if (observation.type === 'ClusterGone') for (const key of ofTheCluster) ended.add(key);
        if (observation.type === 'OutcomeArrived') {
          const epoch = epochs.get(observation.seq) ?? 0;
          ended.add(effectKey(uid, { epoch, seq: observation.seq }, observation.ordinal));
        }
      }
    }
  }
  const changes = operatorChanges(api);
  const unexplained = changes.filter(({ auditID, requestReceivedTimestamp }) => {
    const intent = intents.get(auditID);
    return intent === undefined || !intent.isChange || intent.at > Date.parse(requestReceivedTimestamp) + 1;
  });
  const open = [...intents].filter(([key]) => !ended.has(key)).map(([key, { type }]) => `${type} ${key}`);
  return {
    unexplained: unexplained.map(describeChange),
    openIntents: open,
    changes: changes.length,
    intents: intents.size,
  };
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
