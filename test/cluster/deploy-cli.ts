/** Owns: the command line behind make's install, deploy, sample and run targets. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
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
import { environmentCluster } from './options.ts';
import { endAs, run, stepLog } from './shell.ts';

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
  await importImage(environmentCluster(), built.archive);
  return built.reference;
}

/** A sample; on the local cluster made small, as crds/README.md describes. */
async function sample(target: TargetCluster): Promise<string> {
  const file = `${root}crds/samples/${process.env['SAMPLE'] ?? 'minimal'}.yaml`;
  if (target.type === 'context') return readFileSync(file, 'utf8');
  const patch = `${root}crds/samples/local-patch/merge-patch.yaml`;
  return kubectl(target, ['patch', '--local', '--type', 'merge', '-f', file, '--patch-file', patch, '-o', 'yaml']);
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
  sample: async (target) =>
    void process.stdout.write(await kubectl(target, ['apply', '-f', '-'], await sample(target))),
  'delete-sample': async (target) =>
    void process.stdout.write(await kubectl(target, ['delete', '--ignore-not-found', '-f', '-'], await sample(target))),
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

await endAs(main());
