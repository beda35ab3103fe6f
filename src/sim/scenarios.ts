/** Owns: what people do in a simulated world: acts one after the other, each begun when the goal of the last was reached. */
import { at, list, number, text, type Json } from './json.ts';
import {
  clusterOf,
  condition,
  create,
  edit,
  imagesAre,
  isRunning,
  meddle,
  name,
  namespace,
  replicaServiceType,
  type Act,
} from './acts.ts';
import {
  approval,
  choosePasswords,
  copyAnew,
  loseNodeForGood,
  loseSecrets,
  observe,
  patroniPaused,
  replaceLost,
  rotate,
  restartAll,
  switchOver,
  toNobody,
  windows,
} from './acts-control.ts';
import { editedAtRandom, randomEdits } from './acts-edits.ts';
import { badImageEverywhere, createFleet, mended, newImageEverywhere, oneAtATime } from './acts-fleet.ts';
import { peace, war } from './acts-war.ts';
import { alone, asynchronous, fewer, preferred, required } from './acts-synchrony.ts';
import { isReady } from './patroni/report.ts';
import type { World } from './world.ts';

export interface Scenario {
  readonly name: string;
  readonly operators: readonly string[];
  /** Of the operators. */
  readonly flags?: readonly string[];
  readonly acts: readonly Act[];
  /** What people do is among the steps of a plan: what is made and left is not what another plan makes and leaves. */
  readonly isItsOwn?: true;
}

const remove: Act = {
  what: 'delete',
  act: (world) => {
    const cluster = clusterOf(world);
    if (cluster !== null) world.user.remove(cluster);
  },
  until: (world) => clusterOf(world) === null && world.user.list('Pod', namespace).length === 0,
};

/** The leader's container dies; after a minute it is back, and one of the two takes writes. */
const loseLeader: Act = {
  what: 'lose the leader',
  act: ({ kubelets }) => {
    const members = [...kubelets.members()];
    // Whoever writes; somebody, when a fault has just left nobody who does.
    const [key] = members.find(([, member]) => member.isWritable()) ?? members[0] ?? [''];
    kubelets.killContainer(key, 60_000);
  },
  until: (world) => {
    const restarts = world.user
      .list('Pod', namespace)
      .map((pod) => number(list(pod, 'status', 'containerStatuses')[0], 0, 'restartCount'));
    const writes = [...world.kubelets.members().values()].some((member) => member.isWritable());
    return isRunning(world) && writes && restarts.some((count) => count > 0);
  },
};

/** Somebody edits what is ours; it comes back. */
const drift: Act = {
  what: 'edit a service by hand',
  act: meddle,
  until: (world) => replicaServiceType(world) === 'ClusterIP' && isRunning(world),
};

/** Somebody deletes what is ours; it is made again. */
const vandal: Act = {
  what: 'delete the disruption budget and the replica service',
  act: ({ user }) => {
    for (const [kind, each] of [
      ['PodDisruptionBudget', `${name}-pdb`],
      ['Service', `${name}-repl`],
    ] as const) {
      const object = user.get(kind, namespace, each);
      if (object !== null) user.remove(object);
    }
  },
  until: (world) => {
    const back = world.user.get('Service', namespace, `${name}-repl`);
    return back !== null && text(back, 'metadata', 'deletionTimestamp') === '' && isRunning(world);
  },
};

function shows(world: World, parameter: string, value: string): boolean {
  const members = [...world.kubelets.members().values()];
  return members.every((member) => member.shownSettings([parameter]).startsWith(`${parameter} ${value}\n`));
}

const newImage = edit('another image', { image: 'registry/spilo:next' }, (world) =>
  imagesAre(world, 'registry/spilo:next'),
);
const badImage = edit(
  'an image that is not there',
  { image: 'registry/broken:1' },
  (world) => condition(world, 'ConfigurationValid') === 'False RolloutFailed' && !imagesAre(world, 'registry/broken:1'),
);
/** Nobody of it ever runs, until the image is put right. */
const createBroken: Act = {
  ...create({ image: 'registry/broken:1' }),
  what: 'create with an image that is not there',
  until: (world) => world.user.list('Pod', namespace).length === 2 && imagesAre(world, 'registry/broken:1'),
};
const takenBack = edit(
  'the image as before',
  { image: null },
  (world) => condition(world, 'ConfigurationValid') === 'True Valid',
);
const reloaded = edit('a parameter that is reloaded', { postgresqlParams: { work_mem: '8MB' } }, (world) =>
  shows(world, 'work_mem', '8192'),
);
const restarted = edit(
  'parameters that need a start, one up and one down',
  { postgresqlParams: { work_mem: '8MB', max_connections: '200', max_worker_processes: '6' } },
  (world) => shows(world, 'max_connections', '200') && shows(world, 'max_worker_processes', '6'),
);
const badParameter = edit(
  'a parameter no member starts with',
  { postgresqlParams: { huge_pages: 'on' } },
  (world) => condition(world, 'ConfigurationValid') === 'False RolloutFailed',
);
const unset = edit('no parameters', { postgresqlParams: null }, (world) => shows(world, 'max_connections', '100'));
function everyPod(world: World, holds: (pod: Json) => boolean): boolean {
  return world.user.list('Pod', namespace).every(holds);
}

