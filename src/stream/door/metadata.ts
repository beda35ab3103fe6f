/**
 * Owns: what stands in the metadata of every object: where it belongs, and the part of it that passes the door.
 */
import { isObject } from '#machines/shared/json.ts';
import { annotations, apiGroup, labels } from '#machines/shared/names.ts';
import type { OwnerSeen } from '#machines/cluster/observations.ts';
import { type Decoded, type JsonRecord, listOf, numberOf, recordOf, textMapOf, textOf, textsOf } from './reading.ts';

/** Identity and place of a live object. `resourceVersion` is for the versions cache alone and never becomes a fact. */
export interface Address {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
  /** Value of the cluster label; null when the object bears none. */
  readonly cluster: string | null;
}

/** Where a live object belongs. Undecodable without namespace, name, uid or resourceVersion. */
export function addressOf(object: unknown): Decoded<Address> {
  const metadata = recordOf(recordOf(object)['metadata']);
  const namespace = textOf(metadata['namespace']);
  const name = textOf(metadata['name']);
  const uid = textOf(metadata['uid']);
  const resourceVersion = textOf(metadata['resourceVersion']);
  if (namespace !== null && name !== null && uid !== null && resourceVersion !== null) {
    const cluster = textOf(recordOf(metadata['labels'])[labels.cluster]);
    return { type: 'decoded', value: { namespace, name, uid, resourceVersion, cluster } };
  }
  const missing = Object.entries({ namespace, name, uid, resourceVersion }).flatMap(([field, value]) =>
    value === null ? [field] : [],
  );
  return { type: 'undecodable', problems: missing.map((field) => `metadata.${field} is missing`) };
}

/** True for annotations that mean something to the operator, but for the effect key, which has a field of its own. */
export function isOurs(annotation: string): boolean {
  return annotation.startsWith(`${apiGroup}/`) && annotation !== annotations.effect;
}

function ownersOf(metadata: JsonRecord): readonly OwnerSeen[] {
  return listOf(metadata['ownerReferences'])
    .filter(isObject)
    .map((owner) => ({
      kind: textOf(owner['kind']) ?? '',
      name: textOf(owner['name']) ?? '',
      uid: textOf(owner['uid']) ?? '',
      controller: owner['controller'] === true,
    }));
}

/** The metadata that passes, in the order in which projections are written. */
export interface MetadataSeen {
  readonly generation: number | null;
  readonly deleting: boolean;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly finalizers: readonly string[];
  readonly owners: readonly OwnerSeen[];
  readonly effect: string | null;
}

/** The part of the metadata that passes the door. */
export function metadataSeen(object: JsonRecord): MetadataSeen {
  const metadata = recordOf(object['metadata']);
  return {
    generation: numberOf(metadata['generation']),
    deleting: textOf(metadata['deletionTimestamp']) !== null,
    labels: textMapOf(metadata['labels']),
    annotations: textMapOf(metadata['annotations'], isOurs),
    finalizers: textsOf(metadata['finalizers']),
    owners: ownersOf(metadata),
    effect: textOf(recordOf(metadata['annotations'])[annotations.effect]),
  };
}
