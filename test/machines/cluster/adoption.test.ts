/** What a cluster finds under its own names: whose it is, what stands in the way, what is taken over, and how an object of ours differs. */
import { describe, expect, it } from 'vitest';
import type { Expected, Facts } from '#machines/cluster/facts.ts';
import {
  anythingCreated,
  driftOf,
  existsOrCreated,
  missingObjects,
  obstacles,
  ownershipOf,
} from '#machines/cluster/objects.ts';
import type { ForeignPath, ObjectProjection, OwnerSeen } from '#machines/cluster/observations.ts';
import type { DesiredObject, Plan } from '#machines/cluster/plan.ts';
import { creationAllowed } from '#machines/cluster/tables/adoption.ts';
import { annotations, labels } from '#machines/shared/names.ts';
import { all, asIs, desired, gone, objectOf, remembering, withObject, type Change } from './changes.ts';
import { calm, factsOf, plan, type Choice } from './worlds.ts';

/** Nothing of the cluster is made, but what a change puts there. */
const unmade: Change = gone('StatefulSet/shop', 'Endpoints/shop', 'Endpoints/shop-config', 'Pod/shop-0', 'Pod/shop-1');

function facts(change: Change = asIs, choice: Partial<Choice> = {}): Facts {
  return all(unmade, change)(factsOf({ ...calm, ...choice }));
}

function object(change: Partial<ObjectProjection>): ObjectProjection {
  return {
    ...objectOf(factsOf(calm), 'StatefulSet/shop'),
    kind: 'Service',
    name: 'shop',
    uid: 'service',
    labels: {},
    annotations: {},
    detail: { type: 'Service' } as never,
    ...change,
  };
}

