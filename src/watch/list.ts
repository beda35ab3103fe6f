/** Owns: a list, page by page, whole or not at all: nothing of a half list is told. */
import { isObject } from '#machines/shared/json.ts';
import type { Kube } from '#src/kube/api.ts';
import { failed, notListed, type Ended } from './ended.ts';
import { isLiveObject, keyOf, type LiveObject } from './item.ts';
import type { Source } from './sources.ts';

const pageSize = '500';

export interface Listed {
  readonly type: 'listed';
  /** By `namespace/name`; an object whose identity cannot be read costs only itself. */
  readonly found: ReadonlyMap<string, LiveObject>;
  /** Where a watch goes on from. */
  readonly version: string;
}

interface Page {
  readonly items: readonly unknown[];
  readonly version: string;
  readonly next: string;
}

function pageOf(body: unknown): Page | null {
  if (!isObject(body) || !Array.isArray(body['items']) || !isObject(body['metadata'])) return null;
  const { resourceVersion, continue: next } = body['metadata'];
  if (typeof resourceVersion !== 'string') return null;
  return { items: body['items'], version: resourceVersion, next: typeof next === 'string' ? next : '' };
}

/** All objects of a source, from the store, or why there is no list. */
export async function listAll(kube: Pick<Kube, 'get'>, source: Source): Promise<Listed | Ended> {
  const found = new Map<string, LiveObject>();
  let next = '';
  for (;;) {
    const query = { ...source.query, limit: pageSize, ...(next === '' ? {} : { continue: next }) };
    const answer = await kube.get(source.path, query);
    if (answer.type !== 'ok') return notListed(answer);
    const page = pageOf(answer.body);
    if (page === null) return failed('the list is not a list');
    if (page.next !== '' && page.next === next) return failed('the list goes round in circles');
    for (const item of page.items) {
      const object = isObject(item) ? { ...item, kind: source.kind } : item;
      if (isLiveObject(object)) found.set(keyOf(object), object);
    }
    if (page.next === '') return { type: 'listed', found, version: page.version };
    ({ next } = page);
  }
}
