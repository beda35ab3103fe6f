/** Requests to the letter, of intents that need more than a rendered object: what is read before, what is removed, what is kept. */
import { describe, expect, it } from 'vitest';
import type { Facts } from '#machines/cluster/facts.ts';
import type { Intent } from '#machines/cluster/intents.ts';
import type { DesiredObject, Json, Plan } from '#machines/cluster/plan.ts';
import { annotations, dcsFinalizer, finalizer, labels, labelValues } from '#machines/shared/names.ts';
import type { ApiRequest } from '#src/decision/record.ts';
import { render, textHashOf } from '#src/decision/render.ts';
import type { RenderContext, Rendered } from '#src/decision/requests.ts';
import { calm, factsOf, plan } from '../../machines/cluster/worlds.ts';

const pod = { kind: 'Pod', name: 'shop-1' } as const;
const claim = { kind: 'PersistentVolumeClaim', name: 'data-shop-1' } as const;
const service = { kind: 'Service', name: 'shop' } as const;
const uid = 'Pod-shop-1';
const because = 'it is a test';
const read = { uid, resourceVersion: '7' };

/** Whose an object is, as its labels say. */
const own = {
  [labels.managedBy]: labelValues.managedBy,
  [labels.name]: labelValues.name,
  [labels.cluster]: 'shop',
  [labels.clusterUid]: 'u-1',
};

const desired: DesiredObject = {
  ref: service,
  body: { apiVersion: 'v1', kind: 'Service', metadata: { name: 'shop', namespace: 'default' }, spec: { ports: [] } },
  generated: [],
  renderHash: 'rendered',
} as unknown as DesiredObject;

const wanted: Plan = {
  ...plan,
  objects: [desired],
  podMetadata: { labels: { tier: 'gold' }, annotations: { owner: 'me' }, mark: '{"labels":["tier"]}' },
};

const facts = factsOf(calm);

function context(change: Partial<RenderContext> = {}): RenderContext {
  const status = null;
  const at = Date.UTC(2026, 0, 2, 3, 4, 5, 678);
  return { facts, plan: wanted, versions: () => read, status, at, suffix: '1-2-3', ...change };
}

/** The facts with more said of the pod. */
function withPod(change: Readonly<Record<string, unknown>>): Facts {
  const fact = facts.world.objects['Pod/shop-1'];
  if (fact === undefined) throw new Error('no pod');
  const objects = { ...facts.world.objects, 'Pod/shop-1': { ...fact, object: { ...fact.object, ...change } } };
  return { ...facts, world: { ...facts.world, objects } };
}

function requestOf(rendered: Rendered | null): ApiRequest {
  if (rendered?.request.type !== 'api') throw new Error('it goes to the API server');
  return rendered.request;
}

function bodyOf(intent: Intent, change: Partial<RenderContext> = {}): Json {
  return JSON.parse(requestOf(render(context(change), intent)).body ?? 'null') as Json;
}

describe('a question', () => {
  it.each<readonly [Intent, string, ApiRequest['query']]>([
    [{ type: 'ReadObject', target: pod, because }, '/api/v1/namespaces/default/pods/shop-1', {}],
    [
      { type: 'ReadEvents', target: pod, uid, because },
      '/api/v1/namespaces/default/events',
      { fieldSelector: `involvedObject.uid=${uid},type=Warning` },
    ],
  ])('%o asks for %s', (intent, path, query) => {
    const rendered = render(context(), intent);
    const request = { type: 'api', method: 'GET', path, query, contentType: null, body: null, generated: [] };
    expect(rendered).toEqual({ request, reads: [] });
  });
});

