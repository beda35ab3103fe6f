/** Owns: the command line of the test cluster: up, down, status, images, and faults of its nodes and API server. */
import { Command } from 'commander';
import { ensureImages } from './images/build.ts';
import { clusterDown, leftovers } from './down.ts';
import { ensurePrograms } from './binary.ts';
import { cutNode, cutsOf, healNode } from './network.ts';
import { hasRemains, importImage, isNodeUp, killNode, loseNode } from './node.ts';
import { clusterOptions, nodeNamed, nodesOf, type ClusterOptions } from './options.ts';
import { kubeconfigPath } from './pki.ts';
import { endAs, stepLog } from './shell.ts';
import { clusterUp, isThere, isUp, killApiServer, reviveNode, startApiServer } from './up.ts';

interface Flags {
  readonly name: string;
  readonly dir?: string;
  readonly range?: string;
  readonly nodes?: string;
}

const given = (text: string | undefined): number | undefined =>
  text === undefined || text === '' ? undefined : Number(text);

function optionsOf(flags: Flags): ClusterOptions {
  const range = given(flags.range);
  return clusterOptions({
    name: flags.name,
    ...(range === undefined ? {} : { range }),
    ...(flags.dir === undefined ? {} : { dir: flags.dir }),
  });
}

/** What `up` asks for: what is not given is the default, not what an earlier cluster had. */
function wantedOf(flags: Flags): ClusterOptions {
  return {
    ...clusterOptions({ ...optionsOf(flags), range: given(flags.range) ?? 0, nodes: given(flags.nodes) ?? 1 }),
  };
}

const images = async (): Promise<readonly string[]> => (await ensureImages(log)).map((image) => image.archive);

const log = stepLog();
const program = new Command('cluster').description(
  'A real Kubernetes of one to four nodes, on this machine, without Docker.',
);

function command(name: string, description: string): Command {
  return program
    .command(name)
    .description(description)
    .option('--name <name>', 'name of the cluster', process.env['CLUSTER_NAME'] ?? '')
    .option('--dir <folder>', 'folder of its files')
    .option('--range <number>', 'block of addresses, 0 to 127', process.env['CLUSTER_RANGE']);
}

command('up', 'start it, or say that it is up')
  .option('--nodes <number>', 'how many nodes, 1 to 4', process.env['CLUSTER_NODES'])
  .action(async (flags: Flags) => void (await clusterUp(wantedOf(flags), images, log)));
command('down', 'end it and remove all its traces').action(async (flags: Flags) => clusterDown(optionsOf(flags), log));
async function status(options: ClusterOptions): Promise<readonly string[]> {
  if (!isThere(options)) {
    const left = await leftovers(options);
    return [`cluster ${options.name} is down${left.length > 0 ? `; left: ${left.join(', ')}` : ''}`];
  }
  const nodes = nodesOf(options).map(async (node) => {
    const cuts = await cutsOf(node);
    const state = isNodeUp(node) ? 'runs' : hasRemains(node) ? 'is dead' : 'is lost';
    return `${node.name} ${state}${cuts.length > 0 ? `, cut from ${cuts.join(', ')}` : ''}`;
  });
  return [
    `cluster ${options.name} is up${(await isUp(options)) ? '' : ', but not whole'}`,
    ...(await Promise.all(nodes)),
  ];
}

command('status', 'say whether it is up, how its nodes are, and what is left when it is not').action(
  async (flags: Flags) => void process.stdout.write(`${(await status(optionsOf(flags))).join('\n')}\n`),
);
command('kubeconfig', 'print the path of its kubeconfig').action((flags: Flags) => {
  process.stdout.write(`${kubeconfigPath(optionsOf(flags).dir, 'admin')}\n`);
});
command('load-image <archive>', 'import a docker-archive into its node').action(async (archive: string, flags: Flags) =>
  importImage(optionsOf(flags), archive),
);

command('cut <node>', 'cut a node off; cuts add up until healed')
  .option('--from <what>', 'all, apiserver, or the name of another node', 'all')
  .action(async (name: string, flags: Flags & { readonly from: string }) => {
    const options = optionsOf(flags);
    const from = flags.from === 'all' || flags.from === 'apiserver' ? flags.from : nodeNamed(options, flags.from);
    await cutNode(nodeNamed(options, name), from);
    log(`${name} is cut off from ${flags.from}`);
  });
command('heal [node]', 'end all cuts of a node, or of all nodes').action(
  async (name: string | undefined, flags: Flags) => {
    const options = optionsOf(flags);
    for (const node of name === undefined ? nodesOf(options) : [nodeNamed(options, name)]) await healNode(node);
    log(`${name ?? 'every node'} is whole`);
  },
);
command('kill <node>', 'a node dies at once; its volumes stay').action(async (name: string, flags: Flags) => {
  await killNode(nodeNamed(optionsOf(flags), name));
  log(`${name} is dead`);
});
command('lose <node>', 'a node is lost for good, with its volumes').action(async (name: string, flags: Flags) => {
  await loseNode(nodeNamed(optionsOf(flags), name));
  log(`${name} is lost`);
});
command('start <node>', 'start a node that is dead or lost').action(async (name: string, flags: Flags) => {
  await reviveNode(nodeNamed(optionsOf(flags), name), images, log);
  log(`${name} runs`);
});
command('api <what>', 'the API server: kill it, or start it').action(async (what: string, flags: Flags) => {
  if (what !== 'kill' && what !== 'start') throw new Error(`api takes kill or start, not ${JSON.stringify(what)}`);
  const options = optionsOf(flags);
  if (what === 'kill') await killApiServer(options);
  else await startApiServer(options, (await ensurePrograms(log)).bed);
  log(`the API server ${what === 'kill' ? 'is dead' : 'is ready'}`);
});

await endAs(program.parseAsync().then(() => undefined));
