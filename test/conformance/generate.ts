/** Owns: random sequences: one seed, one sequence. */
import { chanceOf, type SimChance } from '#src/sim/chance.ts';
import { at, merged, type Json } from '#src/sim/json.ts';
import { metadataPieces, objectOf, recipeKinds, recipeOf } from './bodies.ts';
import { refer, type RequestStep, type Sequence, type Step } from './sequence.ts';
import { kindOf } from './sides.ts';

const names = ['a', 'b'] as const;
const managers = ['postgres-operator', 'kubectl', 'other'] as const;
const selectors = ['app=a', 'app=b', 'tier=x', 'app=a,tier=x'] as const;
/** Kinds that most depends on, more often than the others. */
const favourites = ['ConfigMap', 'StatefulSet', 'PostgresCluster', 'Service', 'Pod', 'Secret', 'Endpoints'] as const;

interface Draw {
  readonly chance: SimChance;
  readonly kinds: readonly string[];
}

type Making = (draw: Draw, kind: string, name: string) => Step;

function some<T>(chance: SimChance, things: readonly T[], most: number): readonly T[] {
  return Array.from({ length: chance.between(0, most) }, () => chance.oneOf(things));
}

function isLucky(chance: SimChance, percent: number): boolean {
  return chance.between(1, 100) <= percent;
}

function randomObject({ chance }: Draw, kind: string, name: string): Json {
  const pieces = [...some(chance, recipeOf(kind).pieces, 2), ...some(chance, metadataPieces, 2)];
  return objectOf(kind, name, pieces);
}

/** Preconditions as they should be, or as they were, or somebody else's. */
function preconditions({ chance }: Draw, kind: string, name: string): Json {
  const uid = chance.oneOf([{}, { uid: refer.uid(kind, name) }, { uid: refer.uid(kind, name, 1) }]);
  const version = chance.oneOf([
    {},
    { resourceVersion: refer.version(kind, name) },
    { resourceVersion: refer.version(kind, name) },
    { resourceVersion: refer.version(kind, name, 1) },
  ]);
  return isLucky(chance, 45) ? { ...uid, ...version } : {};
}

function request(kind: string, method: RequestStep['method'], more: Partial<RequestStep>): RequestStep {
  const none = { name: null, subresource: '', query: {}, contentType: null, body: null } as const;
  return { type: 'request', kind, method, ...none, ...more };
}

function writeQuery({ chance }: Draw): Record<string, string> {
  return {
    fieldManager: chance.oneOf(managers),
    ...(isLucky(chance, 8) ? { dryRun: 'All' } : {}),
  };
}

const apply: Making = (draw, kind, name) => {
  const { chance } = draw;
  const object = randomObject(draw, kind, name);
  const body = merged(object, { metadata: preconditions(draw, kind, name) });
  const query = { ...writeQuery(draw), ...(isLucky(chance, 60) ? { force: 'true' } : {}) };
  return request(kind, 'PATCH', { name, query, contentType: 'application/apply-patch+yaml', body });
};

const createOnly: Making = (draw, kind, name) => {
  const body = merged(randomObject(draw, kind, name), { metadata: { resourceVersion: '1' } });
  const query = { ...writeQuery(draw), force: 'true' };
  return request(kind, 'PATCH', { name, query, contentType: 'application/apply-patch+yaml', body });
};

/** As the operator holds and releases its finalizer: nothing but metadata, by a manager of its own. */
const applyMetadata: Making = (draw, kind, name) => {
  const { chance } = draw;
  const finalizers = chance.oneOf([{}, { finalizers: ['example.com/hold'] }]);
  const body = {
    apiVersion: kindOf(kind).apiVersion,
    kind,
    metadata: { name, uid: refer.uid(kind, name, isLucky(chance, 10) ? 1 : 0), ...finalizers },
  };
  const query = { fieldManager: 'finalizer', force: 'true' };
  return request(kind, 'PATCH', { name, query, contentType: 'application/apply-patch+yaml', body });
};

const post: Making = (draw, kind, name) =>
  request(kind, 'POST', {
    query: writeQuery(draw),
    contentType: 'application/json',
    body: randomObject(draw, kind, name),
  });

