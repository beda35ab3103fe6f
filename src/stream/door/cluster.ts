/**
 * Owns: the door for the PostgresCluster itself: its spec and the metadata that matters, and its status as it is read once.
 *
 * I1. Equal clusters give equal texts, whatever the order in which the API server wrote their keys.
 * I2. A PostgresCluster whose fields do not have their shapes is told with what is wrong: half a spec is no wish, and
 *     nothing of it is accepted, but its condition can say so and a cluster that runs goes on with the spec it has.
 */
import { isObject, sortedKeys } from '#machines/shared/json.ts';
import type { PostgresClusterSpec } from '#crds/postgrescluster.gen.ts';
import { apiGroup } from '#machines/shared/names.ts';
import type { ClusterProjection, DcsMode, Misfit, PublishedStatus } from '#machines/cluster/observations.ts';
import type { Json } from '#machines/cluster/plan.ts';
import { statusTextHash } from '#src/decision/status.ts';
import { addressOf } from './metadata.ts';
import { type Decoded, type JsonRecord, listOf, numberOf, recordOf, textMapOf, textOf, textsOf } from './reading.ts';
import { misfits, specShapes } from './shapes.ts';

const specShape = { type: 'object', needs: ['version', 'storage'], fields: specShapes } as const;

/** The fields the schema knows, keys sorted throughout. The cast is vouched for by `misfits`. */
function specOf(spec: JsonRecord): PostgresClusterSpec {
  const known = Object.entries(spec).filter(([field]) => field in specShapes);
  return sortedKeys(Object.fromEntries(known)) as PostgresClusterSpec;
}

/**
 * The fields that have their shapes, and harmless ones for those that must be there; never accepted. Protection that cannot
 * be read counts as protection.
 */
function safeSpec(spec: unknown, problems: readonly Misfit[]): PostgresClusterSpec {
  const isSound = (field: string): boolean =>
    !problems.some(
      (problem) =>
        problem.field === `spec.${field}` ||
        problem.field.startsWith(`spec.${field}.`) ||
        problem.field.startsWith(`spec.${field}[`),
    );
  const sound = Object.fromEntries(Object.entries(recordOf(spec)).filter(([field]) => isSound(field)));
  const guarded = isSound('deletionProtection') ? {} : { deletionProtection: true };
  return specOf({ version: '', storage: { size: '' }, ...sound, ...guarded });
}

/** Projects a live PostgresCluster. Undecodable when it has no identity. */
export function projectCluster(object: unknown): Decoded<ClusterProjection> {
  const address = addressOf(object);
  if (address.type === 'undecodable') return address;
  const metadata = recordOf(recordOf(object)['metadata']);
  const spec = recordOf(object)['spec'];
  const problems = misfits(spec, specShape, 'spec');
  return {
    type: 'decoded',
    value: {
      uid: address.value.uid,
      namespace: address.value.namespace,
      name: address.value.name,
      generation: numberOf(metadata['generation']) ?? 0,
      deleting: textOf(metadata['deletionTimestamp']) !== null,
      finalizers: textsOf(metadata['finalizers']),
      annotations: textMapOf(metadata['annotations'], (key) => key.startsWith(`${apiGroup}/`)),
      ...(problems.length === 0 && isObject(spec)
        ? { spec: specOf(spec) }
        : { spec: safeSpec(spec, problems), misfits: problems }),
    },
  };
}

function dcsMode(value: unknown): DcsMode | null {
  return value === 'Endpoints' || value === 'ConfigMaps' ? value : null;
}

function conditionsOf(status: JsonRecord): PublishedStatus['conditions'] {
  return listOf(status['conditions'])
    .filter(isObject)
    .map((condition) => ({
      type: textOf(condition['type']) ?? '',
      status: textOf(condition['status']) ?? 'Unknown',
      reason: textOf(condition['reason']) ?? '',
      message: textOf(condition['message']) ?? '',
      lastTransitionTime: textOf(condition['lastTransitionTime']) ?? '',
      observedGeneration: numberOf(condition['observedGeneration']) ?? 0,
    }));
}

function journalOf(status: JsonRecord): PublishedStatus['journal'] {
  const journal = recordOf(status['journal']);
  const epoch = numberOf(journal['epoch']);
  const seq = numberOf(journal['seq']);
  return epoch === null || seq === null ? null : { epoch, seq };
}

/**
 * What our own status says. Total: what is missing or damaged is null, since a status written by hand must not stop us.
 * @param object the live PostgresCluster
 */
export function publishedStatus(object: unknown): PublishedStatus {
  const status = recordOf(recordOf(object)['status']);
  return {
    phase: textOf(status['phase']),
    observedGeneration: numberOf(status['observedGeneration']),
    rolledOutGeneration: numberOf(status['rolledOutGeneration']),
    systemIdentifier: textOf(status['systemIdentifier']),
    dcs: dcsMode(status['dcs']),
    image: textOf(status['image']),
    volumeSize: textOf(status['volumeSize']),
    retryCount: numberOf(status['retryCount']) ?? 0,
    lastError: textOf(status['lastError']),
    lastErrorTime: textOf(status['lastErrorTime']),
    previousReplicas: numberOf(status['previousReplicas']),
    handled: textMapOf(status['handled']),
    journal: journalOf(status),
    conditions: conditionsOf(status),
    // JSON of the wire is Json by construction; the parser knows no other values.
    textHash: statusTextHash(status as Json),
  };
}
