/**
 * Owns: scheduler and kubelets: pods get a node once their claims are bound, pull, run, become ready with their member, and
 * end when they are told to. Also what runs in them: members, and commands (`psql.ts`).
 */
import type { RunInPod } from '#src/kube/exec.ts';
import { at, list, stable, text, type Json } from '../json.ts';
import { nameOf, namespaceOf, uidOf } from '../api/store.ts';
import { emptyDirectory, type DataDirectory, type Passwords } from '../patroni/data-directory.ts';
import { startMember } from '../patroni/member.ts';
import type { Deed, Member } from '../patroni/member-ports.ts';
import { leaderObject, settingsOf, type ScopeSettings } from '../patroni/scope.ts';
import { makeNodes, noRoom, type Nodes } from './nodes.ts';
import { df, psql } from './psql.ts';
import { clientOf, isDeleting, keyParts, makeQueue, type Client, type Habitat, type Queue } from './client.ts';

const delays = [100, 1500] as const;
const readinessMs = 5000;
/** Until a silent node is called so (node-monitor-grace-period), and then until its pods are evicted (their tolerations). */
const nodeGraceMs = 40_000;
const evictionMs = 300_000;

interface Running {
  readonly uid: string;
  readonly settings: ScopeSettings;
  /** Null while its container is down. */
  member: Member | null;
  restarts: number;
  /** Held down by a story; the kubelet does not restart it. */
  heldDown: boolean;
  stopping: boolean;
}

export interface Kubelets {
  readonly runInPod: RunInPod;
  /** Members that run, by `namespace/pod`. */
  readonly members: () => ReadonlyMap<string, Member>;
  /** Kills the container of a pod; the kubelet starts it again after `downMs`. */
  readonly killContainer: (key: string, downMs: number) => void;
  /** Cuts the way between a pod's node and the API server, or mends it. */
  readonly cut: (key: string, isCut: boolean) => void;
  /** The node of these pods is gone for `downMs`, or for good: what runs on it ends, and nobody there answers for the pods. */
  readonly loseNode: (keys: readonly string[], downMs: number) => void;
  /** Leaves a member's volume no room, or next to none. @returns how to make room on it */
  readonly fill: (key: string, room?: 'little' | 'none') => () => void;
  readonly onRole: (listener: () => void) => void;
  /** What members do because they are asked, by the pod's `namespace/name`. */
  readonly onDeed: (listener: (key: string, deed: Deed) => void) => void;
}

interface Desk {
  readonly habitat: Habitat;
  readonly client: Client;
  readonly running: Map<string, Running>;
  readonly volumes: Map<string, DataDirectory>;
  readonly cut: Set<string>;
  readonly nodes: Nodes;
  readonly listeners: (() => void)[];
  readonly roles: () => void;
  readonly deeds: (key: string, deed: Deed) => void;
  queue: Queue;
  addresses: number;
}

function claimOf(desk: Desk, pod: Json): Json | null {
  const volume = list(pod, 'spec', 'volumes').find((each) => text(each, 'persistentVolumeClaim', 'claimName') !== '');
  const name = text(volume, 'persistentVolumeClaim', 'claimName');
  return desk.client.get('PersistentVolumeClaim', namespaceOf(pod), name);
}

function bind(desk: Desk, pod: Json): void {
  const claim = claimOf(desk, pod);
  if (claim === null || text(claim, 'status', 'phase') !== 'Bound') return;
  const nodeName = desk.nodes.place(pod, uidOf(claim));
  if (nodeName !== null) return void desk.client.patch(pod, { spec: { nodeName } });
  const conditions = [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: noRoom }];
  if (list(pod, 'status', 'conditions').length === 0)
    desk.client.patch(pod, { status: { phase: 'Pending', conditions } }, 'status');
}

function isOnLostNode(desk: Desk, pod: Json): boolean {
  return desk.nodes.isLost(text(pod, 'spec', 'nodeName'));
}

