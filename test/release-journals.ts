/**
 * Owns: `npm run release:journals -- --release v0.1.0`: the journals that a release leaves behind, made by its own operator and
 * pgc, with the core that decided them. One step, the same bytes each time; a tagged release is refused.
 *
 *   --check   makes them elsewhere, compares, writes nothing
 *
 * Exit code 1 when it is refused, or what is there is not what this build makes.
 */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';
import { memoryVersion } from '#machines/cluster/facts.ts';
import { observationVersion } from '#machines/cluster/upcasters.ts';
import { sourceOfFile } from '#src/cli/source.ts';
import { coreBundle, nameOfCore, programBundle } from '#src/dev/bundle.ts';
import { exportFormat } from '#src/export/ndjson.ts';
import { formatVersion } from '#src/journal/database.ts';
import { snapshotFormat } from '#src/replay/snapshot-text.ts';
import { makeScratch } from '#src/sim/scratch.ts';
import { maskVersion } from '#src/stream/door/project.ts';
import {
  isTagged,
  journalsFolder,
  seals,
  sha256Of,
  type GoldenChain,
  type GoldenFile,
  type Manifest,
} from '#test/support/golden-journals.ts';
import { agreeTo } from '#test/support/golden-differences.ts';
import { make, recipes } from '#test/support/golden-recipes.ts';

const coreFile = 'core.cjs';

/** Why these journals may not be made; null when they may. */
function objection(release: string): string | null {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    readonly version: string;
  };
  if (release !== `v${version}`)
    return `package.json says ${version}: the journals of ${release === '' ? 'a release' : release} are made by its own sources; name --release v${version}`;
  return isTagged(release)
    ? `${release} is tagged: its journals are never made again; raise the version in package.json for the next ones`
    : null;
}

async function chainsOf(path: string): Promise<readonly GoldenChain[]> {
  const source = sourceOfFile(path);
  const clusters = await source.clusters();
  await source.close();
  return clusters.map(({ uid, namespace, name, rows, head }) => ({ cluster: { uid, namespace, name }, rows, head }));
}

function pack(bytes: Buffer | string, out: string): string {
  const packed = gzipSync(bytes, { level: 9 });
  writeFileSync(out, packed);
  return sha256Of(packed);
}

/** Makes all files of a release in a folder. @returns the text of the manifest */
async function makeAll(release: string, folder: string): Promise<string> {
  const { folder: scratch, remove } = makeScratch();
  try {
    const core = await coreBundle();
    const build = nameOfCore(core);
    const program = join(scratch, 'pgc.cjs');
    await programBundle('src/cli/main.ts', program, build);
    const journals: GoldenFile[] = [];
    for (const recipe of recipes) {
      const { file, shows } = recipe;
      const workshop = { folder: join(scratch, file), build };
      mkdirSync(workshop.folder);
      const out = join(scratch, `made-${file}`);
      await make(recipe, workshop, program, out);
      journals.push({
        file,
        shows,
        sha256: pack(readFileSync(out), join(folder, `${file}.gz`)),
        chains: await chainsOf(out),
      });
    }
    const manifest: Manifest = {
      release,
      build,
      formats: {
        journal: formatVersion,
        export: exportFormat,
        standing: snapshotFormat,
        observation: observationVersion,
        mask: maskVersion,
        memory: memoryVersion,
      },
      core: { file: coreFile, sha256: pack(core, join(folder, `${coreFile}.gz`)) },
      journals,
    };
    const text = `${JSON.stringify(manifest, null, 2)}\n`;
    writeFileSync(join(folder, 'manifest.json'), text);
    return text;
  } finally {
    remove();
  }
}

/** Names of files that differ between two folders, or are in one of them alone. */
function differing(one: string, other: string): readonly string[] {
  const names = [...new Set([one, other].flatMap((folder) => (existsSync(folder) ? readdirSync(folder) : [])))].sort();
  return names.filter((name) => {
    const [left, right] = [join(one, name), join(other, name)];
    return !existsSync(left) || !existsSync(right) || !readFileSync(left).equals(readFileSync(right));
  });
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: { release: { type: 'string', default: '' }, check: { type: 'boolean', default: false } },
  });
  const { release, check } = values;
  const because = check ? null : objection(release);
  if (because !== null) {
    process.stderr.write(`${because}\n`);
    return 1;
  }
  const place = join(journalsFolder, release);
  const fresh = mkdtempSync(join(tmpdir(), 'journals-'));
  try {
    const manifest = await makeAll(release, fresh);
    const changed = differing(place, fresh);
    process.stdout.write(
      changed.length === 0
        ? `the journals of ${release} are what this build makes\n`
        : `${release}: ${changed.join(', ')} ${check ? 'are not what this build makes' : 'are new'}\n`,
    );
    if (check) return changed.length === 0 ? 0 : 1;
    rmSync(place, { recursive: true, force: true });
    mkdirSync(place, { recursive: true });
    for (const name of readdirSync(fresh)) writeFileSync(join(place, name), readFileSync(join(fresh, name)));
    // Whatever was agreed to was about the ones that are gone.
    agreeTo(release, '');
    seals.write({ ...seals.read(), [release]: sha256Of(manifest) });
    return 0;
  } finally {
    rmSync(fresh, { recursive: true });
  }
}

if (import.meta.main) process.exitCode = await main();
