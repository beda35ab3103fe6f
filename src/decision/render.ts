/**
 * Owns: intents as complete requests to the API server. One row per intent type; a type without a row does not compile.
 * Preconditions: uid always, resourceVersion where the class asks for it, looked up through `versions` and recorded as
 * reads. First creation is an apply with `resourceVersion: "1"`: absent → created, present → 409.
 */
import { annotations, dcsFinalizer, fieldManagers, finalizer, labels, objectNames } from '#machines/shared/names.ts';
import { objectKey, type Intent, type IntentType } from '#machines/cluster/intents.ts';
import type { ObjectRef } from '#machines/cluster/observations.ts';
import type { DesiredObject, GeneratedKey, Plan } from '#machines/cluster/plan.ts';
import type { SqlRequest } from './record.ts';
import { onMember, patroniConfig, settings, switchover } from './render-patroni.ts';
import {
  api,
  apply,
  applyType,
  desiredOf,
  jsonPatchType,
  lookUp,
  merge,
  pathOf,
  type JsonObject,
  type RenderContext,
  type Rendered,
} from './requests.ts';
import { resourcePath } from './paths.ts';

function finalizerRequest(context: RenderContext, uid: string, held: boolean): Rendered {
  const cluster = context.facts.world.cluster?.seen;
  const metadata = {
    name: cluster?.name ?? '',
    namespace: cluster?.namespace ?? '',
    uid,
    ...(held ? { finalizers: [finalizer] } : {}),
  };
  return {
    request: api({
      method: 'PATCH',
      path: pathOf(context, { kind: 'PostgresCluster', name: cluster?.name ?? '' }),
      query: { fieldManager: fieldManagers.finalizer, force: 'true' },
      contentType: applyType,
      body: JSON.stringify({ apiVersion: 'postgres.example.com/v1alpha1', kind: 'PostgresCluster', metadata }),
    }),
    reads: [],
  };
}

/** Restores the Secret in force from the one people read when only the latter is left. */
function generatedFor(context: RenderContext, desired: DesiredObject): readonly GeneratedKey[] {
  const names = objectNames(context.facts.world.cluster?.seen.name ?? '');
  const spare = context.facts.world.objects[`Secret/${names.credentials}`]?.object.detail;
  if (desired.ref.name !== names.credentialsInForce || spare === undefined || spare.type !== 'Secret')
    return desired.generated;
  return desired.generated.map((generated) =>
    spare.keys.includes(generated.key)
      ? { key: generated.key, generator: { type: 'copy', secret: names.credentials, key: generated.key } }
      : generated,
  );
}

function createSecret(context: RenderContext, ref: ObjectRef): Rendered | null {
  const desired = desiredOf(context, ref);
  const rendered = apply(context, ref, { resourceVersion: '1' }, []);
  if (desired === null || rendered === null || rendered.request.type !== 'api') return rendered;
  return { ...rendered, request: { ...rendered.request, generated: generatedFor(context, desired) } };
}

function adopt(context: RenderContext, intent: Extract<Intent, { type: 'AdoptObject' }>): Rendered | null {
  const { kind } = intent.target;
  if (kind === 'Secret' || kind === 'PersistentVolumeClaim') {
    const uid = context.facts.world.cluster?.seen.uid ?? '';
    return merge(context, intent, {
      labels: { [labels.clusterUid]: uid, [labels.retained]: null },
      annotations: {
        [annotations.systemIdentifier]: null,
        [annotations.major]: null,
        [annotations.effect]: { $effect: '' },
      },
    });
  }
  const read = lookUp(context, intent);
  return read === null
    ? null
    : apply(context, intent.target, { uid: read.uid, resourceVersion: read.resourceVersion }, [read]);
}

function remainingFinalizers(context: RenderContext, ref: ObjectRef): readonly string[] {
  const object = context.facts.world.objects[objectKey(ref)]?.object;
  return object?.finalizers.filter((name) => name !== dcsFinalizer) ?? [];
}

