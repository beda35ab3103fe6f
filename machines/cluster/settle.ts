/**
 * Owns: what follows from facts without a move: that a cluster is bootstrapped, who leads, which spec is accepted and
 * held. Runs after `learn` and before the fixpoint; pure, and settling twice changes nothing.
 */
import type { AcceptedSpec, Facts, Memory } from './facts.ts';
import { annotations, failoverObject } from '../shared/names.ts';
import { windowTimer } from './backoff.ts';
import { clusterName, isLeaving, knownFacts } from './knowledge.ts';
import { leaderOf, systemIdentifier } from './members.ts';
import { withoutReturned } from './missed.ts';
import { anythingCreated, existsOrCreated, objectAt, ownershipOf } from './objects.ts';
import type { ClusterProjection, DcsMode, OperatorConfig } from './observations.ts';
import type { Problem } from './plan.ts';
import type { PostgresClusterSpec } from '#crds/postgrescluster.gen.ts';
import { withVolumesSeen } from './tables/full-volume.ts';
import { heldEdit, type EditJudge } from './tables/permission.ts';
import { withRequests } from './tables/requests.ts';
import { withRotation } from './tables/rotation.ts';
import { beginning, isRolloutAgainDue, rememberedByToken, toldByToken } from './tables/taken-back.ts';
import { withTurn } from './tables/turns.ts';
import { armed, withOccasional, without } from './world.ts';

/** What `src/resources` says about specs; given by the decision layer, since builders are not the machine's. */
export interface SpecJudge extends EditJudge {
  /** Faults of a spec for a cluster that is still to be created. */
  readonly creation: (spec: PostgresClusterSpec, config: OperatorConfig) => readonly Problem[];
  /** Faults of going from the accepted spec to this one on a cluster that exists. */
  readonly edit: (
    accepted: PostgresClusterSpec,
    wanted: PostgresClusterSpec,
    config: OperatorConfig,
    /** The last spec that was true of every member: volumes have that size. */
    rolledOut: PostgresClusterSpec | null,
  ) => readonly Problem[];
  /** Whether going from one spec to the other takes a procedure; false when it is true of every member at once. */
  readonly needsRollout: (accepted: PostgresClusterSpec, wanted: PostgresClusterSpec) => boolean;
  /** Reads a map of texts back from an annotation; null when it does not parse. */
  readonly parseParameters: (text: string) => Readonly<Record<string, string>> | null;
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
  // Whoever was asked to hand over has, or somebody else did.
  const asked = `await/Switchover/${failoverObject(clusterName(facts))}`;
  const timers = memory.leader?.name === leader.name ? memory.timers : without(memory.timers, asked);
  const next = { ...memory, timers, leader: seen, leaderLostAt: null, systemIdentifier: identifier };
  return { ...facts, memory: withOccasional(next, 'takenWhileDown', undefined) };
}

function specOn(facts: Facts, annotation: string, judge: SpecJudge): PostgresClusterSpec | null {
  const name = clusterName(facts);
  const text = facts.world.objects[`StatefulSet/${name}`]?.object.annotations[annotation];
  return text === undefined ? null : judge.parseAccepted(text);
}

function acceptedBefore(facts: Facts, judge: SpecJudge): Memory['accepted'] {
  const spec = specOn(facts, annotations.acceptedSpec, judge);
  return spec === null ? null : { spec, generation: facts.memory.rolledOutGeneration ?? 0 };
}

/** The spec that was rolled out last, found again after the journal was lost: the StatefulSet names it while it is not the accepted one. */
function withRolledOut(facts: Facts, accepted: AcceptedSpec | null, judge: SpecJudge): Facts {
  const { memory } = facts;
  const { rolledOutGeneration: generation } = memory;
  if (memory.rolledOut !== null || accepted === null || generation === null) return facts;
  const other = specOn(facts, annotations.rolledOutSpec, judge);
  const chosen = facts.world.objects[`StatefulSet/${clusterName(facts)}`]?.object.annotations[annotations.chosenImage];
  const remembered = withOccasional(memory, 'chosenImage', memory.chosenImage ?? chosen);
  return { ...facts, memory: { ...remembered, rolledOut: { generation, spec: other ?? accepted.spec } } };
}

/** The generation whose rollout failed, or null; after the journal was lost the token in status still tells. */
function failedGeneration({ memory }: Facts): number | null {
  return memory.failedRollout?.generation ?? toldByToken(memory)?.generation ?? null;
}

