/**
 * Owns: the details of all watched kinds but the pod: workload, network, configuration, volumes.
 * Never: a Secret's values, a ConfigMap's data, a StatefulSet's template but for its hash.
 */
import { isObject } from '#machines/shared/json.ts';
import type {
  ConfigMapDetail,
  EndpointsDetail,
  PersistentVolumeClaimDetail,
  SecretDetail,
  SecretDigest,
  ServiceDetail,
  StatefulSetDetail,
} from '#machines/cluster/observations.ts';
import { annotations } from '#machines/shared/names.ts';
import { quantityBytes } from '#machines/shared/quantity.ts';
import { dcsSeen } from './patroni.ts';
import { type JsonRecord, listOf, numberOf, recordOf, textMapOf, textOf } from './reading.ts';

/** An absent `spec.replicas` means one to Kubernetes. */
export function statefulSetDetail(object: JsonRecord): StatefulSetDetail {
  const spec = recordOf(object['spec']);
  const template = recordOf(recordOf(spec['template'])['metadata']);
  const generation = numberOf(recordOf(object['metadata'])['generation']) ?? 0;
  const claim = recordOf(recordOf(listOf(spec['volumeClaimTemplates'])[0])['spec']);
  const claimSize = textOf(recordOf(recordOf(claim['resources'])['requests'])['storage']);
  return {
    type: 'StatefulSet',
    replicas: numberOf(spec['replicas']) ?? 1,
    template: textOf(recordOf(template['annotations'])[annotations.template]),
    current: (numberOf(recordOf(object['status'])['observedGeneration']) ?? -1) >= generation,
    ...(claimSize === null ? {} : { claimSize }),
  };
}

/** `selector` is null for a Service whose Endpoints somebody else writes. */
export function serviceDetail(object: JsonRecord): ServiceDetail {
  const selector = recordOf(object['spec'])['selector'];
  return { type: 'Service', selector: isObject(selector) ? textMapOf(selector) : null };
}

function annotationsOf(object: JsonRecord): JsonRecord {
  return recordOf(recordOf(object['metadata'])['annotations']);
}

/** Patroni's keys in Endpoints mode; addresses are derived from them and do not pass. */
export function endpointsDetail(object: JsonRecord): EndpointsDetail {
  return { type: 'Endpoints', dcs: dcsSeen(annotationsOf(object)) };
}

/** Patroni's keys in ConfigMaps mode; `data` does not pass. */
export function configMapDetail(object: JsonRecord): ConfigMapDetail {
  return { type: 'ConfigMap', dcs: dcsSeen(annotationsOf(object)) };
}

/** Digest of a Secret's `data`, as the API server gives it: base64 texts by key. Their order does not matter. */
export type Digest = (
  at: { readonly namespace: string; readonly name: string },
  data: Readonly<Record<string, string>>,
) => SecretDigest;

/** Names of a Secret's keys, whether they came as `data` or as `stringData`, and digests of `data` when there is a key. */
export function secretDetail(
  object: JsonRecord,
  at: { readonly namespace: string; readonly name: string },
  digest: Digest | null,
): SecretDetail {
  const keys = new Set([...Object.keys(recordOf(object['data'])), ...Object.keys(recordOf(object['stringData']))]);
  const detail = { type: 'Secret', keys: [...keys].sort() } as const;
  if (digest === null) return detail;
  const data = Object.entries(recordOf(object['data'])).map(([key, value]) => [key, String(value)]);
  return { ...detail, digest: digest(at, Object.fromEntries(data)) };
}

const binary = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'] as const;
const decimal = ['', 'k', 'M', 'G', 'T', 'P', 'E'] as const;

function spelled(bytes: number, base: number, suffixes: readonly string[]): string {
  let value = bytes;
  let step = 0;
  while (value !== 0 && value % base === 0 && step < suffixes.length - 1) {
    value /= base;
    step += 1;
  }
  return `${value}${suffixes[step] ?? ''}`;
}

/**
 * One text for one amount: `10240Mi` and `10Gi` become `10Gi`. The shorter of the binary and the decimal spelling;
 * binary when they are as long. A text that is no quantity, or no whole number of bytes, passes as it is.
 */
export function canonicalQuantity(text: string): string {
  const bytes = quantityBytes(text);
  if (!Number.isSafeInteger(bytes) || bytes < 0) return text;
  const inBinary = spelled(bytes, 1024, binary);
  const inDecimal = spelled(bytes, 1000, decimal);
  return inDecimal.length < inBinary.length ? inDecimal : inBinary;
}

/** Where a growth stands: what the newer field says, else the condition that holds. */
function resizingOf(status: JsonRecord): { readonly resizing?: string } {
  const stated = textOf(recordOf(status['allocatedResourceStatuses'])['storage']);
  const condition = listOf(status['conditions'])
    .filter(isObject)
    .find((each) => each['status'] === 'True' && /Resiz/.test(textOf(each['type']) ?? ''));
  const resizing = stated ?? textOf(condition?.['type']);
  return resizing === null ? {} : { resizing };
}

/** What is asked of a claim, and what it got. */
export function claimDetail(object: JsonRecord): PersistentVolumeClaimDetail {
  const spec = recordOf(object['spec']);
  const status = recordOf(object['status']);
  const requested = textOf(recordOf(recordOf(spec['resources'])['requests'])['storage']) ?? '0';
  const capacity = textOf(recordOf(status['capacity'])['storage']);
  return {
    type: 'PersistentVolumeClaim',
    phase: textOf(status['phase']) ?? 'Pending',
    requested: canonicalQuantity(requested),
    capacity: capacity === null ? null : canonicalQuantity(capacity),
    storageClass: textOf(spec['storageClassName']),
    ...resizingOf(status),
  };
}
