/**
 * Owns: the door for the objects around a cluster: a live object of unknown shape becomes an ObjectProjection, by an
 * allow-list per kind, in fixed key order. The executor uses the same door on the answers it gets.
 * Does not own: which cluster an object belongs to (`../roster.ts`), nor what is new about it (`../sights.ts`).
 *
 * I1. No value of a Secret and no value of an environment variable passes, in whatever field it arrives. Of a Secret's values
 *     keyed digests pass, where the caller has a key.
 * I2. No resourceVersion and no managedFields pass: of those, one hash and the paths of foreign managers remain.
 * I3. Equal objects give equal texts; `maskVersion` is raised with every change of what passes.
 */
import { isObject } from '#machines/shared/json.ts';
import { fieldManagers } from '#machines/shared/names.ts';
import type { ForeignPath, ObjectDetail, ObjectProjection, WatchedKind } from '#machines/cluster/observations.ts';
import { foreignPaths, ownedFields, ownedHash } from '#src/resources/ownership.ts';
import { type Address, addressOf, metadataSeen } from './metadata.ts';
import {
  claimDetail,
  configMapDetail,
  type Digest,
  endpointsDetail,
  secretDetail,
  serviceDetail,
  statefulSetDetail,
} from './objects.ts';
import { podDetail } from './pod.ts';
import { type Decoded, type JsonRecord } from './reading.ts';

/** Version of the allow-lists; stands in every row. A newer build answers Unknown about fields an older mask dropped. */
export const maskVersion = 1;

function detailOf(kind: WatchedKind, object: JsonRecord, at: Address, digest: Digest | null): ObjectDetail {
  switch (kind) {
    case 'StatefulSet':
      return statefulSetDetail(object);
    case 'Pod':
      return podDetail(object);
    case 'Service':
      return serviceDetail(object);
    case 'Endpoints':
      return endpointsDetail(object);
    case 'ConfigMap':
      return configMapDetail(object);
    case 'Secret':
      return secretDetail(object, at, digest);
    case 'PersistentVolumeClaim':
      return claimDetail(object);
    case 'PodDisruptionBudget':
    case 'ServiceAccount':
    case 'Role':
    case 'RoleBinding':
      return { type: 'Other' };
  }
}

/** Kinds we never apply; asking who owns their fields would cost every heartbeat and answer nothing. */
const neverApplied: ReadonlySet<WatchedKind> = new Set<WatchedKind>(['Pod', 'Endpoints']);

/**
 * The object as the ownership rules want it: with its kind, which items of a list lack, and without a Secret's values,
 * since even a hash of them would tell a weak password.
 */
function withKind(kind: WatchedKind, object: JsonRecord): JsonRecord {
  if (kind !== 'Secret') return { ...object, kind };
  const { data: _data, stringData: _stringData, ...rest } = object;
  return { ...rest, kind };
}

interface Ownership {
  readonly ownedHash: string | null;
  readonly foreign: readonly ForeignPath[];
}

/** What our apply manager owns of a live object, and what others own beside it. */
export function ownershipSeen(kind: WatchedKind, object: JsonRecord): Ownership {
  if (neverApplied.has(kind)) return { ownedHash: null, foreign: [] };
  const safe = withKind(kind, object);
  const hash = ownedHash(safe, fieldManagers.objects);
  // Of an object in which nothing is ours nothing is foreign either: all of it is somebody else's.
  return { ownedHash: hash, foreign: hash === null ? [] : foreignPaths(safe) };
}

/**
 * Values of the fields our manager owns, as JSON text by path of the field set; empty for kinds whose content must not be
 * told. Only for the words of `changed`; never recorded as a whole.
 */
export function ownedValues(kind: WatchedKind, object: JsonRecord): Readonly<Record<string, string>> {
  if (neverApplied.has(kind) || kind === 'Secret') return {};
  return ownedFields(withKind(kind, object), fieldManagers.objects);
}

/**
 * Projects a live object.
 * @param kind of the source or request it came from; items of a list do not name theirs
 * @param object as the API server sent it
 * @param digest of this install's key; null leaves digests of Secrets out
 * @returns undecodable when it has no identity; every other flaw costs only the field it is in
 */
export function projectObject(
  kind: WatchedKind,
  object: unknown,
  digest: Digest | null = null,
): Decoded<ObjectProjection> {
  const address = addressOf(object);
  if (address.type === 'undecodable') return address;
  if (!isObject(object)) return { type: 'undecodable', problems: ['it is no JSON object'] };
  const seen = metadataSeen(object);
  const ownership = ownershipSeen(kind, object);
  return {
    type: 'decoded',
    value: {
      kind,
      name: address.value.name,
      uid: address.value.uid,
      generation: seen.generation,
      deleting: seen.deleting,
      labels: seen.labels,
      annotations: seen.annotations,
      finalizers: seen.finalizers,
      owners: seen.owners,
      ownedHash: ownership.ownedHash,
      foreign: ownership.foreign,
      effect: seen.effect,
      detail: detailOf(kind, object, address.value, digest),
    },
  };
}