const changes: readonly Json[] = [
  { metadata: { labels: { app: 'b' } } },
  { metadata: { labels: { app: null } } },
  { metadata: { labels: null } },
  { metadata: { labels: { tier: 'x', app: 'a' } } },
  { metadata: { annotations: { note: 'three' } } },
  { metadata: { annotations: { note: null } } },
  { metadata: { finalizers: [] } },
  { metadata: { finalizers: null } },
  { metadata: { finalizers: ['example.com/more'] } },
  { metadata: { ownerReferences: null } },
  {},
];

function change({ chance }: Draw, kind: string): Json {
  const { pieces } = recipeOf(kind);
  return chance.oneOf(isLucky(chance, 35) && pieces.length > 0 ? pieces : changes);
}

const mergePatch: Making = (draw, kind, name) => {
  const body = merged(change(draw, kind), { metadata: preconditions(draw, kind, name) });
  return request(kind, 'PATCH', { name, query: writeQuery(draw), contentType: 'application/merge-patch+json', body });
};

const jsonPatch: Making = (draw, kind, name) => {
  const { chance } = draw;
  const paths = [
    '/metadata/labels/app',
    '/metadata/labels',
    '/metadata/annotations/note',
    '/metadata/finalizers/0',
    '/metadata/finalizers',
    '/spec/replicas',
    '/data/x',
  ];
  const ago = isLucky(chance, 20) ? 1 : 0;
  const body = [
    ...(isLucky(chance, 60)
      ? [{ op: 'test', path: '/metadata/resourceVersion', value: refer.version(kind, name, ago) }]
      : []),
    ...(isLucky(chance, 40) ? [{ op: 'test', path: '/metadata/uid', value: refer.uid(kind, name) }] : []),
    { op: 'remove', path: chance.oneOf(paths) },
  ];
  return request(kind, 'PATCH', { name, query: writeQuery(draw), contentType: 'application/json-patch+json', body });
};

const put: Making = (draw, kind, name) => {
  const { chance } = draw;
  const edit = change(draw, kind);
  const head = { apiVersion: kindOf(kind).apiVersion, kind, metadata: { name } };
  const unconditional = {
    ...edit,
    metadata: { ...at(edit, 'metadata'), resourceVersion: null, managedFields: null },
  };
  const body = isLucky(chance, 85)
    ? refer.edited(head, isLucky(chance, 25) ? unconditional : edit)
    : randomObject(draw, kind, name);
  return request(kind, 'PUT', { name, query: writeQuery(draw), contentType: 'application/json', body });
};

const status: Making = (draw, kind, name) => {
  const { chance } = draw;
  const pieces = recipeOf(kind).status ?? [];
  if (pieces.length === 0) return mergePatch(draw, kind, name);
  const piece = chance.oneOf(pieces);
  // Now and then what only the main resource may change, or the status through the main resource.
  const main = ['StatefulSet', 'PostgresCluster'].includes(kind) ? { spec: { replicas: 2 } } : {};
  const stray = isLucky(chance, 15) ? { metadata: { labels: { app: 'b' } }, ...main } : {};
  const subresource = isLucky(chance, 85) ? 'status' : '';
  const query = { fieldManager: chance.oneOf(['status', ...managers]) };
  const head = { apiVersion: kindOf(kind).apiVersion, kind, metadata: { name } };
  const preconditioned = { metadata: preconditions(draw, kind, name) };
  if (isLucky(chance, 50))
    return request(kind, 'PATCH', {
      name,
      subresource,
      query: { ...query, ...(isLucky(chance, 70) ? { force: 'true' } : {}) },
      contentType: 'application/apply-patch+yaml',
      body: merged(merged({ ...head, ...piece }, subresource === '' ? {} : stray), preconditioned),
    });
  return request(kind, 'PATCH', {
    name,
    subresource,
    query,
    contentType: 'application/merge-patch+json',
    body: merged(merged(piece, stray), preconditioned),
  });
};

