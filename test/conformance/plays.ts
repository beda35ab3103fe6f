/**
 * Owns: what is done to a StatefulSet and to dependents of a ConfigMap, phase by phase, and what is then looked at: which
 * objects came and went in each phase, and the picture at its end. The same play is given on a real control plane, whose
 * controllers are the real ones (`record.ts` writes that down), and in the simulated world (`recorded.test.ts`).
 * Does not own: how often an object was written on its way; controllers put several changes into one write as they find them.
 */
import { at, list, number, stable, text, type Json } from '#src/sim/json.ts';
import { refer, type RequestStep } from './sequence.ts';

/** What happened to an object, as a watch tells it. */
export interface Told {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly object: Json;
}

/** Where a play is given. */
export interface Stage {
  /** Sends one request; references are resolved. @throws when it is refused */
  readonly send: (step: RequestStep) => Promise<void>;
  readonly told: () => readonly Told[];
  /** Lets the controllers work until it holds. @throws when it never does */
  readonly until: (holds: () => boolean) => Promise<void>;
}

export interface Phase {
  readonly name: string;
  /** Objects that came or went, with what happened to each in order. */
  readonly lives: Readonly<Record<string, readonly string[]>>;
  /** Every object there is at the end. */
  readonly picture: Readonly<Record<string, Json>>;
}

interface Scene {
  readonly name: string;
  readonly steps: readonly RequestStep[];
  /** When the controllers have done what they do. */
  readonly over: (now: ReadonlyMap<string, Json>) => boolean;
}

/** Kinds that are watched. */
export const watched: readonly string[] = ['StatefulSet', 'Pod', 'PersistentVolumeClaim', 'ConfigMap'];

function keyOf(object: Json): string {
  return `${text(object, 'kind')}/${text(object, 'metadata', 'name')}`;
}

/** The objects that are left after what was told. */
export function standing(told: readonly Told[]): ReadonlyMap<string, Json> {
  const now = new Map<string, Json>();
  for (const { type, object } of told)
    if (type === 'DELETED') now.delete(keyOf(object));
    else now.set(keyOf(object), object);
  return now;
}

function request(more: Partial<RequestStep> & Pick<RequestStep, 'kind' | 'method'>): RequestStep {
  return {
    type: 'request',
    name: null,
    subresource: '',
    query: { fieldManager: 'director' },
    contentType: 'application/json',
    body: null,
    ...more,
  };
}

const labels = { app: 'db' };

function set(replicas: number): RequestStep {
  const claim = {
    metadata: { name: 'data', labels },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
  };
  const pod = { containers: [{ name: 'postgres', image: 'registry.example/spilo:17' }] };
  const spec = {
    replicas,
    serviceName: 'members',
    podManagementPolicy: 'Parallel',
    updateStrategy: { type: 'OnDelete' },
    selector: { matchLabels: labels },
    template: {
      metadata: { labels, annotations: { note: 'there' } },
      spec: { ...pod, automountServiceAccountToken: false },
    },
    volumeClaimTemplates: [claim],
  };
  return request({
    kind: 'StatefulSet',
    method: 'POST',
    body: { apiVersion: 'apps/v1', kind: 'StatefulSet', metadata: { name: 'db' }, spec },
  });
}

function edit(change: Json): RequestStep {
  return request({
    kind: 'StatefulSet',
    method: 'PATCH',
    name: 'db',
    contentType: 'application/merge-patch+json',
    body: change,
  });
}

function ready(name: string): RequestStep {
  const conditions = ['Ready', 'ContainersReady'].map((type) => ({ type, status: 'True' }));
  return request({
    kind: 'Pod',
    method: 'PATCH',
    name,
    subresource: 'status',
    contentType: 'application/merge-patch+json',
    body: { status: { phase: 'Running', conditions } },
  });
}

function remove(kind: string, name: string, policy: string): RequestStep {
  const body = { apiVersion: 'v1', kind: 'DeleteOptions', propagationPolicy: policy };
  return request({ kind, method: 'DELETE', name, query: {}, body });
}

function pods(now: ReadonlyMap<string, Json>): readonly Json[] {
  return [...now.values()].filter((object) => text(object, 'kind') === 'Pod');
}

function status(now: ReadonlyMap<string, Json>, field: string): number {
  return number(now.get('StatefulSet/db'), -1, 'status', field);
}

function isOwned(object: Json): boolean {
  return list(object, 'metadata', 'ownerReferences').length > 0;
}

