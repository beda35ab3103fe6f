/**
 * Owns: the table of signals: their one global order of precedence and the guard of each. Signals are *levels*, read off
 * the facts after every observation, so a missed or doubled watch event may delay and never mislead.
 * Invariant: opposite arrows are one predicate and its negation; `unknown` enables neither.
 */
import * as guards from './guards.ts';
import * as procedures from './procedures.ts';
import type { Guard } from './view.ts';

/** In order of precedence, first wins. */
export const signals = [
  { signal: 'OrphanRequested', guard: guards.orphanRequested },
  { signal: 'DeletionRequested', guard: guards.deletionRequested },
  { signal: 'PrimaryLost', guard: guards.primaryLost },
  { signal: 'PrimaryElected', guard: guards.primaryElected },
  { signal: 'ReconcileError', guard: guards.reconcileError },
  { signal: 'RecoveryInitiated', guard: guards.recoveryInitiated },
  { signal: 'RecoveryCompleted', guard: guards.recoveryCompleted },
  { signal: 'RolloutFailed', guard: procedures.rolloutFailed },
  { signal: 'ReplicasDegraded', guard: guards.replicasDegraded },
  { signal: 'ReplicaCountChanged', guard: procedures.replicaCountChanged },
  { signal: 'SpecChanged', guard: procedures.specChanged },
  { signal: 'RequestDue', guard: procedures.requestDue },
  { signal: 'ResourcesApplied', guard: guards.resourcesApplied },
  { signal: 'FullyRecovered', guard: procedures.fullyRecovered },
  { signal: 'AllReplicasReady', guard: procedures.allReplicasReady },
  { signal: 'GrowthDue', guard: procedures.growthDue },
  { signal: 'ConfigurationDue', guard: procedures.configurationDue },
  { signal: 'RestartDue', guard: procedures.restartDue },
  { signal: 'ReplacementDue', guard: procedures.replacementDue },
  { signal: 'SwitchoverDue', guard: procedures.switchoverDue },
  { signal: 'RebuildDue', guard: procedures.rebuildDue },
  { signal: 'AdditionDue', guard: procedures.additionDue },
  { signal: 'HandOverDue', guard: procedures.handOverDue },
  { signal: 'RemovalDue', guard: procedures.removalDue },
  { signal: 'PodsGone', guard: guards.podsGone },
  { signal: 'ObjectsCleared', guard: guards.objectsCleared },
  { signal: 'MarksStripped', guard: guards.marksStripped },
] as const satisfies readonly { readonly signal: string; readonly guard: Guard }[];

export type Signal = (typeof signals)[number]['signal'];
