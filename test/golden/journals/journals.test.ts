/**
 * What releases left behind, read by this build: proved to the last byte, decided again by the core that wrote it, told, shown to an
 * inspector; and what this build would decide otherwise, by class. `npm run golden` agrees to that: read the difference.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { hydrate } from '#src/actor/hydrate.ts';
import { buildId } from '#src/build-id.ts';
import { buildOf, type LoadedBuild } from '#src/cli/build-file.ts';
import { recorded, type Recorded } from '#src/cli/command.ts';
import { feedOf } from '#src/cli/verbs/inspect.ts';
import { sourceOfFile, type Source } from '#src/cli/source.ts';
import { decidedRows, type DecidedRow } from '#src/export/decided.ts';
import { incidentRows } from '#src/export/incident.ts';
import { postmortem } from '#src/export/postmortem.ts';
import { sealedOf } from '#src/export/sealed.ts';
import { timelineLine, timelineOf } from '#src/export/timeline.ts';
import { whyLines, whyOf } from '#src/export/why.ts';
import type { ClusterSummary } from '#src/journal/read.ts';
import { recordKinds } from '#src/journal/record.ts';
import { compareRows } from '#src/replay/compare.ts';
import { makeCore } from '#src/replay/core.ts';
import { contentOf, decisionOf } from '#src/replay/redecide.ts';
import { readStanding } from '#src/replay/snapshot-text.ts';
import { verifyRows } from '#src/replay/verify.ts';
import { agreedDifferences, agreeTo, differenceLines, digestsOf } from '#test/support/golden-differences.ts';
import {
  changedSinceTag,
  isTagged,
  journalsFolder,
  manifestOf,
  releases,
  taggedReleases,
  tamperings,
  unpacked,
} from '#test/support/golden-journals.ts';
import { complaintsOf, receivedInPage, receivedOf } from '#test/support/inspector.ts';

vi.setConfig({ testTimeout: 60_000 });

const root = new URL('../../../', import.meta.url).pathname;
const core = makeCore();
let dir: string;

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'released-'));
});
afterAll(() => rmSync(dir, { recursive: true }));

/** One chain of a file, as this build reads it. */
interface Chain extends Recorded {
  readonly source: Source;
  readonly cluster: ClusterSummary;
  readonly all: readonly DecidedRow[];
}

function pathOf(release: string, file: string): string {
  return join(dir, release, file);
}

async function chainsOf(release: string, file: string): Promise<readonly Chain[]> {
  const source = sourceOfFile(pathOf(release, file));
  const chains: Chain[] = [];
  for (const cluster of await source.clusters()) {
    const found = await recorded(source, cluster);
    chains.push({ ...found, source, cluster, all: decidedRows(found.rows, found.blobs) });
  }
  return chains;
}