const rests = (replicas: number, readyReplicas: number) => (now: ReadonlyMap<string, Json>) =>
  pods(now).length === replicas &&
  status(now, 'replicas') === replicas &&
  (readyReplicas === 0 || status(now, 'readyReplicas') === readyReplicas) &&
  status(now, 'observedGeneration') === number(now.get('StatefulSet/db'), 0, 'metadata', 'generation');

const statefulSetPlay: readonly Scene[] = [
  { name: 'three members are made', steps: [set(3)], over: rests(3, 0) },
  { name: 'they are ready', steps: [0, 1, 2].map((each) => ready(`db-${each}`)), over: rests(3, 3) },
  { name: 'one is deleted and made again', steps: [remove('Pod', 'db-1', 'Background')], over: rests(3, 2) },
  {
    name: 'the template changes, and no member is replaced',
    steps: [
      edit({
        spec: { template: { spec: { containers: [{ name: 'postgres', image: 'registry.example/spilo:18' }] } } },
      }),
    ],
    over: (now) => {
      const set1 = now.get('StatefulSet/db');
      return rests(3, 2)(now) && text(set1, 'status', 'updateRevision') !== text(set1, 'status', 'currentRevision');
    },
  },
  {
    name: 'one that is deleted comes back by the new template',
    steps: [remove('Pod', 'db-2', 'Background')],
    over: (now) => rests(3, 1)(now) && status(now, 'updatedReplicas') === 1,
  },
  {
    name: 'all are replaced by hand, and the current revision stays what it was',
    steps: [remove('Pod', 'db-0', 'Background'), remove('Pod', 'db-1', 'Background')],
    over: (now) => rests(3, 0)(now) && status(now, 'updatedReplicas') === 3,
  },
  { name: 'the first is ready again', steps: [ready('db-0')], over: rests(3, 1) },
  { name: 'one member is enough', steps: [edit({ spec: { replicas: 1 } })], over: rests(1, 1) },
  { name: 'two again, on the volumes that stayed', steps: [edit({ spec: { replicas: 2 } })], over: rests(2, 1) },
  {
    name: 'the set goes and leaves its members',
    steps: [remove('StatefulSet', 'db', 'Orphan')],
    over: (now) => !now.has('StatefulSet/db') && pods(now).length === 2 && !pods(now).some(isOwned),
  },
  {
    name: 'a new set takes them in',
    steps: [set(2)],
    over: (now) => rests(2, 1)(now) && pods(now).every(isOwned),
  },
  {
    name: 'the set goes, and its members after it',
    steps: [remove('StatefulSet', 'db', 'Background')],
    over: (now) => !now.has('StatefulSet/db') && pods(now).length === 0,
  },
  { name: 'a set of two', steps: [set(2)], over: rests(2, 0) },
  {
    name: 'the members go first, and the set after them',
    steps: [remove('StatefulSet', 'db', 'Foreground')],
    over: (now) => !now.has('StatefulSet/db') && pods(now).length === 0,
  },
];

function dependent(name: string, owners: readonly (readonly [name: string, blocks: boolean])[]): RequestStep {
  const ownerReferences = owners.map(([owner, blockOwnerDeletion]) => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    name: owner,
    uid: refer.uid('ConfigMap', owner),
    blockOwnerDeletion,
  }));
  const metadata = { name, ...(owners.length === 0 ? {} : { ownerReferences }) };
  return request({ kind: 'ConfigMap', method: 'POST', body: { apiVersion: 'v1', kind: 'ConfigMap', metadata } });
}

const has =
  (...names: readonly string[]) =>
  (now: ReadonlyMap<string, Json>): boolean =>
    stable([...now.keys()].sort()) === stable(names.map((name) => `ConfigMap/${name}`).sort());

const garbagePlay: readonly Scene[] = [
  {
    name: 'owners and dependents',
    steps: [
      dependent('one', []),
      dependent('two', []),
      dependent('of-one', [['one', false]]),
      dependent('of-both', [
        ['one', false],
        ['two', false],
      ]),
      dependent('of-of-one', [['of-one', false]]),
    ],
    over: has('one', 'two', 'of-one', 'of-both', 'of-of-one'),
  },
  {
    name: 'in the background: what is left without owners goes, what has one left loses the reference',
    steps: [remove('ConfigMap', 'one', 'Background')],
    over: (now) =>
      has('two', 'of-both')(now) && list(now.get('ConfigMap/of-both'), 'metadata', 'ownerReferences').length === 1,
  },
  {
    name: 'orphaned: dependents lose the reference, and the owner goes',
    steps: [remove('ConfigMap', 'two', 'Orphan')],
    over: (now) => has('of-both')(now) && ![...now.values()].some(isOwned),
  },
  {
    name: 'an owner whose dependents may block',
    steps: [dependent('three', []), dependent('blocks', [['three', true]]), dependent('lets', [['three', false]])],
    over: has('of-both', 'three', 'blocks', 'lets'),
  },
  {
    name: 'in the foreground: dependents go, and the owner last',
    steps: [remove('ConfigMap', 'three', 'Foreground')],
    over: has('of-both'),
  },
  {
    name: 'whose owner was never there goes at once',
    steps: [dependent('lost', [['nobody', false]])],
    over: has('of-both'),
  },
];

