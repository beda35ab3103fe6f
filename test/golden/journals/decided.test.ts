/**
 * What releases left behind, decided again by this build: every decision is what was recorded to the byte, or what was agreed to
 * to the byte. Small and pure, so that mutants of the deciding core are held against it (`npm run mutation`).
 */
import { describe, expect, it } from 'vitest';
import { makeCore } from '#src/replay/core.ts';
import { agreedDifferences, agreedDigest, digestsOf } from '#test/support/golden-differences.ts';
import { chainOf, manifestOf, releases } from '#test/support/golden-journals.ts';

describe.each(releases())('%s', (release) => {
  const agreed = agreedDifferences(release);
  const files = manifestOf(release).journals.map(({ file }) => file);

  it.each(files.filter((file) => file.endsWith('.ndjson') && !file.includes('redacted')))(
    '%s is decided as recorded, or as agreed',
    (file) => {
      const { recorded, decided } = digestsOf(makeCore(), chainOf(release, file));
      expect(decided, `npm run golden writes down what is meant; read ${release}.differences.txt`).toBe(
        agreedDigest(agreed, file) ?? recorded,
      );
    },
  );
});