const named = (cluster: string, more: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> => ({
  [labels.cluster]: cluster,
  ...more,
});
const retained = named('shop', { [labels.clusterUid]: 'u-0', [labels.retained]: 'true' });
const controlled = (uid: string, controller = true): readonly OwnerSeen[] => [
  { kind: 'Deployment', name: 'web', uid, controller },
];
const made = (uid: string): Change =>
  remembering({ expected: { 'Service/shop': { uid, ownedHash: null, renderHash: null } } });

describe('an object at one of our names', () => {
  it.each<readonly [string, Partial<ObjectProjection>, Change, unknown]>([
    ['is ours by our uid', { labels: named('shop', { [labels.clusterUid]: 'u-1' }) }, asIs, { type: 'ours' }],
    ['is ours by our own apply', { labels: {} }, made('service'), { type: 'ours' }],
    ['is ours by what landed on it last, though its labels are off', { effect: 'u-1-1-7-0' }, asIs, { type: 'ours' }],
    [
      'is not by what landed on it for an earlier one',
      { effect: 'u-0-1-7-0' },
      asIs,
      { type: 'foreign', because: 'it does not bear our labels' },
    ],
    [
      'is not once it is called another cluster’s',
      { effect: 'u-1-1-7-0', labels: named('web') },
      asIs,
      { type: 'foreign', because: 'it belongs to cluster web' },
    ],
    [
      'is not by an apply to an earlier one',
      { labels: {} },
      made('before'),
      { type: 'foreign', because: 'it does not bear our labels' },
    ],
    [
      'is not by our uid where somebody controls it',
      { labels: named('shop', { [labels.clusterUid]: 'u-1' }), owners: controlled('x') },
      asIs,
      { type: 'foreign', because: 'Deployment web controls it' },
    ],
    [
      'is ours where the cluster itself controls it',
      { labels: named('shop', { [labels.clusterUid]: 'u-1' }), owners: controlled('u-1') },
      asIs,
      { type: 'ours' },
    ],
    [
      'is ours where somebody owns it who does not control it',
      { labels: named('shop', { [labels.clusterUid]: 'u-1' }), owners: controlled('x', false) },
      asIs,
      { type: 'ours' },
    ],
    [
      'is another cluster’s',
      { labels: named('other') },
      asIs,
      { type: 'foreign', because: 'it belongs to cluster other' },
    ],
    ['is nobody’s', { labels: named('shop') }, asIs, { type: 'unclaimed' }],
    [
      'is of a namesake',
      { labels: named('shop', { [labels.clusterUid]: 'u-0' }) },
      asIs,
      {
        type: 'foreign',
        because: 'it belongs to PostgresCluster uid u-0',
        wayOut:
          'if there is no such PostgresCluster any more, take its label postgres.example.com/cluster-uid off to have it taken over, or delete it',
      },
    ],
    [
      'is what a namesake left',
      { labels: retained, annotations: { [annotations.systemIdentifier]: '7', [annotations.major]: '17' } },
      asIs,
      { type: 'retained', uid: 'u-0', systemIdentifier: '7', major: '17' },
    ],
    [
      'is what a namesake left without a word',
      { labels: retained },
      asIs,
      { type: 'retained', uid: 'u-0', systemIdentifier: null, major: null },
    ],
  ])('%s', (_, change, memory, whose) => expect(ownershipOf(facts(memory), object(change))).toEqual(whose));
});

const service = desired('Service', 'shop');
const other = desired('Service', 'shop-repl');
const wanting: Plan = { ...plan, objects: [service, other] };
const ours = object({ labels: named('shop', { [labels.clusterUid]: 'u-1' }) });

describe('what is to be made', () => {
  it.each<readonly [string, Change, readonly string[], boolean]>([
    ['is all of it', asIs, ['shop', 'shop-repl'], false],
    ['is what is not seen', withObject(ours), ['shop-repl'], true],
    ['is what was not made either', made('service'), ['shop-repl'], true],
  ])('%s', (_, change, missing, exists) => {
    expect(missingObjects(facts(change), wanting).map(({ ref }) => ref.name)).toEqual(missing);
    expect(existsOrCreated(facts(change), 'Service/shop')).toBe(exists);
  });

  it.each<readonly [string, Change, boolean]>([
    ['nothing', asIs, false],
    ['what was applied', made('service'), true],
    [
      'a finalizer on the cluster itself, which is nothing',
      remembering({ expected: { 'PostgresCluster/shop': { uid: 'u-1', ownedHash: null, renderHash: null } } }),
      false,
    ],
    ['what bears our uid', withObject(ours), true],
    ['what bears another', withObject(object({ labels: retained })), false],
    ['a pod, which is made by its StatefulSet', withObject({ ...ours, kind: 'Pod' }), false],
  ])('has been made: %s', (_, change, is) => expect(anythingCreated(facts(change))).toBe(is));

  it.each<readonly [string, Change, readonly unknown[]]>([
    ['nothing', asIs, []],
    ['not what is ours', withObject(ours), []],
    ['not what is ours and goes', withObject({ ...ours, deleting: true }), []],
    ['not what nobody claims', withObject(object({ labels: named('shop') })), []],
    [
      'what nobody claims while it goes',
      withObject(object({ labels: named('shop'), deleting: true })),
      [{ key: 'Service/shop', because: 'it is still being deleted' }],
    ],
    [
      'what is somebody else’s',
      withObject(object({})),
      [{ key: 'Service/shop', because: 'it does not bear our labels' }],
    ],
    ['not what we do not want', withObject(object({ name: 'web' })), []],
  ])('is kept from it by %s', (_, change, found) => expect(obstacles(facts(change), wanting)).toEqual(found));
});

const left = (
  name: string,
  change: Partial<ObjectProjection> = {},
  marks: Readonly<Record<string, string>> = {},
): Change =>
  withObject(
    object({
      kind: 'Secret',
      name,
      labels: retained,
      annotations: { [annotations.systemIdentifier]: '7', [annotations.major]: '17', ...marks },
      ...change,
    }),
  );
const secrets = all(left('shop-credentials'), left('shop-credentials-inforce'), left('shop-app'));
const claim = (change: Partial<ObjectProjection> = {}, marks: Readonly<Record<string, string>> = {}): Change =>
  left('data-shop-0', { kind: 'PersistentVolumeClaim', ...change }, marks);
const another: Partial<ObjectProjection> = { labels: { ...retained, [labels.clusterUid]: 'u-2' } };
const orphaned: Partial<ObjectProjection> = { labels: named('shop'), annotations: {} };
const nothingLeft = 'yes: nothing of an earlier cluster of this name is left';
const unseen = { [annotations.systemIdentifier]: 'none' };
const wayOut = 'delete them, or move them away by changing their label postgres.example.com/cluster';
const differ = (identifiers: string): string =>
  `no: retained volumes and Secrets are of different databases (system identifiers ${identifiers}); ${wayOut}`;
const agree = 'yes: retained volumes and Secrets agree on system identifier 7';

describe('a cluster', () => {
  it.each<readonly [string, string, Change, Partial<Choice>]>([
    ['is made where nothing is left', 'yes: nothing of an earlier cluster of this name is left', asIs, {}],
    ['is not before all is known', 'unknown: not listed yet', secrets, { known: false }],
    [
      'is not where something stands in the way',
      'no: Service/shop stands in the way: it does not bear our labels',
      withObject(object({})),
      {},
    ],
    ['takes over what agrees', agree, all(secrets, claim()), {}],
    [
      'is not made over volumes of two databases',
      differ('7, 8'),
      all(secrets, claim({}, { [annotations.systemIdentifier]: '8' })),
      {},
    ],
    [
      'is not made over volumes of which some are of a database that nobody knows',
      `no: some of the retained volumes and Secrets are of the database with system identifier 7, and of the others nobody knows the database; ${wayOut}`,
      all(secrets, claim({ annotations: { [annotations.major]: '17' } })),
      {},
    ],
    ['takes over what two clusters left of one database', agree, all(secrets, claim(another)), {}],
    [
      'takes over what one cluster left before its database was seen',
      'yes: retained volumes and Secrets are of one cluster, which was deleted before its database was seen',
      all(left('shop-credentials-inforce', {}, unseen), claim({}, unseen)),
      {},
    ],
    [
      'is not made over what two clusters left before their databases were seen',
      `no: 2 clusters of this name left volumes and Secrets, and nobody knows their databases; ${wayOut}`,
      all(left('shop-credentials-inforce', {}, unseen), claim(another, unseen)),
      {},
    ],
    [
      'is made beside Secrets of another version where no volume is left',
      agree,
      all(
        left('shop-credentials', {}, { [annotations.major]: '16' }),
        left('shop-app', {}, { [annotations.major]: '16' }),
      ),
      {},
    ],
    ['is made beside an application’s Secret alone', agree, left('shop-app'), {}],
    [
      'is not made over volumes that nobody claims beside Secrets of another version',
      `no: retained volumes hold PostgreSQL 16, spec.version is 17; ${wayOut}`,
      all(left('shop-credentials', {}, { [annotations.major]: '16' }), claim(orphaned)),
      {},
    ],
    [
      'is not made over volumes of another version',
      `no: retained volumes hold PostgreSQL 16, spec.version is 17; ${wayOut}`,
      claim({}, { [annotations.major]: '16' }),
      {},
    ],
    [
      'is not made over volumes of two versions',
      `no: retained volumes hold PostgreSQL 16, 17, spec.version is 17; ${wayOut}`,
      all(secrets, claim({}, { [annotations.major]: '16' })),
      {},
    ],
    [
      'is not made over volumes without passwords',
      `no: retained volumes are there but their Secrets shop-credentials-inforce, shop-credentials, shop-app are not; restore one, or ${wayOut}`,
      claim(),
      {},
    ],
    ['takes over volumes with the Secret in force', agree, all(claim(), left('shop-credentials-inforce')), {}],
    ['takes over volumes with the Secret that people read', agree, all(claim(), left('shop-credentials')), {}],
    [
      'is not made over orphaned volumes without passwords',
      `no: orphaned volumes are there but their Secrets shop-credentials-inforce, shop-credentials, shop-app are not; restore one, or ${wayOut}`,
      claim(orphaned),
      {},
    ],
    [
      'is not made over orphaned volumes with the password of the application alone',
      `no: orphaned volumes are there but their Secrets shop-credentials-inforce, shop-credentials are not; restore one, or ${wayOut}`,
      all(claim(orphaned), left('shop-app', orphaned)),
      {},
    ],
    [
      'takes over orphaned volumes with their passwords',
      nothingLeft,
      all(claim(orphaned), left('shop-credentials', orphaned)),
      {},
    ],
    [
      'goes on with a volume that its StatefulSet made',
      nothingLeft,
      all(claim(orphaned), withObject({ ...ours, kind: 'ConfigMap', name: 'shop-patroni' })),
      {},
    ],
    [
      'does not ask other kinds of objects',
      'yes: nothing of an earlier cluster of this name is left',
      withObject(object({ kind: 'ConfigMap', name: 'x', labels: retained })),
      {},
    ],
  ])('%s', (_, words, change, choice) => {
    const { answer, because } = creationAllowed(facts(change, choice), wanting);
    expect(`${answer}: ${because}`).toBe(words);
  });

  it('that is refused names all that it found', () => {
    const { values } = creationAllowed(
      facts(all(secrets, claim({}, { [annotations.systemIdentifier]: '8' }))),
      wanting,
    );
    expect(values).toEqual({
      objects:
        'Secret/shop-credentials, Secret/shop-credentials-inforce, Secret/shop-app, PersistentVolumeClaim/data-shop-0',
      identifiers: '7, 8',
      majors: '17',
      version: '17',
    });
    const two = all(withObject(object({})), withObject(object({ name: 'shop-repl' })));
    expect(creationAllowed(facts(two), wanting).values).toEqual({ objects: 'Service/shop, Service/shop-repl' });
  });
});

const foreign: readonly ForeignPath[] = [
  { path: '/spec/ports/0', manager: 'kubectl' },
  { path: '/metadata/labels/a', manager: 'argocd' },
];

/** Our Service as it is, what was applied to it, and what differed in the last sight of it. */
function drift(
  change: Partial<ObjectProjection>,
  expected: Partial<Expected> | null = {},
  seen: readonly string[] = [],
  of: Partial<DesiredObject> = {},
): unknown {
  const now = { ...ours, ownedHash: 'hash', ...change };
  const applied = { uid: 'service', ownedHash: 'hash', renderHash: 'text', ...expected };
  const base = facts(
    all(withObject(now), expected === null ? asIs : remembering({ expected: { 'Service/shop': applied } })),
  );
  const key = 'Service/shop';
  const objects = { ...base.world.objects, [key]: { object: now, since: 0, changed: seen } };
  return driftOf({ ...base, world: { ...base.world, objects } }, { ...service, ...of });
}

describe('an object of ours', () => {
  const diff = { fields: ['metadata.labels.a', 'spec.ports.0'], by: ['argocd', 'kubectl'] };

  it.each<readonly [string, () => unknown, unknown]>([
    ['is as it was applied', () => drift({}), { type: 'none' }],
    ['is let be while it goes', () => drift({ deleting: true, ownedHash: 'x' }), { type: 'none' }],
    [
      'is let be where it is never put right',
      () => drift({ ownedHash: 'x' }, {}, [], { repair: 'none' }),
      { type: 'none' },
    ],
    ['is not known where nothing is known to be applied', () => drift({}, null), { type: 'unknown' }],
    ['is not known where it was another one', () => drift({}, { uid: 'before' }), { type: 'unknown' }],
    ['is not known where what was applied is not', () => drift({}, { renderHash: null }), { type: 'unknown' }],
    ['is to say something else', () => drift({}, { renderHash: 'before' }), { type: 'rendering' }],
    [
      'has a field of ours that somebody changed',
      () => drift({ ownedHash: 'x' }, {}, ['/spec/type: A → B', '/status/x: 1 → 2']),
      { type: 'owned', changed: ['/spec/type: A → B', '/status/x: 1 → 2'], diff: { fields: ['spec.type'], by: [] } },
    ],
    [
      'has fields that somebody added',
      () => drift({ foreign }),
      { type: 'foreign', paths: foreign.map(({ path }) => path), managers: ['argocd', 'kubectl'], diff },
    ],
    [
      'has fields that the server puts back',
      () => drift({ foreign }, { tolerated: foreign.map(({ path }) => path) }),
      { type: 'none' },
    ],
    [
      'has one field that is let be, and another one',
      () => drift({ foreign }, { tolerated: ['/spec/ports/0'] }),
      {
        type: 'foreign',
        paths: ['/metadata/labels/a'],
        managers: ['argocd'],
        diff: { ...diff, fields: ['metadata.labels.a'] },
      },
    ],
  ])('%s', (_, found, expected) => expect(found()).toEqual(expected));

  it('is none where it is not there', () => expect(driftOf(facts(), service)).toEqual({ type: 'none' }));
});
