/**
 * Owns: a file beside the journal that only takes up room. It is given up when the disk is full, so that what was already
 * decided can still be written.
 * Called by: the journal when it opens, and its writer.
 * I1. A ballast that is there is whole: it gets its name only after all of it is on the disk.
 */
import { randomBytes } from 'node:crypto';
import { closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs';

/** More than one turn of the event loop decides: a hundred clusters at once write less than this. */
const ballastBytes = 4 * 1024 * 1024;

export interface Ballast {
  /** Makes the ballast where it is missing. @returns whether it stands: not when the disk has no room or is read-only */
  readonly keep: () => boolean;
  /** Gives its room back to the disk. */
  readonly free: () => void;
}

/** The ballast of a journal. @param path of the journal's file */
export function ballastOf(path: string): Ballast {
  const file = `${path}.ballast`;
  const unfinished = `${file}.new`;
  const make = (): void => {
    const handle = openSync(unfinished, 'w', 0o600);
    try {
      // Random, since a file system may store zeros as nothing.
      writeFileSync(handle, randomBytes(ballastBytes));
      fsyncSync(handle);
    } finally {
      closeSync(handle);
    }
    renameSync(unfinished, file);
  };
  return {
    keep: () => {
      if (existsSync(file)) return true;
      try {
        make();
        return true;
      } catch {
        try {
          rmSync(unfinished, { force: true });
        } catch {
          // A read-only disk: nothing was made either.
        }
        return false;
      }
    },
    free: () => {
      try {
        rmSync(file, { force: true });
        rmSync(unfinished, { force: true });
      } catch {
        // A read-only disk: its room is of no use.
      }
    },
  };
}
