/**
 * Owns: intents as complete requests to the API server. One row per intent type; a type without a row does not compile.
 * Preconditions: uid always, resourceVersion where the class asks for it, looked up through `versions` and recorded as
 * reads. First creation is an apply with `resourceVersion: "1"`: absent → created, present → 409.
 */
import {
  annotations,
  dcsFinalizer,
  fieldManagers,
  finalizer,
  labels,
  labelValues,
  objectNames,
} from '#machines/shared/names.ts';
import { objectKey, type Intent, type IntentType } from '#machines/cluster/intents.ts';
import { clusterName } from '#machines/cluster/knowledge.ts';
import type { ObjectRef, SecretDetail } from '#machines/cluster/observations.ts';
import type { DesiredObject, Plan } from '#machines/cluster/plan.ts';
import type { SqlRequest } from './record.ts';
import { applicationKey, memberKeys } from '#machines/cluster/tables/credentials.ts';
import { copied } from '#src/resources/cluster/secrets.ts';
import { nextRevision, setPasswords, writeSecret } from './render-secrets.ts';
import { onMember, patroniConfig, room, settings, switchover } from './render-patroni.ts';
import {
  api,
  apply,
  applyOf,
  applyType,
  desiredOf,
  jsonPatchType,
  patch,
  lookUp,
  preconditionsOf,
  marked,
  merge,
  pathOf,
  type JsonObject,
  type RenderContext,
  type Rendered,
} from './requests.ts';
import { resourcePath } from './paths.ts';

