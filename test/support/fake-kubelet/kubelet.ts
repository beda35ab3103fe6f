/**
 * Owns: the one fake of the project: a node whose pods run nothing. It binds volumes, sets pods Running and Ready, ends
 * them when they are deleted, and lets Patroni's members write their labels and annotations (`scope.ts`). Everything else
 * is the real control plane: scheduler, StatefulSet controller, garbage collector, volume binder.
 * I1. One scope is worked on by one hand at a time, from the newest objects: level, not edge.
 * I2. Ready follows the report: a member is Ready only once its annotation stands.
 */
import { merge, type Subscription } from 'rxjs';
import type { Kube } from '#src/kube/api.ts';
import type { RunInPod } from '#src/kube/exec.ts';
import type { Ports } from '#src/ports.ts';
import { systemPorts } from '#src/system-ports.ts';
import { watchSource } from '#src/watch/watch.ts';
import type { Source } from '#src/watch/sources.ts';
import { at, list, text, writerOf, type Json, type Writer } from './api.ts';
import {
  identifierOf,
  readScope,
  reconcileScope,
  settingsOf,
  writeLeader,
  type ScopePod,
  type ScopeSettings,
} from './scope.ts';
import type { ScopeState } from './patroni.ts';
import { dynamicOn, syncKeys, writeSync } from './synchrony.ts';
import { answered } from './psql.ts';
import { provision, registerNode, storageClass } from './node.ts';

const heartbeatMs = 8000;

export interface FakeKubelet {
  /** What runs in pods: psql answers as PostgreSQL would. */
  readonly runInPod: RunInPod;
  /** The container dies and stays down until it is revived. */
  readonly kill: (namespace: string, pod: string) => void;
  readonly revive: (namespace: string, pod: string) => void;
  /** What the API server refused; empty in a healthy test. */
  readonly troubles: readonly string[];
  readonly stop: () => void;
}

interface Scope {
  readonly settings: ScopeSettings;
  state: ScopeState | null;
  /** Who was asked for as the new leader. */
  candidate: string | null;
  /** What was written of who confirms commits, as text. */
  sync: string;
  busy: boolean;
  again: boolean;
}

interface Desk {
  readonly writer: Writer;
  readonly ports: Ports;
  readonly pods: Map<string, unknown>;
  readonly claims: Map<string, unknown>;
  readonly scopes: Map<string, Scope>;
  /** Patroni's configurations as they were seen last, by `namespace/scope`. */
  readonly dynamic: Map<string, Json>;
  readonly down: Map<string, { readonly restarts: number; readonly dead: boolean }>;
  readonly ips: Map<string, string>;
  stopped: boolean;
}

function keyOf(object: unknown): string {
  return `${text(object, 'metadata', 'namespace')}/${text(object, 'metadata', 'name')}`;
}

function ipOf(desk: Desk, pod: unknown): string {
  const uid = text(pod, 'metadata', 'uid');
  const known = desk.ips.get(uid) ?? text(pod, 'status', 'podIP');
  const ip = known === '' ? `198.18.${4 + Math.floor(desk.ips.size / 250)}.${1 + (desk.ips.size % 250)}` : known;
  desk.ips.set(uid, ip);
  return ip;
}

function isReady(pod: unknown): boolean {
  return list(pod, 'status', 'conditions').some(
    (each) => text(each, 'type') === 'Ready' && text(each, 'status') === 'True',
  );
}

function containerState(pod: unknown): { readonly running: boolean; readonly restarts: number } {
  const status = at({ first: list(pod, 'status', 'containerStatuses')[0] }, 'first');
  return { running: 'running' in at(status, 'state'), restarts: Number(status['restartCount'] ?? 0) };
}

/** The status of a pod as a kubelet would report it. */
function podStatus(desk: Desk, pod: unknown, ready: boolean): Json {
  const now = new Date(desk.ports.clock.nowMs()).toISOString().replace(/\.\d+Z/, 'Z');
  const fate = desk.down.get(keyOf(pod)) ?? { restarts: 0, dead: false };
  const container = at({ first: list(pod, 'spec', 'containers')[0] }, 'first');
  const ended = { terminated: { exitCode: 137, reason: 'Error', startedAt: now, finishedAt: now } };
  const word = ready ? 'True' : 'False';
  return {
    status: {
      phase: 'Running',
      podIP: ipOf(desk, pod),
      podIPs: [{ ip: ipOf(desk, pod) }],
      hostIP: '127.0.0.1',
      startTime: now,
      conditions: [
        { type: 'Initialized', status: 'True', lastTransitionTime: now },
        { type: 'ContainersReady', status: word, lastTransitionTime: now },
        { type: 'Ready', status: word, lastTransitionTime: now },
      ],
      containerStatuses: [
        {
          name: text(container, 'name'),
          image: text(container, 'image'),
          imageID: text(container, 'image'),
          ready,
          started: !fate.dead,
          restartCount: fate.restarts,
          state: fate.dead ? ended : { running: { startedAt: now }, terminated: null },
          ...(fate.restarts > 0 ? { lastState: ended } : {}),
        },
      ],
    },
  };
}

