/**
 * Owns: which build this is: the hash of everything that decides (machines, decision, resources, door, replay, xstate). Put in by
 * the bundler; computed from the sources when run from them, so that development and release give a name to the same thing.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';

declare const BUILD_ID: string | undefined;

const folders = ['machines', 'src/decision', 'src/resources', 'src/stream/door', 'src/replay'];

/** SHA-256 over path and content of all deciding sources and the version of xstate. */
export function codeHash(root: URL): string {
  const hash = createHash('sha256');
  for (const folder of folders) {
    const base = new URL(`${folder}/`, root);
    const files = readdirSync(base, { recursive: true, encoding: 'utf8' }).filter(
      (name) => /\.(ts|json)$/.test(name) && !name.includes('tsconfig'),
    );
    for (const file of files.sort()) hash.update(`${folder}/${file}\n`).update(readFileSync(new URL(file, base)));
  }
  const manifest: unknown = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'));
  hash.update(JSON.stringify((manifest as { dependencies: { xstate: string } }).dependencies.xstate));
  return hash.digest('hex').slice(0, 16);
}

/** The id of the running build. */
export function buildId(): string {
  return typeof BUILD_ID === 'string' ? BUILD_ID : codeHash(new URL('../', import.meta.url));
}
