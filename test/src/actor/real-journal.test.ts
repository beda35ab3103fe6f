import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { hydrate } from '#src/actor/hydrate.ts';
import { openJournal, type Journal as JournalFile } from '#src/journal/journal.ts';
import { makeCore } from '#src/replay/core.ts';
import { verifyRows } from '#src/replay/verify.ts';
import { aCluster, aPod, clusterUid, reportOf302 } from '../stream/live-objects.ts';
import { virtualTime, type VirtualTime } from '../stream/virtual-time.ts';
import { aLine, listed, seen, settings } from './line.ts';
import { asPort } from '../journal/journals.ts';
import { memoryJournal } from './memory-journal.ts';

const folders: string[] = [];

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

function opened(path: string, time: VirtualTime): JournalFile {
  const ports = { ...time, crash: { hit: () => undefined } };
  const { journal } = openJournal({
    path,
    build: 'test-build',
    anchors: [],
    ports,
    onWritable: () => undefined,
    onFatal: () => undefined,
    onCommit: () => undefined,
  });
  return journal;
}

describe('actors over the real journal', () => {
  it('come back with the same bytes after their process was killed, and every row is proved', () => {
    const folder = mkdtempSync(join(tmpdir(), 'actor-'));
    folders.push(folder);
    const path = join(folder, 'journal.db');
    const time = virtualTime();
    const file = opened(path, time);
    const line = aLine({ time, journal: { ...memoryJournal(), ...asPort(file) } });
    line.tell(settings, seen('PostgresCluster', aCluster()), listed);
    for (let timeline = 1; timeline < 80; timeline += 1)
      line.tell(seen('Pod', aPod({ ordinal: 0, report: reportOf302({ timeline }) })));
    const before = JSON.stringify(line.actors.snapshotOf(clusterUid));
    const rows = file.writer.nextSeq(clusterUid) - 1;
    // Killed: no stop, no last snapshot. A second process opens the file.
    const again = opened(path, time);
    const { standing, divergedAt } = hydrate(makeCore(), asPort(again).hydrate(clusterUid));
    expect(divergedAt).toBeNull();
    expect(JSON.stringify(standing?.snapshot)).toBe(before);
    const report = verifyRows(makeCore(), {
      rows: again.reader.iterate({ uid: clusterUid }),
      getBlob: again.reader.blob,
      from: null,
    });
    expect(report).toEqual({ rows, verified: rows, firstDivergence: null });
    expect(rows).toBeGreaterThan(80);
    expect(line.decisions.map(({ stamp }) => stamp.seq)).toEqual(Array.from({ length: rows }, (_, index) => index + 1));
    line.stop();
    again.close();
    file.close();
  });
});
