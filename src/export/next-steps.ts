/**
 * Owns: what a person does next, object by object, for `why`, `why-not` and `timeline`: one table, from what was seen on an
 * object or told by the status to a step. What the operator does by itself is said too, so that nobody does it for it. Pure.
 */
import { phases, type Phase } from '#machines/cluster/chart.ts';
import type { ClusterProjection } from '#machines/cluster/observations.ts';
import { isCutLoose } from '#machines/cluster/members.ts';
import { noServer } from '#machines/cluster/tables/full-volume.ts';
import { beingMade } from '#machines/cluster/tables/warnings.ts';
import { timeWords } from './time.ts';
import { holderOf, podsOf, type Evidence, type PodEvidence } from './evidence.ts';

export interface NextStep {
  /** `Pod/shop-1`, `PostgresCluster/shop`, or a source of observations. */
  readonly object: string;
  /** Null where what is told as `now` says it. */
  readonly because: string | null;
  /** What to do, with the command where there is one; or that nothing has to be done, and what is awaited. */
  readonly step: string;
}

interface Place {
  readonly cluster: ClusterProjection;
  /** `kubectl -n team`. */
  readonly kubectl: string;
  /** `-n team`. */
  readonly where: string;
}

interface PodRule {
  /** `isRolling`: the operator ends and starts members by itself. */
  readonly when: (pod: PodEvidence, isRolling: boolean) => boolean;
  readonly because: (pod: PodEvidence) => string;
  readonly step: (pod: PodEvidence, place: Place) => string;
}

/** Of a member whose container is being made, or whose PostgreSQL ended in order while members are made anew: it starts in a moment. */
function isOnItsWay({ detail, crashed }: PodEvidence, isRolling: boolean): boolean {
  if (crashed !== null) return false;
  const endedInOrder = ['stopped', 'starting'].includes(detail.patroni?.state ?? '');
  return beingMade.has(detail.trouble ?? '') || (isRolling && endedInOrder);
}

/** Of a member that is not what it should be and whose PostgreSQL ended by itself since the incident began, or does not run. */
function hasNoServer(pod: PodEvidence, isRolling: boolean): boolean {
  if (pod.crashed !== null) return true;
  return noServer.has(pod.detail.patroni?.state ?? '') && !isOnItsWay(pod, isRolling);
}

/** By how many timelines a replica that runs is ahead of its leader, below zero behind it; zero where that is not known. */
function timelinesAhead({ detail: { patroni }, leader, object }: PodEvidence): number {
  if (patroni === null || patroni.state !== 'running' || leader === null || leader.name === object.name) return 0;
  return patroni.timeline === null ? 0 : patroni.timeline - leader.timeline;
}

/** Of a replica on a later timeline than the leader's: a past that the leader does not share. */
function isDiverged(pod: PodEvidence): boolean {
  return timelinesAhead(pod) > 0;
}

/** Of a Ready replica on an earlier timeline than the leader's: who follows is on the leader's within seconds. */
function isLeftBehind(pod: PodEvidence): boolean {
  return pod.detail.ready && timelinesAhead(pod) < 0;
}

/** Of a Ready replica whose PostgreSQL runs, and which says itself that it follows nobody although somebody leads. */
function followsNobody({ detail, leader, object }: PodEvidence): boolean {
  const mayFollow = detail.ready && leader !== null && leader.name !== object.name;
  return mayFollow && detail.patroni !== null && isCutLoose(detail.patroni);
}

const trouble = ({ detail }: PodEvidence): string => detail.trouble ?? '';
const edit = ({ kubectl, cluster }: Place): string => `${kubectl} edit postgrescluster ${cluster.name}`;

