/**
 * Owns: how an observation that was recorded in an earlier shape is told in the present one: a step for each raise of
 * `observationVersion`. Rows are never rewritten; they are upcast as they are read.
 *
 * I1. Released steps are never edited. I2. Of a newer shape nothing is guessed: whoever reads it must not act.
 */
import type { ClusterObservation } from './observations.ts';

type Plain = Readonly<Record<string, unknown>>;

/** Makes an observation of version n + 1 from one of version n. */
export type ObservationStep = (observation: Plain) => Plain;

/** Version of the recorded shape of observations; stands in `type_version` of every row. */
export const observationVersion = 1;

/** By the version they start from. */
export const observationSteps: Readonly<Record<number, ObservationStep>> = {};

/** A row was written by a build that knows more than this one. */
export class NewerRow extends Error {
  readonly hint = 'use a build at least as new as the one that wrote it; nothing was changed';
}

/**
 * An observation in the present shape; the same object when it is so already.
 * @param version `type_version` of its row
 * @throws NewerRow when the version is newer than this build, Error when a step is missing
 */
export function upcast(
  version: number,
  observation: ClusterObservation,
  history: { readonly version: number; readonly steps: Readonly<Record<number, ObservationStep>> } = {
    version: observationVersion,
    steps: observationSteps,
  },
): ClusterObservation {
  if (version === history.version) return observation;
  if (version > history.version)
    throw new NewerRow(
      `a row holds ${observation.type} in version ${version}, this build knows versions up to ${history.version}`,
    );
  let now = observation as unknown as Plain;
  for (let each = version; each < history.version; each += 1) {
    const step = history.steps[each];
    if (step === undefined) throw new Error(`no step leads from version ${each} of ${observation.type} on`);
    now = step(now);
  }
  return now as unknown as ClusterObservation;
}
