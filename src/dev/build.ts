/**
 * Owns: the bundles: dist/operator.cjs and dist/pgc.cjs, which run on Node alone, and dist/core.cjs, the core whose hash is the
 * build's name and which another build's pgc can replay journals with.
 */
import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { coreBundle, nameOfCore, programBundle } from './bundle.ts';

const root = new URL('../../', import.meta.url);

rmSync(new URL('dist', root), { recursive: true, force: true });
mkdirSync(new URL('dist', root));
const core = await coreBundle();
const name = nameOfCore(core);
writeFileSync(new URL('dist/core.cjs', root), core);
for (const [entry, out] of [
  ['src/main.ts', 'dist/operator.cjs'],
  ['src/cli/main.ts', 'dist/pgc.cjs'],
] as const) {
  await programBundle(entry, out, name);
  chmodSync(new URL(out, root), 0o755);
}
process.stdout.write(`built dist (build ${name})\n`);
