/** Owns: faults of the local cluster's nodes and API server, for tests: by node name, healed when the test asks for it. */
import { ensurePrograms } from '#test/cluster/binary.ts';
import { ensureImages } from '#test/cluster/images/build.ts';
import { cutNode, healNode } from '#test/cluster/network.ts';
import { isNodeUp, killNode, loseNode } from '#test/cluster/node.ts';
import { environmentCluster, nodeNamed, nodesOf } from '#test/cluster/options.ts';
import { killApiServer, reviveNode, startApiServer } from '#test/cluster/up.ts';
import type { World } from '../world.ts';

const quiet = (): void => undefined;
const images = async (): Promise<readonly string[]> => (await ensureImages(quiet)).map(({ archive }) => archive);

/** Fails, with what to do, unless the cluster under test is the local one with so many nodes. */
export function requireNodes(world: World, count: number): void {
  const has = world.target.type === 'local' ? environmentCluster().nodes : 0;
  if (has < count)
    throw new Error(
      `these tests cut and kill nodes: they need the local cluster with ${count} nodes (make cluster-down; make cluster-up NODES=${count} deploy), and ${has === 0 ? 'this is another cluster' : `this one has ${has}`}`,
    );
}

/** Cuts a node off: from everything, from the API server, or from another node. */
export function cut(name: string, from: string = 'all'): Promise<void> {
  const cluster = environmentCluster();
  return cutNode(nodeNamed(cluster, name), from === 'all' || from === 'apiserver' ? from : nodeNamed(cluster, from));
}

/** Kills a node at once; its volumes stay. */
export function kill(name: string): Promise<void> {
  return killNode(nodeNamed(environmentCluster(), name));
}

/** A node is lost for good with its volumes. */
export function lose(name: string): Promise<void> {
  return loseNode(nodeNamed(environmentCluster(), name));
}

/** Brings a dead or lost node back and waits until it is Ready. */
export async function revive(world: World, name: string): Promise<void> {
  await reviveNode(nodeNamed(environmentCluster(), name), images, quiet);
  await world.kubectl('wait', '--for=condition=Ready', `node/${name}`, '--timeout=120s');
}

/** Makes every node whole, alive, and open to pods again; starts the API server when it is away. */
export async function healAll(world: World): Promise<void> {
  const cluster = environmentCluster();
  await apiServer('start');
  for (const node of nodesOf(cluster)) {
    await healNode(node);
    if (!isNodeUp(node)) await reviveNode(node, images, quiet);
    await world.kubectl('uncordon', node.name);
  }
  await world.kubectl('wait', '--for=condition=Ready', 'node', '--all', '--timeout=120s');
}

/** The API server dies at once, or comes back and is ready. */
export async function apiServer(what: 'kill' | 'start'): Promise<void> {
  const cluster = environmentCluster();
  if (what === 'kill') await killApiServer(cluster);
  else await startApiServer(cluster, (await ensurePrograms(quiet)).bed);
}
