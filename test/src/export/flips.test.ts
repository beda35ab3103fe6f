/**
 * Hazard: an export that was changed on its way is believed. Any byte of it as any other byte, a cut at any place, white space that
 * an editor adds: reading says so, in words, and nothing is imported. In every run each byte of a small export, and of large ones
 * some, other ones for each commit. FLIPS=all takes each byte of all lines of large ones with each of its eight bits turned, and as
 * each other byte the line feeds, and the trailer of small ones: a file as large as that is read only from the line that was changed
 * to the line behind it. If nothing was found by then, the digest so far has to be another one, which the trailer, read last, then
 * does not name.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  begunReading,
  forkedReading,
  readExport,
  readExportBytes,
  readExportFile,
  readNext,
  type ReadExport,
  type Reading,
} from '#src/cli/export-file.ts';
import { exportSource } from '#src/cli/source.ts';
import { sha256 } from '#src/decision/hash.ts';
import { Refused } from '#src/errors.ts';
import { exportLines } from '#src/export/ndjson.ts';
import { importJournal } from '#src/journal/import.ts';
import { releases, unpacked } from '#test/support/golden-journals.ts';
import { incidentRow } from '#test/support/incident.ts';
import { seeded } from '#test/support/seeded.ts';
import { commitTurn } from '#test/support/slice.ts';

const everything = process.env['FLIPS'] === 'all';
vi.setConfig({ testTimeout: everything ? 7_200_000 : 120_000 });

const root = new URL('../../../', import.meta.url).pathname;
const newest = releases().at(-1) ?? '';
const forms = ['failover.ndjson', 'failover-part.ndjson', 'failover-redacted.ndjson'] as const;
let dir: string;
let path: string;

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'flips-'));
  path = join(dir, 'changed.ndjson');
});
afterAll(() => rmSync(dir, { recursive: true }));

/** The first rows of an export, as an export of their own. */
function first(form: string, count: number): Buffer {
  const read = readExport(unpacked(newest, form).toString('utf8'));
  const { cluster, blobs, standing, redacted } = read;
  const lines = exportLines({
    cluster,
    build: 'b',
    rows: read.rows.slice(0, count),
    blob: (hash) => blobs.get(hash) ?? '',
    sha256,
    ...(standing === null ? {} : { standing: { seq: standing.seq, head: standing.head, bytes: standing.bytes } }),
    ...(redacted === null ? {} : { redacted }),
  });
  return Buffer.from(`${[...lines].join('\n')}\n`);
}

/** What reading bytes comes to. @throws whatever is no sentence for whoever reads it */
function verdict(bytes: Buffer): 'sound' | 'found' {
  let read: ReadExport;
  try {
    read = readExportBytes(bytes, 'changed');
  } catch (error) {
    if (error instanceof Refused) return 'found';
    throw error;
  }
  return read.damage.length === 0 ? 'sound' : 'found';
}

interface Trial {
  readonly what: string;
  readonly bytes: Buffer;
}

/** What a byte may become that JSON does not mind: white space, and other digits. */
const likely = [0x20, 0x09, 0x0d, 0x0a, 0x30, 0x39];

/** One byte as another; as several where a byte is white space, or stands in the trailer that nothing vouches for. */
function* flips(whole: Buffer, oneIn: number): IterableIterator<Trial> {
  const chance = seeded(whole.length + commitTurn());
  const trailer = whole.lastIndexOf('\n{"line":"trailer"');
  for (const [place, byte] of whole.entries()) {
    const bare = place >= trailer || byte === 0x0a;
    if (chance() * oneIn >= 1) continue;
    const any =
      everything && bare ? Array.from({ length: 256 }, (_, each) => each) : [byte ^ (1 + Math.floor(chance() * 255))];
    for (const other of new Set([...any, ...(bare ? likely : [])])) {
      if (other === byte) continue;
      const bytes = Buffer.from(whole);
      bytes[place] = other;
      yield { what: `byte ${place} (${byte}) as ${other}`, bytes };
    }
  }
}

/** A line of an export with its line feed, and how far the export had been read before it and behind the line after it. */
interface Place {
  readonly text: Buffer;
  /** With the line after it, where there is one. */
  readonly joined: Buffer;
  /** Null before the first line. */
  readonly before: Reading | null;
  readonly digest: { readonly after: string; readonly joined: string };
}

