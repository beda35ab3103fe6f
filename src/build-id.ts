/**
 * Owns: which build this is: the first 16 digits of the SHA-256 of the core's bundle (`src/core-build.ts`). Put in by the
 * bundler; when run from sources the same bundle is made once for each state of the sources, so that development and release
 * give one name to the same thing.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';

declare const BUILD_ID: string | undefined;

/** Folders that the core's bundle is made of, and what else it depends on. */
const folders = ['machines', 'src/decision', 'src/resources', 'src/stream/door', 'src/replay', 'crds'];
const files = ['src/core-build.ts', 'src/dev/bundle.ts', 'package-lock.json'];

function sourcesHash(root: URL): string {
  const hash = createHash('sha256');
  const found = folders.flatMap((folder) =>
    readdirSync(new URL(`${folder}/`, root), { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.(ts|json)$/.test(name))
      .map((name) => `${folder}/${name}`),
  );
  for (const file of [...found, ...files].sort()) hash.update(`${file}\n`).update(readFileSync(new URL(file, root)));
  return hash.digest('hex');
}

/** Name of the build that the sources make. */
function nameOfSources(root: URL): string {
  const folder = new URL('.cache/builds/', root);
  const known = new URL(sourcesHash(root), folder);
  try {
    return readFileSync(known, 'utf8');
  } catch {
    const name = execFileSync(process.execPath, [new URL('src/dev/bundle.ts', root).pathname], { encoding: 'utf8' });
    mkdirSync(folder, { recursive: true });
    const unfinished = new URL(`${known.href}.${process.pid}`);
    writeFileSync(unfinished, name);
    renameSync(unfinished, known);
    return name;
  }
}

/** The name of the running build. */
export function buildId(): string {
  return typeof BUILD_ID === 'string' ? BUILD_ID : nameOfSources(new URL('../', import.meta.url));
}