/** What an orphaned StatefulSet says it was made for; null when there is none to take over. */
function orphanedSpec(facts: Facts, judge: SpecJudge): PostgresClusterSpec | null {
  const object = objectAt(facts, `StatefulSet/${clusterName(facts)}`)?.object;
  const isOrphaned = object !== undefined && ownershipOf(facts, object).type === 'unclaimed';
  return isOrphaned ? specOn(facts, annotations.acceptedSpec, judge) : null;
}

/**
 * Faults of a spec for a cluster of which nothing is made yet: of creating it, or of going there from what an orphaned
 * StatefulSet was made for, which is taken over as it is.
 */
export function firstProblems(
  facts: Facts,
  spec: PostgresClusterSpec,
  config: OperatorConfig,
  judge: SpecJudge,
): readonly Problem[] {
  const problems = judge.creation(spec, config);
  const orphaned = problems.length > 0 ? null : orphanedSpec(facts, judge);
  if (orphaned === null) return problems;
  const left = `StatefulSet/${clusterName(facts)} is left of it, and is taken over by a PostgresCluster that can follow from there`;
  return judge.edit(orphaned, spec, config, null).map((each) => ({ ...each, rule: `${each.rule}; ${left}` }));
}

/** The spec to hold from now on, or the one held so far when the newest is not valid or not permitted. */
function withAccepted(facts: Facts, judge: SpecJudge, at: number): Facts {
  const seen = facts.world.cluster?.seen;
  const { config } = facts.world;
  if (seen === undefined || config === null || isLeaving(facts) || knownFacts(facts).answer !== 'yes') return facts;
  const { memory } = facts;
  const created = anythingCreated(facts);
  const before = memory.accepted ?? (created ? acceptedBefore(facts, judge) : null);
  const failed = failedGeneration(facts);
  if (before !== null && failed === seen.generation && !isRolloutAgainDue(facts))
    return remembering(holding(facts, before), before, seen);
  if (before !== null && before.generation === seen.generation) {
    return before === memory.accepted ? facts : { ...facts, memory: { ...memory, accepted: before } };
  }
  const newest = { generation: seen.generation, spec: seen.spec };
  const isReadable = seen.misfits === undefined;
  if (before === null || !created) {
    const valid = isReadable && firstProblems(facts, seen.spec, config, judge).length === 0;
    return { ...facts, memory: { ...memory, accepted: valid ? newest : null } };
  }
  if (!isReadable || judge.edit(before.spec, seen.spec, config, memory.rolledOut?.spec ?? null).length > 0)
    return holding(facts, before);
  // What was true before this edit is known here for the last time.
  const known = withRolledOut(facts, before, judge).memory;
  const forgiven = withImageOf(beginning(known, seen.generation), before.spec, seen.spec);
  // Under way, also when only the StatefulSet still tells so, is what was accepted and not yet true.
  const was = memory.rolledOut?.spec ?? specOn(facts, annotations.rolledOutSpec, judge) ?? before.spec;
  const isSame = !judge.needsRollout(before.spec, seen.spec) && !judge.needsRollout(was, seen.spec);
  // What failed may still be on its way back: members that were made for it have to be put right, as for any edit.
  // Of one that is still under way, or that the lost journal was at, only the members say whether it is true of them.
  const isTrue = memory.accepted !== null && memory.accepted.generation <= (memory.rolledOutGeneration ?? -1);
  const atOnce = isTrue && isSame && failed === null;
  // What is still being made for the first time disturbs nobody.
  const isFree = isSame || memory.rolledOutGeneration === null;
  // What is under way was permitted: who asks for nothing beyond it waits only for whoever stops that too.
  const from = judge.needsRollout(before.spec, seen.spec) ? [before.spec, was] : [];
  const held = isFree ? null : heldEdit(facts, { from, to: seen.spec }, judge, at);
  if (held !== null) return holding({ ...facts, memory: { ...memory, held } }, before);
  // What Patroni was told on behalf of specs in between is not known either, nor who follows that: members are asked.
  const configuring = memory.configuring || memory.accepted === null;
  if (!atOnce) {
    // It went down with what is true of every member: to go back to that helps nobody.
    const isDown = isTrue && failed === null && memory.leaderLostAt !== null;
    const down = isDown ? { generation: newest.generation } : memory.takenWhileDown;
    return { ...facts, memory: withOccasional({ ...forgiven, accepted: newest, configuring }, 'takenWhileDown', down) };
  }
  return {
    ...facts,
    memory: { ...forgiven, accepted: newest, rolledOut: newest, rolledOutGeneration: newest.generation },
  };
}

