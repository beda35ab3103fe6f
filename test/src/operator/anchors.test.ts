/** What the API server knows of the journal is read as every other list is: page by page, whole or not at all. */
import { expect, it } from 'vitest';
import type { Kube } from '#src/kube/api.ts';
import { readAnchors } from '#src/operator/anchors.ts';

function clusterNamed(name: string): unknown {
  const journal = { epoch: 2, seq: 7, head: 'h' };
  return { metadata: { name, namespace: 'shop', uid: `uid-${name}`, resourceVersion: '1' }, status: { journal } };
}

it('the anchors of a thousand clusters come in pages', async () => {
  const all = Array.from({ length: 1001 }, (_, index) => clusterNamed(`c${index}`));
  const sizes: number[] = [];
  const kube: Pick<Kube, 'get'> = {
    get: async (_, query = {}) => {
      const [from, limit] = [Number(query['continue'] ?? 0), Number(query['limit'] ?? all.length)];
      const items = all.slice(from, from + limit);
      sizes.push(items.length);
      const more = from + limit < all.length ? { continue: String(from + limit) } : {};
      return { type: 'ok', body: { items, metadata: { resourceVersion: '9', ...more } } };
    },
  };
  const { anchors, epoch } = await readAnchors(kube, []);
  expect(anchors).toHaveLength(1001);
  expect(epoch).toBe(2);
  expect(Math.max(...sizes)).toBeLessThanOrEqual(500);
});

it('an answer that is no list is not taken for "there are none"', async () => {
  const kube: Pick<Kube, 'get'> = { get: async () => ({ type: 'ok', body: '<html>log in first</html>' }) };
  await expect(readAnchors(kube, [])).rejects.toThrow('the list is not a list');
});

it('what may not be listed in one namespace of several is named, in all of them it is an error', async () => {
  const forbidden = { type: 'refused', status: 403, reason: 'Forbidden', message: 'no', retryAfterMs: null } as const;
  const kube = (isRefused: (path: string) => boolean): Pick<Kube, 'get'> => ({
    get: async (path) =>
      isRefused(path)
        ? { ...forbidden, body: {} }
        : { type: 'ok', body: { items: [clusterNamed('c')], metadata: { resourceVersion: '9' } } },
  });
  const some = await readAnchors(
    kube((path) => path.includes('/b/')),
    ['a', 'b', 'c'],
  );
  expect([some.unread, some.clusters.length]).toEqual([['b'], 2]);
  const none = readAnchors(
    kube(() => true),
    ['a', 'b'],
  );
  await expect(none).rejects.toThrow('403');
  await expect(
    readAnchors(
      kube(() => true),
      [],
    ),
  ).rejects.toThrow('403');
});