function remove(context: RenderContext, intent: Extract<Intent, { type: 'DeleteObject' }>): Rendered | null {
  const read = lookUp(context, intent);
  if (read === null) return null;
  return {
    request: api({
      method: 'DELETE',
      path: pathOf(context, intent.target),
      query: {},
      contentType: 'application/json',
      body: JSON.stringify({
        apiVersion: 'v1',
        kind: 'DeleteOptions',
        preconditions: { uid: read.uid, resourceVersion: read.resourceVersion },
        propagationPolicy: 'Background',
      }),
    }),
    reads: [read],
  };
}

/** Order of JSON pointers with array indices as numbers: `/a/9` before `/a/10`. */
function pointerOrder(left: string, right: string): number {
  const [first, second] = [left.split('/'), right.split('/')];
  for (let index = 0; index < Math.max(first.length, second.length); index += 1) {
    const [one = '', other = ''] = [first[index], second[index]];
    if (one === other) continue;
    const numbers = /^\d+$/.test(one) && /^\d+$/.test(other);
    if (numbers) return Number(one) - Number(other);
    return one < other ? -1 : 1;
  }
  return 0;
}

function removeForeign(
  context: RenderContext,
  intent: Extract<Intent, { type: 'RemoveForeignFields' }>,
): Rendered | null {
  const read = lookUp(context, intent);
  if (read === null) return null;
  // Later array items first, so that removing one does not move the others.
  const paths = [...intent.paths].sort((left, right) => -pointerOrder(left, right));
  const patch = [
    { op: 'test', path: '/metadata/resourceVersion', value: read.resourceVersion },
    { op: 'test', path: '/metadata/uid', value: read.uid },
    ...paths.map((path) => ({ op: 'remove', path })),
  ];
  return {
    request: api({
      method: 'PATCH',
      path: pathOf(context, intent.target),
      query: { fieldManager: fieldManagers.objects },
      contentType: jsonPatchType,
      body: JSON.stringify(patch),
    }),
    reads: [read],
  };
}

function event(context: RenderContext, intent: Extract<Intent, { type: 'EmitEvent' }>): Rendered {
  const cluster = context.facts.world.cluster?.seen;
  const namespace = cluster?.namespace ?? '';
  const time = new Date(Math.floor(context.at / 1000) * 1000).toISOString().replace('.000Z', 'Z');
  const body = {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: `${intent.target.name}.${context.suffix}`, namespace },
    involvedObject: {
      apiVersion: 'postgres.example.com/v1alpha1',
      kind: 'PostgresCluster',
      name: cluster?.name ?? '',
      namespace,
      uid: cluster?.uid ?? '',
    },
    reason: intent.reason,
    message: intent.note.slice(0, 1024),
    type: intent.severity,
    source: { component: 'postgres-operator' },
    firstTimestamp: time,
    lastTimestamp: time,
    count: 1,
  };
  return {
    request: api({
      method: 'POST',
      path: resourcePath('Event', namespace, null),
      query: {},
      contentType: 'application/json',
      body: JSON.stringify(body),
    }),
    reads: [],
  };
}

function database(context: RenderContext, intent: Extract<Intent, { type: 'CreateDatabase' }>): Rendered {
  const cluster = context.facts.world.cluster?.seen;
  const names = objectNames(cluster?.name ?? '');
  const request: SqlRequest = {
    type: 'sql',
    namespace: cluster?.namespace ?? '',
    pod: intent.target.name,
    container: 'postgres',
    procedure: 'ensure-application-database',
    arguments: { database: intent.database, owner: intent.owner },
    secret: { name: names.applicationSecret, key: 'password' },
  };
  return { request, reads: [] };
}

/** Keys that a pod's mark says were put there; none when it cannot be read. */
function keysOf(mark: string | undefined, field: 'labels' | 'annotations'): readonly string[] {
  try {
    const value: unknown = JSON.parse(mark ?? '{}');
    const keys: unknown = typeof value === 'object' && value !== null ? (value as JsonObject)[field] : [];
    return Array.isArray(keys) ? keys.filter((key): key is string => typeof key === 'string') : [];
  } catch {
    return [];
  }
}

