/** Owns: the text of a regression test for one decision of an incident: red until that decision is another one. Pure. */
import type { ClusterIdentity } from '#src/journal/record.ts';
import { decisionLines, type DecisionTold } from './why.ts';

export interface IncidentTest {
  readonly cluster: ClusterIdentity;
  readonly told: DecisionTold;
  /** Name of the export beside the test. */
  readonly file: string;
}

/** A text as it may stand in quotes. */
function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}

/** The test. */
export function incidentTest({ cluster, told, file }: IncidentTest): string {
  const then = decisionLines(told).map((line) => ` * ${line.replaceAll('*/', '* /')}`.trimEnd());
  return `/**
 * ${cluster.namespace}/${cluster.name}, row ${told.seq}: what was decided then, and is to be decided otherwise.
 *
${then.join('\n')}
 */
import { expect, it } from 'vitest';
import { incidentRow } from '#test/support/incident.ts';

it(${quoted(`${told.saw}: it is decided otherwise than at the incident`)}, () => {
  const { recorded, decided } = incidentRow(new URL(${quoted(file)}, import.meta.url).pathname, ${told.seq});
  // Red until the decision changes. Then say here what it should be: moves, intents, timers.
  expect(decided).not.toEqual(recorded);
});
`;
}
