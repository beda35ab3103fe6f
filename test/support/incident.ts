/** Owns: one row of an exported incident, as it was decided then and as this build decides it. For `pgc incident to-test`. */
import { readExportFile } from '#src/cli/export-file.ts';
import type { Decision } from '#src/decision/record.ts';
import { makeCore } from '#src/replay/core.ts';
import type { Core } from '#src/replay/redecide.ts';
import { decodeStanding } from '#src/replay/snapshot-text.ts';
import { walk } from '#src/replay/walk.ts';

export interface IncidentRow {
  /** What was decided then. */
  readonly recorded: Decision;
  /** What is decided now on what had come until then. */
  readonly decided: Decision;
}

/**
 * @param path an export of the incident
 * @param seq the row in question
 * @param core the build that is asked; this one unless said otherwise
 */
export function incidentRow(path: string, seq: number, core: Core = makeCore()): IncidentRow {
  const { rows, blobs, damage, standing } = readExportFile(path);
  const [first] = damage;
  if (first !== undefined) throw new Error(`${path} is not as it was written: ${first.because}`);
  const getBlob = (hash: string): string => blobs.get(hash) ?? '';
  const from = standing === null ? null : decodeStanding(standing.bytes);
  for (const { row, again, failed } of walk(core, { rows, getBlob, from })) {
    if (row.seq !== seq) continue;
    if (again === null) throw new Error(`row ${seq} cannot be decided again: ${String(failed?.cause ?? row.kind)}`);
    return { recorded: core.decodeBody(row.body, getBlob), decided: again.decision };
  }
  throw new Error(`${path} has no row ${seq}`);
}
