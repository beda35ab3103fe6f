/** Owns: Debian root file systems as tar files, made once by mmdebstrap and kept in the cache, keyed by what goes in. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder } from '../options.ts';
import { run } from '../shell.ts';

export interface Suite {
  readonly suite: 'bookworm' | 'trixie' | 'forky';
  readonly major: string;
  readonly patroni: string;
}

const packages = [
  'patroni',
  'python3',
  'python3-yaml',
  'openssl',
  'curl',
  'procps',
  'tini',
  'ca-certificates',
  'iproute2',
  'locales',
];

/** The mirror this machine itself installs from. */
function mirror(): string {
  const folder = '/etc/apt/sources.list.d';
  const files = [
    '/etc/apt/sources.list',
    ...(existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : []),
  ];
  for (const file of files.filter((path) => existsSync(path))) {
    const text = readFileSync(file, 'utf8');
    const found = /^(?:URIs:|deb(?:\s+\[[^\]]*\])?)\s+(https?:\S+debian\/?)(?:\s|$)/m.exec(text);
    if (found?.[1] !== undefined) return found[1];
  }
  throw new Error("no Debian mirror found in apt's sources: the test images are made from Debian packages");
}

/** Spilo's user has these ids, so it is made before any package can take others; no default cluster, no manuals. */
const beforePackages = [
  'echo "postgres:x:103:" >> "$1/etc/group"',
  'echo "postgres:x:101:103::/home/postgres:/bin/bash" >> "$1/etc/passwd"',
  'install -d -o 101 -g 103 "$1/home/postgres"',
  'mkdir -p "$1/etc/postgresql-common"',
  'echo "create_main_cluster = false" > "$1/etc/postgresql-common/createcluster.conf"',
].join('; ');

/** Path of the root file system of a suite; makes it when the cache has none. */
export async function ensureRootfs({ suite, major }: Suite, log: (line: string) => void): Promise<string> {
  const include = [`postgresql-${major}`, ...packages].join(',');
  const key = createHash('sha256').update(`${suite} ${include} ${beforePackages} 1`).digest('hex').slice(0, 16);
  const folder = join(cacheFolder(), 'rootfs');
  const out = join(folder, `${suite}-${key}.tar`);
  if (existsSync(out)) return out;
  mkdirSync(folder, { recursive: true });
  log(`making a Debian ${suite} root file system with PostgreSQL ${major} and Patroni (about half a minute, once)`);
  const exclude = ['man', 'doc', 'locale', 'info'].map((name) => `--dpkgopt=path-exclude=/usr/share/${name}/*`);
  const part = `${out}.${process.pid}.part`;
  const args = [
    '--mode=root',
    // A root file system that a power cut took is made anew: nothing needs to be on the disk at once.
    '--dpkgopt=force-unsafe-io',
    '--variant=minbase',
    '--quiet',
    `--include=${include}`,
    `--essential-hook=${beforePackages}`,
    ...exclude,
    // A mirror may stand still for longer than a moving suite says it is valid; its signature is still checked.
    '--aptopt=Acquire::Check-Valid-Until "false"',
    '--format=tar',
    suite,
    part,
    mirror(),
  ];
  try {
    await run('mmdebstrap', args);
    renameSync(part, out);
  } finally {
    rmSync(part, { force: true });
  }
  return out;
}