function podLabels(context: RenderContext, intent: Extract<Intent, { type: 'LabelPod' }>): Rendered | null {
  const before = context.facts.world.objects[objectKey(intent.target)]?.object.annotations[annotations.podMetadata];
  const { podMetadata } = context.plan;
  const gone = (field: 'labels' | 'annotations'): JsonObject =>
    Object.fromEntries(keysOf(before, field).map((key) => [key, null]));
  return merge(context, intent, {
    labels: { ...gone('labels'), ...podMetadata.labels },
    annotations: {
      ...gone('annotations'),
      ...podMetadata.annotations,
      [annotations.podMetadata]: podMetadata.mark,
      [annotations.effect]: { $effect: '' },
    },
  });
}

function retainedMetadata(context: RenderContext): JsonObject {
  const { memory, world } = context.facts;
  // A journal lost after the StatefulSet went has no accepted spec any more; the version of a spec cannot be changed.
  const major = memory.accepted?.spec.version ?? world.cluster?.seen.spec.version ?? 'none';
  return {
    labels: { [labels.retained]: 'true' },
    annotations: {
      [annotations.systemIdentifier]: memory.systemIdentifier ?? 'none',
      [annotations.major]: major,
      [annotations.effect]: { $effect: '' },
    },
  };
}

type Renderers = {
  readonly [T in IntentType]: (context: RenderContext, intent: Extract<Intent, { type: T }>) => Rendered | null;
};

const renderers: Renderers = {
  AddFinalizer: (context, intent) => finalizerRequest(context, intent.uid, true),
  ReleaseFinalizer: (context, intent) => finalizerRequest(context, intent.uid, false),
  CreateObject: (context, intent) => apply(context, intent.target, { resourceVersion: '1' }, []),
  CreateSecret: (context, intent) => createSecret(context, intent.target),
  RepairObject: (context, intent) => apply(context, intent.target, { uid: intent.uid }, []),
  RepairStatefulSet: (context, intent) => {
    const read = lookUp(context, intent);
    return read === null
      ? null
      : apply(context, intent.target, { uid: read.uid, resourceVersion: read.resourceVersion }, [read]);
  },
  RemoveForeignFields: removeForeign,
  AdoptObject: adopt,
  MarkRetained: (context, intent) => merge(context, intent, retainedMetadata(context)),
  StripMarks: (context, intent) =>
    merge(context, intent, {
      labels: { [labels.clusterUid]: null },
      finalizers: [...remainingFinalizers(context, intent.target)],
    }),
  ReleaseObject: (context, intent) =>
    merge(context, intent, { finalizers: [...remainingFinalizers(context, intent.target)] }),
  DeleteObject: remove,
  CompareObject: (context, intent) => apply(context, intent.target, { uid: intent.uid }, [], { dryRun: 'All' }),
  ReadObject: (context, intent) => ({
    request: api({ method: 'GET', path: pathOf(context, intent.target), query: {}, contentType: null, body: null }),
    reads: [],
  }),
  CreateDatabase: database,
  PatchPatroniConfig: patroniConfig,
  RequestSwitchover: switchover,
  RestartPostgres: onMember,
  ReloadPostgres: onMember,
  ReinitializeMember: onMember,
  VerifyParameters: settings,
  LabelPod: podLabels,
  GrowVolume: (context, intent) =>
    merge(
      context,
      intent,
      { annotations: { [annotations.effect]: { $effect: '' } } },
      { spec: { resources: { requests: { storage: intent.size } } } },
    ),
  PublishStatus: (context) => ({ request: context.status, reads: [] }),
  EmitEvent: event,
};

/** The complete request of an intent, or null when what it needs cannot be looked up yet. */
export function render<T extends IntentType>(
  context: RenderContext,
  intent: Extract<Intent, { type: T }>,
): Rendered | null {
  const renderer = renderers[intent.type as T] as (
    context: RenderContext,
    intent: Extract<Intent, { type: T }>,
  ) => Rendered | null;
  return renderer(context, intent);
}

/** Hash of the text an intent writes, when it is an apply of a rendered object; null for the rest. */
export function textHashOf(plan: Plan, intent: Intent): string | null {
  return plan.objects.find((object) => objectKey(object.ref) === objectKey(intent.target))?.renderHash ?? null;
}
