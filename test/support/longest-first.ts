/**
 * Owns: the order of test files: those that take longest begin first, so that none of them runs alone at the end while the other
 * workers have nothing left. By itself vitest goes by what it has measured here, and on a fresh machine by size.
 */
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** @param files paths from the repository's root, the longest first; all others follow as vitest orders them */
export function longestFirst(files: readonly string[]): typeof BaseSequencer {
  const rank = ({ moduleId }: TestSpecification): number => {
    const place = files.findIndex((file) => moduleId.endsWith(`/${file}`));
    return place === -1 ? files.length : place;
  };
  return class extends BaseSequencer {
    override async sort(specs: TestSpecification[]): Promise<TestSpecification[]> {
      const others = await super.sort(specs);
      return others.toSorted((one, other) => rank(one) - rank(other));
    }
  };
}