function statusOf(desk: Desk, pod: Json, running: Running): Json {
  const before = at(pod, 'status');
  const now = new Date(Math.floor(desk.habitat.nowMs() / 1000) * 1000).toISOString().replace('.000Z', 'Z');
  const up = running.member !== null;
  const ready = up && running.member?.isUp() === true && !isDeleting(pod);
  const condition = (type: string, value: boolean): Json => {
    const status = value ? 'True' : 'False';
    const old = list(before, 'conditions').find((each) => text(each, 'type') === type);
    const same = old !== undefined && text(old, 'status') === status;
    return { type, status, lastTransitionTime: same ? text(old, 'lastTransitionTime') : now };
  };
  const container = at(list(pod, 'spec', 'containers')[0]);
  const old = at(list(before, 'containerStatuses')[0]);
  const ended = { terminated: { exitCode: 137, reason: 'Error', finishedAt: now } };
  const startedAt = text(old, 'state', 'running', 'startedAt') || now;
  return {
    phase: 'Running',
    podIP: text(before, 'podIP'),
    podIPs: [{ ip: text(before, 'podIP') }],
    hostIP: '10.0.0.1',
    startTime: text(before, 'startTime') || now,
    conditions: [
      condition('PodScheduled', true),
      condition('Initialized', true),
      condition('ContainersReady', ready),
      condition('Ready', ready),
    ],
    containerStatuses: [
      {
        name: text(container, 'name'),
        image: text(container, 'image'),
        ready,
        started: up,
        restartCount: running.restarts,
        state: up ? { running: { startedAt } } : 'terminated' in at(old, 'state') ? at(old, 'state') : ended,
        ...(running.restarts > 0 ? { lastState: 'lastState' in old ? old['lastState'] : ended } : {}),
      },
    ],
  };
}

function writeStatus(desk: Desk, pod: Json, running: Running): void {
  const status = statusOf(desk, pod, running);
  const { qosClass: _class, ...before } = at(pod, 'status');
  if (stable(status) !== stable(before)) desk.client.patch(pod, { status }, 'status');
}

/** What variables of a container say that refer to Secrets, read as it starts; null while one is missing. */
function passwordsOf(desk: Desk, pod: Json): Passwords | null {
  const env = list(list(pod, 'spec', 'containers')[0], 'env');
  const valueOf = (variable: string): string | null => {
    const reference = at(
      env.find((each) => text(each, 'name') === variable),
      'valueFrom',
      'secretKeyRef',
    );
    const secret = desk.client.get('Secret', namespaceOf(pod), text(reference, 'name'));
    const value = at(secret, 'data')[text(reference, 'key')];
    return typeof value === 'string' ? Buffer.from(value, 'base64').toString('utf8') : null;
  };
  const [superuser, replication] = [valueOf('PGPASSWORD_SUPERUSER'), valueOf('PGPASSWORD_STANDBY')];
  return superuser === null || replication === null ? null : { superuser, replication };
}

function startContainer(desk: Desk, key: string, running: Running): void {
  const pod = desk.client.get('Pod', ...keyParts(key));
  const claim = pod === null ? null : claimOf(desk, pod);
  if (pod === null || claim === null || uidOf(pod) !== running.uid) return;
  const passwords = passwordsOf(desk, pod);
  if (passwords === null) {
    // CreateContainerConfigError: it is tried again until the Secret is there.
    desk.habitat.schedule.after(readinessMs, () => {
      const isMissing = desk.running.get(key) === running && !running.stopping && running.member === null;
      if (isMissing && !running.heldDown) startContainer(desk, key, running);
    });
    return;
  }
  const directory = desk.volumes.get(uidOf(claim)) ?? emptyDirectory();
  desk.volumes.set(uidOf(claim), directory);
  const { settings } = running;
  running.member = startMember({
    habitat: desk.habitat,
    client: clientOf(desk.habitat.api, 'Patroni'),
    settings,
    podName: nameOf(pod),
    podUid: running.uid,
    volumeUid: uidOf(claim),
    directory,
    passwords,
    reachesApi: () => !desk.cut.has(key),
    others: () =>
      [...desk.running]
        .filter(([other, each]) => other !== key && isSameScope(each.settings, settings) && !desk.cut.has(other))
        .flatMap(([, { member }]) => (member === null ? [] : [member])),
    onDeed: (deed) => desk.deeds(key, deed),
    onRole: () => {
      desk.queue.nudge(key, desk.habitat.chance.between(100, readinessMs));
      desk.roles();
    },
  });
  desk.queue.nudge(key);
}

function isSameScope(one: ScopeSettings, other: ScopeSettings): boolean {
  return one.scope === other.scope && one.namespace === other.namespace;
}