/** Every play by its name; a recording has the same name. */
export const plays: Readonly<Record<string, readonly Scene[]>> = {
  'stateful-set': statefulSetPlay,
  garbage: garbagePlay,
};

/** Names for what differs from run to run: hashes of revisions and uids, in the order in which they are met. */
function makeNames(): (kind: string, value: string) => string {
  const names = new Map<string, string>();
  return (kind, value) => {
    const known = names.get(`${kind}/${value}`);
    if (known !== undefined) return known;
    const next = `${kind}-${[...names.keys()].filter((key) => key.startsWith(`${kind}/`)).length + 1}`;
    names.set(`${kind}/${value}`, next);
    return next;
  };
}

type Names = ReturnType<typeof makeNames>;

function seenStatus(object: Json, name: Names): Json {
  if (text(object, 'kind') !== 'StatefulSet') return {};
  const { currentRevision, updateRevision, ...counts } = at(object, 'status');
  // Zero and absent are one to whoever reads it.
  const shown = Object.fromEntries(Object.entries(counts).filter(([, count]) => count !== 0));
  return {
    status: {
      ...shown,
      currentRevision: name('revision', String(currentRevision)),
      updateRevision: name('revision', String(updateRevision)),
    },
  };
}

/** What of an object its controllers decide. */
function seen(object: Json, name: Names): Json {
  const { metadata, spec } = object;
  const of = at(metadata, 'labels');
  const hash = text(of, 'controller-revision-hash');
  const claims = list(spec, 'volumes')
    .map((volume) => text(volume, 'persistentVolumeClaim', 'claimName'))
    .filter((claim) => claim !== '');
  const { ownerReferences, annotations, finalizers } = at(metadata);
  const owners = list({ ownerReferences }, 'ownerReferences').map((owner) => ({
    ...at(owner),
    uid: name('uid', text(owner, 'uid')),
  }));
  return {
    labels: { ...of, ...(hash === '' ? {} : { 'controller-revision-hash': name('revision', hash) }) },
    ...(annotations === undefined ? {} : { annotations }),
    ...(finalizers === undefined ? {} : { finalizers }),
    ...(owners.length === 0 ? {} : { owners }),
    ...(text(object, 'kind') === 'Pod'
      ? { hostname: at(spec)['hostname'], subdomain: at(spec)['subdomain'], claims }
      : {}),
    ...seenStatus(object, name),
  };
}

/** What was told of one phase, and what is left. */
function phaseOf(name: string, told: readonly Told[], all: ReadonlyMap<string, Json>, names: Names): Phase {
  const lives: Record<string, string[]> = {};
  for (const { type, object } of told) {
    if (type === 'MODIFIED') continue;
    (lives[keyOf(object)] ??= []).push(type);
  }
  const picture = [...all]
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([key, object]) => [key, seen(object, names)]);
  return { name, lives, picture: Object.fromEntries(picture) as Phase['picture'] };
}

/** Claims of members that came after them: none should. */
export function lateClaims(told: readonly Told[]): readonly string[] {
  const claims = new Set<string>();
  return told.flatMap(({ type, object }) => {
    const name = text(object, 'metadata', 'name');
    if (text(object, 'kind') === 'PersistentVolumeClaim' && type === 'ADDED') claims.add(name);
    return text(object, 'kind') === 'Pod' && type === 'ADDED' && !claims.has(`data-${name}`) ? [name] : [];
  });
}

/** Gives a play. */
export async function give(stage: Stage, scenes: readonly Scene[]): Promise<readonly Phase[]> {
  const names = makeNames();
  const phases: Phase[] = [];
  let past = 0;
  for (const { name, steps, over } of scenes) {
    for (const step of steps) await stage.send(step);
    await stage.until(() => over(standing(stage.told())));
    const told = stage.told();
    phases.push(phaseOf(name, told.slice(past), standing(told), names));
    past = told.length;
  }
  return phases;
}
