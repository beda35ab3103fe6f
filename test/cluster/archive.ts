/** Owns: writing container images as a docker-archive without Docker: layers, configurations, a manifest. */
import { createHash } from 'node:crypto';
import {
  createReadStream,
  linkSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  copyFileSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { run } from './shell.ts';

export interface ImageConfig {
  readonly Env?: readonly string[];
  readonly Entrypoint?: readonly string[];
  readonly Cmd?: readonly string[];
  readonly User?: string;
  readonly WorkingDir?: string;
  readonly ExposedPorts?: Readonly<Record<string, object>>;
  readonly Labels?: Readonly<Record<string, string>>;
}

export interface ArchiveOptions {
  readonly out: string;
  /** Images of the same layers under several names, with what differs between them. */
  readonly images: readonly { readonly reference: string; readonly config: ImageConfig }[];
  /** Paths of uncompressed tar files, lowest first. */
  readonly layers: readonly string[];
}

async function digestOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

function place(from: string, to: string): void {
  try {
    linkSync(from, to);
  } catch {
    copyFileSync(from, to);
  }
}

/** Writes the archive; appears under its name only when it is complete. */
export async function writeDockerArchive({ out, images, layers }: ArchiveOptions): Promise<void> {
  mkdirSync(dirname(out), { recursive: true });
  const work = mkdtempSync(`${out}.`);
  try {
    const digests = await Promise.all(layers.map(digestOf));
    layers.forEach((layer, index) => place(layer, join(work, `${digests[index]}.tar`)));
    const names = images.map(({ config }) => {
      const image = JSON.stringify({
        architecture: 'amd64',
        os: 'linux',
        config,
        rootfs: { type: 'layers', diff_ids: digests.map((digest) => `sha256:${digest}`) },
        history: digests.map(() => ({})),
      });
      const name = `${createHash('sha256').update(image).digest('hex')}.json`;
      writeFileSync(join(work, name), image);
      return name;
    });
    const manifest = images.map(({ reference }, index) => ({
      Config: names[index],
      RepoTags: [reference],
      Layers: digests.map((digest) => `${digest}.tar`),
    }));
    writeFileSync(join(work, 'manifest.json'), JSON.stringify(manifest));
    await run('tar', [
      '-C',
      work,
      '-cf',
      `${out}.part`,
      'manifest.json',
      ...names,
      ...digests.map((digest) => `${digest}.tar`),
    ]);
    renameSync(`${out}.part`, out);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
