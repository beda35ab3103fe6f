/** Owns: reading an exported incident back, verifying every hash and link on the way. */
import { Refused } from '#src/errors.ts';
import { recordHash, sha256, type ClusterIdentity, type RecordRow } from '#src/journal/record.ts';
import type { Damage } from '#src/journal/verify.ts';
import { exportFormat } from '#src/export/ndjson.ts';

export interface ReadExport {
  readonly cluster: ClusterIdentity;
  readonly rows: readonly RecordRow[];
  readonly blobs: ReadonlyMap<string, string>;
  readonly damage: readonly Damage[];
}

type Line = { readonly [key: string]: unknown };

function parsed(text: string, number: number): Line {
  try {
    return JSON.parse(text) as Line;
  } catch (cause) {
    throw new Refused(`line ${number} is no JSON`, {
      operation: 'read',
      subject: 'export',
      hint: 'export it again; this file is damaged',
      cause,
    });
  }
}

/** Reads the lines. @throws Refused when it is no export, or of a newer format; damage inside is reported, not thrown */
export function readExport(text: string): ReadExport {
  const lines = text.split('\n').filter((line) => line !== '');
  const header = parsed(lines[0] ?? '{}', 1);
  if (header['line'] !== 'header')
    throw new Refused('the first line is no header', {
      operation: 'read',
      subject: 'export',
      hint: "make one with 'pgc journal export'",
    });
  if (Number(header['format']) > exportFormat)
    throw new Refused(`format ${String(header['format'])} is newer than ${exportFormat}`, {
      operation: 'read',
      subject: 'export',
      hint: 'use a pgc at least as new as the one that wrote it',
    });
  const cluster = header['cluster'] as ClusterIdentity;
  const rows: RecordRow[] = [];
  const blobs = new Map<string, string>();
  const damage: Damage[] = [];
  const report = (seq: number | null, because: string): void => void damage.push({ uid: cluster.uid, seq, because });
  let digest = sha256('');
  let trailer: Line | null = null;
  lines.forEach((line, index) => {
    const value = parsed(line, index + 1);
    if (value['line'] === 'trailer') {
      trailer = value;
      return;
    }
    digest = sha256(`${digest}\n${line}`);
    if (value['line'] === 'blob') {
      const bytes = String(value['bytes']);
      if (sha256(bytes) !== value['hash']) report(null, `blob ${String(value['hash'])} does not match its hash`);
      blobs.set(String(value['hash']), bytes);
    }
    if (value['line'] !== 'record') return;
    const row = { ...value, rowid: index } as unknown as RecordRow;
    const before = rows.at(-1);
    if (recordHash(cluster.uid, row) !== row.hash) report(row.seq, 'its content does not match its hash');
    if (before !== undefined && row.prev !== before.hash) report(row.seq, 'it is not linked to the row before it');
    rows.push(row);
  });
  if (trailer === null) report(null, 'the trailer is missing: the file was cut');
  else if (trailer['digest'] !== digest) report(null, 'the digest of the trailer does not match the lines');
  return { cluster, rows, blobs, damage };
}