/** Of a member that does not do what it should; the first that fits. */
const podRules: readonly PodRule[] = [
  {
    when: (pod) => /Image/.test(trouble(pod)),
    because: (pod) => `its image cannot be had: ${trouble(pod)}`,
    step: (_, place) => `put spec.image right, or back to what ran before: ${edit(place)}`,
  },
  {
    when: (pod) => /node affinity/.test(trouble(pod)),
    because: (pod) => `its volume is on a node that does not take it: ${trouble(pod)}`,
    step: ({ object }, { cluster, where }) =>
      `let that node take pods again; when it is lost for good: pgc replace ${cluster.name} ${object.name} ${where}`,
  },
  {
    when: (pod) => /nodes are available|Unschedulable/.test(trouble(pod)),
    because: (pod) => `no node takes it: ${trouble(pod)}`,
    step: (_, place) => `lower spec.resources or widen spec.placement (${edit(place)}), or give it a node with room`,
  },
  {
    when: ({ full }) => full !== null,
    because: ({ object, full }) => `its volume data-${object.name} is full: ${full ?? ''}`,
    step: ({ object }, place) =>
      `make it larger: raise spec.storage.size (${edit(place)}); it grows under the pod, also while it is full. Or make room by hand, but never in pg_wal. PostgreSQL starts by itself then; a replica that does not: pgc reinit ${place.cluster.name} ${object.name} ${place.where}`,
  },
  {
    when: hasNoServer,
    because: ({ detail, crashed }) =>
      `PostgreSQL ${crashed === null ? 'does not run' : `ended by itself at ${timeWords(crashed)}`}; now Patroni says ${detail.patroni?.state ?? 'nothing'}`,
    step: ({ object }, { cluster, where, kubectl }) =>
      `see whether its volume data-${object.name} is full (${kubectl} exec ${object.name} -- df -h /home/postgres/pgdata) and what PostgreSQL says (pgc logs ${cluster.name} ${where} --member ${object.name} --postgres); a full one needs a larger spec.storage.size, or room made by hand. A replica that does not start with room: pgc reinit ${cluster.name} ${object.name} ${where}`,
  },
  {
    when: (pod) => trouble(pod) !== '' && !beingMade.has(trouble(pod)),
    because: (pod) => `its container does not run: ${trouble(pod)}`,
    step: ({ object }, { cluster, where, kubectl }) =>
      `read why: pgc logs ${cluster.name} ${where} --member ${object.name}; ${kubectl} describe pod ${object.name}`,
  },
  {
    when: isDiverged,
    because: ({ detail, leader }) =>
      `it went on by itself, on timeline ${detail.patroni?.timeline ?? 0}, while ${leader?.name ?? ''} leads on ${leader?.timeline ?? 0}: it can follow nobody, and Patroni lets it stand`,
    step: ({ object }, { cluster, where }) =>
      `save what only it has, if anybody misses it; then have its data copied anew: pgc reinit ${cluster.name} ${object.name} ${where}`,
  },
  {
    when: isLeftBehind,
    because: ({ detail, leader }) =>
      `it is on timeline ${detail.patroni?.timeline ?? 0}, while ${leader?.name ?? ''} leads on ${leader?.timeline ?? 0}`,
    step: ({ object }, { cluster, where }) =>
      `nothing in the first minute: it follows by itself. If it lasts, the leader has no longer the WAL that it lacks, as after a long time away (pgc logs ${cluster.name} ${where} --member ${object.name} --postgres says so); then have its data copied anew: pgc reinit ${cluster.name} ${object.name} ${where}`,
  },
  {
    when: followsNobody,
    because: ({ leader }) => `its PostgreSQL runs and does not stream from ${leader?.name ?? ''}`,
    step: ({ object }, { cluster, where }) =>
      `nothing in the first minute: it connects by itself. If it lasts, see why PostgreSQL cannot: pgc logs ${cluster.name} ${where} --member ${object.name} --postgres. It may start with a password that is not in force, not reach the leader, or lack WAL that the leader no longer has; then have its data copied anew: pgc reinit ${cluster.name} ${object.name} ${where}`,
  },
  {
    when: (pod, isRolling) =>
      !pod.detail.ready && pod.detail.node !== null && pod.detail.patroni !== null && !isOnItsWay(pod, isRolling),
    because: ({ detail }) =>
      `it is not Ready on ${detail.node ?? ''}, and what Patroni says of it (${detail.patroni?.role ?? ''}, ${detail.patroni?.state ?? ''}) is its last word`,
    step: ({ object, detail }, { cluster, kubectl, where }) =>
      `see whether its node lives: kubectl get node ${detail.node ?? ''}; when it is back the member follows by itself; when it is lost for good: pgc replace ${cluster.name} ${object.name} ${where}. ${kubectl} describe pod ${object.name} says more`,
  },
];

function podSteps(evidence: Evidence, place: Place): readonly NextStep[] {
  const isRolling = evidence.status?.phase === 'Updating';
  const meanwhile = isRolling ? '; left alone, the operator goes back to what ran before by itself' : '';
  return podsOf(evidence)
    .filter(({ object }) => !object.deleting)
    .flatMap((pod) => {
      const rule = podRules.find(({ when }) => when(pod, isRolling));
      return rule === undefined
        ? []
        : [
            {
              object: `Pod/${pod.object.name}`,
              because: rule.because(pod),
              step: `${rule.step(pod, place)}${meanwhile}`,
            },
          ];
    });
}

/** Finalizers that Kubernetes itself takes away, and ours. */
const answeredFor = /^(foregroundDeletion|orphan|kubernetes\.io\/|postgres\.example\.com\/)/;

