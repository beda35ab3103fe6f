/**
 * Owns: the objects of one source as they were told last, and what of a list or an event is news. The same name with another
 * uid is `gone` and then `seen`; what a label selected is read by name before `gone` becomes a fact.
 */
import { isObject } from '#machines/shared/json.ts';
import type { Kube } from '#src/kube/api.ts';
import { describe } from './ended.ts';
import { isLiveObject, keyOf, type LiveObject, type WatchItem } from './item.ts';
import type { Source } from './sources.ts';

export interface Known {
  /** An event says that it is there. */
  readonly seen: (object: LiveObject) => void;
  /** An event says that it has left. @throws when it cannot be read whether it is gone: it stays known */
  readonly deleted: (object: LiveObject) => Promise<void>;
  /** A complete list: what it lacks is gone, what differs is seen. @throws as `deleted` */
  readonly replaced: (found: ReadonlyMap<string, LiveObject>) => Promise<void>;
  /** All that is known is told again: whoever reads it reads it otherwise from now on. */
  readonly retold: () => void;
}

/** @param tell takes what is news, in order */
export function makeKnown(kube: Kube, source: Source, tell: (item: WatchItem) => void): Known {
  const known = new Map<string, LiveObject>();
  const gone = (object: LiveObject): void => tell({ type: 'gone', source: source.name, kind: source.kind, object });

  function seen(object: LiveObject): void {
    const before = known.get(keyOf(object));
    if (before !== undefined && before.metadata.uid !== object.metadata.uid) gone(before);
    known.set(keyOf(object), object);
    tell({ type: 'seen', source: source.name, kind: source.kind, object });
  }

  /** A label may have been taken off: one read by name, before "gone" becomes a fact. */
  async function left(object: LiveObject): Promise<void> {
    const { namespace = '', name, uid } = object.metadata;
    const answer = await kube.get(source.pathOf(namespace, name));
    const live = answer.type === 'ok' && isObject(answer.body) ? { ...answer.body, kind: source.kind } : null;
    if (isLiveObject(live) && live.metadata.uid === uid) {
      seen(live);
      return;
    }
    if (answer.type !== 'ok' && !(answer.type === 'refused' && answer.status === 404))
      throw new Error(`${source.name}: could not tell whether ${name} is gone: ${describe(answer).because}`);
    if (known.get(keyOf(object))?.metadata.uid === uid) known.delete(keyOf(object));
    gone(object);
  }

  async function missing(object: LiveObject): Promise<void> {
    if (source.labelled) {
      await left(object);
      return;
    }
    known.delete(keyOf(object));
    gone(object);
  }

  async function deleted(object: LiveObject): Promise<void> {
    const before = known.get(keyOf(object));
    if (before !== undefined && before.metadata.uid !== object.metadata.uid) return;
    await missing(object);
  }

  async function replaced(found: ReadonlyMap<string, LiveObject>): Promise<void> {
    for (const [key, object] of [...known]) if (!found.has(key)) await missing(object);
    for (const object of found.values()) {
      const before = known.get(keyOf(object))?.metadata;
      const { uid, resourceVersion } = object.metadata;
      if (before?.uid !== uid || before.resourceVersion !== resourceVersion) seen(object);
    }
  }

  function retold(): void {
    for (const object of [...known.values()]) tell({ type: 'seen', source: source.name, kind: source.kind, object });
  }

  return { seen, deleted, replaced, retold };
}
