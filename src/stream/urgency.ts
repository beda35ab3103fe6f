/** Owns: which news may not wait behind others: a member lost, a member that stopped serving, another leader. */
import type { Sight } from './items.ts';

function served(sight: Sight): boolean {
  const { detail, deleting } = sight.projection;
  return detail.type === 'Pod' && !deleting && detail.ready;
}

function leaderOf(sight: Sight): string | null {
  const { detail } = sight.projection;
  return detail.type === 'Endpoints' || detail.type === 'ConfigMap' ? detail.dcs.leader : null;
}

/** The lane of a sight: urgent when it tells of a failure or of another leader. */
export function laneOf(before: Sight | null, now: Sight): 'urgent' | 'ordinary' {
  if (before === null) return 'ordinary';
  const lost = served(before) && !served(now);
  return lost || leaderOf(before) !== leaderOf(now) ? 'urgent' : 'ordinary';
}
