/** Owns: the command line of the test cluster: up, down, status, kubeconfig, load-image. */
import { Command } from 'commander';
import { ensureImages } from './images/build.ts';
import { clusterDown, leftovers } from './down.ts';
import { importImage } from './node.ts';
import { clusterOptions, type ClusterOptions } from './options.ts';
import { kubeconfigPath } from './pki.ts';
import { stepLog } from './shell.ts';
import { clusterUp, isUp } from './up.ts';

interface Flags {
  readonly name: string;
  readonly dir?: string;
  readonly range: string;
}

function optionsOf(flags: Flags): ClusterOptions {
  return clusterOptions({
    name: flags.name,
    range: Number(flags.range),
    ...(flags.dir === undefined ? {} : { dir: flags.dir }),
  });
}

const log = stepLog();
const program = new Command('cluster').description('A real Kubernetes of one node, on this machine, without Docker.');

function command(name: string, description: string): Command {
  return program
    .command(name)
    .description(description)
    .option('--name <name>', 'name of the cluster', process.env['CLUSTER_NAME'] ?? '')
    .option('--dir <folder>', 'folder of its files')
    .option('--range <number>', 'block of addresses, 0 to 127', process.env['CLUSTER_RANGE'] || '0');
}

command('up', 'start it, or say that it is up').action(async (flags: Flags) => {
  await clusterUp(optionsOf(flags), async () => (await ensureImages(log)).map((image) => image.archive), log);
});
command('down', 'end it and remove all its traces').action(async (flags: Flags) => clusterDown(optionsOf(flags), log));
command('status', 'say whether it is up, and what is left when it is not').action(async (flags: Flags) => {
  const options = optionsOf(flags);
  const left = await leftovers(options);
  process.stdout.write(
    (await isUp(options))
      ? `cluster ${options.name} is up\n`
      : `cluster ${options.name} is down${left.length > 0 ? `; left: ${left.join(', ')}` : ''}\n`,
  );
});
command('kubeconfig', 'print the path of its kubeconfig').action((flags: Flags) => {
  process.stdout.write(`${kubeconfigPath(optionsOf(flags).dir, 'admin')}\n`);
});
command('load-image <archive>', 'import a docker-archive into its node').action(async (archive: string, flags: Flags) =>
  importImage(optionsOf(flags), archive),
);

program.parseAsync().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
