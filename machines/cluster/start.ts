/**
 * Owns: where a cluster starts that comes up without its journal. The phase is not a function of objects alone (a live
 * cluster without a leader would come back as Creating), so the published phase is where the moves begin; the fixpoint
 * corrects it in the same decision.
 */
import type { Facts } from './facts.ts';
import { initialState } from './fixpoint.ts';
import { knownFacts } from './knowledge.ts';

/** State path to begin in for each published phase. Deleting and Pending begin at the beginning. */
const startOf: Readonly<Record<string, string>> = {
  Creating: 'Alive.Creating.bootstrapping',
  Running: 'Alive.Running',
  Updating: 'Alive.Updating.configuring',
  Scaling: 'Alive.Scaling.adding',
  Degraded: 'Alive.Degraded',
  Recovering: 'Alive.Recovering.electing',
  Failed: 'Alive.Failed',
};

/** The state to decide from: the present one, or the published one at the first whole picture after amnesia. */
export function startingState(state: string, facts: Facts): string {
  const { found } = facts.memory;
  if (found === null || state !== initialState || knownFacts(facts).answer !== 'yes') return state;
  return startOf[found.phase ?? ''] ?? state;
}