/** An edit that waits for a window is asked again when one opens. */
function withWindow(facts: Facts): Facts {
  const { held, timers } = facts.memory;
  const until = held?.until ?? null;
  const kept = without(timers, windowTimer);
  if (held === null || until === null)
    return kept === timers ? facts : { ...facts, memory: { ...facts.memory, timers: kept } };
  if (timers[windowTimer]?.dueAt === until) return facts;
  return { ...facts, memory: { ...facts.memory, timers: armed(timers, windowTimer, until, held.message) } };
}

/**
 * The chosen image outlasts an edit, unless it was chosen by a field that is gone. One that was chosen from the catalog is what is
 * gone back to while the spec that names another is not true yet: the catalog may name another by now.
 */
export function withImageOf(memory: Memory, before: PostgresClusterSpec, wanted: PostgresClusterSpec): Memory {
  if ((before.image === undefined) === (wanted.image === undefined)) return memory;
  const isNamed = wanted.image !== undefined;
  const next = withOccasional(memory, 'chosenImage', isNamed ? (memory.image ?? undefined) : undefined);
  return isNamed ? next : { ...next, image: memory.chosenImage ?? null };
}

/** That a rollout failed outlasts the journal; why it did not, beyond the field. */
function remembering(facts: Facts, before: AcceptedSpec, seen: ClusterProjection): Facts {
  const { memory } = facts;
  if (memory.failedRollout !== null) return facts;
  return { ...facts, memory: rememberedByToken(memory, before, { generation: seen.generation, spec: seen.spec }) };
}

function holding(facts: Facts, accepted: AcceptedSpec): Facts {
  return accepted === facts.memory.accepted ? facts : { ...facts, memory: { ...facts.memory, accepted } };
}

/** Chooses the mode once: spec, else what is recorded, else the operator's default. */
function withMode(facts: Facts): Facts {
  const { memory, world } = facts;
  if (memory.dcs !== null || memory.accepted === null || world.config === null) return facts;
  const dcs: DcsMode = memory.accepted.spec.dcs ?? world.config.defaultDcs;
  return { ...facts, memory: { ...memory, dcs } };
}

/** The image that the spec names; else one from the catalog, chosen once: a changed catalog restarts nobody. */
function withImage(facts: Facts): Facts {
  const { memory, world } = facts;
  if (memory.accepted === null || world.config === null) return facts;
  const { spec } = memory.accepted;
  const image = spec.image ?? memory.image ?? world.config.images[spec.version] ?? null;
  return image === null || image === memory.image ? facts : { ...facts, memory: { ...memory, image } };
}

/** There is a database; or the StatefulSet is there, or may be: that it is not has to be seen. */
function isMade(facts: Facts): boolean {
  const { open, failures, systemIdentifier } = facts.memory;
  if (systemIdentifier !== null) return true;
  const key = `StatefulSet/${clusterName(facts)}`;
  return existsOrCreated(facts, key) || open[key] !== undefined || failures[key]?.needsRead === true;
}

/** Frozen when the StatefulSet is made; read back from it when the journal was lost. */
function withBootstrap(facts: Facts, judge: SpecJudge): Facts {
  const { memory } = facts;
  if (memory.accepted === null) return facts;
  const now = memory.accepted.spec.postgresqlParams ?? {};
  if (isMade(facts)) {
    if (memory.bootstrapParameters !== null) return facts;
    const name = clusterName(facts);
    const text = facts.world.objects[`StatefulSet/${name}`]?.object.annotations[annotations.bootstrapParameters];
    const before = text === undefined ? null : judge.parseParameters(text);
    return { ...facts, memory: { ...memory, bootstrapParameters: before ?? now } };
  }
  const same = JSON.stringify(memory.bootstrapParameters) === JSON.stringify(now);
  return same ? facts : { ...facts, memory: { ...memory, bootstrapParameters: now } };
}

/** Facts with everything that follows from them. */
export function settle(facts: Facts, judge: SpecJudge, at: number): Facts {
  const free: Facts = facts.memory.held === null ? facts : { ...facts, memory: { ...facts.memory, held: null } };
  const taken = knownFacts(facts).answer === 'yes' ? withAccepted(free, judge, at) : facts;
  const chosen = withImage(withMode(withRolledOut(taken, taken.memory.accepted, judge)));
  const accepted = withBootstrap(chosen, judge);
  return withWindow(
    withTurn(withRotation(withRequests(withVolumesSeen(withoutReturned(withLeader(accepted, at)))), judge, at)),
  );
}
