/** Several namespaces, each with watches of its own: what befalls those of one costs the clusters of the others nothing. */
import { expect, it } from 'vitest';
import type { StreamInput } from '#src/stream/items.ts';
import { aCluster } from './live-objects.ts';
import { bench, settings } from './stream-bench.ts';

const kinds = ['PostgresCluster', 'Pod'] as const;
const scoped = ['team-a', 'team-b'].flatMap((namespace) =>
  kinds.map((kind) => ({ name: `${kind} in ${namespace}`, namespace })),
);
const elsewhere = { uid: 'uid-elsewhere', namespace: 'team-b', name: 'other' };
const here = { uid: 'uid-gone', namespace: 'team-a', name: 'gone' };
const shop: StreamInput = {
  type: 'seen',
  source: 'PostgresCluster in team-a',
  kind: 'PostgresCluster',
  object: aCluster(),
};
const listedIn = (namespace: string): readonly StreamInput[] =>
  kinds.map((kind) => ({ type: 'listed', source: `${kind} in ${namespace}` }));

it('a namespace that cannot be listed keeps no cluster of another from being whole, and none of it is told gone', () => {
  const line = bench([elsewhere, here], scoped);
  line.tell(settings, shop, ...listedIn('team-a'));
  expect(line.news()).toContain('Synced');
  const goneUids = (): readonly string[] =>
    line.taken.flatMap(({ observation }) => (observation.type === 'ClusterGone' ? [observation.uid] : []));
  expect(goneUids()).toEqual(['uid-gone']);
  line.tell(...listedIn('team-b'));
  expect(goneUids()).toEqual(['uid-gone', 'uid-elsewhere']);
  expect(line.news()).not.toContain('Synced');
});

it('a watch of another namespace that goes stale blinds nobody here', () => {
  const line = bench([], scoped);
  line.tell({ type: 'stale', source: 'Pod in team-b', because: 'forbidden' });
  line.tell(settings, shop, ...listedIn('team-a'), ...listedIn('team-b'));
  line.tell({ type: 'stale', source: 'PostgresCluster in team-b', because: 'forbidden' });
  expect(line.news().filter((word) => word.startsWith('Source'))).toEqual([]);
  line.tell({ type: 'stale', source: 'Pod in team-a', because: 'forbidden' });
  line.tell({ type: 'fresh', source: 'Pod in team-b' }, { type: 'fresh', source: 'Pod in team-a' });
  expect(line.news()).toEqual(['SourceWentStale Pod in team-a', 'SourceFresh Pod in team-a']);
});
