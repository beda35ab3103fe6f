/** Owns: a journal in which a cluster was sealed twice, as an operator does after a day each: before its primary died, and after. */
import { scenarioOf } from '#src/sim/scenarios.ts';
import { actedJournal } from '#test/support/acted-journal.ts';

/**
 * Writes the journal.
 * @param scratch folder for the world's own files
 * @param build what the operator says it is
 */
export async function sealedJournal(scratch: string, out: string, build = 'simulated'): Promise<void> {
  const { acts, operators } = scenarioOf('lose-leader');
  await actedJournal({ acts, operators, scratch, out, build });
}
