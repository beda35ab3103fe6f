/** Owns: acts of people who tell a cluster what to do once, and what it may do when: approvals, windows, mode Observe. */
import { at, number, parsed, text, type Json } from './json.ts';
import {
  annotate,
  clusterOf,
  condition,
  edit,
  imagesAre,
  isRunning,
  leaderOf,
  meddle,
  name,
  namespace,
  replicaServiceType,
  type Act,
} from './acts.ts';
import { nameOf, uidOf } from './api/store.ts';
import { isReady } from './patroni/report.ts';
import type { World } from './world.ts';

interface Before {
  readonly starts: string;
  readonly leader: string;
  readonly secret: string;
  readonly claims: string;
  readonly atMs: number;
  readonly token: string;
}

/** Whoever sees a token handled and nothing done for this long asks again: an operator that lost its journal does not. */
const patienceMs = 180_000;

/** Somebody asks once, by an annotation; it is done when its token is handled and the world is as it says. */
function ask(what: string, kind: string, until: (world: World, before: Before) => boolean): Act {
  const asked = new WeakMap<World, Before>();
  const act = (world: World): void => {
    const cluster = clusterOf(world);
    if (cluster === null) return;
    const replica = [...world.kubelets.members().values()].find((member) => !member.isWritable())?.name ?? '';
    const atMs = world.schedule.elapsedMs();
    const lost = nameOf(world.user.list('Pod', namespace).find((pod) => !isReady(pod)) ?? {});
    const named = kind === 'reinit' ? ` ${replica}` : kind === 'replace' ? ` ${lost}` : '';
    const token = `at-${atMs}${named}`;
    const [starts, claims] = [startsOf(world), claimsOf(world)];
    asked.set(world, { starts, claims, leader: leaderOf(world), secret: superuserOf(world), atMs, token });
    annotate(world, cluster, kind, token);
  };
  const isDone = (world: World): boolean => {
    const before = asked.get(world);
    const cluster = clusterOf(world);
    if (before === undefined || cluster === null) return false;
    // Half of a replacement leaves a cluster that does not run as it should.
    if (!isRunning(world) && kind !== 'replace') return false;
    if (text(cluster, 'status', 'handled', kind) !== before.token) return false;
    if (isRunning(world) && until(world, before)) return true;
    if (world.schedule.elapsedMs() - before.atMs > patienceMs) act(world);
    return false;
  };
  return { what, act, until: isDone };
}

function superuserOf(world: World): string {
  return text(valuesOf(world, 'credentials'), 'POSTGRES_PASSWORD');
}

function startsOf(world: World): string {
  return [...world.kubelets.members()].map(([key, member]) => `${key} ${member.startedAt()}`).join(', ');
}

/** Each PostgreSQL once. */
export const restartAll = ask('a restart', 'restart', (world, before) => {
  const now = startsOf(world).split(', ');
  return before.starts.split(', ').every((each) => !now.includes(each));
});
export const switchOver = ask('a switchover', 'switchover', (world, { leader }) => leaderOf(world) !== leader);
export const copyAnew = ask('a new copy of a replica', 'reinit', (world, { starts }) => startsOf(world) !== starts);
/** The node of a member is gone for good, and with it the only copy of its volume; if it led, another one takes over. */
export const loseNodeForGood: Act = {
  what: 'lose the node of a member for good',
  act: ({ kubelets }) => kubelets.loseNode([`${namespace}/${name}-1`], Infinity),
  until: (world) => {
    const phase = text(clusterOf(world), 'status', 'phase');
    return phase === 'Degraded' && world.user.list('Pod', namespace).some((pod) => !isReady(pod));
  },
};

function claimsOf({ user }: World): string {
  return user.list('PersistentVolumeClaim', namespace).map(uidOf).join(' ');
}

/** A member on a new volume, on another node. */
export const replaceLost: Act = {
  ...ask(
    'a new member in its place',
    'replace',
    (world, { claims }) => claimsOf(world) !== claims && world.user.list('Pod', namespace).every(isReady),
  ),
  // The leader is waited for to renew its key, and a dead node to end a pod.
  withinMs: 240_000,
};
export const toNobody: Act = {
  what: 'a switchover to nobody',
  act: (world) => {
    const cluster = clusterOf(world);
    if (cluster !== null) annotate(world, cluster, 'switchover', 'to shop-9');
  },
  until: (world) => isRunning(world) && text(clusterOf(world), 'status', 'handled', 'switchover') === 'to shop-9',
};

/** Values of a Secret of the cluster, in base64. */
function valuesOf({ user }: World, end: string): Json {
  return at(user.get('Secret', namespace, `${name}-${end}`), 'data');
}

function isRotated(world: World): boolean {
  const [people, inForce, application] = [
    valuesOf(world, 'credentials'),
    valuesOf(world, 'credentials-inforce'),
    valuesOf(world, 'app'),
  ];
  const same = ['POSTGRES_PASSWORD', 'REPLICATION_PASSWORD', 'RESTAPI_PASSWORD'].every(
    (key) => people[key] === inForce[key],
  );
  const replication = text(inForce, 'REPLICATION_PASSWORD');
  const members = [...world.kubelets.members().values()];
  const all = members.every(
    ({ passwords }) => Buffer.from(passwords.replication, 'utf8').toString('base64') === replication,
  );
  return same && all && application['password'] === inForce['APPLICATION_PASSWORD'];
}

