/** Owns: how a bundle is made, the same for a release, for development and for tests. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { build, context, type BuildOptions, type Plugin } from 'esbuild';

const root = new URL('../../', import.meta.url);

const common: BuildOptions = {
  absWorkingDir: root.pathname,
  bundle: true,
  platform: 'node',
  target: 'node22',
  format: 'cjs',
  sourcemap: false,
  legalComments: 'none',
  logLevel: 'warning',
};

const core: BuildOptions = {
  ...common,
  entryPoints: ['src/core-build.ts'],
  // White space and comments make no other build.
  minifyWhitespace: true,
  write: false,
};

/** The text of the core as one module. */
export async function coreBundle(): Promise<string> {
  const { outputFiles } = await build({ ...core, write: false });
  return outputFiles[0]?.text ?? '';
}

/** Bundles of the core, one after the other, with what `plugins` change in the sources on their way in. */
export async function openCoreBundling(
  plugins: Plugin[],
): Promise<{ readonly make: () => Promise<string>; readonly close: () => Promise<void> }> {
  const bundling = await context({ ...core, plugins });
  return {
    make: async () => (await bundling.rebuild()).outputFiles?.[0]?.text ?? '',
    close: () => bundling.dispose(),
  };
}

/** Name of a build: the first 16 digits of the SHA-256 of its core. */
export function nameOfCore(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}

/** The page of `pgc inspect` (`ui/inspect`) as JSON: its texts by their paths. */
export async function inspectPageTexts(): Promise<string> {
  const { outputFiles } = await build({
    absWorkingDir: root.pathname,
    entryPoints: ['ui/inspect/page.ts'],
    bundle: true,
    platform: 'browser',
    target: 'es2022',
    format: 'esm',
    minify: true,
    legalComments: 'none',
    logLevel: 'warning',
    write: false,
  });
  const read = (name: string): string => readFileSync(new URL(`ui/inspect/${name}`, root), 'utf8');
  return JSON.stringify({
    'page.html': read('page.html'),
    'page.css': read('page.css'),
    'page.js': outputFiles[0]?.text ?? '',
  });
}

/**
 * First lines of a program. An older Node has another binary interface: it would die in the native part of better-sqlite3
 * by a signal, without a word. Its own syntax is the oldest there is, so that any Node can say so.
 */
const opening = `#!/usr/bin/env node
(function () {
  var is = process.versions.node.split('.').map(Number);
  if (is[0] > 22 || (is[0] === 22 && is[1] >= 19)) return;
  console.error('Node ' + process.versions.node + ' is too old: 22.19 or later is needed. ' + process.execPath + ' was found first; install a newer one, or name it: /path/to/node ' + process.argv[1]);
  process.exit(64);
})();`;

/** Bundles a program that runs on Node alone, with the native part of better-sqlite3 beside it. */
export async function programBundle(entry: string, out: string, buildName: string): Promise<void> {
  await build({
    ...common,
    entryPoints: [entry],
    outfile: out,
    // Half of what Node reads before a verb begins is white space; names stay, and so does what a stack trace says.
    minifyWhitespace: true,
    lineLimit: 160,
    loader: { '.node': 'copy' },
    // The prebuilt binary of the platform the image runs on; the package's own loader would look for node_modules.
    alias: { 'better-sqlite3': 'better-sqlite3/linux-x64' },
    define: {
      BUILD_ID: JSON.stringify(buildName),
      // pgc simulate brings up a world of its own.
      CRD_YAML: JSON.stringify(readFileSync(new URL('crds/postgrescluster.yaml', root), 'utf8')),
      // pgc doctor asks for what the operator's roles grant.
      RBAC_YAML: JSON.stringify(readFileSync(new URL('deploy/base/rbac.yaml', root), 'utf8')),
      INSPECT_PAGE: JSON.stringify(await inspectPageTexts()),
      'import.meta.url': '"file:///app/"',
      'import.meta.main': 'false',
    },
    banner: { js: opening },
  });
}

// Run by what runs from sources, where no bundler has put these in.
if (import.meta.main)
  process.stdout.write(process.argv[2] === 'inspect-page' ? await inspectPageTexts() : nameOfCore(await coreBundle()));
