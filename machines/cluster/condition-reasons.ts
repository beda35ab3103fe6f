/**
 * Owns: every condition with the reasons that it may have: the status that goes with each, and what it means. `conditions.ts` can
 * give no other, or it does not compile; `docs/conditions.md` is made from this.
 */
import type { Phase } from './chart.ts';

type Status = 'True' | 'False' | 'Unknown';
type Reasons = Readonly<Record<string, readonly [status: Status, meaning: string]>>;

const phasesOfWork = {
  Pending: ['True', 'phase Pending'],
  Creating: ['True', 'phase Creating'],
  Updating: ['True', 'phase Updating'],
  Scaling: ['True', 'phase Scaling'],
  Recovering: ['True', 'phase Recovering'],
  Deleting: ['True', 'phase Deleting'],
  Running: ['False', 'phase Running: nothing is under way'],
  Degraded: ['False', 'phase Degraded: nothing is under way but what mends it'],
  Failed: ['False', 'phase Failed: it is tried again later'],
} as const satisfies Readonly<Record<Phase, Reasons[string]>>;

/** Reasons by condition, in the order in which status has them. */
export const conditionReasons = {
  Ready: {
    AllReplicasReady: ['True', 'every member is ready, one takes writes, and the spec is true of all'],
    NotAllReady: ['False', 'a member, or what the spec asks for, is missing'],
    NoWritableLeader: ['False', 'nobody takes writes'],
    NoSyncStandby: ['False', 'commits wait: no replica confirms them, and `synchronous` requires it'],
    Unseen: ['Unknown', 'not all of the cluster has been seen yet'],
  },
  Progressing: phasesOfWork,
  Degraded: {
    AsExpected: ['False', 'no member is missing that should be there'],
    Degraded: [
      'True',
      'somebody takes writes, and members are missing; while something is rolled out, those that it did not take down itself, or not in time brought back',
    ],
    Recovering: ['True', 'nobody takes writes, or somebody does for too short a time to be trusted'],
    Failed: ['True', 'nobody takes writes, and the operator cannot mend it now'],
  },
  ConfigurationValid: {
    Valid: ['True', 'every field is valid and takes effect'],
    Held: ['True', 'every field is valid; the edit waits for an approval, a window or its turn'],
    InvalidSpec: ['False', 'a field has a value that cannot be; the cluster goes on with the spec before it'],
    RolloutFailed: ['False', 'the spec did not become true in time and was taken back'],
  },
  ReplicasReady: {
    AllReady: ['True', 'every member is ready'],
    NotAllReady: ['False', 'a member is not ready; the message says which and why'],
    Unseen: ['Unknown', 'not all members have been seen yet'],
  },
  WritesBlocked: {
    LeaderWrites: ['False', 'a leader takes writes, and commits do not wait'],
    NoWritableLeader: ['True', 'nobody takes writes'],
    NoSyncStandby: ['True', 'commits wait: no replica confirms them, and `synchronous` requires it'],
    Unseen: ['Unknown', 'not all of the cluster has been seen yet'],
  },
  Paused: {
    NotPaused: ['False', '`spec.paused` is not set, and Patroni is not paused'],
    PausedBySpec: ['True', '`spec.paused` is set: no planned change, no drift repair'],
    PatroniPaused: ['True', 'Patroni is paused by hand: nobody takes over from a leader that fails'],
  },
  PendingApproval: {
    NothingPending: ['False', 'no edit waits for an approval'],
    AboveMaxDisruption: ['True', 'the newest edit costs more than `spec.maxDisruption`'],
  },
  PendingRestart: {
    NonePending: ['False', 'no member waits for a restart'],
    RestartPending: ['True', 'a parameter takes effect when PostgreSQL starts anew on the members named'],
  },
  RequestRefused: {
    NoneRefused: ['False', 'nothing that was asked for by an annotation was refused'],
  },
  StorageReady: {
    Bound: ['True', 'every volume is bound, and as large as it is asked for'],
    NoVolumes: ['False', 'no claim has been created yet'],
    Unbound: ['False', 'a claim is not bound'],
    Full: ['False', 'a volume has no room left for PostgreSQL'],
    TooSmall: ['False', 'a volume is smaller than is asked for, or is growing'],
  },
  ReconcileFailing: {
    NoErrors: ['False', 'nothing that the operator tries is failing'],
    Failing: ['True', 'something is refused or fails again and again; the message says what'],
    EditWar: ['True', 'somebody undoes each time what is put right'],
  },
  JournalIntact: {
    Recording: ['True', 'every decision is recorded before it takes effect'],
    NotWritable: ['False', 'the journal cannot be written: nothing is decided until it can'],
  },
  Stuck: {
    NotStuck: ['False', 'no deadline has passed'],
    DeadlinePassed: ['True', 'a step takes longer than it may; the message says what is waited for'],
  },
} as const satisfies Readonly<Record<string, Reasons>>;

/** What a condition says, without times. */
export interface Verdict<Reason extends string = string> {
  readonly status: Status;
  readonly reason: Reason;
  readonly message: string;
}

/** What this condition may say. */
export type VerdictOf<Type extends keyof typeof conditionReasons> = Verdict<
  keyof (typeof conditionReasons)[Type] & string
>;