/** All lines but the trailer. */
function* places(whole: Buffer): IterableIterator<Place> {
  const lines = whole.toString('utf8').split('\n').slice(0, -1);
  const reading = begunReading('changed', lines[0] ?? '');
  const digests = lines.map((line) => {
    readNext(reading, line);
    return reading.digest;
  });
  const again = begunReading('changed', lines[0] ?? '');
  for (const [index, line] of lines.slice(0, -1).entries()) {
    const [text, joined] = [`${line}\n`, `${line}\n${lines[index + 1] ?? ''}\n`].map((each) => Buffer.from(each));
    if (text === undefined || joined === undefined) continue;
    const digest = { after: digests[index] ?? '', joined: digests[index + 1] ?? '' };
    yield { text, joined, before: index === 0 ? null : again, digest };
    readNext(again, line);
  }
}

/** What reading comes to by the end of these bytes, which stand in the place of others; `digest`: what it was with those. */
function verdictFrom(before: Reading | null, bytes: Buffer, digest: string): 'sound' | 'found' {
  try {
    const lines = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes).split('\n').slice(0, -1);
    const reading = before === null ? begunReading('changed', lines[0] ?? '') : forkedReading(before);
    for (const line of lines) readNext(reading, line);
    return reading.damage.length > 0 || reading.digest !== digest ? 'found' : 'sound';
  } catch (error) {
    if (error instanceof Refused || error instanceof TypeError) return 'found';
    throw error;
  }
}

const bits = [1, 2, 4, 8, 16, 32, 64, 128];

function changed(bytes: Buffer, place: number, other: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[place] = other;
  return copy;
}

/** Every byte of every line with each of its bits turned, its line feed as each other byte; or one in so many of them. */
function unnoticedByLine(whole: Buffer, oneIn: number): { readonly tried: number; readonly missed: readonly string[] } {
  const turn = commitTurn();
  let tried = 0;
  const missed: string[] = [];
  let start = 0;
  for (const { text, joined, before, digest } of places(whole)) {
    for (const [place, byte] of text.entries()) {
      const isFeed = byte === 0x0a;
      if (!isFeed && (place + turn) % oneIn !== 0) continue;
      const [bytes, expected] = isFeed ? [joined, digest.joined] : [text, digest.after];
      const feeds = everything ? Array.from({ length: 256 }, (_, each) => each) : likely;
      const others = isFeed ? feeds : bits.map((bit) => byte ^ bit);
      for (const other of others) {
        if (other === byte) continue;
        tried += 1;
        if (verdictFrom(before, changed(bytes, place, other), expected) === 'sound')
          missed.push(`byte ${start + place} (${byte}) as ${other}`);
      }
    }
    start += text.length;
  }
  return { tried, missed };
}

function* cuts(whole: Buffer, oneIn: number): IterableIterator<Trial> {
  for (let length = whole.length - 1; length >= 0; length -= length > whole.length - 300 ? 1 : oneIn)
    yield { what: `cut to ${length} bytes`, bytes: whole.subarray(0, length) };
}

/** What editors, mailers and shells do. */
function* habits(whole: Buffer): IterableIterator<Trial> {
  const text = whole.toString('utf8');
  for (const [what, changed] of Object.entries({
    'an empty line at its end': `${text}\n`,
    'a space at its end': `${text} `,
    'an empty line within': text.replace('\n', '\n\n'),
    'a space before its first line': ` ${text}`,
    'a byte-order mark': `\uFEFF${text}`,
    'carriage returns': text.replaceAll('\n', '\r\n'),
    'a space in a line': text.replace('{"line":', '{ "line":'),
    'a space in the trailer': text.replace('{"line":"trailer",', '{"line":"trailer", '),
    'a field more in the trailer': text.replace('{"line":"trailer",', '{"line":"trailer","more":1,'),
    'its last line twice': `${text}${text.slice(text.lastIndexOf('\n', text.length - 2) + 1)}`,
    'another export behind it': `${text}${text}`,
  }))
    yield { what, bytes: Buffer.from(changed) };
}

function unnoticed(trials: Iterable<Trial>): { readonly tried: number; readonly missed: readonly string[] } {
  let tried = 0;
  const missed: string[] = [];
  for (const { what, bytes } of trials) {
    tried += 1;
    if (verdict(bytes) === 'sound') missed.push(what);
  }
  return { tried, missed };
}