/** Pulls and starts a pod that its node has not seen yet. */
function admit(desk: Desk, key: string, pod: Json, settings: ScopeSettings): void {
  const image = text(list(pod, 'spec', 'containers')[0], 'image');
  const running: Running = { uid: uidOf(pod), settings, member: null, restarts: 0, heldDown: false, stopping: false };
  desk.running.set(key, running);
  desk.addresses += 1;
  const podIP = `10.244.${desk.addresses >> 8}.${desk.addresses & 255}`;
  const waiting = { waiting: { reason: image.includes('broken') ? 'ImagePullBackOff' : 'ContainerCreating' } };
  const containerStatuses = [{ name: 'postgres', image, ready: false, restartCount: 0, state: waiting }];
  desk.client.patch(pod, { status: { phase: 'Pending', podIP, containerStatuses } }, 'status');
  if (image.includes('broken')) return;
  desk.habitat.schedule.after(desk.habitat.chance.between(800, 6000), () => {
    if (desk.running.get(key) === running && !running.stopping) startContainer(desk, key, running);
  });
}

/** Stops what runs and lets the pod go. */
function end(desk: Desk, key: string, running: Running): void {
  if (running.stopping) return;
  running.stopping = true;
  const { schedule, chance } = desk.habitat;
  const over = (): void => {
    running.member?.stop();
    running.member = null;
    const pod = desk.client.get('Pod', ...keyParts(key));
    if (pod !== null && uidOf(pod) === running.uid) desk.client.remove(pod, { gracePeriodSeconds: 0 });
  };
  schedule.after(chance.between(300, 4000), () => {
    if (running.member === null) over();
    else running.member.leave(over);
  });
}

function round(desk: Desk, key: string): void {
  const pod = desk.client.get('Pod', ...keyParts(key));
  const known = desk.running.get(key);
  if (known !== undefined && known.uid !== (pod === null ? '' : uidOf(pod))) {
    // Removed by force: the node ends what it finds no pod for.
    known.member?.kill();
    desk.running.delete(key);
    if (pod !== null) desk.queue.nudge(key);
    return;
  }
  if (pod === null || isOnLostNode(desk, pod)) return;
  if (isDeleting(pod)) {
    if (known !== undefined) end(desk, key, known);
    else desk.client.remove(pod, { gracePeriodSeconds: 0 });
    return;
  }
  const settings = settingsOf(pod);
  if (settings === null) return;
  if (text(pod, 'spec', 'nodeName') === '') bind(desk, pod);
  else if (known === undefined) admit(desk, key, pod, settings);
  else if (known.member !== null || known.restarts > 0 || known.heldDown) writeStatus(desk, pod, known);
}

/** What the node controller does for a pod whose node has been silent: first it says so, later it evicts. */
function missed(desk: Desk, key: string, evict: boolean): void {
  const pod = desk.client.get('Pod', ...keyParts(key));
  if (pod === null || !isOnLostNode(desk, pod)) return;
  if (evict) return desk.client.remove(pod);
  const conditions = list(pod, 'status', 'conditions').map((each) =>
    text(each, 'type') === 'Ready' ? { ...at(each), status: 'False', reason: 'NodeNotReady' } : each,
  );
  desk.client.patch(pod, { status: { conditions } }, 'status');
  return undefined;
}

/** The node is back: it starts what it had, and lets go of what was evicted meanwhile. */
function found(desk: Desk, key: string, running: Running): void {
  desk.queue.nudge(key);
  if (desk.running.get(key) !== running) return;
  running.heldDown = false;
  running.restarts += 1;
  const pod = desk.client.get('Pod', ...keyParts(key));
  if (pod !== null && !isDeleting(pod) && !running.stopping) startContainer(desk, key, running);
}

function loseNode(desk: Desk, keys: readonly string[], downMs: number): void {
  const { schedule } = desk.habitat;
  for (const key of keys) {
    const running = desk.running.get(key);
    const node = text(desk.client.get('Pod', ...keyParts(key)), 'spec', 'nodeName');
    if (running === undefined) continue;
    desk.nodes.lose(node);
    running.member?.kill();
    running.member = null;
    running.heldDown = true;
    schedule.after(nodeGraceMs, () => missed(desk, key, false));
    schedule.after(nodeGraceMs + evictionMs, () => missed(desk, key, true));
    if (downMs === Infinity) continue;
    schedule.after(downMs, () => {
      desk.nodes.find(node);
      found(desk, key, running);
    });
  }
}

/** Patroni's REST API as far as the operator uses it. @returns what the script prints */
function askPatroni(member: Member, input: string): 'accepted' | 'changed' {
  const [, started = null] = /if started != "([^"]*)"/.exec(input) ?? [];
  const isAsSaid = started === null || started === (member.isUp() ? member.startedAt() : 'none');
  if (!isAsSaid) return 'changed';
  if (input.includes('/restart')) member.restart(started === null);
  if (input.includes('/reinitialize')) member.reinitialize();
  return 'accepted';
}