const remove: Making = (draw, kind, name) => {
  const { chance } = draw;
  const asked = preconditions(draw, kind, name);
  const policy = chance.oneOf([
    {},
    { propagationPolicy: 'Background' },
    { propagationPolicy: 'Background' },
    { propagationPolicy: 'Orphan' },
    { propagationPolicy: 'Foreground' },
  ]);
  const grace = isLucky(chance, kind === 'Pod' ? 50 : 10) ? { gracePeriodSeconds: chance.oneOf([0, 10]) } : {};
  const dryRun = isLucky(chance, 5) ? { dryRun: ['All'] } : {};
  const options = Object.keys(asked).length === 0 ? {} : { preconditions: asked };
  return request(kind, 'DELETE', {
    name,
    // In the query beside a body it counts for nothing.
    query: isLucky(chance, 3) ? { dryRun: 'All' } : {},
    contentType: 'application/json',
    body: { apiVersion: 'v1', kind: 'DeleteOptions', ...options, ...policy, ...grace, ...dryRun },
  });
};

const get: Making = (_draw, kind, name) => request(kind, 'GET', { name });

const listing: Making = ({ chance }, kind) => {
  const selector = isLucky(chance, 40) ? { labelSelector: chance.oneOf(selectors) } : {};
  const field = isLucky(chance, 10) ? { fieldSelector: `metadata.name=${chance.oneOf(names)}` } : {};
  const paging = isLucky(chance, 40)
    ? { limit: '1', ...(isLucky(chance, 50) ? { continue: refer.token(kind) } : {}) }
    : {};
  return request(kind, 'GET', { query: { ...selector, ...field, ...paging } });
};

const watch: Making = ({ chance }, kind, name) => {
  const selector = isLucky(chance, 50) ? { labelSelector: chance.oneOf(selectors) } : {};
  const field = isLucky(chance, 10) ? { fieldSelector: `metadata.name=${name}` } : {};
  const from = chance.oneOf([
    refer.listVersion(kind),
    refer.listVersion(kind),
    refer.since(kind, name),
    refer.since(kind, name, 2),
    // Long gone, of a kind that is served only since the server has a history.
    ...(kind === 'PostgresCluster' ? ['1'] : []),
  ]);
  return { type: 'watch', kind, query: { resourceVersion: from, allowWatchBookmarks: 'true', ...selector, ...field } };
};

const deck: readonly (readonly [weight: number, making: Making])[] = [
  [26, apply],
  [8, createOnly],
  [3, applyMetadata],
  [8, post],
  [12, mergePatch],
  [6, jsonPatch],
  [9, put],
  [9, status],
  [9, remove],
  [4, get],
  [6, listing],
];

function drawn(chance: SimChance): Making {
  let left = chance.between(
    1,
    deck.reduce((sum, [weight]) => sum + weight, 0),
  );
  for (const [weight, making] of deck) {
    left -= weight;
    if (left <= 0) return making;
  }
  return get;
}

/** Watches are few, and each follows a list of its kind, as a client's do. */
function withWatches(draw: Draw, steps: readonly Step[]): readonly Step[] {
  const { chance, kinds } = draw;
  const kind = chance.oneOf(kinds);
  const place = chance.between(0, Math.floor(steps.length / 2));
  return [
    ...steps.slice(0, place),
    request(kind, 'GET', {}),
    watch(draw, kind, chance.oneOf(names)),
    ...steps.slice(place),
    ...(isLucky(chance, 50) ? [watch(draw, kind, chance.oneOf(names))] : []),
  ];
}

/** The sequence of a seed. @param kinds names of kinds to choose from; all when empty */
export function sequenceOf(seed: number, kinds: readonly string[] = []): Sequence {
  const chance = chanceOf(seed);
  const from = kinds.length > 0 ? kinds : recipeKinds;
  const chosen = Array.from({ length: chance.between(1, 2) }, () =>
    kinds.length === 0 && isLucky(chance, 60) ? chance.oneOf(favourites) : chance.oneOf(from),
  );
  const draw: Draw = { chance, kinds: [...new Set(chosen)] };
  const length = chance.between(5, 44);
  const steps = Array.from({ length }, () => drawn(chance)(draw, chance.oneOf(draw.kinds), chance.oneOf(names)));
  return { seed, steps: isLucky(chance, 60) ? withWatches(draw, steps) : steps };
}
