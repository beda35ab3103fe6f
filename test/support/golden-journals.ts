/**
 * Owns: what releases left behind: `test/golden/journals/<release>/`, journals and exports (gzip), the deciding core that wrote
 * them, and a manifest. A release that is tagged is never made again: whatever comes later has to read it as it is.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { ClusterIdentity, Head } from '#src/journal/record.ts';
import type { JournalRow } from '#src/replay/redecide.ts';
import { decodeStanding, type Standing } from '#src/replay/snapshot-text.ts';
import type { WalkInput } from '#src/replay/walk.ts';

const root = new URL('../../', import.meta.url).pathname;

/** Where all releases are. */
export const journalsFolder = join(root, 'test/golden/journals');

/** One cluster in a file. */
export interface GoldenChain {
  readonly cluster: ClusterIdentity;
  readonly rows: number;
  readonly head: Head;
}

export interface GoldenFile {
  /** Name of the unpacked file; it lies in the folder with `.gz` at its end. */
  readonly file: string;
  /** What happens in it. */
  readonly shows: string;
  /** SHA-256 of the packed file. */
  readonly sha256: string;
  readonly chains: readonly GoldenChain[];
}

/** Versions of everything that is written, at the time of the release. */
export type Formats = Readonly<Record<'journal' | 'export' | 'standing' | 'observation' | 'mask' | 'memory', number>>;

export interface Manifest {
  readonly release: string;
  /** The build that wrote all of it. */
  readonly build: string;
  readonly formats: Formats;
  /** The core of that build, as `npm run build` makes it. */
  readonly core: { readonly file: string; readonly sha256: string };
  readonly journals: readonly GoldenFile[];
}

/** SHA-256 in hex. */
export function sha256Of(bytes: Buffer | string): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Names of the releases that left journals, oldest first. */
export function releases(folder = journalsFolder): readonly string[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter((each) => each.isDirectory())
    .map(({ name }) => name)
    .toSorted((one, other) => one.localeCompare(other, 'en', { numeric: true }));
}

/** The manifest of a release. */
export function manifestOf(release: string, folder = journalsFolder): Manifest {
  return JSON.parse(readFileSync(join(folder, release, 'manifest.json'), 'utf8')) as Manifest;
}

/** A packed file of a release, unpacked. */
export function unpacked(release: string, file: string): Buffer {
  return gunzipSync(readFileSync(join(journalsFolder, release, `${file}.gz`)));
}

/** The chain of an export, unpacked and read without proving it, which other tests do: rows, and the standing before them. */
export function chainOf(release: string, file: string): WalkInput {
  const rows: JournalRow[] = [];
  const blobs = new Map<string, string>();
  let from: Standing | null = null;
  for (const text of unpacked(release, file).toString('utf8').trimEnd().split('\n')) {
    const line = JSON.parse(text) as { readonly line: string; readonly hash: string; readonly bytes: string };
    if (line.line === 'record') rows.push(line as unknown as JournalRow);
    if (line.line === 'blob') blobs.set(line.hash, line.bytes);
    if (line.line === 'standing') from = decodeStanding(line.bytes);
  }
  return { rows, from, getBlob: (hash) => blobs.get(hash) ?? '' };
}

/** SHA-256 of each release's manifest. Whoever edits a released file has to edit two others as well, knowing it. */
export const seals = {
  path: join(journalsFolder, 'seals.json'),
  read: (folder = journalsFolder): Readonly<Record<string, string>> =>
    existsSync(join(folder, 'seals.json'))
      ? (JSON.parse(readFileSync(join(folder, 'seals.json'), 'utf8')) as Readonly<Record<string, string>>)
      : {},
  write: (all: Readonly<Record<string, string>>): void =>
    writeFileSync(seals.path, `${JSON.stringify(all, null, 2)}\n`),
};

function git(args: readonly string[]): { readonly status: number | null; readonly stdout: string } {
  return spawnSync('git', args, { cwd: root, encoding: 'utf8' });
}

/** Whether a release is out: its tag is in this repository. */
export function isTagged(release: string): boolean {
  return git(['rev-parse', '--quiet', '--verify', `refs/tags/${release}`]).status === 0;
}

/** Releases whose tags are in this repository. */
export function taggedReleases(): readonly string[] {
  return git(['tag', '--list', 'v[0-9]*'])
    .stdout.split('\n')
    .filter((each) => /^v\d+\.\d+\.\d+$/.test(each));
}

/** What of a tagged release's folder is not as it was tagged, a path each. */
export function changedSinceTag(release: string): readonly string[] {
  const { stdout } = git(['diff', '--name-only', `refs/tags/${release}`, '--', join(journalsFolder, release)]);
  return stdout.split('\n').filter((each) => each !== '');
}

/** What is wrong with the files of a release: nothing may be changed, missing or added. */
export function tamperings(release: string, folder = journalsFolder): readonly string[] {
  const place = join(folder, release);
  const manifest = readFileSync(join(place, 'manifest.json'));
  const { core, journals } = manifestOf(release, folder);
  const known = new Map([core, ...journals].map(({ file, sha256 }) => [`${file}.gz`, sha256]));
  const found = readdirSync(place).filter((name) => name !== 'manifest.json');
  return [
    ...(seals.read(folder)[release] === sha256Of(manifest) ? [] : [`${release}/manifest.json is not as it was sealed`]),
    ...found.filter((name) => !known.has(name)).map((name) => `${release}/${name} does not belong to the release`),
    ...[...known].flatMap(([name, sha256]) => {
      if (!found.includes(name)) return [`${release}/${name} is missing`];
      return sha256Of(readFileSync(join(place, name))) === sha256 ? [] : [`${release}/${name} was changed`];
    }),
  ];
}
