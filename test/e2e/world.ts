/**
 * Owns: what the end-to-end tests speak: the target cluster, its objects, SQL through Services, the audit log, and pgc in
 * the operator's pod. Waits for conditions, never for time.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { expect } from 'vitest';
import { targetCluster, type TargetCluster } from '#test/cluster/context.ts';
import { kubectl, operatorNamespace, pgc } from '#test/cluster/deploy.ts';
import { auditLogPath } from '#test/cluster/control-plane.ts';
import { clusterOptions } from '#test/cluster/options.ts';
import { readCluster } from './support/api.ts';
import { changesIn, describeChange, operatorEvents } from '#test/support/audit-join.ts';

export interface World {
  readonly target: TargetCluster;
  readonly kubectl: (...args: readonly string[]) => Promise<string>;
  readonly apply: (manifest: string) => Promise<string>;
  readonly json: (...args: readonly string[]) => Promise<unknown>;
  readonly pgc: (...args: readonly string[]) => Promise<string>;
}

/** The cluster under test, with the operator already deployed in it. */
export async function openWorld(): Promise<World> {
  const target = await targetCluster();
  return {
    target,
    kubectl: (...args) => kubectl(target, args),
    apply: (manifest) => kubectl(target, ['apply', '-f', '-'], manifest),
    json: async (...args) => JSON.parse(await kubectl(target, [...args, '--output', 'json'])) as unknown,
    pgc: (...args) => pgc(target, args),
  };
}

export interface ClusterStatus {
  readonly phase: string;
  readonly reason: string;
  readonly readyReplicas: number;
  readonly primaryPod: string;
  readonly conditions: readonly { readonly type: string; readonly status: string; readonly message: string }[];
}

const empty: ClusterStatus = { phase: '', reason: '', readyReplicas: 0, primaryPod: '', conditions: [] };

/** Status of a PostgresCluster; empty fields while there is none. */
export async function statusOf(world: World, namespace: string, name: string): Promise<ClusterStatus> {
  const object = (await readCluster(world, namespace, name)) as {
    readonly status?: Partial<ClusterStatus>;
  };
  return { ...empty, ...object.status };
}

/** Waits until `check` gives something. @throws with the last answer when the time is up */
export async function eventually<T>(
  what: string,
  check: () => Promise<T | null | false>,
  timeoutMs = 120_000,
): Promise<T> {
  const end = performance.now() + timeoutMs;
  let last = '';
  for (;;) {
    try {
      const found = await check();
      if (found !== null && found !== false) return found;
    } catch (error) {
      last = error instanceof Error ? error.message : String(error);
    }
    if (performance.now() > end)
      throw new Error(`${what} did not happen in ${timeoutMs / 1000} s${last === '' ? '' : `; last error: ${last}`}`);
    await pause(200);
  }
}

/** Waits for a phase. */
export function phase(
  world: World,
  namespace: string,
  name: string,
  wanted: string,
  timeoutMs = 240_000,
): Promise<ClusterStatus> {
  return eventually(
    `${namespace}/${name} becoming ${wanted}`,
    async () => {
      const status = await statusOf(world, namespace, name);
      return status.phase === wanted ? status : null;
    },
    timeoutMs,
  );
}

/** A fresh namespace. */
export async function namespace(world: World, name: string): Promise<string> {
  await world.kubectl('delete', 'namespace', name, '--ignore-not-found', '--timeout=300s');
  await world.kubectl('create', 'namespace', name);
  // A controller gives it one; before that the API server lets no pod in.
  await world.kubectl('--namespace', name, 'wait', '--for=create', 'serviceaccount/default', '--timeout=300s');
  return name;
}

export interface ManifestOptions {
  readonly namespace: string;
  readonly name: string;
  readonly spec: Readonly<Record<string, unknown>>;
}

/** A PostgresCluster as text; small volumes for the local node. */
export function manifest({ namespace: where, name, spec }: ManifestOptions): string {
  return JSON.stringify({
    apiVersion: 'postgres.example.com/v1alpha1',
    kind: 'PostgresCluster',
    metadata: { name, namespace: where },
    spec: { storage: { size: '300Mi' }, ...spec },
  });
}

/** SQL as superuser in a member's container, over the local socket. */
export async function psql(world: World, where: string, pod: string, statement: string): Promise<string> {
  return (
    await world.kubectl(
      '--namespace',
      where,
      'exec',
      pod,
      '--container',
      'postgres',
      '--',
      'psql',
      '-U',
      'postgres',
      '-XAtqc',
      statement,
    )
  ).trim();
}

/** Output of a shell line in a member's container, with its exit code. */
export async function shell(world: World, where: string, pod: string, line: string): Promise<string> {
  return (
    await world.kubectl(
      '--namespace',
      where,
      'exec',
      pod,
      '--container',
      'postgres',
      '--',
      'sh',
      '-c',
      `${line}; echo "exit $?"`,
    )
  ).trim();
}

/** The phases a cluster has been in, from the journal. */
export async function phasesSeen(world: World, where: string, name: string): Promise<readonly string[]> {
  const lines = await world.pgc('journal', 'ls', name, '--namespace', where, '--output', 'ndjson');
  return lines
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => (JSON.parse(line) as { readonly to: string }).to);
}

function auditLog(): string {
  return auditLogPath(clusterOptions({ name: process.env['CLUSTER_NAME'] ?? '' }).dir);
}

/** Lines in the audit log so far. Only the local cluster has one. */
export function auditMark(): number {
  return readFileSync(auditLog(), 'utf8').split('\n').length;
}

/** Changes the operator asked for since a mark, as text whose last word is the Audit-ID; exceptions of the join apart. */
export function operatorWrites(since: number): readonly string[] {
  return changesIn(operatorEvents(auditLog(), since - 1)).map(describeChange);
}

/** Restarts the operator's pod and waits until the new one is ready. */
export async function restartOperator(world: World): Promise<void> {
  const where = ['--namespace', operatorNamespace];
  await world.kubectl(
    ...where,
    'delete',
    'pod',
    '--selector',
    'app.kubernetes.io/name=postgres-operator',
    '--timeout=60s',
  );
  await world.kubectl(...where, 'rollout', 'status', 'deployment/postgres-operator', '--timeout=120s');
}

/** Names of everything that bears the cluster's label, as `kind/name`. */
export async function objectsOf(world: World, where: string, name: string): Promise<readonly string[]> {
  const kinds =
    'statefulset,pod,service,endpoints,configmap,secret,persistentvolumeclaim,poddisruptionbudget,serviceaccount,role,rolebinding';
  const text = await world.kubectl(
    '--namespace',
    where,
    'get',
    kinds,
    '--selector',
    `postgres.example.com/cluster=${name}`,
    '--output',
    'name',
  );
  return text
    .split('\n')
    .filter((line) => line !== '')
    .sort();
}

/** Fails with the operator's own account when a cluster is not as it should be. */
export async function explain(world: World, where: string, name: string): Promise<string> {
  return world.pgc('why', name, '--namespace', where).catch((error: unknown) => String(error));
}

export { expect };
