/**
 * Owns: the pieces that requests are made of: paths, preconditions looked up and recorded, applies and merge patches.
 * Called by: `render.ts` and `render-patroni.ts`, which know what each intent asks.
 */
import { isObject } from '#machines/shared/json.ts';
import { fieldManagers } from '#machines/shared/names.ts';
import type { Facts } from '#machines/cluster/facts.ts';
import { objectKey } from '#machines/cluster/intents.ts';
import type { ObjectRef } from '#machines/cluster/observations.ts';
import { isWatched } from '#machines/cluster/world.ts';
import type { DesiredObject, GeneratedKey, Json, Plan } from '#machines/cluster/plan.ts';
import type { ApiRequest, EffectRequest, Read, Versions } from './record.ts';
import { resourcePath } from './paths.ts';

export type JsonObject = { readonly [key: string]: Json };

/** What rendering may look at. */
export interface RenderContext {
  readonly facts: Facts;
  readonly plan: Plan;
  readonly versions: Versions;
  /** Status request, rendered by the caller; null where none is wished. */
  readonly status: ApiRequest | null;
  /** ISO time of the row, for Kubernetes Events. */
  readonly at: number;
  /** Unique suffix for an Event's name: epoch, seq and ordinal of the intent. */
  readonly suffix: string;
}

/** A rendered request and what was looked up for it; null when a precondition cannot be had: wish again later. */
export interface Rendered {
  readonly request: EffectRequest;
  readonly reads: readonly Read[];
}

export const applyType = 'application/apply-patch+yaml';
const mergeType = 'application/merge-patch+json';
export const jsonPatchType = 'application/json-patch+json';

/** A request to the API server, keys in fixed order. */
export function api(
  request: Omit<ApiRequest, 'type' | 'generated'> & { readonly generated?: readonly GeneratedKey[] },
): ApiRequest {
  const { method, path, query, contentType, body, generated = [] } = request;
  return { type: 'api', method, path, query, contentType, body, generated };
}

/** Absolute path of an object of this cluster. */
export function pathOf(context: RenderContext, ref: ObjectRef): string {
  return resourcePath(ref.kind, context.facts.world.cluster?.seen.namespace ?? '', ref.name);
}

/** The object of the plan called `ref`; null when the plan has none. */
export function desiredOf(context: RenderContext, ref: ObjectRef): DesiredObject | null {
  return context.plan.objects.find((object) => objectKey(object.ref) === objectKey(ref)) ?? null;
}

/** The body with preconditions in its metadata, after the name and namespace the builder gave. */
function withPreconditions(body: Json, preconditions: JsonObject): string {
  const object = isObject(body) ? body : {};
  const metadata = isObject(object['metadata']) ? object['metadata'] : {};
  return JSON.stringify({ ...object, metadata: { ...metadata, ...preconditions } });
}

/** A forced apply of an object as it is given. */
export function applyOf(
  context: RenderContext,
  desired: Pick<DesiredObject, 'ref' | 'body' | 'generated'>,
  preconditions: JsonObject,
  reads: readonly Read[],
  query: ApiRequest['query'] = {},
): Rendered {
  const body = withPreconditions(desired.body, preconditions);
  return {
    request: api({
      method: 'PATCH',
      path: pathOf(context, desired.ref),
      query: { fieldManager: fieldManagers.objects, force: 'true', ...query },
      contentType: applyType,
      body,
      generated: desired.generated,
    }),
    reads,
  };
}

/** A forced apply of a rendered object; null when the plan has none of that name. */
export function apply(
  context: RenderContext,
  ref: ObjectRef,
  preconditions: JsonObject,
  reads: readonly Read[],
  query: ApiRequest['query'] = {},
): Rendered | null {
  const desired = desiredOf(context, ref);
  return desired === null ? null : applyOf(context, desired, preconditions, reads, query);
}

/** The body with more annotations. */
export function marked(body: Json, marks: Readonly<Record<string, string>>): Json {
  const object = isObject(body) ? body : {};
  const metadata = isObject(object['metadata']) ? object['metadata'] : {};
  const annotations = isObject(metadata['annotations']) ? metadata['annotations'] : {};
  return { ...object, metadata: { ...metadata, annotations: { ...annotations, ...marks } } };
}

/** uid and resourceVersion of the target; null when they are not known or it is another incarnation. */
export function lookUp(
  context: RenderContext,
  intent: { readonly target: ObjectRef; readonly uid: string },
): Read | null {
  const { kind, name } = intent.target;
  if (kind === 'Event') return null;
  const found = context.versions(kind, name);
  if (found === null || found.uid !== intent.uid) return null;
  return { kind, name, ...found };
}

/** What has to be so of the target, and what was looked up for it. */
export interface Preconditions {
  readonly metadata: JsonObject;
  readonly reads: readonly Read[];
}

/**
 * uid and resourceVersion of the target; null when they are not known. Of an object whose labels were taken off no watch tells a
 * version: its uid alone has to do until they are back.
 */
export function preconditionsOf(
  context: RenderContext,
  intent: { readonly target: ObjectRef; readonly uid: string },
): Preconditions | null {
  const read = lookUp(context, intent);
  if (read !== null) return { metadata: { uid: read.uid, resourceVersion: read.resourceVersion }, reads: [read] };
  const object = context.facts.world.objects[objectKey(intent.target)]?.object;
  const isUnwatched = object?.uid === intent.uid && !isWatched(context.facts.world, object);
  return isUnwatched ? { metadata: { uid: intent.uid }, reads: [] } : null;
}

/** A patch of an object as it was read. */
export function patch(
  context: RenderContext,
  target: ObjectRef,
  { reads, contentType, body }: { readonly reads: readonly Read[]; readonly contentType: string; readonly body: Json },
): Rendered {
  return {
    request: api({
      method: 'PATCH',
      path: pathOf(context, target),
      query: { fieldManager: fieldManagers.objects },
      contentType,
      body: JSON.stringify(body),
    }),
    reads,
  };
}

/** A merge patch of an object's metadata, and of more where `rest` says so, with uid and resourceVersion as preconditions. */
export function merge(
  context: RenderContext,
  intent: { readonly target: ObjectRef; readonly uid: string },
  metadata: JsonObject,
  rest: JsonObject = {},
): Rendered | null {
  const known = preconditionsOf(context, intent);
  if (known === null) return null;
  const body = { metadata: { ...known.metadata, ...metadata }, ...rest };
  return patch(context, intent.target, { reads: known.reads, contentType: mergeType, body });
}
