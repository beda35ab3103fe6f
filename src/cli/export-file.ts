/** Owns: reading an exported incident back, verifying every hash and link on the way. */
import { readFileSync } from 'node:fs';
import { Refused } from '#src/errors.ts';
import { genesis, recordHash, sha256, type ClusterIdentity, type Head, type RecordRow } from '#src/journal/record.ts';
import type { Damage } from '#src/journal/verify.ts';
import { exportFormat, type ExportedStanding, type Redacted } from '#src/export/ndjson.ts';

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
    return JSON.parse(text) as Line;
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

interface Reading {
  readonly uid: string;
  readonly rows: RecordRow[];
  readonly blobs: Map<string, string>;
  readonly report: (seq: number | null, because: string) => void;
  readonly redacted: boolean;
  standing: ExportedStanding | null;
}

/** Whether a row may stand first: the first of its chain, a base, or the one after the standing that is given. */
function mayStandFirst(row: RecordRow, { standing, redacted }: Reading): boolean {
  if (redacted) return row.prev === genesis;
  if (standing !== null) return row.seq === standing.seq + 1 && row.prev === standing.head;
  return row.seq === 1 ? row.prev === genesis : row.kind === 'base';
}

function readRecord(reading: Reading, row: RecordRow): void {
  const { rows, report } = reading;
  const before = rows.at(-1);
  if (recordHash(reading.uid, row) !== row.hash) report(row.seq, 'its content does not match its hash');
  if (before === undefined && !mayStandFirst(row, reading))
    report(row.seq, 'the first row does not begin a chain: what was before it is missing');
  if (before !== undefined && row.prev !== before.hash) report(row.seq, 'it is not linked to the row before it');
  if (before !== undefined && row.seq !== before.seq + 1)
    report(row.seq, `rows ${before.seq + 1} to ${row.seq - 1} are missing`);
  for (const [, hash = ''] of row.body.matchAll(/"\$blob":"([0-9a-f]{64})"/g))
    if (!reading.blobs.has(hash)) report(row.seq, `blob ${hash} is missing or altered`);
  rows.push(row);
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
      readRecord(reading, { ...value, rowid: index } as unknown as RecordRow);
      return;
    default:
      report(null, `line ${index + 1} is none that an export has`);
  }
}

function checkTrailer(trailer: Line | null, digest: string, { rows, report }: Reading): void {
  if (trailer === null) return report(null, 'the trailer is missing: the file was cut');
  if (trailer['digest'] !== digest) report(null, 'the digest of the trailer does not match the lines');
  const head = (trailer['head'] ?? {}) as Partial<Head>;
  const last = rows.at(-1);
  const same = head.seq === (last?.seq ?? 0) && head.head === (last?.hash ?? '') && head.epoch === (last?.epoch ?? 0);
  if (trailer['records'] !== rows.length || !same) report(null, 'the trailer tells of other rows than there are');
}

/**
 * Reads the lines.
 * @param subject what they are called when they are refused
 * @throws Refused when it is no export, or of a newer format; damage inside is reported, not thrown
 */
export function readExport(text: string, subject = 'export'): ReadExport {
  const lines = text.split('\n').filter((line) => line !== '');
  const header = headerOf(subject, lines[0] ?? '{}');
  const { uid, namespace, name } = header['cluster'] as ClusterIdentity;
  const damage: Damage[] = [];
  const report = (seq: number | null, because: string): void => void damage.push({ uid, seq, because });
  const redacted = (header['redacted'] as Redacted | undefined) ?? null;
  const reading: Reading = {
    uid,
    rows: [],
    blobs: new Map(),
    report,
    redacted: redacted !== null,
    standing: null,
  };
  let digest = sha256('');
  let trailer: Line | null = null;
  lines.forEach((line, index) => {
    const value = parsed(subject, line, index + 1);
    if (trailer !== null) return report(null, `line ${index + 1} stands after the trailer`);
    if (value['line'] === 'trailer') {
      trailer = value;
      return undefined;
    }
    digest = sha256(`${digest}\n${line}`);
    return readLine(reading, value, index);
  });
  checkTrailer(trailer, digest, reading);
  return {
    cluster: { uid, namespace, name },
    rows: reading.rows,
    blobs: reading.blobs,
    damage,
    standing: reading.standing,
    redacted,
  };
}

/** Reads an export from a file. @throws Refused naming the file, when it is not there, no export, or of a newer format */
export function readExportFile(path: string): ReadExport {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw refused(path, 'there is no such file, or it may not be read', 'name an export that ends in .ndjson', cause);
  }
  return readExport(text, path);
}
