/**
 * Owns: the words of the product itself, of Kubernetes and of Patroni that name nobody. Whoever wrote one of them into a spec has told
 * nothing about himself; a stand-in for it would take the sense out of every sentence, and out of what readers go by. Pure.
 */
import { chart, phases } from '#machines/cluster/chart.ts';
import { conditionReasons } from '#machines/cluster/condition-reasons.ts';
import { effectClasses } from '#machines/cluster/intents.ts';
import { watchedKinds, type ObservationType, type Outcome } from '#machines/cluster/observations.ts';
import { signals } from '#machines/cluster/signals.ts';
import { oneShots } from '#machines/shared/names.ts';

const observations: Readonly<Record<ObservationType, true>> = {
  ProcessStarted: true,
  OperatorConfigSeen: true,
  ClusterSeen: true,
  ClusterGone: true,
  PublishedStatusSeen: true,
  ObjectSeen: true,
  ObjectGone: true,
  Synced: true,
  SourceWentStale: true,
  SourceFresh: true,
  LeaderSilent: true,
  LeaderHeard: true,
  TurnTold: true,
  TimerFired: true,
  OutcomeArrived: true,
};

const outcomes: Readonly<Record<Outcome['type'], true>> = {
  applied: true,
  deleted: true,
  absent: true,
  conflict: true,
  refused: true,
  transient: true,
  unknown: true,
  withheld: true,
  read: true,
  compared: true,
  done: true,
};

/** What Patroni calls members, and what it says of them; phases of pods and claims; kinds; answers. */
const others = [
  ...['leader', 'master', 'primary', 'replica', 'standby', 'standby_leader', 'sync_standby', 'quorum_standby'],
  ...['uninitialized', 'demoted', 'promoted', 'running', 'streaming', 'starting', 'stopped', 'stopping', 'restarting'],
  ...['start failed', 'stop failed', 'restart failed', 'crashed', 'creating replica', 'in archive recovery'],
  ...[
    'initializing new cluster',
    'running custom bootstrap script',
    'custom bootstrap failed',
    'starting after custom bootstrap',
  ],
  ...[
    'Pending',
    'Running',
    'Succeeded',
    'Failed',
    'Unknown',
    'Bound',
    'Lost',
    'Ready',
    'True',
    'False',
    'true',
    'false',
  ],
  ...['PostgresCluster', 'Event', 'Other', 'Status', 'Manage', 'Observe', 'Retain', 'Delete', 'none', 'null', 'absent'],
  ...['yes', 'unknown', 'granted', 'queued', 'stopped', 'known', 'cluster', 'member', 'members', 'node', 'pod', 'app'],
];

interface State {
  readonly states?: Readonly<Record<string, State>>;
}

/** Paths of states, and each name in them. */
function statesOf({ states = {} }: State, path = ''): readonly string[] {
  return Object.entries(states).flatMap(([name, each]) => {
    const below = `${path}${name}`;
    return [name, below, ...statesOf(each, `${below}.`)];
  });
}

/** Words that have no stand-in in an export for strangers. */
export const productWords: ReadonlySet<string> = new Set([
  ...Object.keys(observations),
  ...Object.keys(outcomes),
  ...Object.keys(effectClasses),
  ...Object.entries(conditionReasons).flatMap(([condition, reasons]) => [condition, ...Object.keys(reasons)]),
  ...signals.map(({ signal }) => signal),
  ...statesOf(chart.config as State),
  ...phases,
  ...watchedKinds,
  ...oneShots,
  ...others,
]);