function podPath(pod: unknown): string {
  return `/api/v1/namespaces/${text(pod, 'metadata', 'namespace')}/pods/${text(pod, 'metadata', 'name')}`;
}

/** Brings one pod's status to what it should be. @returns whether it lives and runs Patroni */
async function settlePod(desk: Desk, pod: unknown): Promise<boolean> {
  if (text(pod, 'metadata', 'deletionTimestamp') !== '') {
    await desk.writer.remove(podPath(pod), text(pod, 'metadata', 'uid'));
    return false;
  }
  const fate = desk.down.get(keyOf(pod)) ?? { restarts: 0, dead: false };
  const { running, restarts } = containerState(pod);
  const reported = text(pod, 'metadata', 'annotations', 'status') !== '';
  const ready = reported && !fate.dead;
  const dead = fate.dead || !running || restarts !== fate.restarts;
  if (isReady(pod) !== ready || (fate.dead ? running : dead))
    await desk.writer.strategic(`${podPath(pod)}/status`, podStatus(desk, pod, ready));
  return !fate.dead;
}

async function work(desk: Desk, scope: Scope): Promise<void> {
  const { settings } = scope;
  const mine = [...desk.pods.values()].filter((pod) => {
    const its = settingsOf(pod);
    return its !== null && its.scope === settings.scope && its.namespace === settings.namespace;
  });
  const pods: ScopePod[] = [];
  for (const object of mine) {
    const alive = await settlePod(desk, object);
    if (text(object, 'metadata', 'deletionTimestamp') !== '') continue;
    pods.push({ name: text(object, 'metadata', 'name'), ip: ipOf(desk, object), alive, object });
  }
  const claim = desk.claims.get(`${settings.namespace}/data-${settings.scope}-0`);
  scope.state ??= await readScope(desk.writer, settings);
  const now = new Date(desk.ports.clock.nowMs()).toISOString();
  if (pods.some(({ alive }) => alive)) {
    const identifier = identifierOf(text(claim, 'metadata', 'uid'));
    const { candidate } = scope;
    scope.candidate = null;
    scope.state = await reconcileScope(desk.writer, settings, {
      before: scope.state,
      pods,
      identifier,
      now,
      candidate,
    });
    const keys = syncKeys(desk.dynamic.get(`${settings.namespace}/${settings.scope}`) ?? {}, scope.state, pods);
    if (JSON.stringify(keys) !== scope.sync) await writeSync(desk.writer, settings, keys);
    scope.sync = JSON.stringify(keys);
  } else {
    if (scope.state.leader !== null && pods.length === 0) await writeLeader(desk.writer, settings, null, now);
    scope.state = pods.length === 0 ? null : scope.state;
  }
}

function nudge(desk: Desk, key: string): void {
  const scope = desk.scopes.get(key);
  if (scope === undefined || desk.stopped) return;
  scope.again = true;
  if (scope.busy) return;
  scope.busy = true;
  void (async () => {
    while (scope.again && !desk.stopped) {
      scope.again = false;
      await work(desk, scope);
    }
    scope.busy = false;
  })();
}

/** Takes a pod that the scheduler has given to this node. */
function takePod(desk: Desk, pod: unknown): void {
  const settings = settingsOf(pod);
  if (settings === null) return;
  desk.pods.set(keyOf(pod), pod);
  const key = `${settings.namespace}/${settings.scope}`;
  if (!desk.scopes.has(key))
    desk.scopes.set(key, {
      settings,
      state: null,
      candidate: null,
      sync: '{}',
      busy: false,
      again: false,
    });
  nudge(desk, key);
}

function dropPod(desk: Desk, pod: unknown): void {
  const settings = settingsOf(pod);
  desk.pods.delete(keyOf(pod));
  desk.down.delete(keyOf(pod));
  if (settings !== null) nudge(desk, `${settings.namespace}/${settings.scope}`);
}