/** A line in which something was told that is not there. */
const hollow = /undefined|\[object |NaN/;

describe.each(releases())('%s', (release) => {
  const { build, core: released, journals } = manifestOf(release);
  const files = journals.map(({ file }) => file);
  const replayable = files.filter((file) => !file.includes('redacted'));
  let writer: LoadedBuild;

  beforeAll(() => {
    mkdirSync(join(dir, release));
    for (const file of files) writeFileSync(pathOf(release, file), unpacked(release, file));
    writer = buildOf(released.file, unpacked(release, released.file).toString('utf8'));
  });

  it('is as it was sealed, and as it was tagged', () => {
    expect(tamperings(release)).toEqual([]);
    expect(isTagged(release) ? changedSinceTag(release) : []).toEqual([]);
    expect(writer.name).toBe(build);
  });

  it.each(journals)('$file verifies to the head that it had: $shows', async ({ file, chains }) => {
    const source = sourceOfFile(pathOf(release, file));
    const { damage, clusters } = await source.verify([]);
    await source.close();
    expect(damage).toEqual([]);
    expect(clusters.map(({ rows, verified, head }) => ({ rows, verified, head }))).toEqual(
      chains.map(({ rows, head }) => ({ rows, verified: rows, head })),
    );
  });

  it.each(journals)('$file is verified in another language', ({ file, chains }) => {
    const reader = join(root, 'docs/journal-reader.py');
    const { status, stdout } = spawnSync('python3', [reader, pathOf(release, file)], { encoding: 'utf8' });
    const lines = chains.map(
      ({ cluster, rows, head }) => `${cluster.namespace}/${cluster.name}: ${rows} rows, head ${head.head}\n`,
    );
    expect({ status, stdout }).toEqual({ status: 0, stdout: lines.join('') });
  });

  it.each(files)('%s is decoded, row by row', async (file) => {
    for (const { rows, getBlob } of await chainsOf(release, file))
      for (const row of rows) {
        const content = contentOf(row.kind);
        if (content === 'decision') expect(decisionOf(row, getBlob).observation.type).toBe(row.type);
        if (content === 'standing' && !file.includes('redacted'))
          expect(readStanding(row.body)).toMatchObject({ type: 'standing' });
      }
  });

  it.each(replayable)('%s is decided byte for byte by the build that wrote it', async (file) => {
    for (const { rows, getBlob, from, all } of await chainsOf(release, file))
      expect(verifyRows(writer.core, { rows, getBlob, from })).toEqual({
        rows: all.length,
        verified: all.length,
        firstDivergence: null,
      });
  });

  it('is decided by this build alike, or otherwise by what was agreed to', async () => {
    const lines: string[] = [];
    for (const file of replayable)
      for (const { rows, getBlob, from } of await chainsOf(release, file)) {
        // Byte for byte is alike; the comparison that sorts differences into classes costs ten times as much.
        const { rows: decisions, verified } = verifyRows(core, { rows, getBlob, from });
        if (verified === decisions) continue;
        const comparison = compareRows(writer.core, core, { rows, getBlob, from });
        expect(comparison.unproved).toBe(0);
        lines.push(...differenceLines(file, comparison, digestsOf(core, { rows, getBlob, from })));
      }
    const text = lines.map((line) => `${line}\n`).join('');
    if (process.env['UPDATE_GOLDEN'] === '1') agreeTo(release, text);
    expect(
      text,
      `this build decides journals of ${release} otherwise: if it is meant to, npm run golden${isTagged(release) ? '' : `, or npm run release:journals -- --release ${release} before it is tagged`}`,
    ).toBe(agreedDifferences(release));
    if (build === buildId()) expect(text).toBe('');
  });

  it.each(replayable.filter((file) => !file.includes('part')))('%s is taken over by an actor', async (file) => {
    for (const { rows, getBlob, cluster } of await chainsOf(release, file)) {
      const { standing, writtenBy } = hydrate(core, { snapshot: null, rows: () => rows, getBlob });
      expect(standing?.at).toBe(cluster.lastAt);
      expect(writtenBy).toBe(build);
    }
  });

  it.each(files)('%s is told: why, timeline, postmortem', async (file) => {
    for (const { source, cluster, rows, getBlob, from, all } of await chainsOf(release, file)) {
      const why = whyLines(whyOf({ all, clusterUid: cluster.uid, sealed: sealedOf(core, rows) }));
      const told = timelineOf((row) => decisionOf(row, getBlob));
      const entries = rows.flatMap((row) => told(row));
      const stamps = entries.map(({ at }) => at);
      expect(stamps).toEqual(stamps.toSorted((left, right) => left - right));
      const verified = source.unreplayable === null ? verifyRows(core, { rows, getBlob, from }) : { verified: 0 };
      const replayed = { build: buildId(), rows: all.length, verified: verified.verified };
      const report = postmortem({ cluster, all, entries, head: cluster.head, replayed });
      expect(report === null).toBe(incidentRows(all) === null);
      if (report !== null) expect(report).toContain(cluster.head.head.slice(0, 12));
      const lines = [...why, ...entries.map(timelineLine), ...(report ?? '').split('\n')];
      expect(why.length).toBeGreaterThan(1);
      expect(entries.length).toBeGreaterThan(5);
      expect(lines.filter((line) => hollow.test(line))).toEqual([]);
    }
  });

  it.each(files)('the inspector feed of %s is read without complaint by the library’s receivers', async (file) => {
    for (const { source, cluster, all } of await chainsOf(release, file)) {
      const messages = await receivedOf(() => feedOf(source, cluster));
      expect(receivedInPage(messages)).toEqual(messages);
      expect(complaintsOf(messages)).toEqual([]);
      const moves = all.reduce((sum, { decision }) => sum + decision.moves.length, 0);
      const still = all.filter(({ decision }) => decision.moves.length === 0).length;
      const count = (type: string): number => messages.filter((each) => each['type'] === type).length;
      expect(count('@xstate.snapshot')).toBe(moves + still);
      expect(count('@xstate.event')).toBe(moves + all.length);
    }
  });

  it('has a row of every kind, and an incident', async () => {
    const chains = (await Promise.all(files.map((file) => chainsOf(release, file)))).flat();
    expect([...new Set(chains.flatMap(({ rows }) => rows.map(({ kind }) => kind)))].toSorted()).toEqual(
      recordKinds.toSorted(),
    );
    expect(chains.filter(({ all }) => incidentRows(all) !== null).length).toBeGreaterThan(5);
  });
});

describe('what is released', () => {
  it('is kept of every tag', () => {
    for (const tag of taggedReleases()) expect(releases()).toContain(tag);
  });

  it.each<readonly [string, (folder: string) => void, RegExp]>([
    [
      'a journal is changed',
      (folder) => writeFileSync(join(folder, 'failover.ndjson.gz'), 'x'),
      /failover.* was changed/,
    ],
    ['a journal is gone', (folder) => rmSync(join(folder, 'failover.ndjson.gz')), /failover.* is missing/],
    ['a journal is added', (folder) => writeFileSync(join(folder, 'mine.db.gz'), ''), /mine.* does not belong/],
    [
      'the manifest is changed with it',
      (folder) => writeFileSync(join(folder, 'manifest.json'), `${JSON.stringify(manifestOf('v0.1.0'))}\n`),
      /manifest.json is not as it was sealed/,
    ],
  ])('is found out when %s', (name, change, expected) => {
    const copy = join(dir, name);
    cpSync(journalsFolder, copy, { recursive: true });
    expect(tamperings('v0.1.0', copy)).toEqual([]);
    change(join(copy, 'v0.1.0'));
    expect(tamperings('v0.1.0', copy)[0]).toMatch(expected);
  });
});
