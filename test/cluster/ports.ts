/**
 * Owns: ports for servers that a test starts as programs. They lie below those that the kernel hands out by itself: one that
 * was only looked for there can be somebody's connection before its server has begun to listen.
 */
import { createServer, type Server } from 'node:net';

const lowest = 20_000;
const blockSize = 5;
const blocks = 2_000;

export interface PortBlock {
  readonly ports: readonly number[];
  /** Gives the block to others; so does the end of the process. */
  readonly release: () => Promise<void>;
}

/** A server that listens there; null when something else does. */
function listening(at: string | { readonly port: number; readonly host: string }): Promise<Server | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(null));
    server.once('listening', () => resolve(server));
    server.listen(at).unref();
  });
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}

async function isFree(port: number): Promise<boolean> {
  const server = await listening({ port, host: '127.0.0.1' });
  if (server !== null) await closed(server);
  return server !== null;
}

/**
 * Five ports on loopback that nothing listens on, and that no other process of these tests gets before they are released: a
 * block is held by an abstract socket of its number, which the kernel lets one process have, and takes back when that ends.
 * @throws when all blocks are taken
 */
export async function reservePorts(): Promise<PortBlock> {
  for (let tried = 0; tried < blocks; tried += 1) {
    const block = (process.pid + tried) % blocks;
    const holder = await listening(`\0postgres-operator-ports-${block}`);
    if (holder === null) continue;
    const ports = Array.from({ length: blockSize }, (_, each) => lowest + block * blockSize + each);
    const free = await Promise.all(ports.map(isFree));
    if (free.every(Boolean)) return { ports, release: () => closed(holder) };
    await closed(holder);
  }
  throw new Error(`no ${blockSize} ports are free together from ${lowest} on: ${blocks} blocks were tried`);
}
