/**
 * Owns: the bundles: dist/operator.cjs and dist/pgc.cjs, each with the native part of better-sqlite3 beside it, so that
 * they run on Node alone. The build id is put in here.
 */
import { chmodSync, existsSync, rmSync } from 'node:fs';
import { build } from 'esbuild';
import { codeHash } from '../build-id.ts';

const root = new URL('../../', import.meta.url);

async function bundle(entry: string, out: string): Promise<void> {
  await build({
    absWorkingDir: root.pathname,
    entryPoints: [entry],
    outfile: out,
    bundle: true,
    platform: 'node',
    target: 'node22',
    format: 'cjs',
    minify: false,
    sourcemap: false,
    legalComments: 'none',
    logLevel: 'warning',
    loader: { '.node': 'copy' },
    // The prebuilt binary of the platform the image runs on; the package's own loader would look for node_modules.
    alias: { 'better-sqlite3': 'better-sqlite3/linux-x64' },
    define: {
      BUILD_ID: JSON.stringify(codeHash(root)),
      'import.meta.url': '"file:///app/"',
      'import.meta.main': 'false',
    },
    banner: { js: '#!/usr/bin/env node' },
  });
  chmodSync(new URL(out, root), 0o755);
}

rmSync(new URL('dist', root), { recursive: true, force: true });
await bundle('src/main.ts', 'dist/operator.cjs');
if (existsSync(new URL('src/cli/main.ts', root))) await bundle('src/cli/main.ts', 'dist/pgc.cjs');
process.stdout.write(`built dist (build ${codeHash(root)})\n`);
