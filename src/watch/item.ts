/** Owns: what a watch tells. Every list entry and every change is `seen`; what left is `gone`, with its last state. */
import { isObject } from '#machines/shared/json.ts';

/** A live object whose identity was checked at the border; the rest is unknown until the door reads it. */
export interface LiveObject {
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly uid: string;
    readonly resourceVersion: string;
  };
}

export type WatchItem<Kind extends string = string> =
  | { readonly type: 'seen'; readonly source: string; readonly kind: Kind; readonly object: LiveObject }
  /** The object as it was last, before it was deleted or left the source. */
  | { readonly type: 'gone'; readonly source: string; readonly kind: Kind; readonly object: LiveObject }
  /** The first list of this source is complete; all of it was told before. */
  | { readonly type: 'listed'; readonly source: string }
  | { readonly type: 'stale'; readonly source: string; readonly because: string }
  | { readonly type: 'fresh'; readonly source: string };

/** What goes wrong in a watch, for metrics and log; never an end. */
export interface WatchTrouble {
  readonly source: string;
  readonly because: string;
  readonly retryInMs: number;
}

/** True for an object with a name, a uid and a resourceVersion; anything else costs only itself. */
export function isLiveObject(value: unknown): value is LiveObject {
  if (!isObject(value) || !isObject(value['metadata'])) return false;
  const { name, uid, resourceVersion } = value['metadata'];
  return typeof name === 'string' && typeof uid === 'string' && typeof resourceVersion === 'string';
}

/** `namespace/name` of an object: its place within its source, which a later object may take. */
export function keyOf({ metadata }: LiveObject): string {
  return `${metadata.namespace ?? ''}/${metadata.name}`;
}
