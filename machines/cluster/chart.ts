/**
 * Owns: the states and arrows of a PostgresCluster, nothing else. Every arrow bears the name of a signal
 * (`signals.ts`), and an arrow is taken when its signal's guard says yes; the chart itself has no guard, no action, no
 * clock and no child, so that it can be drawn, explored and replayed anywhere.
 *
 * I1. `Alive` stands beside `Deleting`; DeletionRequested and OrphanRequested stand on `Alive` only, so a deletion
 *     under way is never started over.
 * I2. No wildcard: a child's `*` would shadow the parent's arrow.
 * I3. One path, no parallel regions, no history states: a state is a string such as `Alive.Creating.joining`.
 */
import { setup } from 'xstate';
import { oncePerText } from '../shared/once.ts';
import type { Signal } from './signals.ts';

/** Each kind of step of a rollout, and the signal that says it is due. */
const steps = {
  growing: 'GrowthDue',
  configuring: 'ConfigurationDue',
  restarting: 'RestartDue',
  replacing: 'ReplacementDue',
  switching: 'SwitchoverDue',
  rebuilding: 'RebuildDue',
} as const satisfies Readonly<Record<string, Signal>>;

type Step = keyof typeof steps;

/** Arrows from one kind of step to every other. */
function otherSteps(own: Step): Partial<Record<Signal, Step>> {
  const others = (Object.keys(steps) as Step[]).filter((step) => step !== own);
  return Object.fromEntries(others.map((step) => [steps[step], step]));
}

export const chart = setup({ types: { events: {} as { readonly type: Signal } } }).createMachine({
  id: 'cluster',
  initial: 'Alive',
  states: {
    Alive: {
      initial: 'Pending',
      on: { OrphanRequested: 'Deleting.stripping', DeletionRequested: 'Deleting' },
      states: {
        Pending: { on: { ResourcesApplied: 'Creating' } },
        Creating: {
          initial: 'bootstrapping',
          on: { PrimaryLost: 'Recovering', ReconcileError: 'Failed', ReplicasDegraded: 'Degraded' },
          states: {
            /** No writable leader yet. */
            bootstrapping: { on: { PrimaryElected: 'joining' } },
            /** The leader writes; replicas and the application database follow. */
            joining: { on: { AllReplicasReady: '#cluster.Alive.Running' } },
          },
        },
        Running: {
          on: {
            PrimaryLost: 'Recovering',
            ReplicasDegraded: 'Degraded',
            ReplicaCountChanged: 'Scaling',
            SpecChanged: 'Updating',
            RequestDue: 'Updating',
          },
        },
        /** One sub-state for each kind of step in `tables/rollout.ts`; the facts say which step is next. */
        Updating: {
          initial: 'configuring',
          on: {
            PrimaryLost: 'Recovering',
            RolloutFailed: '.configuring',
            ReplicasDegraded: 'Degraded',
            AllReplicasReady: 'Running',
          },
          states: {
            /** Volumes grow, one after the other. */
            growing: { on: otherSteps('growing') },
            /** Patroni's configuration, and every member asked whether it follows. */
            configuring: { on: otherSteps('configuring') },
            /** PostgreSQL starts anew, member by member. */
            restarting: { on: otherSteps('restarting') },
            /** Pods are made anew, member by member. */
            replacing: { on: otherSteps('replacing') },
            /** A replica of the new template, or one that was asked for, takes over. */
            switching: { on: otherSteps('switching') },
            /** A replica copies the leader's data anew. */
            rebuilding: { on: otherSteps('rebuilding') },
          },
        },
        /** One sub-state for each kind of step in `tables/scaling.ts`. */
        Scaling: {
          initial: 'adding',
          on: { PrimaryLost: 'Recovering', ReplicasDegraded: 'Degraded', AllReplicasReady: 'Running' },
          states: {
            adding: { on: { HandOverDue: 'handingOver', RemovalDue: 'removing' } },
            /** The primary would be removed: a member that stays takes over. */
            handingOver: { on: { AdditionDue: 'adding', RemovalDue: 'removing' } },
            /** The member with the highest ordinal goes, one at a time. */
            removing: { on: { AdditionDue: 'adding', HandOverDue: 'handingOver' } },
          },
        },
        Degraded: {
          on: {
            PrimaryLost: 'Recovering',
            ReplicaCountChanged: 'Scaling',
            SpecChanged: 'Updating',
            RequestDue: 'Updating',
            FullyRecovered: 'Running',
          },
        },
        Recovering: {
          initial: 'electing',
          on: { ReconcileError: 'Failed' },
          states: {
            /** Nobody writes; Patroni elects. */
            electing: { on: { PrimaryElected: 'rejoining', RolloutFailed: 'electing' } },
            /** A leader writes; it has to hold before the cluster is called recovered. */
            rejoining: { on: { PrimaryLost: 'electing', RecoveryCompleted: '#cluster.Alive.Degraded' } },
          },
        },
        Failed: { on: { RecoveryInitiated: 'Recovering', SpecChanged: 'Updating' } },
      },
    },
    Deleting: {
      initial: 'stopping',
      states: {
        /** The StatefulSet goes first; its pods follow. */
        stopping: { on: { PodsGone: 'clearing' } },
        /** Services, Patroni's objects, access, configuration; claims and Secrets are marked or deleted. */
        clearing: { on: { ObjectsCleared: 'releasing' } },
        /** `--cascade=orphan`: finalizers and marks come off, nothing is stopped. */
        stripping: { on: { MarksStripped: 'releasing' } },
        /** Our finalizer is the last thing to go. */
        releasing: {},
      },
    },
  },
});

/** The nine phases a user reads. */
export const phases = [
  'Pending',
  'Creating',
  'Running',
  'Updating',
  'Scaling',
  'Degraded',
  'Recovering',
  'Failed',
  'Deleting',
] as const;

export type Phase = (typeof phases)[number];

const phaseNames: ReadonlySet<string> = new Set(phases);

function isPhase(name: string | undefined): name is Phase {
  return name !== undefined && phaseNames.has(name);
}

/**
 * The phase of a state path: `Alive.Creating.joining` → `Creating`, `Deleting.stopping` → `Deleting`.
 * @throws when the path names no phase, which only corrupt data can do
 */
export const phaseOf: (path: string) => Phase = oncePerText((path) => {
  const [top, second] = path.split('.');
  const name = top === 'Alive' ? second : top;
  if (!isPhase(name)) throw new Error(`state path ${JSON.stringify(path)} names no phase of the cluster machine`);
  return name;
});