function beat(desk: Desk): void {
  const now = new Date(desk.ports.clock.nowMs()).toISOString();
  for (const { state, settings, busy } of desk.scopes.values()) {
    const leader = [...desk.pods.values()].find((pod) => keyOf(pod) === `${settings.namespace}/${state?.leader ?? ''}`);
    if (leader === undefined || busy || desk.down.get(keyOf(leader))?.dead === true) continue;
    void writeLeader(desk.writer, settings, { name: text(leader, 'metadata', 'name'), ip: ipOf(desk, leader) }, now);
  }
}

/** What runs in the pods of this node. */
function fakeCommands(desk: Desk): RunInPod {
  return (request) => {
    const { namespace, pod } = request;
    const settings = settingsOf(desk.pods.get(`${namespace}/${pod}`));
    const scope = settings === null ? undefined : desk.scopes.get(`${namespace}/${settings.scope}`);
    if (settings === null || scope === undefined) return Promise.reject(new Error(`pod ${pod} is not on this node`));
    return answered(desk.writer, settings, scope.state?.leader ?? null, request);
  };
}

/** A switchover that somebody asks Patroni for, on its own object. */
function takeRequest(desk: Desk, object: unknown): void {
  const name = text(object, 'metadata', 'name');
  const candidate = text(object, 'metadata', 'annotations', 'member');
  const key = `${text(object, 'metadata', 'namespace')}/${name.replace(/-failover$/, '')}`;
  const scope = desk.scopes.get(key);
  if (!name.endsWith('-failover') || candidate === '' || scope === undefined) return;
  scope.candidate = candidate;
  nudge(desk, key);
}

/** Somebody changed Patroni's configuration. */
function takeConfiguration(desk: Desk, object: unknown): void {
  const name = text(object, 'metadata', 'name');
  const key = `${text(object, 'metadata', 'namespace')}/${name.replace(/-config$/, '')}`;
  if (!name.endsWith('-config')) return;
  desk.dynamic.set(key, dynamicOn(object));
  nudge(desk, key);
}

function source(kind: string, path: string, query: Readonly<Record<string, string>> = {}): Source {
  // The watch never asks what kind it is; it only hands it on.
  return { name: kind, kind: kind as Source['kind'], namespace: null, path, query, labelled: true, pathOf: () => path };
}

/** A node called `fake`, ready to take pods. Ends with `stop`; pods stay as they are. */
export async function startFakeKubelet(kube: Kube): Promise<FakeKubelet> {
  const ports = systemPorts();
  const troubles: string[] = [];
  const writer = writerOf(kube, (what) => troubles.push(what));
  const desk: Desk = {
    writer,
    ports,
    pods: new Map(),
    claims: new Map(),
    scopes: new Map(),
    dynamic: new Map(),
    down: new Map(),
    ips: new Map(),
    stopped: false,
  };
  await storageClass(writer);
  await registerNode(writer, ports);
  const watches = [
    source('Pod', '/api/v1/pods', { fieldSelector: 'spec.nodeName=fake' }),
    source('PersistentVolumeClaim', '/api/v1/persistentvolumeclaims'),
    source('Endpoints', '/api/v1/endpoints'),
    source('ConfigMap', '/api/v1/configmaps'),
  ].map((each) => watchSource(kube, each, ports, () => undefined));
  const subscription: Subscription = merge(...watches).subscribe((item) => {
    if (item.type !== 'seen' && item.type !== 'gone') return;
    if (item.kind === 'Endpoints' || item.kind === 'ConfigMap') {
      takeRequest(desk, item.object);
      takeConfiguration(desk, item.object);
    } else if (item.kind === 'Pod') (item.type === 'seen' ? takePod : dropPod)(desk, item.object);
    else if (item.type === 'gone') desk.claims.delete(keyOf(item.object));
    else {
      desk.claims.set(keyOf(item.object), item.object);
      void provision(writer, item.object);
    }
  });
  const timer = setInterval(() => {
    beat(desk);
    void registerNode(writer, ports);
  }, heartbeatMs);
  const fate = (namespace: string, pod: string, dead: boolean): void => {
    const key = `${namespace}/${pod}`;
    const restarts = desk.down.get(key)?.restarts ?? 0;
    desk.down.set(key, { restarts: dead ? restarts : restarts + 1, dead });
    const settings = settingsOf(desk.pods.get(key));
    if (settings !== null) nudge(desk, `${namespace}/${settings.scope}`);
  };
  return {
    runInPod: fakeCommands(desk),
    kill: (namespace, pod) => fate(namespace, pod, true),
    revive: (namespace, pod) => fate(namespace, pod, false),
    troubles,
    stop: () => {
      desk.stopped = true;
      clearInterval(timer);
      subscription.unsubscribe();
    },
  };
}
