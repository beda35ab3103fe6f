/** Owns: observations and rows in plain words, for every reader: why, journal, page. Pure. */
import { phaseOf } from '#machines/cluster/chart.ts';
import type { ClusterObservation, ObjectProjection, Outcome } from '#machines/cluster/observations.ts';
import { withoutSpecs } from './spec-values.ts';

function podWords(object: ObjectProjection): string {
  const { detail, name } = object;
  if (detail.type !== 'Pod') return `${object.kind} ${name} was seen`;
  const { patroni } = detail;
  const report =
    patroni === null
      ? 'Patroni does not report'
      : `Patroni says ${patroni.role}, ${patroni.state}, timeline ${patroni.timeline ?? 'unknown'}`;
  const parts = [
    report,
    detail.ready ? 'Ready' : 'not Ready',
    ...(object.deleting ? ['terminating'] : []),
    ...(detail.trouble === null ? [] : [detail.trouble]),
    ...(detail.lastExit === null ? [] : [`ended before: ${detail.lastExit}`]),
  ];
  return `${name}: ${parts.join('; ')}`;
}

function objectWords(object: ObjectProjection, changed: readonly string[]): string {
  const { detail } = object;
  if (detail.type === 'Pod') return podWords(object);
  if (detail.type === 'Endpoints' || detail.type === 'ConfigMap') {
    const { leader, systemIdentifier, failover } = detail.dcs;
    if (failover !== null)
      return `${object.kind} ${object.name}: ${failover.leader ?? 'the leader'} is asked to hand over to ${failover.candidate ?? 'anybody'}`;
    if (leader !== null) return `${object.kind} ${object.name}: ${leader} holds the leader key`;
    if (systemIdentifier !== null)
      return `${object.kind} ${object.name}: initialised, system identifier ${systemIdentifier}`;
  }
  const what = object.deleting
    ? 'is being deleted'
    : changed.length > 0
      ? `changed: ${changed.map(withoutSpecs).join('; ')}`
      : 'was seen';
  return `${object.kind} ${object.name} ${what}`;
}

/** An arrow taken, by phases; by states where it stays within one phase. */
export function arrowWords(from: string, to: string): string {
  const [left, right] = [phaseOf(from), phaseOf(to)];
  if (left !== right) return `${left} → ${right}`;
  return `${from.replace('Alive.', '')} → ${to.replace('Alive.', '')}`;
}

/** How an effect ended, in a few words. */
export function outcomeWords(outcome: Outcome): string {
  switch (outcome.type) {
    case 'applied':
      return 'done';
    case 'deleted':
      return 'deleted';
    case 'absent':
      return 'nothing there';
    case 'conflict':
    case 'refused':
    case 'transient':
      return `${outcome.type}: ${outcome.reason}: ${outcome.message}`;
    case 'unknown':
    case 'withheld':
      return `${outcome.type}: ${outcome.reason}`;
    case 'read':
      return outcome.object === null ? 'there is none' : 'it is there';
    case 'compared':
      return 'compared';
    case 'done':
      return `done: ${Object.entries(outcome.result)
        .map(([key, value]) => `${key} ${value}`)
        .join(', ')}`;
  }
}

/** An observation as one clause. */
export function observationWords(observation: ClusterObservation): string {
  switch (observation.type) {
    case 'ProcessStarted':
      return `the operator started (build ${observation.build}, term ${observation.epoch})`;
    case 'OperatorConfigSeen':
      return 'the operator’s settings were read';
    case 'ClusterSeen':
      return observation.cluster.deleting
        ? 'the PostgresCluster is being deleted'
        : `the PostgresCluster was seen, generation ${observation.cluster.generation}`;
    case 'ClusterGone':
      return 'the PostgresCluster is gone';
    case 'PublishedStatusSeen':
      return `its status said ${observation.status.phase ?? 'nothing yet'}`;
    case 'ObjectSeen':
      return objectWords(observation.object, observation.changed);
    case 'ObjectGone':
      return `${observation.object.kind} ${observation.object.name} is gone`;
    case 'Synced':
      return `all kinds are listed, ${observation.objects.length} objects`;
    case 'SourceWentStale':
      return `nothing heard from ${observation.source}: ${observation.because}`;
    case 'SourceFresh':
      return `${observation.source} is heard again`;
    case 'LeaderSilent':
      return `the leader has not renewed its key for ${Math.round(observation.silentMs / 1000)} s`;
    case 'LeaderHeard':
      return 'the leader renews its key again';
    case 'TurnTold':
      return `the fleet says of ${observation.subject}: ${observation.answer}, ${observation.because}`;
    case 'TimerFired':
      return `timer ${observation.id} fired`;
    case 'OutcomeArrived':
      return `${observation.intent} ${observation.target.kind}/${observation.target.name}: ${outcomeWords(observation.outcome)}`;
  }
}