/** Commands in containers as far as the operator uses them: psql, df, and Python that asks Patroni. */
function commands(desk: Desk): RunInPod {
  return (request) => {
    const running = desk.running.get(`${request.namespace}/${request.pod}`);
    if (running === undefined || running.member === null || running.member === undefined)
      return Promise.reject(new Error(`container of ${request.pod} does not run`));
    if (request.command[0] === 'df') return Promise.resolve(df(desk.client, request, running.member));
    if (request.command[0] !== 'python3') return Promise.resolve(psql(running.member, running.settings.major, request));
    const told = askPatroni(running.member, request.input);
    return Promise.resolve({ exitCode: 0, output: `${told}\n`, errors: '' });
  };
}

function wakeScope(desk: Desk, kind: string, object: unknown): void {
  for (const { settings, member } of desk.running.values()) {
    if (kind !== settings.kind || namespaceOf(object) !== settings.namespace || member === null) continue;
    const isFree =
      nameOf(object) === leaderObject(settings) && text(object, 'metadata', 'annotations', 'leader') === '';
    const isNews = nameOf(object) === `${settings.scope}-config` && member.isUp();
    if (isFree || isNews) member.wake();
  }
}

/** A volume that has grown is not full any more. */
function madeRoom(desk: Desk, claim: unknown, before: unknown): void {
  const size = (each: unknown): string => text(each, 'status', 'capacity', 'storage');
  const directory = desk.volumes.get(uidOf(claim));
  if (directory !== undefined && size(before) !== '' && size(claim) !== size(before)) directory.room = 'enough';
}

/** Runs scheduler and kubelets in a world. */
export function runKubelets(habitat: Habitat): Kubelets {
  const listeners: (() => void)[] = [];
  const deedListeners: ((key: string, deed: Deed) => void)[] = [];
  const desk: Desk = {
    habitat,
    client: clientOf(habitat.api, 'kubelet'),
    running: new Map(),
    volumes: new Map(),
    cut: new Set(),
    nodes: makeNodes(),
    listeners,
    roles: () => {
      for (const listener of listeners) listener();
    },
    deeds: (key, deed) => {
      for (const listener of deedListeners) listener(key, deed);
    },
    queue: { nudge: () => undefined },
    addresses: 1,
  };
  desk.queue = makeQueue(habitat, delays, (key) => round(desk, key));
  habitat.api.store.onChange(({ kind, object, type, before }) => {
    const namespace = namespaceOf(object);
    if (kind.kind === 'Pod') desk.queue.nudge(`${namespace}/${nameOf(object)}`);
    if (kind.kind === 'PersistentVolumeClaim' && type !== 'DELETED')
      desk.queue.nudge(`${namespace}/${nameOf(object).replace(/^[^-]+-/, '')}`);
    if (kind.kind === 'PersistentVolumeClaim' && type === 'DELETED') {
      desk.volumes.delete(uidOf(object));
      desk.nodes.forget(uidOf(object));
    }
    if (kind.kind === 'PersistentVolumeClaim' && before !== null) madeRoom(desk, object, before);
    if (kind.kind === 'Endpoints' || kind.kind === 'ConfigMap') wakeScope(desk, kind.kind, object);
  });
  return {
    runInPod: commands(desk),
    members: () =>
      new Map(
        [...desk.running].flatMap(([key, { member }]): [string, Member][] => (member === null ? [] : [[key, member]])),
      ),
    killContainer: (key, downMs) => {
      const running = desk.running.get(key);
      if (running === undefined || running.member === null) return;
      // Patroni that is killed within its very first bootstrap leaves an initialize key that nobody takes back.
      if (running.member.directory.systemIdentifier === null) return;
      running.member.kill();
      running.member = null;
      running.heldDown = true;
      desk.queue.nudge(key);
      habitat.schedule.after(downMs, () => {
        running.heldDown = false;
        running.restarts += 1;
        if (desk.running.get(key) === running && !running.stopping) startContainer(desk, key, running);
      });
    },
    cut: (key, isCut) => void (isCut ? desk.cut.add(key) : desk.cut.delete(key)),
    loseNode: (keys, downMs) => loseNode(desk, keys, downMs),
    fill: (key, room = 'none') => {
      const member = desk.running.get(key)?.member;
      if (member === null || member === undefined) return () => undefined;
      const { directory } = member;
      directory.room = room;
      member.panic();
      return () => {
        directory.room = 'enough';
      };
    },
    onRole: (listener) => void listeners.push(listener),
    onDeed: (listener) => void deedListeners.push(listener),
  };
}