function blockedSteps({ objects }: Evidence, { kubectl }: Place): readonly NextStep[] {
  return [...objects.values()]
    .filter(({ deleting }) => deleting)
    .flatMap(({ kind, name, finalizers }) => {
      const foreign = finalizers.filter((each) => !answeredFor.test(each));
      if (foreign.length === 0) return [];
      const what = `${kind.toLowerCase()} ${name}`;
      return [
        {
          object: `${kind}/${name}`,
          because: `it is being deleted, and finalizer ${foreign.join(', ')} keeps it`,
          step: `let whoever put it there do its work; when that one is gone for good, take it off: ${kubectl} edit ${what}. The operator goes on by itself then`,
        },
      ];
    });
}

function heldStep({ cluster, kubectl, where }: Place): string {
  const { spec, name } = cluster;
  if (spec.mode === 'Observe')
    return `set spec.mode to Manage when it shall begin: ${kubectl} edit postgrescluster ${name}`;
  if (spec.paused === true) return `pgc resume ${name} ${where} when it shall begin`;
  return `nothing: it begins by itself then. To have it now take spec.maintenanceWindows out: ${kubectl} edit postgrescluster ${name}`;
}

/** By type and reason of a condition; `false` lists reasons that are as they should be. */
const conditionRules: Readonly<Record<string, (place: Place) => string>> = {
  'ConfigurationValid/InvalidSpec': (place) =>
    `put that field right: ${edit(place)}; until then the cluster stays as it is`,
  'ConfigurationValid/RolloutFailed': (place) =>
    `put that field right, or back to what it was: ${edit(place)}; until then what ran before runs on`,
  'ConfigurationValid/Held': heldStep,
  'PendingApproval/AboveMaxDisruption': ({ cluster, where }) =>
    `pgc approve ${cluster.name} ${where}, or change the edit`,
  'WritesBlocked/NoSyncStandby': ({ cluster, where }) =>
    `bring a replica back (pgc status ${cluster.name} ${where} says which is missing), or set spec.synchronous.mode to Preferred`,
  'Paused/PatroniPaused': ({ cluster, kubectl }) =>
    `whoever paused it resumes it: ${kubectl} exec ${cluster.name}-0 -- patronictl -c /home/postgres/postgres.yml resume`,
  'StorageReady/Unbound': ({ kubectl }) => `see why: ${kubectl} describe pvc`,
  'StorageReady/TooSmall': ({ kubectl }) => `see what the driver says: ${kubectl} describe pvc`,
};

function conditionSteps({ status }: Evidence, place: Place): readonly NextStep[] {
  return (status?.conditions ?? []).flatMap(({ type, status: is, reason, message }) => {
    const step = conditionRules[`${type}/${reason}`];
    const because = (reason === 'Held' ? status?.nextAction : null) ?? message;
    if (step !== undefined) return [{ object: `PostgresCluster/${place.cluster.name}`, because, step: step(place) }];
    if (type !== 'RequestRefused' || is !== 'True') return [];
    // Which one holds the password that cannot be one; it need not be the one that asked.
    const secret = (/password of Secret (\S+)/.exec(message) ?? /Secret (\S+) says/.exec(message))?.[1];
    if (secret !== undefined)
      return [{ object: `Secret/${secret}`, because: message, step: `${place.kubectl} edit secret ${secret}` }];
    const again = 'put right what stands in its way, and ask again with another token';
    return [{ object: `PostgresCluster/${place.cluster.name}`, because: message, step: again }];
  });
}

/** Somebody changes an object back each time the operator has put it right. */
function warSteps({ status, repairs }: Evidence, { kubectl }: Place): readonly NextStep[] {
  const failing = status?.conditions.find(({ type, status: is }) => type === 'ReconcileFailing' && is === 'True');
  return [...repairs].flatMap(([key, { count, because, managers }]) => {
    if (failing?.message.includes(`${key}: it was put right`) !== true) return [];
    const [kind = '', name = ''] = key.split('/');
    const who = managers.size === 0 ? 'whoever writes it' : `${[...managers].join(', ')}, seen on its fields,`;
    return [
      {
        object: key,
        because: `it was put right ${count} times, and is changed back each time: ${because}`,
        step: `find and stop ${who} (${kubectl} get ${kind.toLowerCase()} ${name} -o yaml --show-managed-fields), or ask for that value in the spec`,
      },
    ];
  });
}

const asksAgain = 'the operator asks again by itself, later each time';

const rights = 'give the operator its rights back: kubectl apply -n postgres-operator-system -f deploy/base/rbac.yaml';
const unreachable =
  'see whether the API server answers (kubectl get --raw /readyz) and what the operator says (kubectl -n postgres-operator-system logs deployment/postgres-operator)';

const crowded = `find who fills the API server (kubectl get --raw /debug/api_priority_and_fairness/dump_priority_levels; kubectl get flowschemas); ${asksAgain}`;

/** By the machine word of what failed. */
const troubleRules: Readonly<Record<string, string>> = {
  Forbidden: `${rights}; ${asksAgain}`,
  TooManyRequests: crowded,
  Http429: crowded,
};