function envOf(pod: Json, variable: string): Json {
  return at(list(list(pod, 'spec', 'containers')[0], 'env').find((each) => text(each, 'name') === variable));
}

/** Placement, environment and access go into the template: every member is made anew, once. */
const replaced = edit(
  'placement, environment and access rules',
  {
    placement: { tolerations: [{ key: 'db', operator: 'Exists' }], nodeSelector: { disk: 'ssd' } },
    env: [{ name: 'TEAM', value: 'blue' }],
    pgHba: ['hostssl orders clerk 10.0.0.0/8 scram-sha-256'],
  },
  (world) =>
    everyPod(
      world,
      (pod) =>
        text(envOf(pod, 'TEAM'), 'value') === 'blue' &&
        text(envOf(pod, 'SPILO_CONFIGURATION'), 'value').includes('hostssl orders clerk') &&
        text(pod, 'spec', 'nodeSelector', 'disk') === 'ssd',
    ),
);
/** The template is the one that every pod was made from. */
function isOneRevision(world: World): boolean {
  const newest = text(world.user.get('StatefulSet', namespace, name), 'status', 'updateRevision');
  return everyPod(world, (pod) => text(pod, 'metadata', 'labels', 'controller-revision-hash') === newest);
}

/** None was made since the template changed: they bear a revision before the newest. */
function isSameRun(world: World): boolean {
  const newest = text(world.user.get('StatefulSet', namespace, name), 'status', 'updateRevision');
  return everyPod(world, (pod) => text(pod, 'metadata', 'labels', 'controller-revision-hash') !== newest);
}
const labelled = edit(
  'labels, annotations, the service and Patroni’s timing',
  {
    podMetadata: { labels: { team: 'blue' }, annotations: { 'example.com/note': 'x' } },
    service: { type: 'NodePort', annotations: { 'example.com/cloud': 'y' } },
    patroni: { ttl: 60, loopWait: 5 },
  },
  (world) =>
    everyPod(
      world,
      (pod) =>
        text(pod, 'metadata', 'labels', 'team') === 'blue' &&
        text(pod, 'metadata', 'annotations', 'example.com/note') === 'x',
    ) &&
    text(world.user.get('Service', namespace, name), 'spec', 'type') === 'NodePort' &&
    text(world.user.get('Endpoints', namespace, `${name}-config`), 'metadata', 'annotations', 'config').includes(
      '"ttl":60',
    ) &&
    isSameRun(world),
);
const unlabelled = edit(
  'none of that',
  { podMetadata: null, service: null, patroni: null },
  (world) =>
    everyPod(world, (pod) => text(pod, 'metadata', 'labels', 'team') === '') &&
    text(world.user.get('Service', namespace, name), 'spec', 'type') === 'ClusterIP',
);
/** What only the API server knows to be wrong is taken back before any pod was touched. */
const strangeVariable = edit(
  'a variable that the API server will not take',
  { env: [{ name: 'MOON', valueFrom: { fieldRef: { fieldPath: 'metadata.moon' } } }] },
  (world) =>
    condition(world, 'ConfigurationValid') === 'False RolloutFailed' &&
    everyPod(world, (pod) => Object.keys(envOf(pod, 'MOON')).length === 0) &&
    isOneRevision(world),
);
const noVariable = edit(
  'no variable',
  { env: null },
  (world) => condition(world, 'ConfigurationValid') === 'True Valid',
);
function sizesAre(world: World, size: string): boolean {
  const claims = world.user.list('PersistentVolumeClaim', namespace);
  return claims.every((claim) => text(claim, 'status', 'capacity', 'storage') === size);
}

