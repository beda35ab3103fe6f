/** Owns: reading the planted bugs of this folder: a patch, with what it breaks and how it is looked for at its head. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Mutant {
  /** File name without its end. */
  readonly name: string;
  readonly path: string;
  /** What is wrong with the program once the patch is on. */
  readonly bug: string;
  /** Class of the taxonomy (T1 to T16), or guarantee (J1 to J6, G1 to G9, R) that it breaks. */
  readonly kind: string;
  /** `sim ARGUMENTS` or `test FILE [words of a test’s name]`, a file of test/hazards unless it names a folder of test. */
  readonly run: string;
}

const folder = new URL('.', import.meta.url).pathname;

function headOf(text: string, word: string, path: string): string {
  const found = new RegExp(`^${word}: (.+)$`, 'm').exec(text)?.[1];
  if (found === undefined) throw new Error(`${path} has no line "${word}: …" at its head`);
  return found;
}

/** All of them, by name. @throws Error naming a patch whose head is incomplete */
export function mutants(): readonly Mutant[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.patch'))
    .sort()
    .map((file) => {
      const path = join(folder, file);
      const text = readFileSync(path, 'utf8');
      return {
        name: file.replace(/\.patch$/, ''),
        path,
        bug: headOf(text, 'Bug', file),
        kind: headOf(text, 'Kind', file),
        run: headOf(text, 'Run', file),
      };
    });
}
