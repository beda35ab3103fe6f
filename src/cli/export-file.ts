/** Owns: reading an exported incident back, verifying every hash and link on the way. */
import { readFileSync } from 'node:fs';
import { isObject } from '#machines/shared/json.ts';
import { mentionedIn } from '#src/decision/codec.ts';
import { Refused } from '#src/errors.ts';
import { genesis, recordHash, sha256, type ClusterIdentity, type RecordRow } from '#src/journal/record.ts';
import type { Damage } from '#src/journal/verify.ts';
import { exportFormat, trailerLine, type ExportedStanding, type Redacted, type Trailer } from '#src/export/ndjson.ts';

export interface ReadExport {
  readonly cluster: ClusterIdentity;
  readonly rows: readonly RecordRow[];
  readonly blobs: ReadonlyMap<string, string>;
  readonly damage: readonly Damage[];
  /** How the cluster stood before the first row; null when that is the first of the chain or a `base`. */
  readonly standing: ExportedStanding | null;
  /** Null when the rows are the ones that were written. */
  readonly redacted: Redacted | null;
}

type Line = { readonly [key: string]: unknown };

function refused(subject: string, because: string, hint: string, cause?: unknown): Refused {
  return new Refused(because, {
    operation: 'read',
    subject,
    hint,
    ...(cause === undefined ? {} : { cause }),
  });
}

function parsed(subject: string, text: string, number: number): Line {
  try {
    const value: unknown = JSON.parse(text);
    if (!isObject(value)) throw new Error('it is no object');
    return value;
  } catch (cause) {
    throw refused(subject, `line ${number} is no JSON`, 'export it again; this file is damaged', cause);
  }
}

function headerOf(subject: string, text: string): Line {
  const header = parsed(subject, text, 1);
  if (header['line'] !== 'header')
    throw refused(subject, 'the first line is no header', "make one with 'pgc journal export'");
  if (Number(header['format']) > exportFormat)
    throw refused(
      subject,
      `format ${String(header['format'])} is newer than ${exportFormat}`,
      'use a pgc at least as new as the one that wrote it',
    );
  const { uid, namespace, name } = (header['cluster'] ?? {}) as Partial<ClusterIdentity>;
  if (typeof uid !== 'string' || typeof namespace !== 'string' || typeof name !== 'string')
    throw refused(subject, 'the header names no cluster', "make one with 'pgc journal export'");
  return header;
}

/** An export that has been read up to some line. */
export interface Reading {
  readonly subject: string;
  readonly header: Line;
  readonly uid: string;
  readonly rows: RecordRow[];
  readonly blobs: Map<string, string>;
  readonly report: (seq: number | null, because: string) => void;
  readonly redacted: boolean;
  readonly damage: Damage[];
  standing: ExportedStanding | null;
  /** Lines so far. */
  count: number;
  /** Of the lines so far, but for the trailer. */
  digest: string;
  trailer: string | null;
  /** It says itself that it was not made to its end. */
  isBroken: boolean;
}

/** Whether a row may stand first: the first of its chain, a base, or the one after the standing that is given. */
function mayStandFirst(row: RecordRow, { standing, redacted }: Reading): boolean {
  if (redacted) return row.prev === genesis;
  if (standing !== null) return row.seq === standing.seq + 1 && row.prev === standing.head;
  return row.seq === 1 ? row.prev === genesis : row.kind === 'base';
}

/** What each column of a row is. */
const columns: Readonly<Record<Exclude<keyof RecordRow, 'rowid' | 'causedBy'>, 'number' | 'string'>> = {
  seq: 'number',
  epoch: 'number',
  at: 'number',
  kind: 'string',
  type: 'string',
  typeVersion: 'number',
  maskVersion: 'number',
  body: 'string',
  prev: 'string',
  hash: 'string',
};

function readRecord(reading: Reading, value: Line, index: number): void {
  const { rows, report } = reading;
  const wrong = Object.entries(columns).find(([name, type]) => typeof value[name] !== type);
  if (wrong !== undefined) return report(null, `the row of line ${index + 1} has no ${wrong[0]}`);
  const row = { ...value, rowid: index } as unknown as RecordRow;
  const before = rows.at(-1);
  if (recordHash(reading.uid, row) !== row.hash) report(row.seq, 'its content does not match its hash');
  if (before === undefined && !mayStandFirst(row, reading))
    report(row.seq, 'the first row does not begin a chain: what was before it is missing');
  if (before !== undefined && row.prev !== before.hash) report(row.seq, 'it is not linked to the row before it');
  if (before !== undefined && row.seq !== before.seq + 1)
    report(row.seq, `rows ${before.seq + 1} to ${row.seq - 1} are missing`);
  for (const hash of mentionedIn(row.body))
    if (!reading.blobs.has(hash)) report(row.seq, `blob ${hash} is missing or altered`);
  rows.push(row);
  return undefined;
}