describe('a change of an object that is there', () => {
  const each: readonly Intent[] = [
    { type: 'RemoveForeignFields', target: pod, uid, paths: ['/a'], because },
    { type: 'DeleteObject', target: pod, uid, because },
    { type: 'RepairStatefulSet', target: service, uid, because },
    { type: 'AdoptObject', target: service, uid, because },
    { type: 'AdoptObject', target: claim, uid, because },
    { type: 'MarkRetained', target: claim, uid, because },
    { type: 'StripMarks', target: pod, uid, because },
    { type: 'ReleaseObject', target: pod, uid, because },
    { type: 'GrowVolume', target: claim, uid, size: '2Gi', because },
    { type: 'LabelPod', target: pod, uid, because },
  ];

  it.each(each)('$type of $target.kind waits while the object is not known, or another one has its name', (intent) => {
    expect(render(context({ versions: () => null }), intent)).toBeNull();
    expect(render(context({ versions: () => ({ ...read, uid: 'another' }) }), intent)).toBeNull();
  });

  it.each(each)('$type of $target.kind is refused by the server when it is late, and says what was read', (intent) => {
    const rendered = render(context(), intent);
    expect(rendered?.reads).toEqual([{ ...intent.target, ...read }]);
    const body = JSON.parse(requestOf(rendered).body ?? '') as { [key: string]: Json };
    const said = Array.isArray(body) ? body.slice(0, 2) : (body['preconditions'] ?? body['metadata']);
    const tests = [
      { op: 'test', path: '/metadata/resourceVersion', value: '7' },
      { op: 'test', path: '/metadata/uid', value: uid },
    ];
    if (Array.isArray(body)) expect(said).toEqual(tests);
    else expect(said).toMatchObject(read);
  });

  it('removes later items of a list first, each as its number says, and the longer path before its parent', () => {
    const paths = ['/spec/a/9', '/spec/a/10/b', '/spec/a/10', '/spec/b', '/metadata/x'];
    const body = bodyOf({ type: 'RemoveForeignFields', target: pod, uid, paths, because }) as { path: string }[];
    const order = ['/spec/b', '/spec/a/10/b', '/spec/a/10', '/spec/a/9', '/metadata/x'];
    expect(body.slice(2)).toEqual(order.map((path) => ({ op: 'remove', path })));
  });

  it.each([
    [undefined, {}],
    [0, { gracePeriodSeconds: 0 }],
    [30, { gracePeriodSeconds: 30 }],
  ])('is deleted with a grace of %s', (graceSeconds, more) => {
    const grace = graceSeconds === undefined ? {} : { graceSeconds };
    const request = requestOf(render(context(), { type: 'DeleteObject', target: pod, uid, because, ...grace }));
    expect(request).toMatchObject({ method: 'DELETE', query: {}, contentType: 'application/json' });
    expect(JSON.parse(request.body ?? '')).toEqual({
      apiVersion: 'v1',
      kind: 'DeleteOptions',
      preconditions: read,
      propagationPolicy: 'Background',
      ...more,
    });
  });

  it('keeps the finalizers of others', () => {
    const change = { facts: withPod({ finalizers: ['theirs', dcsFinalizer] }) };
    const finalizers = ['theirs'];
    expect(bodyOf({ type: 'ReleaseObject', target: pod, uid, because }, change)).toEqual({
      metadata: { ...read, finalizers },
    });
    expect(bodyOf({ type: 'StripMarks', target: pod, uid, because }, change)).toEqual({
      metadata: { ...read, labels: { [labels.clusterUid]: null }, finalizers },
    });
  });

  it('takes our finalizer off the PostgresCluster by its place, whoever put it there', () => {
    const { world } = facts;
    const seen = world.cluster?.seen;
    if (seen === undefined) throw new Error('there is no cluster');
    const finalizers = ['theirs', finalizer];
    const change = { facts: { ...facts, world: { ...world, cluster: { since: 0, seen: { ...seen, finalizers } } } } };
    const target = { kind: 'PostgresCluster', name: 'shop' } as const;
    expect(bodyOf({ type: 'ReleaseFinalizer', target, uid: 'u-1', because }, change)).toEqual([
      { op: 'test', path: '/metadata/uid', value: 'u-1' },
      { op: 'test', path: '/metadata/finalizers/1', value: finalizer },
      { op: 'remove', path: '/metadata/finalizers/1' },
    ]);
  });

  it('is asked by its uid alone where labels were taken off, and no watch tells its version', () => {
    const change = { facts: withPod({ labels: {} }), versions: () => null };
    expect(bodyOf({ type: 'ReleaseObject', target: pod, uid, because }, change)).toEqual({
      metadata: { uid, finalizers: [] },
    });
    expect(render(context(change), { type: 'ReleaseObject', target: pod, uid: 'another', because })).toBeNull();
  });

  it('grows a volume by its claim alone', () => {
    expect(bodyOf({ type: 'GrowVolume', target: claim, uid, size: '2Gi', because })).toEqual({
      metadata: { ...read, annotations: { [annotations.effect]: { $effect: '' } } },
      spec: { resources: { requests: { storage: '2Gi' } } },
    });
  });

  it.each([
    ['17', '7', '17', '7'],
    [null, null, '17', 'none'],
  ])('is retained with the major and system identifier that are known (%s, %s)', (version, identifier, major, told) => {
    const { memory } = facts;
    const accepted = version === null ? null : memory.accepted;
    const known = { ...facts, memory: { ...memory, accepted, systemIdentifier: identifier } };
    expect(bodyOf({ type: 'MarkRetained', target: claim, uid, because }, { facts: known })).toEqual({
      metadata: {
        ...read,
        labels: { ...own, [labels.retained]: 'true' },
        annotations: {
          [annotations.systemIdentifier]: told,
          [annotations.major]: major,
          [annotations.effect]: { $effect: '' },
        },
      },
    });
  });

  it('is taken over with its marks of a predecessor taken off', () => {
    expect(bodyOf({ type: 'AdoptObject', target: claim, uid, because })).toEqual({
      metadata: {
        ...read,
        labels: { ...own, [labels.retained]: null },
        annotations: {
          [annotations.systemIdentifier]: null,
          [annotations.major]: null,
          [annotations.effect]: { $effect: '' },
        },
      },
    });
  });

  it.each<readonly [string | undefined, Json, Json]>([
    ['{"labels":["tier","old"],"annotations":["note"]}', { old: null }, { note: null }],
    ['{"labels":["old",7]}', { old: null }, {}],
    ['{"labels":"old"}', {}, {}],
    ['["labels"]', {}, {}],
    ['null', {}, {}],
    ['no JSON', {}, {}],
    [undefined, {}, {}],
  ])('bears what the spec says, and not what it said (%s)', (mark, goneLabels, goneAnnotations) => {
    const before = mark === undefined ? {} : { [annotations.podMetadata]: mark };
    const body = bodyOf({ type: 'LabelPod', target: pod, uid, because }, { facts: withPod({ annotations: before }) });
    expect(body).toEqual({
      metadata: {
        ...read,
        labels: { ...(goneLabels as object), tier: 'gold' },
        annotations: {
          ...(goneAnnotations as object),
          owner: 'me',
          [annotations.podMetadata]: '{"labels":["tier"]}',
          [annotations.effect]: { $effect: '' },
        },
      },
    });
  });
});

