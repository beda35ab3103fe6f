/** Owns: which tests of day two CI runs: with E2E=core those declared by `it`, else all of them. */
import { describe, it } from 'vitest';

/** Only what CI has time for. */
export const isCore = process.env['E2E'] === 'core';

/** Declares a test that CI leaves to the longer run. */
export const longer: (name: string, work: () => Promise<void>) => void = isCore
  ? () => undefined
  : (name, work) => it(name, work);

/** Declares a suite that CI leaves to the longer run. */
export const longerSuite: (name: string, tests: () => void) => void = isCore
  ? () => undefined
  : (name, tests) => describe(name, tests);
