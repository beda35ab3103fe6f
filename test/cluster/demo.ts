/**
 * Owns: `make demo`: from nothing to a highly available PostgreSQL whose primary was killed, and the operator's own words
 * about it. Picks its world: the context in KUBE_CONTEXT, else a real Kubernetes of one node on this machine, else the
 * simulated one; WORLD names it outright.
 */
import { createInterface } from 'node:readline/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { targetCluster, type TargetCluster } from './context.ts';
import { sandboxDemo } from './demo-sandbox.ts';
import { deployOperator, kubectl, localSettings, pgc } from './deploy.ts';
import { ensureImages } from './images/build.ts';
import { ensureOperatorImage } from './images/operator.ts';
import { importImage } from './node.ts';
import { environmentCluster } from './options.ts';
import { needs } from './prerequisites.ts';
import { run, stepLog } from './shell.ts';
import { clusterUp } from './up.ts';

const log = stepLog();
const namespace = 'demo';
const name = 'shop';

async function agreed(plan: readonly string[]): Promise<boolean> {
  process.stdout.write(`make demo will:\n${plan.map((line) => `  - ${line}\n`).join('')}`);
  if (process.env['YES'] === '1' || !process.stdin.isTTY) return true;
  const questions = createInterface({ input: process.stdin, output: process.stdout });
  const answer = await questions.question('Go on? [y/N] ');
  questions.close();
  return /^y(es)?$/i.test(answer.trim());
}

async function localWorld(): Promise<void> {
  const { blocking, missing } = await needs('node');
  if (blocking.length > 0) {
    throw new Error(
      `the demo needs a Kubernetes, and this machine cannot run one yet:\n  - ${blocking.join('\n  - ')}\nOr name a cluster of yours: KUBE_CONTEXT=… IMG=… make demo`,
    );
  }
  const plan = [
    ...(missing.length > 0 ? [`install Debian packages: ${missing.join(', ')}`] : []),
    'build Kubernetes from its Go modules, once (about 5 minutes on two cores), into the cache folder',
    'make two PostgreSQL images from Debian packages, once (about a minute)',
    'start one Kubernetes node in a network namespace of its own (make cluster-down removes it)',
    'deploy the operator, create a cluster of three members, kill its primary, and ask why',
  ];
  if (!(await agreed(plan))) throw new Error('nothing was done; WORLD=sandbox make demo installs nothing');
  await clusterUp(environmentCluster(), async () => (await ensureImages(log)).map((image) => image.archive), log);
}

async function operatorImage(target: TargetCluster): Promise<string> {
  if (target.type === 'context') {
    const named = process.env['IMG'] ?? '';
    if (named === '') throw new Error('name the operator image with IMG=…');
    return named;
  }
  await run('npm', ['run', '-s', 'build'], { cwd: new URL('../../', import.meta.url).pathname });
  const image = await ensureOperatorImage(log);
  await importImage(environmentCluster(), image.archive);
  return image.reference;
}

interface Shown {
  readonly phase: string;
  readonly primary: string;
  readonly reason: string;
}

async function shown(target: TargetCluster): Promise<Shown> {
  const path = '{.status.phase}|{.status.primaryPod}|{.status.reason}';
  const text = await kubectl(target, [
    '--namespace',
    namespace,
    'get',
    'postgrescluster',
    name,
    '--output',
    `jsonpath=${path}`,
  ]);
  const [phase = '', primary = '', ...reason] = text.split('|');
  return { phase, primary, reason: reason.join('|') };
}

/** Follows the phase until it is `wanted`; prints each change. @returns the phases seen on the way */
async function until(target: TargetCluster, wanted: string, timeoutMs: number): Promise<readonly string[]> {
  const seen: string[] = [];
  let last = '';
  const end = performance.now() + timeoutMs;
  for (;;) {
    const { phase, primary, reason } = await shown(target);
    const line = `${phase || 'not seen yet'}${primary === '' ? '' : `, primary ${primary}`}: ${reason}`;
    if (line !== last) log(line);
    last = line;
    if (seen.at(-1) !== phase) seen.push(phase);
    if (phase === wanted) return seen;
    if (performance.now() > end)
      throw new Error(`the cluster is ${phase}, not ${wanted}, after ${timeoutMs / 1000} s: ${reason}`);
    await pause(200);
  }
}

const manifest = (size: string): string => `apiVersion: postgres.example.com/v1alpha1
kind: PostgresCluster
metadata: { name: ${name}, namespace: ${namespace} }
spec: { version: "17", replicas: 3, storage: { size: ${size} } }
`;

