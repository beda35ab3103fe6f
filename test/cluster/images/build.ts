/**
 * Owns: the Spilo-compatible images of the test cluster, as docker-archives in the cache: a major each, and of each major a
 * second build to update to and one that cannot start.
 */
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeDockerArchive, type ArchiveOptions } from '../archive.ts';
import { cacheFolder } from '../options.ts';
import { run } from '../shell.ts';
import { ensureRootfs, type Suite } from './rootfs.ts';

const suites: readonly Suite[] = [
  { suite: 'bookworm', major: '15', patroni: '3.0' },
  { suite: 'trixie', major: '17', patroni: '4.0' },
  { suite: 'forky', major: '18', patroni: '4.1' },
];

export interface BuiltImage {
  readonly reference: string;
  readonly archive: string;
  readonly major: string;
}

const scripts = new URL('spilo/', import.meta.url).pathname;

const environment = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  LC_ALL: 'C.UTF-8',
  PGHOME: '/home/postgres',
  PGROOT: '/home/postgres/pgdata/pgroot',
  PGDATA: '/home/postgres/pgdata/pgroot/data',
  PGLOG: '/home/postgres/pgdata/pgroot/pg_log',
  RW_DIR: '/run',
};

/** Reference of the image that holds a major; the catalog of the local cluster. */
export function imageReference({ major, patroni }: Suite): string {
  return `postgres-operator.local/spilo:${major}-${patroni}`;
}

/** Major to image, for the operator's catalog on the local cluster. */
export const localCatalog: Readonly<Record<string, string>> = Object.fromEntries(
  suites.map((suite) => [suite.major, imageReference(suite)]),
);

export interface ImageBuilds {
  /** What the catalog names. */
  readonly current: string;
  /** The same PostgreSQL and Patroni in another image: what an update of the image goes to. */
  readonly next: string;
  /** Its container ends at once, with code 1. */
  readonly broken: string;
}

/** References of all builds of a major. @throws when the local cluster has no image of it */
export function imageBuilds(major: string): ImageBuilds {
  const current = localCatalog[major];
  if (current === undefined)
    throw new Error(`there is no local image of PostgreSQL ${major}, only of ${Object.keys(localCatalog).join(', ')}`);
  return { current, next: `${current}-2`, broken: `${current}-broken` };
}

function imagesOf(suite: Suite): ArchiveOptions['images'] {
  const { current, next, broken } = imageBuilds(suite.major);
  const config = {
    Env: Object.entries(environment).map(([name, value]) => `${name}=${value}`),
    Entrypoint: ['/usr/bin/tini', '--', '/usr/bin/python3', '/scripts/launch.py'],
    WorkingDir: '/home/postgres',
    ExposedPorts: { '5432/tcp': {}, '8008/tcp': {}, '8080/tcp': {} },
  };
  const label = (build: string): { readonly Labels: Readonly<Record<string, string>> } => ({
    Labels: { 'org.opencontainers.image.version': `${suite.major}-${suite.patroni}-${build}` },
  });
  return [
    { reference: current, config: { ...config, ...label('1') } },
    { reference: next, config: { ...config, ...label('2') } },
    { reference: broken, config: { ...config, ...label('broken'), Entrypoint: ['/bin/false'] } },
  ];
}

/** A layer with the scripts and the folders that a pod running as 101:103 must be able to write. */
async function scriptLayer(out: string): Promise<void> {
  const work = mkdtempSync(join(tmpdir(), 'layer-'));
  try {
    cpSync(scripts, join(work, 'scripts'), {
      recursive: true,
      filter: (path) => !path.includes('__pycache__') && !path.endsWith('_test.py'),
    });
    for (const folder of ['run', 'home/postgres', 'home/postgres/pgdata'])
      mkdirSync(join(work, folder), { recursive: true });
    await run('chown', ['-R', '101:103', join(work, 'run'), join(work, 'home/postgres')]);
    await run('chmod', ['0775', join(work, 'run'), join(work, 'home/postgres'), join(work, 'home/postgres/pgdata')]);
    await run('ln', ['-s', '/run/postgres.yml', join(work, 'home/postgres/postgres.yml')]);
    await run('tar', ['-C', work, '-cf', out, 'scripts', 'run', 'home']);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function scriptsKey(): string {
  const hash = createHash('sha256').update(JSON.stringify(environment));
  for (const file of readdirSync(scripts)
    .filter((name) => /\.(py|sh)$/.test(name))
    .sort())
    hash.update(file).update(readFileSync(join(scripts, file)));
  return hash.digest('hex').slice(0, 16);
}

/** The images, built where the cache has none of the same inputs. */
export async function ensureImages(log: (line: string) => void): Promise<readonly BuiltImage[]> {
  const folder = join(cacheFolder(), 'images');
  mkdirSync(folder, { recursive: true });
  const built: BuiltImage[] = [];
  for (const suite of suites) {
    const rootfs = await ensureRootfs(suite, log);
    const key = createHash('sha256')
      .update(rootfs)
      .update(scriptsKey())
      .update(JSON.stringify(imagesOf(suite)))
      .digest('hex')
      .slice(0, 16);
    const archive = join(folder, `spilo-${suite.major}-${key}.tar`);
    const image = { reference: imageReference(suite), archive, major: suite.major };
    built.push(image);
    if (existsSync(archive)) continue;
    log(`making image ${image.reference}`);
    const layer = join(folder, `scripts-${key}.tar`);
    await scriptLayer(layer);
    await writeDockerArchive({ out: archive, images: imagesOf(suite), layers: [rootfs, layer] });
    rmSync(layer);
  }
  return built;
}