/** Sources that are not heard are one trouble: who does not answer is the same for all. */
function unheardSteps({ troubles }: Evidence): readonly NextStep[] {
  const unheard = troubles.filter(({ reason }) => reason === 'Unheard');
  const first = unheard.find(({ because }) => because.includes('last tried')) ?? unheard[0];
  if (first === undefined) return [];
  const isForbidden = /forbidden/i.test(first.because);
  return [
    {
      object: `watched ${unheard.map(({ what }) => what).join(', ')}`,
      because: first.because,
      step: `${isForbidden ? rights : unreachable}; until it is heard nothing is decided, and Patroni goes on by itself`,
    },
  ];
}

function troubleSteps({ troubles }: Evidence): readonly NextStep[] {
  return troubles.flatMap(({ what, because, reason }) => {
    const step = troubleRules[reason];
    return step === undefined ? [] : [{ object: what.split(' ').at(-1) ?? what, because, step }];
  });
}

function restartSteps({ restarts }: Evidence, { cluster }: Place): readonly NextStep[] {
  const last = restarts.at(-1);
  if (last === undefined) return [];
  return [
    {
      object: 'the operator',
      because: `it ended and started again at ${timeWords(last.at)} (term ${last.epoch}), and went on from its journal`,
      step: `nothing for ${cluster.name}. Why it ended: kubectl -n postgres-operator-system describe pod; kubectl -n postgres-operator-system logs deployment/postgres-operator --previous`,
    },
  ];
}

/**
 * A leader that cannot do what it holds the key for: on a full volume not even the file can be written that asks PostgreSQL to
 * promote. Patroni tries again for ever, and nobody else may.
 */
function leaderSteps(evidence: Evidence, { cluster, kubectl, where }: Place): readonly NextStep[] {
  const holder = holderOf(evidence);
  const pod = podsOf(evidence).find(({ object }) => object.name === holder);
  if (pod?.detail.patroni?.role !== 'replica' || pod.object.deleting || evidence.status?.phase === 'Running') return [];
  const { name } = pod.object;
  return [
    {
      object: `Pod/${name}`,
      because: 'it holds the leader key, but PostgreSQL in it is a replica',
      step: `nothing in the first seconds: Patroni promotes it. If it lasts, it cannot, as on a full volume: read why (pgc logs ${cluster.name} ${where} --member ${name}; ${kubectl} exec ${name} -- df -h /home/postgres/pgdata), and let another member take over: ${kubectl} delete pod ${name}`,
    },
  ];
}

/** When nothing is in anybody's hands. */
const waiting: Readonly<Record<Phase, string>> = {
  Pending: 'nothing yet: the operator goes on when that is so',
  Creating: 'nothing yet: the operator goes on when that is so',
  Running: 'nothing has to be done',
  Updating: 'nothing yet: the operator goes on by itself, member by member; what does not become ready is named here',
  Scaling: 'nothing yet: the operator goes on by itself, member by member; what does not become ready is named here',
  Degraded: 'nothing yet: the member follows by itself; if it does not within minutes, read what it logs (pgc logs)',
  Recovering:
    'nothing yet: Patroni chooses a leader within its time to live; if it does not, read what members log (pgc logs)',
  Failed: 'read what members log (pgc logs); the operator goes on trying',
  Deleting: 'nothing yet: the operator goes on when that is so',
};

/** What a person does next. Never empty once the cluster was seen: that nothing has to be done is an answer too. */
export function nextSteps(evidence: Evidence): readonly NextStep[] {
  const { cluster, status } = evidence;
  if (cluster === null) return [];
  const place = { cluster, kubectl: `kubectl -n ${cluster.namespace}`, where: `-n ${cluster.namespace}` };
  const steps = [
    ...unheardSteps(evidence),
    ...troubleSteps(evidence),
    ...blockedSteps(evidence, place),
    ...podSteps(evidence, place),
    ...conditionSteps(evidence, place),
    ...warSteps(evidence, place),
    ...leaderSteps(evidence, place),
    ...restartSteps(evidence, place),
  ];
  if (steps.length > 0 || status === null) return steps;
  const phase = phases.find((each) => each === status.phase) ?? 'Pending';
  return [{ object: `PostgresCluster/${cluster.name}`, because: evidence.underWay, step: waiting[phase] }];
}

/** A step in one line. */
export function nextStepWords({ object, because, step }: NextStep): string {
  return because === null ? `${object}: ${step}` : `${object}: ${because} → ${step}`;
}

/** The steps as lines: what is so, and under it what to do. */
export function nextStepLines(steps: readonly NextStep[]): readonly string[] {
  return steps.flatMap(({ object, because, step }) =>
    because === null ? [`next      ${object}: ${step}`] : [`next      ${object}: ${because}`, `          → ${step}`],
  );
}
