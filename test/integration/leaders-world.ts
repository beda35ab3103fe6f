/** Owns: pairs of operators, each pair with a Lease and a namespace of its own, that stop and take over from each other. */
import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { parseAllDocuments, stringify } from 'yaml';
import { connect } from '#src/kube/api.ts';
import { waitFor } from '#test/cluster/shell.ts';
import { accepted } from './api-world.ts';
import type { LeaderOptions } from './leader-process.ts';
import type { LineWorld } from './line-world.ts';

const root = new URL('../../', import.meta.url).pathname;
const home = 'postgres-operator-system';

export interface Leader {
  readonly holder: string;
  readonly journal: string;
  readonly process: ChildProcess;
}

export interface Pair {
  readonly namespace: string;
  readonly lease: string;
  readonly leaders: readonly [Leader, Leader];
}

/** What the Lease of a pair says. */
export interface Held {
  readonly holder: string;
  readonly epoch: number;
}

/** A pod that only gives its name to a token. */
function tokenPod(name: string): unknown {
  const securityContext = {
    allowPrivilegeEscalation: false,
    runAsNonRoot: true,
    capabilities: { drop: ['ALL'] },
    seccompProfile: { type: 'RuntimeDefault' },
  };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: home },
    spec: { serviceAccountName: 'postgres-operator', containers: [{ name: 'c', image: 'none', securityContext }] },
  };
}

function kubeconfigOf(world: LineWorld, holder: string): string {
  return `${world.api.dir}/${holder}.kubeconfig`;
}

/** A kubeconfig whose token is bound to the pod of that name, as a real operator's is. */
async function boundKubeconfig(world: LineWorld, holder: string): Promise<string> {
  await world.api.kubectl(['create', '-f', '-'], JSON.stringify(tokenPod(holder)));
  const bound = ['--bound-object-kind=Pod', `--bound-object-name=${holder}`, '--duration=4h'];
  const token = (
    await world.api.kubectl(['--namespace', home, 'create', 'token', 'postgres-operator', ...bound])
  ).trim();
  const config = JSON.parse(readFileSync(world.kubeconfig, 'utf8')) as { readonly users: readonly { name: string }[] };
  const file = kubeconfigOf(world, holder);
  const users = config.users.map(({ name }) => ({ name, user: { token } }));
  writeFileSync(file, JSON.stringify({ ...config, users }), { mode: 0o600 });
  return file;
}

async function startLeader(world: LineWorld, program: string, pair: string, holder: string): Promise<Leader> {
  const options: LeaderOptions = {
    kubeconfig: await boundKubeconfig(world, holder),
    admin: world.api.kubeconfig,
    journal: `${world.api.dir}/${holder}-journal.db`,
    holder,
    lease: pair,
    namespace: pair,
  };
  const child = spawn(process.execPath, [program, JSON.stringify(options)], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    // What one has compiled the others need not.
    env: { ...process.env, NODE_COMPILE_CACHE: `${world.api.dir}/compiled` },
  });
  return { holder, journal: options.journal, process: child };
}

/** The shipped policy, bound to one pair's Lease and namespace. */
async function fence(world: LineWorld, pair: string): Promise<void> {
  const [policy, binding] = parseAllDocuments(readFileSync(`${root}deploy/fence/policy.yaml`, 'utf8')).map(
    (document) => document.toJS() as { readonly spec: { readonly paramRef: object } },
  );
  const own = {
    ...binding,
    metadata: { name: pair },
    spec: {
      ...binding?.spec,
      paramRef: { ...binding?.spec.paramRef, name: pair, namespace: home },
      matchResources: { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': pair } } },
    },
  };
  await world.api.kubectl(
    ['apply', '--server-side', '-f', '-'],
    [policy, own].map((each) => stringify(each)).join('---\n'),
  );
}

/**
 * Starts a pair; the first of the two leads when this resolves.
 * @param program bundle of `leader-process.ts`
 */
export async function startPair(world: LineWorld, program: string, name: string, isFenced: boolean): Promise<Pair> {
  await world.api.kubectl(['create', 'namespace', name]);
  const first = await startLeader(world, program, name, `${name}-a`);
  await waitFor(`${name}-a to lead`, async () => (await held(world, name)).holder === `${name}-a`, 60_000);
  if (isFenced) await fence(world, name);
  return { namespace: name, lease: name, leaders: [first, await startLeader(world, program, name, `${name}-b`)] };
}

/** Ends both processes. */
export function stopPair({ leaders }: Pair): void {
  for (const leader of leaders) leader.process.kill('SIGKILL');
}

/** Who holds a pair's Lease, and in which term. */
export async function held(world: LineWorld, lease: string): Promise<Held> {
  const answer = await world.api.kube.get(`/apis/coordination.k8s.io/v1/namespaces/${home}/leases/${lease}`);
  if (answer.type === 'refused' && answer.status === 404) return { holder: '', epoch: 0 };
  const { metadata, spec } = accepted(answer) as unknown as {
    readonly metadata: { readonly annotations: Readonly<Record<string, string>> };
    readonly spec: { readonly holderIdentity: string };
  };
  return { holder: spec.holderIdentity, epoch: Number(metadata.annotations['postgres.example.com/epoch']) };
}

/** Lets a leader stop itself at its n-th send from now on; work must come to it meanwhile. */
export function pauseAt(leader: Leader, sends: number): void {
  leader.process.send({ pauseAt: sends });
}

/** True once the leader has stopped itself. */
export function hasStopped({ process: child }: Leader): boolean {
  // `pid (comm) state …`: the name may hold anything but ends with the last parenthesis.
  return /\) T /.test(readFileSync(`/proc/${child.pid ?? 0}/stat`, 'utf8'));
}

/** What became of a creation that nothing but the policy can refuse. */
export type Tried = { readonly type: 'created' } | { readonly type: 'denied'; readonly because: string };

/**
 * Asks, as one leader's pod, for a new object in the pair's namespace. A dry run: admission is the same, nothing is kept.
 * @throws when the API server said anything else than yes or 403
 */
export async function tryCreate(world: LineWorld, { namespace }: Pair, holder: string): Promise<Tried> {
  const kube = connect({ kubeconfig: kubeconfigOf(world, holder), context: null }, () => Date.now());
  const name = `asked-by-${holder}`;
  const answer = await kube.send({
    method: 'POST',
    path: `/api/v1/namespaces/${namespace}/configmaps`,
    query: { dryRun: 'All' },
    contentType: 'application/json',
    body: JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace } }),
    auditId: null,
  });
  await kube.close();
  if (answer.type === 'ok') return { type: 'created' };
  if (answer.type !== 'refused' || answer.status !== 403)
    throw new Error(`${holder} asked for ConfigMap ${namespace}/${name}: ${JSON.stringify(answer)}`);
  const because = /the Lease is held by .*$/.exec(answer.message)?.[0] ?? answer.message;
  return { type: 'denied', because };
}