/** New passwords for everybody. */
export const rotate = ask(
  'a rotation',
  'rotate-credentials',
  (world, { secret }) => isRotated(world) && text(valuesOf(world, 'credentials'), 'POSTGRES_PASSWORD') !== secret,
);

function base64(value: string): string {
  return Buffer.from(value, 'utf8').toString('base64');
}

function editSecret(what: string, end: string, data: Json, until: (world: World) => boolean): Act {
  const act = ({ user }: World): void => {
    const secret = user.get('Secret', namespace, `${name}-${end}`);
    if (secret !== null) user.patch(secret, { data });
  };
  return { what, act, until };
}

const chosen = base64('chosen-by-hand-1');
const alsoChosen = base64('chosen-by-hand-2');

/** Somebody chooses passwords. */
export const choosePasswords: readonly Act[] = [
  editSecret(
    'a replication password chosen by hand',
    'credentials',
    { REPLICATION_PASSWORD: chosen },
    (world) =>
      isRunning(world) && isRotated(world) && valuesOf(world, 'credentials')['REPLICATION_PASSWORD'] === chosen,
  ),
  editSecret(
    'a password of the application chosen by hand',
    'app',
    { password: alsoChosen },
    (world) =>
      isRunning(world) &&
      isRotated(world) &&
      Buffer.from(text(valuesOf(world, 'app'), 'uri'), 'base64')
        .toString('utf8')
        .includes('chosen-by-hand-2'),
  ),
];

/** Somebody deletes Secrets. */
export function loseSecrets(what: string, ends: readonly string[]): Act {
  const act = ({ user }: World): void => {
    for (const end of ends) {
      const secret = user.get('Secret', namespace, `${name}-${end}`);
      if (secret !== null) user.remove(secret);
    }
  };
  return {
    what,
    act,
    until: (world) =>
      ends.every((end) => Object.keys(valuesOf(world, end)).length > 0) && isRunning(world) && isRotated(world),
  };
}

const next = 'registry/spilo:next';

/** In mode Observe an edit and an edit by hand change nothing, and status says what it would do. */
export const observe: readonly Act[] = [
  edit(
    'mode Observe and another image',
    { mode: 'Observe', image: next },
    (world) =>
      text(clusterOf(world), 'status', 'nextAction').includes('is held: mode is Observe') && !imagesAre(world, next),
  ),
  {
    what: 'edit a service by hand, unmended',
    act: meddle,
    until: (world) =>
      text(clusterOf(world), 'status', 'nextAction').includes(`Service/${name}-repl`) &&
      replicaServiceType(world) === 'NodePort',
  },
  edit(
    'mode Manage',
    { mode: 'Manage' },
    (world) => imagesAre(world, next) && replicaServiceType(world) === 'ClusterIP',
  ),
];

/** What costs more than maxDisruption waits until its generation is approved. */
export const approval: readonly Act[] = [
  edit(
    'another image than may be rolled out',
    { maxDisruption: 'Reload', image: next },
    (world) => condition(world, 'PendingApproval') === 'True AboveMaxDisruption' && !imagesAre(world, next),
  ),
  {
    what: 'approve',
    act: (world) => {
      const cluster = clusterOf(world);
      if (cluster === null) return;
      const generation = String(number(cluster, 0, 'metadata', 'generation'));
      annotate(world, cluster, 'approve', generation);
    },
    until: (world) =>
      isRunning(world) && imagesAre(world, next) && condition(world, 'PendingApproval') === 'False NothingPending',
  },
];

/** As patronictl writes it, onto Patroni's own object. */
function setPatroniPaused({ user }: World, isPaused: boolean): void {
  const object = user.get('Endpoints', namespace, `${name}-config`);
  if (object === null) return;
  const before = at(parsed(text(object, 'metadata', 'annotations', 'config') || null));
  const config = JSON.stringify({ ...before, pause: isPaused ? true : undefined });
  user.patch(object, { metadata: { annotations: { config } } });
}

/** While somebody works at Patroni by hand no member goes, though fewer are wanted; afterwards one does. */
export const patroniPaused: readonly Act[] = [
  {
    // Seen before the edit: the two come by different watches, and what was not heard of yet holds nobody back.
    what: 'pause Patroni by hand',
    act: (world) => setPatroniPaused(world, true),
    until: (world) => condition(world, 'Paused') === 'True PatroniPaused',
  },
  {
    what: 'fewer members while Patroni is paused by hand',
    act: (world) => {
      const cluster = clusterOf(world);
      if (cluster !== null) world.user.patch(cluster, { spec: { replicas: 1 } });
    },
    until: (world) =>
      condition(world, 'Paused') === 'True PatroniPaused' &&
      text(clusterOf(world), 'status', 'reason').includes('Patroni is paused by hand') &&
      world.user.list('Pod', namespace).length === 2,
  },
  {
    what: 'resume Patroni',
    act: (world) => setPatroniPaused(world, false),
    until: (world) =>
      isRunning(world) &&
      condition(world, 'Paused') === 'False NotPaused' &&
      world.user.list('Pod', namespace).length === 1,
  },
];

const often = { schedule: '*/20 * * * *', duration: '5m' };

/** What costs more than a reload waits for a window. */
export const windows: readonly Act[] = [
  edit('maintenance windows', { maintenanceWindows: [often] }, () => true),
  {
    ...edit('another image, until it waits', { image: next }, () => true),
    until: (world) =>
      imagesAre(world, next) || text(clusterOf(world), 'status', 'nextAction').includes('a window opens at'),
  },
  { what: 'the window opens', act: () => undefined, until: (world) => isRunning(world) && imagesAre(world, next) },
];