const larger = edit(
  'larger volumes',
  { storage: { size: '20Gi' } },
  (world) =>
    sizesAre(world, '20Gi') && text(clusterOf(world), 'status', 'volumeSize') === '20Gi' && isOneRevision(world),
);
const fixed = { size: '10Gi', storageClass: 'fixed' };
const tooLarge = edit(
  'larger volumes in a class that cannot',
  { storage: { ...fixed, size: '20Gi' } },
  (world) => condition(world, 'ConfigurationValid') === 'False RolloutFailed' && sizesAre(world, '10Gi'),
);
const asBefore = edit(
  'the size as before',
  { storage: fixed },
  (world) => condition(world, 'ConfigurationValid') === 'True Valid',
);
/** Every disk is full, so that nobody can write; larger volumes are what helps. */
const largerWhenFull: Act = {
  ...larger,
  what: 'larger volumes while all are full',
  act: (world) => {
    for (const key of world.kubelets.members().keys()) world.kubelets.fill(key);
    world.schedule.after(60_000, () => larger.act(world));
  },
};
/** The leader has next to no room left: it keeps its key and cannot lead, until another member is let. */
const cramLeader: Act = {
  what: 'leave the leader next to no room',
  act: ({ kubelets, schedule }) => {
    const members = [...kubelets.members()];
    const [key] = members.find(([, member]) => member.isWritable()) ?? members[0] ?? [''];
    schedule.after(600_000, kubelets.fill(key, 'little'));
  },
  until: isRunning,
};
const grow = edit('three members', { replicas: 3 }, (world) => world.user.list('Pod', namespace).length === 3);
const shrink = edit('one member', { replicas: 1 }, (world) => world.user.list('Pod', namespace).length === 1);

const one = ['operator-0'] as const;

const all: readonly Scenario[] = [
  { name: 'create', operators: one, acts: [create({})] },
  { name: 'create-config-maps', operators: one, acts: [create({ dcs: 'ConfigMaps', replicas: 3 })] },
  { name: 'delete', operators: one, acts: [create({ replicas: 1 }), remove] },
  { name: 'delete-volumes', operators: one, acts: [create({ replicas: 1, volumePolicy: 'Delete' }), remove] },
  { name: 'recreate', operators: one, acts: [create({ replicas: 1 }), remove, create({ replicas: 1 })] },
  { name: 'lose-leader', operators: one, acts: [create({}), loseLeader] },
  { name: 'drift', operators: one, acts: [create({ replicas: 1 }), drift] },
  { name: 'edit-war', operators: one, acts: [create({ replicas: 1 }), war, peace] },
  { name: 'vandal', operators: one, acts: [create({}), vandal] },
  { name: 'roll-image', operators: one, acts: [create({ replicas: 3 }), newImage] },
  { name: 'roll-image-alone', operators: one, acts: [create({ replicas: 1 }), newImage] },
  { name: 'bad-image', operators: one, acts: [create({}), badImage, takenBack] },
  { name: 'bad-image-alone', operators: one, acts: [create({ replicas: 1 }), badImage, takenBack] },
  { name: 'bad-image-at-first', operators: one, acts: [createBroken, newImage] },
  { name: 'parameters', operators: one, acts: [create({}), reloaded, restarted, unset] },
  { name: 'bad-parameter', operators: one, acts: [create({}), badParameter, unset] },
  { name: 'roll-placement', operators: one, acts: [create({}), replaced] },
  { name: 'refused-template', operators: one, acts: [create({}), strangeVariable, noVariable] },
  { name: 'grow-volumes', operators: one, acts: [create({ replicas: 3 }), larger] },
  { name: 'grow-volumes-refused', operators: one, acts: [create({ storage: fixed }), tooLarge, asBefore] },
  { name: 'grow-volumes-full', operators: one, acts: [create({}), largerWhenFull] },
  { name: 'leader-full', operators: one, acts: [create({}), cramLeader] },
  { name: 'live-edits', operators: one, acts: [create({}), labelled, unlabelled] },
  { name: 'scale', operators: one, acts: [create({ replicas: 1 }), grow, shrink] },
  { name: 'scale-down-the-leader', operators: one, acts: [create({ replicas: 2 }), loseLeader, shrink] },
  { name: 'patroni-paused', operators: one, acts: [create({}), ...patroniPaused] },
  { name: 'restart', operators: one, acts: [create({}), restartAll] },
  { name: 'switchover', operators: one, acts: [create({}), switchOver, toNobody] },
  { name: 'reinit', operators: one, acts: [create({}), copyAnew] },
  { name: 'replace', operators: one, acts: [create({}), loseNodeForGood, replaceLost] },
  { name: 'fleet', operators: one, flags: oneAtATime, acts: [createFleet, newImageEverywhere] },
  { name: 'fleet-stops', operators: one, flags: oneAtATime, acts: [createFleet, badImageEverywhere, mended] },
  { name: 'observe', operators: one, acts: [create({}), ...observe] },
  { name: 'approval', operators: one, acts: [create({}), ...approval] },
  { name: 'window', operators: one, acts: [create({}), ...windows] },
  {
    name: 'synchronous',
    operators: one,
    acts: [create({ replicas: 3, synchronous: { mode: 'Required' } }), loseLeader, preferred, asynchronous],
  },
  { name: 'synchronous-roll', operators: one, acts: [create({ replicas: 3 }), required, newImage] },
  {
    name: 'synchronous-scale',
    operators: one,
    acts: [create({ replicas: 4, synchronous: { mode: 'Required' } }), fewer, alone],
  },
  { name: 'rotate', operators: one, acts: [create({}), rotate] },
  { name: 'rotate-alone', operators: one, acts: [create({ replicas: 1 }), rotate] },
  { name: 'rotate-by-hand', operators: one, acts: [create({}), ...choosePasswords] },
  {
    name: 'lose-secrets',
    operators: one,
    acts: [
      create({}),
      loseSecrets('delete what people read', ['credentials', 'app']),
      loseSecrets('delete what is in force', ['credentials-inforce']),
      loseSecrets('delete both', ['credentials', 'credentials-inforce']),
    ],
  },
  { name: randomEdits, operators: one, acts: editedAtRandom, isItsOwn: true },
  { name: 'two-operators', operators: ['operator-0', 'operator-1'], acts: [create({ replicas: 1 }), remove] },
];