describe('an object of the plan', () => {
  it.each<readonly [Intent, object, object]>([
    [{ type: 'CreateObject', target: service, because }, { resourceVersion: '1' }, {}],
    [{ type: 'RepairObject', target: service, uid, because }, { uid }, {}],
    [{ type: 'CompareObject', target: service, uid, because }, { uid }, { dryRun: 'All' }],
    [{ type: 'RepairStatefulSet', target: service, uid, because }, read, {}],
  ])('%o is applied with its preconditions', (intent, preconditions, query) => {
    const request = requestOf(render(context(), intent));
    expect(request).toMatchObject({
      method: 'PATCH',
      path: '/api/v1/namespaces/default/services/shop',
      query: { force: 'true', ...query },
      contentType: 'application/apply-patch+yaml',
    });
    expect(JSON.parse(request.body ?? '')).toEqual({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'shop', namespace: 'default', ...preconditions },
      spec: { ports: [] },
    });
  });

  it.each(['CreateObject', 'CreateSecret'] as const)('that the plan has not is not made (%s)', (type) =>
    expect(render(context(), { type, target: { kind: 'Secret', name: 'nowhere' }, because })).toBeNull(),
  );

  it('is known by the hash of its text, and what is no such object has none', () => {
    expect(textHashOf(wanted, { type: 'CreateObject', target: service, because })).toBe('rendered');
    expect(textHashOf(wanted, { type: 'ReadObject', target: pod, because })).toBeNull();
  });
});

describe('what people read', () => {
  it('is an Event at the second, cut to what the API server takes', () => {
    const target = { kind: 'PostgresCluster', name: 'shop' } as const;
    const note = 'x'.repeat(2000);
    const intent: Intent = { type: 'EmitEvent', target, reason: 'Why', note, severity: 'Warning', because };
    const request = requestOf(render(context(), intent));
    expect(request).toMatchObject({ method: 'POST', path: '/api/v1/namespaces/default/events', query: {} });
    expect(JSON.parse(request.body ?? '')).toEqual({
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: 'shop.1-2-3', namespace: 'default' },
      involvedObject: {
        apiVersion: 'postgres.example.com/v1alpha1',
        kind: 'PostgresCluster',
        name: 'shop',
        namespace: 'default',
        uid: 'u-1',
      },
      reason: 'Why',
      message: 'x'.repeat(1024),
      type: 'Warning',
      source: { component: 'postgres-operator' },
      firstTimestamp: '2026-01-02T03:04:05Z',
      lastTimestamp: '2026-01-02T03:04:05Z',
      count: 1,
    });
  });

  it('is no status where none is wished', () => {
    const target = { kind: 'PostgresCluster', name: 'shop' } as const;
    expect(render(context(), { type: 'PublishStatus', target, because })).toBeNull();
  });
});