function readLine(reading: Reading, value: Line, index: number): void {
  const { report, blobs } = reading;
  switch (value['line']) {
    case 'header':
      if (index > 0) report(null, `line ${index + 1} is a second header`);
      return;
    case 'standing':
      reading.standing = value as unknown as ExportedStanding;
      return;
    case 'blob': {
      const [hash, bytes] = [String(value['hash']), String(value['bytes'])];
      if (sha256(bytes) === hash) blobs.set(hash, bytes);
      else report(null, `blob ${hash} does not match its hash`);
      return;
    }
    case 'record':
      readRecord(reading, value, index);
      return;
    case 'broken':
      reading.isBroken = true;
      report(null, `it broke off where it was made: ${String(value['because'])}; ${String(value['hint'])}`);
      return;
    default:
      report(null, `line ${index + 1} is none that an export has`);
  }
}

/** The trailer tells of the lines before it; of its own bytes nothing tells but that they could not be others. */
function checkTrailer(text: string | null, digest: string, reading: Reading): void {
  const { rows, report } = reading;
  if (text === null) return reading.isBroken ? undefined : report(null, 'the trailer is missing: the file was cut');
  const trailer = JSON.parse(text) as Partial<Trailer>;
  const last = rows.at(-1);
  const head = { epoch: last?.epoch ?? 0, seq: last?.seq ?? 0, head: last?.hash ?? '' };
  const expected: Trailer = { records: rows.length, head, digest };
  if (text === trailerLine(expected)) return;
  if (trailer.digest !== digest) report(null, 'the digest of the trailer does not match the lines');
  if (trailerLine({ ...expected, ...trailer }) !== trailerLine({ ...expected, digest: trailer.digest ?? '' }))
    report(null, 'the trailer tells of other rows than there are');
  else if (trailer.digest === digest) report(null, 'the trailer is not as it is written');
}

/** The lines of a text. The last one is ended too: whoever cuts a file by a byte, or an editor that adds one, is found. */
function linesOf(subject: string, text: string): { readonly lines: readonly string[]; readonly ended: boolean } {
  const ended = text.endsWith('\n');
  const lines = (ended ? text.slice(0, -1) : text).split('\n');
  const last = lines.at(-1) ?? '';
  if (!ended && lines.length > 1 && !last.endsWith('}'))
    throw refused(
      subject,
      `the file was cut in the midst of line ${lines.length}`,
      'get the whole file, or export again',
    );
  return { lines, ended };
}

function reportInto(damage: Damage[], uid: string): Reading['report'] {
  return (seq, because) => void damage.push({ uid, seq, because });
}

/** A reading before its first line, which is given. @throws Refused when that is no header of a format that is known */
export function begunReading(subject: string, first: string): Reading {
  const header = headerOf(subject, first || '{}');
  const { uid } = header['cluster'] as ClusterIdentity;
  const damage: Damage[] = [];
  const report = reportInto(damage, uid);
  const redacted = (header['redacted'] ?? null) !== null;
  const state = { standing: null, count: 0, digest: sha256(''), trailer: null, isBroken: false };
  return { subject, header, uid, rows: [], blobs: new Map(), report, redacted, damage, ...state };
}

/** The same reading once more, to go on from here another way: it knows of the last row alone, and has found nothing. */
export function forkedReading(reading: Reading): Reading {
  const damage: Damage[] = [];
  const report = reportInto(damage, reading.uid);
  return { ...reading, rows: reading.rows.slice(-1), blobs: new Map(reading.blobs), damage, report };
}

/** Takes the next line. @throws Refused when it is no JSON object; other damage is noted */
export function readNext(reading: Reading, line: string): void {
  const index = reading.count;
  reading.count += 1;
  const value = parsed(reading.subject, line, index + 1);
  if (reading.trailer !== null) return reading.report(null, `line ${index + 1} stands after the trailer`);
  if (value['line'] === 'trailer') {
    reading.trailer = line;
    return undefined;
  }
  reading.digest = sha256(`${reading.digest}\n${line}`);
  return readLine(reading, value, index);
}

/**
 * Reads the lines.
 * @param subject what they are called when they are refused
 * @throws Refused when it is no export, or of a newer format; damage inside is reported, not thrown
 */
export function readExport(text: string, subject = 'export'): ReadExport {
  const { lines, ended } = linesOf(subject, text);
  const reading = begunReading(subject, lines[0] ?? '');
  for (const line of lines) readNext(reading, line);
  const { header, rows, blobs, damage, standing, trailer, digest } = reading;
  checkTrailer(trailer, digest, reading);
  if (trailer !== null && !ended) reading.report(null, 'the line feed after the trailer is missing');
  const { uid, namespace, name } = header['cluster'] as ClusterIdentity;
  const redacted = (header['redacted'] as Redacted | undefined) ?? null;
  return { cluster: { uid, namespace, name }, rows, blobs, damage, standing, redacted };
}

/** Bytes as text, each for itself: where one stands for another, a changed byte could look like what it was. */
function decoded(bytes: Buffer, path: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw refused(path, 'it is no UTF-8', 'get the file again, byte for byte; this one is damaged', cause);
  }
}

/** Reads an export from its bytes. @throws as `readExport`, and when they are no UTF-8 */
export function readExportBytes(bytes: Buffer, subject: string): ReadExport {
  return readExport(decoded(bytes, subject), subject);
}

/** Reads an export from a file. @throws Refused naming the file, when it is not there, no export, or of a newer format */
export function readExportFile(path: string): ReadExport {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (cause) {
    throw refused(path, 'there is no such file, or it may not be read', 'name an export that ends in .ndjson', cause);
  }
  return readExportBytes(bytes, path);
}