describe.each(forms)('%s', (form) => {
  const small = first(form, 2);
  const large = unpacked(newest, form);

  it('is sound as it was made', () => expect([small, large].map(verdict)).toEqual(['sound', 'sound']));

  it('betrays every byte that is another one', () => {
    // What comes before the rows of a part is not small.
    const oneIn = everything || !form.includes('part') ? 1 : 5;
    const { tried, missed } = unnoticed(flips(small, oneIn));
    expect(missed).toEqual([]);
    expect(tried).toBeGreaterThan(small.length / oneIn / 2);
  });

  it('betrays bytes of a large one', () => {
    const { tried, missed } = unnoticed(flips(large.subarray(0), large.length / 40));
    expect(missed).toEqual([]);
    expect(tried).toBeGreaterThan(20);
  });

  it('betrays every bit of a line by the line behind it', () => {
    const whole = everything ? large : small;
    // What comes before the rows of a part is one long line.
    const oneIn = everything ? 1 : form.includes('part') ? 997 : 29;
    const { tried, missed } = unnoticedByLine(whole, oneIn);
    expect(missed).toEqual([]);
    expect(tried).toBeGreaterThan((8 * (whole.length - 1000)) / oneIn);
    if (everything) process.stdout.write(`${form}: ${tried} changes of ${whole.length} bytes, each found\n`);
  });

  it('counts what is not changed as sound', () => {
    for (const { text, joined, before, digest } of places(small)) {
      expect(verdictFrom(before, text, digest.after)).toBe('sound');
      expect(verdictFrom(before, joined, digest.joined)).toBe('sound');
    }
  });

  it('betrays a cut at every place', () => expect(unnoticed(cuts(small, everything ? 1 : 3)).missed).toEqual([]));
  it('betrays cuts of a large one', () =>
    expect(unnoticed(cuts(large, everything ? 7 : Math.ceil(large.length / 40))).missed).toEqual([]));
  it('betrays what editors and mailers do', () => expect(unnoticed(habits(small)).missed).toEqual([]));
});

describe('whoever takes an export', () => {
  const whole = first('failover.ndjson', 2);
  const all = [...flips(whole, 1)];
  const sample = all.filter((_, index) => index % Math.floor(all.length / 40) === 0);

  it('imports none that was changed, and leaves nothing behind', () => {
    expect(sample.length).toBeGreaterThan(30);
    for (const { what, bytes } of sample) {
      writeFileSync(path, bytes);
      expect(() => importJournal(readExportFile(path), join(dir, 'out.db')), what).toThrow();
    }
    expect(readdirSync(dir)).toEqual(['changed.ndjson']);
  });

  it('is told nothing of one that was changed', async () => {
    for (const { what, bytes } of sample) {
      writeFileSync(path, bytes);
      const told = (async () => exportSource(path).clusters())();
      await expect(told, what).rejects.toThrow(Refused);
    }
  });

  it('has no regression test of it that runs', () => {
    writeFileSync(path, whole);
    expect(() => incidentRow(path, 1)).not.toThrow();
    for (const { what, bytes } of sample) {
      writeFileSync(path, bytes);
      expect(() => incidentRow(path, 1), what).toThrow(/changed\.ndjson/);
    }
  });

  it('is told by the reader in another language as well', () => {
    const script = [
      'import importlib.util, sys, contextlib, io',
      `spec = importlib.util.spec_from_file_location("reader", ${JSON.stringify(join(root, 'docs/journal-reader.py'))})`,
      'reader = importlib.util.module_from_spec(spec)',
      'spec.loader.exec_module(reader)',
      'whole = open(sys.argv[1], "rb").read()',
      'trailer = whole.rindex(b"\\n{")',
      'missed = []',
      'def sound(data):',
      '    open(sys.argv[2], "wb").write(data)',
      '    try:',
      '        with contextlib.redirect_stdout(io.StringIO()):',
      '            return reader.main(sys.argv[2]) == 0',
      '    except (ValueError, KeyError, IndexError):',
      '        return False',
      'if not sound(whole): missed.append("the whole")',
      'for place in range(len(whole)):',
      '    bare = place >= trailer or whole[place] == 10',
      '    for other in (1, 3, 7, 42) if bare else ((1, 2, 4, 32)[place % 4],) if place % 5 == 0 else ():',
      '        if sound(whole[:place] + bytes([whole[place] ^ other]) + whole[place + 1:]): missed.append((place, other))',
      '    if place % 11 == len(whole) % 11 - 1 and sound(whole[:place]): missed.append(place)',
      'print(missed)',
    ].join('\n');
    writeFileSync(path, whole);
    const other = join(dir, 'other.ndjson');
    const { stdout, stderr } = spawnSync('python3', ['-c', script, path, other], { encoding: 'utf8' });
    rmSync(other, { force: true });
    expect(`${stderr}${stdout}`).toBe('[]\n');
  });

  it('finds it with pgc journal verify, by its exit code', () => {
    writeFileSync(path, whole);
    const verify = ['src/cli/main.ts', 'journal', 'verify', '--file', path];
    expect(execFileSync(process.execPath, verify, { cwd: root, encoding: 'utf8' })).toContain('as they were written');
    writeFileSync(path, readFileSync(path).subarray(0, -1));
    const { status, stdout } = spawnSync(process.execPath, verify, { cwd: root, encoding: 'utf8' });
    expect(`${status} ${stdout}`).toMatch(/^2 .*the line feed after the trailer is missing/s);
  });
});
