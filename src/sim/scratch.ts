/** Owns: where simulated worlds keep their journals: in memory where there is such a place, for it is not the disk that is tried. */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const memory = '/dev/shm';

export interface Scratch {
  readonly folder: string;
  readonly remove: () => void;
}

/** A new folder, empty. */
export function makeScratch(): Scratch {
  const inMemory = statSync(memory, { throwIfNoEntry: false })?.isDirectory() === true;
  const folder = mkdtempSync(join(inMemory ? memory : tmpdir(), 'sim-'));
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}
