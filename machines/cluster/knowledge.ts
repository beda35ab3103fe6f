/** Owns: the one question every guard asks first, whether the picture is whole, and the name that all others are made of. */
import { unknown, yes, type Answer } from '../shared/answer.ts';
import type { Facts } from './facts.ts';

/** Yes when all kinds are listed and no source is stale; otherwise unknown, with the reason. */
export function knownFacts(facts: Facts): Answer {
  const { knowledge, stale, cluster } = facts.world;
  if (knowledge.type === 'unknown') return unknown(knowledge.because);
  if (stale.length > 0) return unknown(`nothing heard from ${stale.join(', ')}`, { stale: stale.join(', ') });
  if (cluster === null) return unknown('the PostgresCluster has not been seen');
  return yes('all kinds are listed and fresh');
}

/**
 * Whether it is on its way out. One that is protected from its deletion is not, for as long as it is protected: it is managed
 * like any other, edits and what is asked for once among it.
 */
export function isLeaving({ world }: Facts): boolean {
  const seen = world.cluster?.seen;
  return seen?.deleting === true && seen.spec.deletionProtection !== true;
}

/** Name of the cluster, of which all other names are made; empty before it is seen. */
export function clusterName(facts: Facts): string {
  return facts.world.cluster?.seen.name ?? '';
}
