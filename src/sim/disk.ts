/**
 * Owns: the volume of one process: what its next life finds of the journal that the last one wrote.
 *
 *   kill      every byte that was written
 *   amnesia   nothing
 *   rollback  an older copy, as a restored backup is
 *   power     of a commit that was being made, nothing: its bytes were not synced
 *   torn      of a commit that was being made, its log up to a cut: at an edge of a frame, beside it, within a page
 *
 * A process dies at named points alone. All it wrote by then is synced, but for the commit whose end the point
 * `after-commit` is: that nothing was told of it yet is what makes it unfinished. Whether the journal does call fsync is not
 * to be seen from here; `test/integration/journal-power.test.ts` shows it on the calls of a real process.
 */
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** How a process ends; what becomes of its journal. */
export type Ending = 'kill' | 'amnesia' | 'rollback' | 'power' | 'torn';

/** Where the log may be cut within the transaction that was being written. */
export const cuts = [
  'a byte in',
  'within a page',
  'before an edge',
  'at an edge',
  'past an edge',
  'before its end',
] as const;

export interface Disk {
  /** Path of a life's journal. */
  readonly pathOf: (life: number) => string;
  /** Puts a copy of a life's journal aside, to be rolled back to. */
  readonly keep: (life: number) => void;
  /** Makes the volume of the life after `life`. @param cut which of `cuts`, of a torn commit */
  readonly pass: (life: number, ending: Ending, cut?: number) => void;
}

const suffixes = ['', '-wal'] as const;
const walHeaderBytes = 32;
const frameHeaderBytes = 24;

/** The last transaction in a write-ahead log, as byte offsets; null when there is none. */
export function lastTransaction(
  wal: Buffer,
): { readonly begin: number; readonly end: number; readonly frameBytes: number } | null {
  if (wal.length < walHeaderBytes) return null;
  const frameBytes = frameHeaderBytes + wal.readUInt32BE(8);
  const salt = wal.subarray(16, 24);
  let found: { readonly begin: number; readonly end: number } | null = null;
  let begin = walHeaderBytes;
  for (let at = walHeaderBytes; at + frameBytes <= wal.length; at += frameBytes) {
    // Frames of an earlier round of the log bear another salt.
    if (!wal.subarray(at + 8, at + 16).equals(salt)) break;
    if (wal.readUInt32BE(at + 4) === 0) continue;
    found = { begin, end: at + frameBytes };
    begin = found.end;
  }
  return found === null ? null : { ...found, frameBytes };
}

/** Cuts a log within its last transaction; `cut` null takes all of it. */
function tear(path: string, cut: number | null): void {
  if (!existsSync(path)) return;
  const transaction = lastTransaction(readFileSync(path));
  if (transaction === null) return;
  const { begin, end, frameBytes } = transaction;
  const edge = begin + frameBytes;
  const places = [begin + 1, begin + (frameBytes >> 1), edge - 1, edge, edge + 1, end - 1];
  const place = cut === null ? begin : (places[cut % cuts.length] ?? begin);
  // A transaction of one frame has no edge inside.
  truncateSync(path, Math.min(place, end - 1));
}

function copied(from: string, to: string): void {
  for (const suffix of suffixes) {
    if (existsSync(from + suffix)) copyFileSync(from + suffix, to + suffix);
    else rmSync(to + suffix, { force: true });
  }
}

/** A volume in its folder, empty. */
export function makeDisk(folder: string): Disk {
  const pathOf = (life: number): string => join(folder, `life-${life}`, 'journal.db');
  const aside = join(folder, 'aside.db');
  return {
    pathOf,
    keep: (life) => copied(pathOf(life), aside),
    pass: (life, ending, cut = 0) => {
      const next = pathOf(life + 1);
      mkdirSync(join(folder, `life-${life + 1}`), { recursive: true });
      if (ending === 'rollback') copied(aside, next);
      else if (ending !== 'amnesia') copied(pathOf(life), next);
      if (ending === 'power') tear(`${next}-wal`, null);
      if (ending === 'torn') tear(`${next}-wal`, cut);
      // Takes up no room here, where nothing is ever full.
      writeFileSync(`${next}.ballast`, '');
    },
  };
}