/** Names of all scenarios. */
export const scenarioNames: readonly string[] = all.map((each) => each.name);

/** @throws Error naming those that there are */
export function scenarioOf(wanted: string): Scenario {
  const found = all.find((each) => each.name === wanted);
  if (found === undefined) throw new Error(`there is no scenario ${wanted}; there are ${scenarioNames.join(', ')}`);
  return found;
}

/** Kinds whose creations and deletions an operator alone decides. */
const ours: ReadonlySet<string> = new Set([
  'StatefulSet',
  'Service',
  'Secret',
  'PersistentVolumeClaim',
  'PodDisruptionBudget',
  'ServiceAccount',
  'Role',
  'RoleBinding',
]);

/** Counts creations and deletions of each object that is ours. @returns how to read the count */
export function countObjects(world: World): () => Json {
  const counts = new Map<string, { added: number; deleted: number }>();
  world.api.store.onChange(({ type, kind, object }) => {
    if (!ours.has(kind.kind) || type === 'MODIFIED') return;
    const key = `${kind.kind}/${text(object, 'metadata', 'name')}`;
    const count = counts.get(key) ?? { added: 0, deleted: 0 };
    counts.set(key, count);
    count[type === 'ADDED' ? 'added' : 'deleted'] += 1;
  });
  return () => Object.fromEntries(counts);
}

const fleeting =
  /^(uid|resourceVersion|creationTimestamp|managedFields|generation|clusterIP|clusterIPs|lastTransitionTime)$/;
const marks =
  /\/(effect|cluster-uid|system-identifier|restart|switchover|reinit|replace|approve|credentials|rotated|rotate-credentials|template)$/;

function masked(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(masked);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => !fleeting.test(key))
      .map(([key, below]) => [key, marks.test(key) ? '(masked)' : masked(below)]),
  );
}

/** What is left in the end, without what differs between any two runs. */
export function endState(world: World): Json {
  const found: [string, unknown][] = [];
  for (const kind of world.api.kinds) {
    for (const { object } of world.api.store.list(kind, null)) {
      const key = `${kind.kind}/${text(object, 'metadata', 'name')}`;
      if (ours.has(kind.kind)) {
        const { status: _status, data, ...rest } = object;
        found.push([key, masked({ ...rest, ...(data === undefined ? {} : { keys: Object.keys(at(data)) }) })]);
      }
      if (kind.kind === 'PostgresCluster')
        found.push([
          key,
          { phase: text(object, 'status', 'phase'), metadata: masked(object['metadata']), spec: object['spec'] },
        ]);
      if (kind.kind === 'Pod') found.push([key, isReady(object)]);
    }
  }
  return Object.fromEntries(found);
}
