/**
 * Owns: the detail of a pod: whether it is Ready, why it is not, what Patroni reports from it.
 * Never: environment, volumes, commands, or anything else of the spec.
 */
import { isObject } from '#machines/shared/json.ts';
import { labels } from '#machines/shared/names.ts';
import type { PodDetail } from '#machines/cluster/observations.ts';
import { patroniMember } from './patroni.ts';
import { type JsonRecord, listOf, numberOf, recordOf, textOf } from './reading.ts';

/** Longest reason that passes: the scheduler lists every node it turned down. */
const troubleLengthMax = 200;

/** The container that runs PostgreSQL when the pod has several. */
const databaseContainer = 'postgres';

function databaseStatus(status: JsonRecord): JsonRecord {
  const all = listOf(status['containerStatuses']).filter(isObject);
  return all.find((each) => each['name'] === databaseContainer) ?? all[0] ?? {};
}

function condition(status: JsonRecord, type: string): JsonRecord {
  return (
    listOf(status['conditions'])
      .filter(isObject)
      .find((each) => each['type'] === type) ?? {}
  );
}

/** The kubelet alternates between two words for one trouble; a fact keeps one. */
function waitingReason(waiting: JsonRecord, image: string | null): string | null {
  const reason = textOf(waiting['reason']);
  const pulling =
    reason === 'ErrImagePull' ||
    reason === 'ImagePullBackOff' ||
    reason === 'ErrImageNeverPull' ||
    reason === 'InvalidImageName';
  if (!pulling) return reason;
  const word = reason === 'ErrImagePull' ? 'ImagePullBackOff' : reason;
  return image === null ? word : `${word} (${image})`;
}

function ending(terminated: unknown): string | null {
  if (!isObject(terminated)) return null;
  return `${textOf(terminated['reason']) ?? 'Ended'} (${numberOf(terminated['exitCode']) ?? 'no exit code'})`;
}

function initTrouble(status: JsonRecord): string | null {
  for (const each of listOf(status['initContainerStatuses']).filter(isObject)) {
    const reason = textOf(recordOf(recordOf(each['state'])['waiting'])['reason']);
    if (reason !== null && reason !== 'PodInitializing')
      return `init container ${textOf(each['name']) ?? ''}: ${reason}`;
  }
  return null;
}

function troubleOf(status: JsonRecord, container: JsonRecord): string | null {
  const whole = textOf(status['reason']);
  if (whole !== null) return whole;
  const scheduled = condition(status, 'PodScheduled');
  if (scheduled['status'] === 'False') {
    return `${textOf(scheduled['reason']) ?? 'Unscheduled'}: ${textOf(scheduled['message']) ?? 'no node takes it'}`;
  }
  const state = recordOf(container['state']);
  if (isObject(state['waiting'])) {
    return initTrouble(status) ?? waitingReason(state['waiting'], textOf(container['image'])) ?? 'Waiting';
  }
  const ended = ending(state['terminated']);
  return ended === null ? null : `terminated: ${ended}`;
}

/**
 * The detail of a pod.
 * @param object the live object; Patroni 3.0 and 4.0 spelling of its `status` annotation alike
 */
export function podDetail(object: JsonRecord): PodDetail {
  const metadata = recordOf(object['metadata']);
  const status = recordOf(object['status']);
  const container = databaseStatus(status);
  const trouble = troubleOf(status, container);
  return {
    type: 'Pod',
    phase: textOf(status['phase']) ?? 'Unknown',
    ready: condition(status, 'Ready')['status'] === 'True',
    node: textOf(recordOf(object['spec'])['nodeName']),
    ip: textOf(status['podIP']),
    role: textOf(recordOf(metadata['labels'])[labels.role]),
    patroni: patroniMember(recordOf(metadata['annotations'])['status']),
    trouble: trouble === null ? null : trouble.slice(0, troubleLengthMax),
    restarts: numberOf(container['restartCount']) ?? 0,
    lastExit:
      ending(recordOf(container['state'])['terminated']) ?? ending(recordOf(container['lastState'])['terminated']),
  };
}