function addFinalizer(context: RenderContext, uid: string): Rendered {
  const cluster = context.facts.world.cluster?.seen;
  const metadata = {
    name: cluster?.name ?? '',
    namespace: cluster?.namespace ?? '',
    uid,
    finalizers: [finalizer],
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

/**
 * Ours alone is taken out, by its place in the list, whoever put it there: a manifest that was exported from a cluster bears it, and what
 * somebody else applied stays when we apply none.
 */
function releaseFinalizer(
  context: RenderContext,
  { uid, target }: Extract<Intent, { type: 'ReleaseFinalizer' }>,
): Rendered {
  const path = `/metadata/finalizers/${context.facts.world.cluster?.seen.finalizers.indexOf(finalizer) ?? 0}`;
  const body = [
    { op: 'test', path: '/metadata/uid', value: uid },
    { op: 'test', path, value: finalizer },
    { op: 'remove', path },
  ];
  return {
    request: api({
      method: 'PATCH',
      path: pathOf(context, target),
      query: { fieldManager: fieldManagers.finalizer },
      contentType: jsonPatchType,
      body: JSON.stringify(body),
    }),
    reads: [],
  };
}

/**
 * The Secret in force is made again from those that people read, as far as they are left; else its values are new, and so is
 * what pods are to run with.
 */
function restoredFor(context: RenderContext, desired: DesiredObject): Pick<DesiredObject, 'body' | 'generated'> {
  const { facts } = context;
  const names = objectNames(clusterName(facts));
  if (desired.ref.name !== names.credentialsInForce) return desired;
  const detailOf = (secret: string): SecretDetail | null => {
    const detail = facts.world.objects[`Secret/${secret}`]?.object.detail;
    return detail?.type === 'Secret' ? detail : null;
  };
  const keysOf = (secret: string): readonly string[] => detailOf(secret)?.keys ?? [];
  const [people, application] = [keysOf(names.credentials), keysOf(names.applicationSecret)];
  const generated = desired.generated.map((each) => {
    if (each.generator.type !== 'password') return each;
    if (each.key === applicationKey)
      return application.includes('password') ? copied(each.key, names.applicationSecret, 'password') : each;
    return people.includes(each.key) ? copied(each.key, names.credentials) : each;
  });
  // What was edited and not told to anybody yet is new too.
  const { settled } = facts.memory.credentials;
  const digest = detailOf(names.credentials)?.digest;
  const isEdited = (key: string): boolean =>
    digest?.keyId === settled?.keyId && digest?.values[key] !== settled?.values[key];
  const isMade = facts.memory.systemIdentifier !== null;
  const isNew = isMade && memberKeys.some((key) => !people.includes(key) || isEdited(key));
  return {
    generated,
    body: isNew ? marked(desired.body, { [annotations.credentials]: nextRevision(context) }) : desired.body,
  };
}

function createSecret(context: RenderContext, ref: ObjectRef): Rendered | null {
  const desired = desiredOf(context, ref);
  if (desired === null) return null;
  return applyOf(context, { ...desired, ...restoredFor(context, desired) }, { resourceVersion: '1' }, []);
}

/** Labels that say whose it is, put back where somebody took them off. */
function ownLabels(context: RenderContext): JsonObject {
  const seen = context.facts.world.cluster?.seen;
  return {
    [labels.managedBy]: labelValues.managedBy,
    [labels.name]: labelValues.name,
    [labels.cluster]: seen?.name ?? '',
    [labels.clusterUid]: seen?.uid ?? '',
  };
}

function adopt(context: RenderContext, intent: Extract<Intent, { type: 'AdoptObject' }>): Rendered | null {
  const { kind } = intent.target;
  if (kind === 'Secret' || kind === 'PersistentVolumeClaim') {
    return merge(context, intent, {
      labels: { ...ownLabels(context), [labels.retained]: null },
      annotations: {
        [annotations.systemIdentifier]: null,
        [annotations.major]: null,
        [annotations.effect]: { $effect: '' },
      },
    });
  }
  return applyAsKnown(context, intent);
}

/** A forced apply of an object as it is known. */
function applyAsKnown(
  context: RenderContext,
  intent: { readonly target: ObjectRef; readonly uid: string },
): Rendered | null {
  const known = preconditionsOf(context, intent);
  return known === null ? null : apply(context, intent.target, known.metadata, known.reads);
}

function remainingFinalizers(context: RenderContext, ref: ObjectRef): readonly string[] {
  const object = context.facts.world.objects[objectKey(ref)]?.object;
  return object?.finalizers.filter((name) => name !== dcsFinalizer) ?? [];
}

function remove(context: RenderContext, intent: Extract<Intent, { type: 'DeleteObject' }>): Rendered | null {
  const known = preconditionsOf(context, intent);
  if (known === null) return null;
  return {
    request: api({
      method: 'DELETE',
      path: pathOf(context, intent.target),
      query: {},
      contentType: 'application/json',
      body: JSON.stringify({
        apiVersion: 'v1',
        kind: 'DeleteOptions',
        preconditions: known.metadata,
        propagationPolicy: 'Background',
        ...(intent.graceSeconds === undefined ? {} : { gracePeriodSeconds: intent.graceSeconds }),
      }),
    }),
    reads: known.reads,
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
  const body = [
    { op: 'test', path: '/metadata/resourceVersion', value: read.resourceVersion },
    { op: 'test', path: '/metadata/uid', value: read.uid },
    ...paths.map((path) => ({ op: 'remove', path })),
  ];
  return patch(context, intent.target, { reads: [read], contentType: jsonPatchType, body });
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
  const isMade = context.facts.memory.handled['database'] === `${intent.database}/${intent.owner}`;
  const request: SqlRequest = {
    type: 'sql',
    namespace: cluster?.namespace ?? '',
    pod: intent.target.name,
    container: 'postgres',
    procedure: 'ensure-application-database',
    arguments: { database: intent.database, owner: intent.owner, ...(isMade ? { made: 'before' } : {}) },
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
    labels: { ...ownLabels(context), [labels.retained]: 'true' },
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
  AddFinalizer: (context, intent) => addFinalizer(context, intent.uid),
  ReleaseFinalizer: releaseFinalizer,
  CreateObject: (context, intent) => apply(context, intent.target, { resourceVersion: '1' }, []),
  CreateSecret: (context, intent) => createSecret(context, intent.target),
  RepairObject: (context, intent) => apply(context, intent.target, { uid: intent.uid }, []),
  RepairStatefulSet: applyAsKnown,
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
  ReadEvents: (context, intent) => ({
    request: api({
      method: 'GET',
      path: resourcePath('Event', context.facts.world.cluster?.seen.namespace ?? '', null),
      query: { fieldSelector: `involvedObject.uid=${intent.uid},type=Warning` },
      contentType: null,
      body: null,
    }),
    reads: [],
  }),
  CreateDatabase: database,
  PatchPatroniConfig: patroniConfig,
  RequestSwitchover: switchover,
  RestartPostgres: onMember,
  ReloadPostgres: onMember,
  ReinitializeMember: onMember,
  VerifyParameters: settings,
  MeasureVolume: room,
  LabelPod: podLabels,
  SetPasswords: setPasswords,
  WriteSecret: writeSecret,
  GrowVolume: (context, intent) =>
    merge(
      context,
      intent,
      { annotations: { [annotations.effect]: { $effect: '' } } },
      { spec: { resources: { requests: { storage: intent.size } } } },
    ),
  PublishStatus: ({ status }) => (status === null ? null : { request: status, reads: [] }),
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
