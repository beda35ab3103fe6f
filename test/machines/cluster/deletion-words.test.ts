/** Hazard: a deletion waits for something that never goes, and says neither what holds it nor who has to let it go. */
import { expect, it } from 'vitest';
import { objectsCleared, podsGone } from '#machines/cluster/guards.ts';
import type { View } from '#machines/cluster/view.ts';
import { labels } from '#machines/shared/names.ts';
import { all, changed, gone, objectOf, withObject, type Change } from './changes.ts';
import { calm, factsOf, plan } from './worlds.ts';

const view = (state: string, change: Change): View => ({
  state,
  plan,
  facts: change(factsOf({ ...calm, deleting: 'background' })),
});

it('names the node that has to end a pod', () => {
  const going = all(gone('StatefulSet/shop', 'Pod/shop-0'), changed('Pod/shop-1', { deleting: true }));
  expect(podsGone(view('Deleting.stopping', going)).because).toMatch(
    /^1 still there: Pod\/shop-1 \(terminating on [^)]+\)$/,
  );
});

it('says whose a StatefulSet is that is not touched', () => {
  const theirs = { [labels.cluster]: 'shop', [labels.clusterUid]: 'u-9' };
  const because = podsGone(view('Deleting.stopping', changed('StatefulSet/shop', { labels: theirs }))).because;
  expect(because).toContain('StatefulSet/shop, which is not touched, may have made them: it belongs to');
});

it('names whose finalizers hold an object', () => {
  const service: Change = (facts) =>
    withObject({
      ...objectOf(facts, 'StatefulSet/shop'),
      kind: 'Service',
      name: 'shop-repl',
      deleting: true,
      finalizers: ['theirs'],
      detail: { type: 'Service', selector: null },
    })(facts);
  expect(objectsCleared(view('Deleting.clearing', service)).because).toContain(
    'Service/shop-repl (terminating, held by theirs) has to go',
  );
});
