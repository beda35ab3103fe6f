/**
 * Owns: what Patroni writes into annotations, as facts: a member's report on its pod, the leader key and the
 * configuration on Endpoints or ConfigMaps.
 *
 * I1. What changes with every heartbeat (renewTime, acquireTime, optime, slots) never passes: an idle cluster is silent.
 * I2. Positions pass in steps of 16 MiB, one WAL segment: close enough to judge lag, far enough to be quiet.
 * I3. The system identifier stays text: it exceeds 2^53.
 * I4. Damaged JSON is null and costs only itself.
 */
import { isObject, sortedKeys } from '#machines/shared/json.ts';
import type { DcsSeen, PatroniMember } from '#machines/cluster/observations.ts';
import { type JsonRecord, numberOf, parsedRecord, textOf } from './reading.ts';

/** Bytes; the size of a WAL segment as Spilo builds clusters. */
export const positionStepBytes = 16 * 1024 * 1024;

function quantised(bytes: number | null): number | null {
  return bytes === null || bytes < 0 ? null : Math.floor(bytes / positionStepBytes) * positionStepBytes;
}

/**
 * A member's own report.
 * @param annotation text of the pod annotation `status`, as Patroni 3.0 and later write it
 * @returns null when there is none, or it is damaged, or it names no state or role
 */
export function patroniMember(annotation: unknown): PatroniMember | null {
  const report = parsedRecord(annotation);
  const state = textOf(report?.['state']);
  const role = textOf(report?.['role']);
  if (report === null || state === null || role === null) return null;
  // Since 3.0.4 a running replica says apart whether it streams or reads from an archive; 3.0.2 says `running` only.
  const replication = state === 'running' ? textOf(report['replication_state']) : null;
  return {
    state: replication ?? state,
    role,
    timeline: numberOf(report['timeline']),
    positionBytes: quantised(numberOf(report['xlog_location'])),
    pendingRestart: report['pending_restart'] === true,
    version: textOf(report['version']),
  };
}

function wholeNumber(text: string | null): number | null {
  return text !== null && /^\d{1,9}$/.test(text) ? Number(text) : null;
}

/** Patroni's keys on the annotations of its leader or configuration object; all null on an object that is not Patroni's. */
export function dcsSeen(annotations: JsonRecord): DcsSeen {
  const identifier = textOf(annotations['initialize']);
  const config = parsedRecord(annotations['config']);
  const failsafe = parsedRecord(annotations['failsafe']);
  return {
    leader: textOf(annotations['leader']),
    ttlSeconds: wholeNumber(textOf(annotations['ttl'])),
    systemIdentifier: identifier !== null && /^\d{1,20}$/.test(identifier) ? identifier : null,
    paused: config?.['pause'] === true,
    config: config === null || holdsSecret(config) ? null : (sortedKeys(config) as DcsSeen['config']),
    failover: failoverSeen(annotations),
    syncStandbys: standbysSeen(annotations['sync_standby']),
    // The addresses beside the names are those of the pods.
    ...(failsafe === null ? {} : { failsafe: Object.keys(failsafe).sort() }),
  };
}

/** Words in a key whose value no configuration of ours holds and no journal may. */
const secretKey = /pass|secret|token|conninfo/i;

function holdsSecret(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(holdsSecret);
  if (!isObject(value)) return false;
  return Object.entries(value).some(([key, each]) => secretKey.test(key) || holdsSecret(each));
}

/** Patroni leaves empty texts behind when a switchover is over. */
function failoverSeen(annotations: JsonRecord): DcsSeen['failover'] {
  const leader = textOf(annotations['leader']);
  const candidate = textOf(annotations['member']);
  return candidate === null ? null : { leader, candidate };
}

/** `a,b` in the order of the names; null when there is no such key. */
function standbysSeen(text: unknown): DcsSeen['syncStandbys'] {
  if (typeof text !== 'string') return null;
  return text
    .split(',')
    .filter((name) => name !== '')
    .sort();
}
