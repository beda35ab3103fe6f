/**
 * Owns: a program of the tests as one file, so that starting it ten thousand times costs a fifth: types are taken off and
 * modules are found once, not at every start.
 */
import { build } from 'esbuild';

const root = new URL('../../', import.meta.url).pathname;

/** Everything below `require` and the paths that modules of the older kind expect to find. */
const banner = [
  "import { createRequire as requireOfBundle } from 'node:module';",
  "import { fileURLToPath as pathOfBundle } from 'node:url';",
  'const require = requireOfBundle(import.meta.url);',
  'const __filename = pathOfBundle(import.meta.url);',
  "const __dirname = pathOfBundle(new URL('.', import.meta.url));",
].join(' ');

/**
 * Bundles a TypeScript entry with everything it imports.
 * @param entry path from the repository's root
 * @param folder where the bundle and the native part of SQLite are put; goes with whoever made it
 * @returns path of a file that Node runs
 */
export async function bundledProcess(entry: string, folder: string): Promise<string> {
  const outfile = `${folder}/${entry.replaceAll('/', '-').replace(/\.ts$/, '.mjs')}`;
  await build({
    absWorkingDir: root,
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: 'node',
    target: 'node22',
    format: 'esm',
    logLevel: 'warning',
    minifyWhitespace: true,
    lineLimit: 160,
    loader: { '.node': 'copy' },
    alias: { 'better-sqlite3': 'better-sqlite3/linux-x64' },
    banner: { js: banner },
  });
  return outfile;
}
