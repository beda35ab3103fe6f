/**
 * Power cuts: the file calls of a process that writes a journal are recorded; then the disk is put together as a cut at any
 * of them may leave it, and the journal is opened. CUTS and SEED as environment for longer runs.
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openForReading } from '#src/journal/database.ts';
import { openJournal } from '#src/journal/journal.ts';
import type { Anchor } from '#src/journal/verify.ts';
import { systemPorts } from '#src/system-ports.ts';
import { ensurePrerequisites } from '#test/cluster/prerequisites.ts';
import { tryRun } from '#test/cluster/shell.ts';
import { eventsOf, powerModel, type FileEvent } from '#test/support/power-loss.ts';
import { seeded } from '#test/support/seeded.ts';

const cuts = Number(process.env['CUTS'] ?? '2000');
const seed = Number(process.env['SEED'] ?? '1');
const writerProcess = new URL('../support/journal-process.ts', import.meta.url).pathname;

let folder: string;
let events: readonly FileEvent[];

/** One life of the writer under the tracer. */
async function traced(turns: number, end: 'close' | 'die'): Promise<readonly FileEvent[]> {
  const trace = join(folder, 'trace');
  const acks = join(folder, 'acks');
  const journals = join(folder, 'journals');
  const filter = 'trace=openat,pwrite64,write,pwritev,writev,ftruncate,fallocate,fsync,fdatasync,unlink,unlinkat';
  await tryRun('strace', [
    ...['-f', '--seccomp-bpf', '-q', '-xx', '-y', '-s', '4000000', '-e', filter, '-e', 'signal=none', '-o', trace],
    ...[process.execPath, writerProcess, join(journals, 'journal.db'), acks, String(turns), end],
  ]);
  return eventsOf(readFileSync(trace, 'latin1'), journals, acks);
}

beforeAll(async () => {
  await ensurePrerequisites('tracing', () => undefined);
  folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'journal-'));
  mkdirSync(join(folder, 'journals'));
  // Three lives: a new file, one that goes on with what a kill left, one after an orderly end.
  events = [...(await traced(90, 'die')), ...(await traced(60, 'close')), ...(await traced(60, 'die'))];
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Acknowledged {
  readonly rows: Set<string>;
  readonly heads: Map<string, Anchor>;
}

function note({ rows, heads }: Acknowledged, lines: readonly string[]): void {
  for (const line of lines) {
    const [uid = '', seq = '', head = ''] = line.split(' ');
    rows.add(head);
    heads.set(uid, { uid, epoch: 1, seq: Number(seq), head });
  }
}

/** Opens what a cut left, as an operator does. @returns what is wrong with it, or null */
function judge(files: ReadonlyMap<string, Buffer>, acknowledged: Acknowledged): string | null {
  const at = join(folder, 'cut');
  rmSync(at, { recursive: true, force: true });
  mkdirSync(at);
  for (const [name, bytes] of files) writeFileSync(join(at, name), bytes);
  const path = join(at, 'journal.db');
  writeFileSync(`${path}.ballast`, 'stands');
  const opening = openJournal({
    path,
    build: 'b',
    anchors: [...acknowledged.heads.values()],
    ports: systemPorts(),
    onWritable: () => undefined,
    onFatal: () => undefined,
    onCommit: () => undefined,
  });
  const { journal } = opening;
  try {
    if (opening.type === 'quarantined') return `quarantined: ${opening.because}`;
    const db = openForReading(path);
    const kept = new Set(db.prepare('SELECT hash FROM record').pluck().all());
    db.close();
    const lost = [...acknowledged.rows].filter((hash) => !kept.has(hash));
    if (lost.length > 0) return `${lost.length} acknowledged records lost`;
    const { damage } = journal.verify();
    return damage[0]?.because ?? null;
  } finally {
    journal.close();
  }
}

/** Cuts the power at `count` random events. */
function cutAll(count: number, honoursSync: boolean): readonly string[] {
  const random = seeded(seed);
  const moments = Array.from({ length: count }, () => Math.floor(random() * events.length)).toSorted((a, b) => a - b);
  const model = powerModel(honoursSync);
  const acknowledged: Acknowledged = { rows: new Set(), heads: new Map() };
  const wrong: string[] = [];
  let next = 0;
  events.forEach((event, index) => {
    // A write under way may be there in part; a sync under way has promised nothing yet.
    if (!event.type.startsWith('sync')) model.apply(event);
    for (; moments[next] === index; next += 1) {
      const found = judge(model.cut(random), acknowledged);
      if (found !== null) wrong.push(`event ${index} (${event.type}): ${found}`);
    }
    if (event.type.startsWith('sync')) model.apply(event);
    if (event.type === 'acknowledged') note(acknowledged, event.lines);
  });
  return wrong;
}

describe(`${cuts} power cuts (seed ${seed})`, () => {
  it('the recording holds every kind of moment', () => {
    const count = (type: FileEvent['type']): number => events.filter((event) => event.type === type).length;
    expect(count('acknowledged')).toBeGreaterThan(400);
    expect(count('write')).toBeGreaterThan(1000);
    expect(count('sync')).toBeGreaterThan(200);
    expect(count('sync-folder')).toBeGreaterThan(0);
    const moved = events.filter((event) => event.type === 'sync' && event.name === 'journal.db').length;
    expect(moved).toBeGreaterThan(8);
  });

  it('no acknowledged record is lost, and nothing is taken for damage', { timeout: 60_000 + cuts * 900 }, () => {
    expect(cutAll(cuts, true)).toEqual([]);
  });

  it('and on a disk that forgets its syncs the same cuts lose records: the test would notice', () => {
    expect(cutAll(60, false).length).toBeGreaterThan(20);
  });
});