/** Runs SQL as the application user through a Service, from inside a member's container. The password stays in its Secret. */
async function sql(target: TargetCluster, service: string, statement: string): Promise<string> {
  const secret = await kubectl(target, [
    '--namespace',
    namespace,
    'get',
    'secret',
    `${name}-app`,
    '--output',
    'jsonpath={.data.password}',
  ]);
  const password = Buffer.from(secret, 'base64').toString('utf8');
  const script = `read -r PGPASSWORD; export PGPASSWORD; exec psql -X -q -A -t -v ON_ERROR_STOP=1 "host=${service}.${namespace}.svc user=app dbname=app sslmode=require"`;
  const args = [
    '--namespace',
    namespace,
    'exec',
    '-i',
    `${name}-0`,
    '--container',
    'postgres',
    '--',
    'sh',
    '-c',
    script,
  ];
  return (await kubectl(target, args, `${password}\n${statement}\n`)).trim();
}

/** Reads until the replicas have it: replication is asynchronous. */
async function readBack(target: TargetCluster, service: string): Promise<string> {
  for (let tries = 0; tries < 100; tries += 1) {
    const row = await sql(target, service, 'SELECT note FROM demo;').catch(() => '');
    if (row !== '') return row;
    await pause(200);
  }
  throw new Error(`the row cannot be read through ${service}`);
}

async function story(target: TargetCluster): Promise<void> {
  await kubectl(target, ['apply', '-f', '-'], `apiVersion: v1\nkind: Namespace\nmetadata: { name: ${namespace} }\n`);
  await kubectl(target, [
    '--namespace',
    namespace,
    'delete',
    'postgrescluster',
    name,
    '--ignore-not-found',
    '--timeout=120s',
  ]);
  await kubectl(target, [
    '--namespace',
    namespace,
    'delete',
    'pvc,secret',
    '--selector',
    `postgres.example.com/cluster=${name}`,
    '--ignore-not-found',
    '--timeout=60s',
  ]);
  await kubectl(target, ['apply', '-f', '-'], manifest(target.type === 'local' ? '300Mi' : '1Gi'));
  await until(target, 'Running', 300_000);
  await sql(
    target,
    name,
    "CREATE TABLE demo (note text); INSERT INTO demo VALUES ('written through the primary Service');",
  );
  log(`read through the replicas Service: ${await readBack(target, `${name}-repl`)}`);
  const { primary } = await shown(target);
  log(`killing Patroni and PostgreSQL of ${primary} with SIGKILL`);
  await kubectl(target, [
    '--namespace',
    namespace,
    'exec',
    primary,
    '--container',
    'postgres',
    '--',
    'pkill',
    '-KILL',
    '-f',
    'patroni|postgres',
  ]).catch(() => undefined);
  await until(target, 'Recovering', 60_000);
  await until(target, 'Running', 180_000);
  log(`the row is still there: ${await readBack(target, name)}`);
  process.stdout.write(
    `\n$ pgc why ${name} -n ${namespace}\n${await pgc(target, ['why', name, '--namespace', namespace])}\n`,
  );
  process.stdout.write(`\n$ pgc replay\n${await pgc(target, ['replay'])}\n`);
  process.stdout.write(
    `\nLook around: ${target.kubectl.join(' ')} --namespace ${namespace} get postgrescluster,pods\nClean up:    make cluster-down\n`,
  );
}

interface Picked {
  readonly world: 'context' | 'local' | 'sandbox';
  readonly because: string;
}

/** The world that is named, or the most real one that this machine can have. @throws when one is named that cannot be */
async function picked(): Promise<Picked> {
  const [named, context] = [process.env['WORLD'] ?? '', process.env['KUBE_CONTEXT'] ?? ''];
  if (named === '' && context !== '') return { world: 'context', because: `KUBE_CONTEXT names ${context}` };
  if (named === '') {
    const { blocking } = await needs('node');
    const [first] = blocking;
    return first === undefined
      ? { world: 'local', because: 'this machine can run one; KUBE_CONTEXT or WORLD=sandbox pick another' }
      : { world: 'sandbox', because: `no KUBE_CONTEXT names a cluster, and for one of its own: ${first}` };
  }
  if (named === 'context' && context === '') throw new Error('WORLD=context needs KUBE_CONTEXT=…, the context to use');
  if (named !== 'context' && named !== 'local' && named !== 'sandbox')
    throw new Error(`WORLD=${named} is none of context, local, sandbox`);
  if (named === 'local' && context !== '')
    throw new Error(`WORLD=local and KUBE_CONTEXT=${context} name two worlds; leave one out`);
  return { world: named, because: 'WORLD says so' };
}

const worldWords: Readonly<Record<Picked['world'], string>> = {
  context: 'a cluster of yours',
  local: 'a local Kubernetes on this machine',
  sandbox: 'simulated',
};

async function main(): Promise<void> {
  const { world, because } = await picked();
  log(`world: ${worldWords[world]} (${because})`);
  if (world === 'sandbox') return sandboxDemo((line) => void process.stdout.write(`${line}\n`));
  if (world === 'local') await localWorld();
  const target = await targetCluster();
  await deployOperator(target, await operatorImage(target), target.type === 'local' ? localSettings : {});
  log('the operator is ready');
  return story(target);
}

main().catch((error: unknown) => {
  process.stderr.write(`\n${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
