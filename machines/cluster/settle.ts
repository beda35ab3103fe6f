/**
 * Owns: what follows from facts without a move: that a cluster is bootstrapped, who leads, which spec is accepted and
 * held. Runs after `learn` and before the fixpoint; pure, and settling twice changes nothing.
 */
import type { Facts, Memory } from './facts.ts';
import { annotations } from '../shared/names.ts';
import { knownFacts } from './knowledge.ts';
import { leaderOf, systemIdentifier } from './members.ts';
import { anythingCreated } from './objects.ts';
import type { DcsMode, OperatorConfig } from './observations.ts';
import type { Problem } from './plan.ts';
import type { PostgresClusterSpec } from '#crds/postgrescluster.gen.ts';

/** What `src/resources` says about specs; given by the decision layer, since builders are not the machine's. */
export interface SpecJudge {
  /** Faults of a spec for a cluster that is still to be created. */
  readonly creation: (spec: PostgresClusterSpec, config: OperatorConfig) => readonly Problem[];
  /** Faults of going from the accepted spec to this one on a cluster that exists. */
  readonly edit: (
    accepted: PostgresClusterSpec,
    wanted: PostgresClusterSpec,
    config: OperatorConfig,
  ) => readonly Problem[];
  /** Reads the accepted spec back from the StatefulSet's annotation; null when it does not parse. */
  readonly parseAccepted: (text: string) => PostgresClusterSpec | null;
}

/** Facts with the leader and the system identifier learned from them. */
function withLeader(facts: Facts, at: number): Facts {
  if (knownFacts(facts).answer !== 'yes') return facts;
  const leader = leaderOf(facts);
  const { memory } = facts;
  if (!leader.writable || leader.name === null) {
    const lost = memory.systemIdentifier !== null && memory.leaderLostAt === null;
    return lost ? { ...facts, memory: { ...memory, leaderLostAt: at } } : facts;
  }
  const identifier = memory.systemIdentifier ?? systemIdentifier(facts);
  const same = memory.leader?.name === leader.name && memory.leader.timeline === leader.timeline;
  if (same && identifier === memory.systemIdentifier && memory.leaderLostAt === null) return facts;
  const seen = { name: leader.name, timeline: leader.timeline };
  return { ...facts, memory: { ...memory, leader: seen, leaderLostAt: null, systemIdentifier: identifier } };
}

function acceptedBefore(facts: Facts, judge: SpecJudge): Memory['accepted'] {
  const name = facts.world.cluster?.seen.name ?? '';
  const text = facts.world.objects[`StatefulSet/${name}`]?.object.annotations[annotations.acceptedSpec];
  const spec = text === undefined ? null : judge.parseAccepted(text);
  if (spec === null) return null;
  return { spec, generation: facts.memory.rolledOutGeneration ?? 0 };
}

/** The spec to hold from now on, or the one held so far when the newest is not valid or not permitted. */
function withAccepted(facts: Facts, judge: SpecJudge): Facts {
  const seen = facts.world.cluster?.seen;
  const { config } = facts.world;
  if (seen === undefined || config === null || seen.deleting || knownFacts(facts).answer !== 'yes') return facts;
  const { memory } = facts;
  const created = anythingCreated(facts);
  const before = memory.accepted ?? (created ? acceptedBefore(facts, judge) : null);
  if (before !== null && before.generation === seen.generation) {
    return before === memory.accepted ? facts : { ...facts, memory: { ...memory, accepted: before } };
  }
  const newest = { generation: seen.generation, spec: seen.spec };
  if (before === null || !created) {
    const valid = judge.creation(seen.spec, config).length === 0;
    return { ...facts, memory: { ...memory, accepted: valid ? newest : null } };
  }
  if (judge.edit(before.spec, seen.spec, config).length > 0)
    return { ...facts, memory: { ...memory, accepted: before } };
  // What is permitted today needs no rollout: it is true of every member the moment it is accepted.
  const rolledOut = memory.rolledOutGeneration === null ? null : seen.generation;
  return { ...facts, memory: { ...memory, accepted: newest, rolledOutGeneration: rolledOut } };
}

/** Chooses the mode once: spec, else what is recorded, else the operator's default. */
function withMode(facts: Facts): Facts {
  const { memory, world } = facts;
  if (memory.dcs !== null || memory.accepted === null || world.config === null) return facts;
  const dcs: DcsMode = memory.accepted.spec.dcs ?? world.config.defaultDcs;
  return { ...facts, memory: { ...memory, dcs } };
}

/** Chooses the image once: the spec's, else the catalog's for the version. */
function withImage(facts: Facts): Facts {
  const { memory, world } = facts;
  if (memory.image !== null || memory.accepted === null || world.config === null) return facts;
  const { spec } = memory.accepted;
  const image = spec.image ?? world.config.images[spec.version] ?? null;
  return image === null ? facts : { ...facts, memory: { ...memory, image } };
}

/** Facts with everything that follows from them. */
export function settle(facts: Facts, judge: SpecJudge, at: number): Facts {
  const accepted = withImage(withMode(withAccepted(facts, judge)));
  return withLeader(accepted, at);
}
