/**
 * Owns: images on nodes without importing them on each: a containerd store is filled once and kept in the cache; a node
 * gets it by hard links, so that a node more costs seconds, no disk, and the same page cache.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cacheFolder } from './options.ts';
import { run, startDaemon, stopDaemon, tryRun, waitFor } from './shell.ts';

/** Stores of different images that are kept side by side. */
const kept = 2;

/** What is written in place and must be a node's own; all else is written once and only read or replaced. */
const databases = [
  'io.containerd.metadata.v1.bolt/meta.db',
  'io.containerd.snapshotter.v1.overlayfs/metadata.db',
] as const;

async function fill(root: string, archives: readonly string[]): Promise<void> {
  const work = mkdtempSync(join(tmpdir(), 'seed-'));
  const socket = join(work, 'c.sock');
  writeFileSync(
    join(work, 'containerd.toml'),
    `version = 2\nroot = "${root}"\nstate = "${work}/state"\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n[grpc]\n  address = "${socket}"\n`,
  );
  startDaemon(work, 'containerd', ['containerd', '--config', join(work, 'containerd.toml')]);
  try {
    await waitFor(
      'containerd answering',
      async () => (await tryRun('ctr', ['--address', socket, 'version'])) !== null,
      30_000,
    );
    for (const archive of archives)
      await run('ctr', ['--address', socket, '--namespace', 'k8s.io', 'images', 'import', archive]);
  } finally {
    await stopDaemon(work, 'containerd');
    rmSync(work, { recursive: true, force: true });
  }
}

/** Path of a containerd root that holds these docker-archives; filled when the cache has none. */
export async function ensureSeed(archives: readonly string[], log: (line: string) => void): Promise<string> {
  const key = createHash('sha256')
    .update(['1', ...archives].join('\n'))
    .digest('hex')
    .slice(0, 16);
  const folder = join(cacheFolder(), 'seeds');
  const seed = join(folder, key);
  if (existsSync(seed)) return seed;
  log(`importing ${archives.length} image archives into a store that all nodes share (once)`);
  mkdirSync(folder, { recursive: true });
  const part = mkdtempSync(join(folder, 'part-'));
  try {
    await fill(part, archives);
    renameSync(part, seed);
  } catch (error) {
    rmSync(part, { recursive: true, force: true });
    if (!existsSync(seed)) throw error;
  }
  const others = readdirSync(folder)
    .filter((name) => !name.startsWith('part-'))
    .map((name) => ({ name, made: statSync(join(folder, name)).mtimeMs }))
    .sort((a, b) => b.made - a.made);
  for (const { name } of others.slice(kept)) rmSync(join(folder, name), { recursive: true, force: true });
  return seed;
}

/** Gives a node the images of the seed: `root` becomes a containerd root that shares their files. */
export async function plantSeed(seed: string, root: string): Promise<void> {
  if (existsSync(root)) return;
  // Another file system than the cache's takes a copy.
  if ((await tryRun('cp', ['--archive', '--link', seed, root])) === null) {
    rmSync(root, { recursive: true, force: true });
    await run('cp', ['--archive', seed, root]);
  }
  for (const database of databases) {
    rmSync(join(root, database));
    await run('cp', ['--archive', join(seed, database), join(root, database)]);
  }
}
