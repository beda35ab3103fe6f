/** Owns: the command line behind make's install, deploy, sample and run targets. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { parse, stringify } from 'yaml';
import { targetCluster, type TargetCluster } from './context.ts';
import {
  deployOperator,
  installCrd,
  installRbac,
  kubectl,
  localSettings,
  operatorNamespace,
  undeployOperator,
} from './deploy.ts';
import { ensureOperatorImage } from './images/operator.ts';
import { importImage } from './node.ts';
import { clusterOptions } from './options.ts';
import { run, stepLog } from './shell.ts';

const log = stepLog();
const root = new URL('../../', import.meta.url).pathname;

/** The image to deploy: the one named, else, on the local cluster, one made from the sources. */
async function image(target: TargetCluster): Promise<string> {
  const named = process.env['IMG'] ?? '';
  if (named !== '') return named;
  if (target.type === 'context')
    throw new Error('name the operator image with IMG=…: this cluster pulls its images from somewhere else');
  await run('npm', ['run', '-s', 'build'], { cwd: root });
  const built = await ensureOperatorImage(log);
  await importImage(clusterOptions({ name: process.env['CLUSTER_NAME'] ?? '' }), built.archive);
  return built.reference;
}

/** A sample; on the local cluster made small, as crds/README.md describes. */
function sample(target: TargetCluster): string {
  const name = process.env['SAMPLE'] ?? 'minimal';
  const text = readFileSync(`${root}crds/samples/${name}.yaml`, 'utf8');
  if (target.type === 'context') return text;
  const manifest = parse(text) as { spec: { storage: { size: string }; resources?: unknown } };
  manifest.spec.storage.size = '300Mi';
  delete manifest.spec.resources;
  return stringify(manifest);
}

async function removeAll(target: TargetCluster): Promise<void> {
  await undeployOperator(target);
  await kubectl(target, ['delete', '--ignore-not-found', 'crd', 'postgresclusters.postgres.example.com']);
}

function runHere(target: TargetCluster): Promise<void> {
  const flags = [
    '--context',
    target.context,
    ...(target.kubeconfig === null ? [] : ['--kubeconfig', target.kubeconfig]),
    '--journal',
    `${root}.run/journal.db`,
  ];
  const local =
    target.type === 'local'
      ? ['--images', localSettings['OPERATOR_IMAGES'] ?? '{}', '--image-pull-policy', 'Never']
      : [];
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [`${root}src/main.ts`, ...flags, ...local], { stdio: 'inherit' });
    child.once('exit', (code) =>
      code === 0 ? resolve() : reject(new Error(`the operator ended with code ${code ?? 'none'}`)),
    );
  });
}

const commands: Readonly<Record<string, (target: TargetCluster) => Promise<void>>> = {
  install: async (target) => {
    await installCrd(target);
    await installRbac(target);
    log('CRD and roles are installed');
  },
  'install-crd': installCrd,
  'install-rbac': installRbac,
  uninstall: removeAll,
  deploy: async (target) => {
    await deployOperator(target, await image(target), target.type === 'local' ? localSettings : {});
    log(`the operator is ready in namespace ${operatorNamespace}`);
  },
  undeploy: undeployOperator,
  sample: async (target) => void process.stdout.write(await kubectl(target, ['apply', '-f', '-'], sample(target))),
  'delete-sample': async (target) =>
    void process.stdout.write(await kubectl(target, ['delete', '--ignore-not-found', '-f', '-'], sample(target))),
  run: async (target) => {
    await installCrd(target);
    await run('mkdir', ['-p', `${root}.run`]);
    await runHere(target);
  },
};

async function main(): Promise<void> {
  const name = process.argv[2] ?? '';
  if (name === 'image') {
    const built = await ensureOperatorImage(log);
    return void process.stdout.write(`${built.reference}\n${built.archive}\n`);
  }
  const command = commands[name];
  if (command === undefined)
    throw new Error(
      `there is no command ${JSON.stringify(name)}; there are ${Object.keys(commands).join(', ')}, image`,
    );
  await command(await targetCluster());
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
