/**
 * Owns: what the API server of a small world does with a request and what it answers: as asked, or with one of its faults.
 * Preconditions are checked as the real one checks them.
 */
import type { ObjectDetail, ObjectProjection, Outcome, WatchedKind } from '#machines/cluster/observations.ts';
import { annotations, finalizer } from '#machines/shared/names.ts';
import type { ApiRequest } from '#src/decision/record.ts';
import { publishedStatus } from '#src/stream/door/cluster.ts';
import { clusterShown, shown, told, vanished, type Asked, type SmallWorld } from './small-world.ts';

type Texts = Readonly<Record<string, string | null>>;

interface Body {
  readonly metadata?: {
    readonly uid?: string;
    readonly labels?: Texts;
    readonly annotations?: Readonly<Record<string, unknown>>;
    readonly finalizers?: readonly string[];
    readonly ownerReferences?: readonly { kind: string; name: string; uid: string; controller: boolean }[];
  };
  readonly spec?: {
    readonly replicas?: number;
    readonly template?: { readonly metadata?: { readonly annotations?: Readonly<Record<string, string>> } };
  };
  readonly preconditions?: { readonly uid?: string };
  readonly status?: unknown;
}

const noDcs = {
  leader: null,
  ttlSeconds: null,
  systemIdentifier: null,
  paused: false,
  config: null,
  failover: null,
  syncStandbys: null,
};

function detailOf(kind: WatchedKind, body: Body, request: ApiRequest): ObjectDetail {
  if (kind === 'StatefulSet') {
    const template = body.spec?.template?.metadata?.annotations?.[annotations.template] ?? null;
    return { type: kind, replicas: body.spec?.replicas ?? 0, template, current: true };
  }
  if (kind === 'Service') return { type: kind, selector: null };
  if (kind === 'ConfigMap') return { type: kind, dcs: noDcs };
  if (kind === 'Secret') return { type: kind, keys: request.generated.map(({ key }) => key).sort() };
  if (kind === 'PersistentVolumeClaim')
    return { type: kind, phase: 'Bound', requested: '1Gi', capacity: '1Gi', storageClass: 'standard' };
  return { type: 'Other' };
}

/** Only what passes the door: annotations of ours, without the effect key. */
function annotationsSeen(all: Readonly<Record<string, unknown>> = {}): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(all).flatMap(([key, value]) =>
      key.startsWith('postgres.example.com/') && key !== annotations.effect && typeof value === 'string'
        ? [[key, value]]
        : [],
    ),
  );
}

/** Labels after a merge patch: null takes one away. */
function merged(before: Readonly<Record<string, string>>, change: Texts = {}): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries({ ...before, ...change }).flatMap(([key, value]) => (value === null ? [] : [[key, value]])),
  );
}

interface Done {
  readonly world: SmallWorld;
  readonly outcome: Outcome;
  /** Told after the answer, as a watch tells. */
  readonly watched: (world: SmallWorld) => SmallWorld;
}

const same = (world: SmallWorld): SmallWorld => world;
const conflict = (reason: string): Outcome => ({ type: 'conflict', reason, message: `the request meets a ${reason}` });

function bodyOf(request: ApiRequest): Body {
  return request.body === null ? {} : (JSON.parse(request.body) as Body);
}

function applied(world: SmallWorld, { intent }: Asked, request: ApiRequest): Done {
  const { kind, name } = intent.target;
  if (kind === 'PostgresCluster' || kind === 'Event') throw new Error(`${kind} is not applied here`);
  const key = `${kind}/${name}`;
  const before = world.objects[key];
  const creates = intent.type === 'CreateObject' || intent.type === 'CreateSecret';
  if (creates && before !== undefined) return { world, outcome: conflict('AlreadyExists'), watched: same };
  const body = bodyOf(request);
  if (!creates && before?.uid !== body.metadata?.uid)
    return { world, outcome: conflict('IncarnationChanged'), watched: same };
  const uid = before?.uid ?? `uid-${world.count}`;
  const object: ObjectProjection = {
    kind,
    name,
    uid,
    generation: 1,
    deleting: before?.deleting ?? false,
    labels: merged({}, body.metadata?.labels),
    annotations: annotationsSeen(body.metadata?.annotations),
    finalizers: body.metadata?.finalizers ?? [],
    owners: (body.metadata?.ownerReferences ?? []).map((owner) => ({
      kind: owner.kind,
      name: owner.name,
      uid: owner.uid,
      controller: owner.controller,
    })),
    ownedHash: `as applied to ${key}`,
    foreign: [],
    effect: null,
    detail: detailOf(kind, body, request),
  };
  return {
    world: { ...world, count: world.count + 1, objects: { ...world.objects, [key]: object } },
    outcome: { type: 'applied', uid, ownedHash: object.ownedHash, foreign: [] },
    watched: (next) => shown(next, object),
  };
}

function patched(world: SmallWorld, { intent }: Asked, request: ApiRequest): Done {
  const key = `${intent.target.kind}/${intent.target.name}`;
  const before = world.objects[key];
  if (before === undefined) return { world, outcome: { type: 'absent' }, watched: same };
  const body = bodyOf(request);
  const object: ObjectProjection =
    intent.type === 'RemoveForeignFields'
      ? { ...before, foreign: [] }
      : {
          ...before,
          labels: merged(before.labels, body.metadata?.labels),
          annotations: annotationsSeen({ ...before.annotations, ...body.metadata?.annotations }),
          finalizers: body.metadata?.finalizers ?? before.finalizers,
        };
  const outcome: Outcome = { type: 'applied', uid: before.uid, ownedHash: before.ownedHash, foreign: [] };
  if (object.deleting && object.finalizers.length === 0)
    return { world, outcome, watched: (next) => vanished(next, key) };
  return {
    world: { ...world, objects: { ...world.objects, [key]: object } },
    outcome,
    watched: (next) => shown(next, object),
  };
}

function deleted(world: SmallWorld, { intent }: Asked, request: ApiRequest): Done {
  const key = `${intent.target.kind}/${intent.target.name}`;
  const before = world.objects[key];
  if (before === undefined || before.uid !== bodyOf(request).preconditions?.uid)
    return { world, outcome: { type: 'absent' }, watched: same };
  if (before.finalizers.length === 0)
    return { world, outcome: { type: 'deleted' }, watched: (next) => vanished(next, key) };
  return { world, outcome: { type: 'deleted' }, watched: (next) => shown(next, { ...before, deleting: true }) };
}

function finalizersSet(world: SmallWorld, { intent }: Asked): Done {
  const outcome: Outcome = { type: 'applied', uid: world.cluster?.uid ?? '', ownedHash: null, foreign: [] };
  const others = (world.cluster?.finalizers ?? []).filter((each) => each !== finalizer);
  const finalizers = intent.type === 'AddFinalizer' ? [...others, finalizer] : others;
  return {
    world,
    outcome,
    watched: (next) => {
      if (next.cluster === null) return next;
      if (!next.cluster.deleting || finalizers.length > 0) return clusterShown(next, { finalizers });
      return told({ ...next, cluster: null }, { type: 'ClusterGone', uid: next.cluster.uid });
    },
  };
}

/** The world after a request was carried out, and its answer. */
function carriedOut(world: SmallWorld, asked: Asked): Done {
  const { intent } = asked;
  const { request } = intent;
  if (request.type === 'command') {
    const result = { free: '536870912', total: '1073741824' };
    return { world, outcome: { type: 'done', result }, watched: same };
  }
  if (request.type !== 'api')
    return { world, outcome: { type: 'done', result: { database: 'app/app', serverMajor: '17' } }, watched: same };
  const uid = world.cluster?.uid ?? '';
  switch (intent.type) {
    case 'AddFinalizer':
    case 'ReleaseFinalizer':
      return finalizersSet(world, asked);
    case 'PublishStatus': {
      const published = publishedStatus({ status: bodyOf(request).status });
      return {
        world: { ...world, published },
        outcome: { type: 'applied', uid, ownedHash: null, foreign: [] },
        watched: same,
      };
    }
    case 'EmitEvent':
      return { world, outcome: { type: 'applied', uid, ownedHash: null, foreign: [] }, watched: same };
    case 'ReadObject': {
      const object = world.objects[`${intent.target.kind}/${intent.target.name}`] ?? null;
      return { world, outcome: { type: 'read', object }, watched: same };
    }
    case 'ReadEvents': {
      const result = { reason: 'FailedMount', message: 'secret "shop-credentials-inforce" not found' };
      return { world, outcome: { type: 'done', result }, watched: same };
    }
    case 'CompareObject': {
      const object = world.objects[`${intent.target.kind}/${intent.target.name}`];
      if (object === undefined) return { world, outcome: { type: 'absent' }, watched: same };
      const ownedHash = `as applied to ${intent.target.kind}/${intent.target.name}`;
      return { world, outcome: { type: 'compared', uid: object.uid, ownedHash }, watched: same };
    }
    case 'DeleteObject':
      return deleted(world, asked, request);
    case 'AdoptObject':
      return request.contentType === 'application/merge-patch+json'
        ? patched(world, asked, request)
        : applied(world, asked, request);
    case 'MarkRetained':
    case 'StripMarks':
    case 'ReleaseObject':
    case 'RemoveForeignFields':
      return patched(world, asked, request);
    default:
      return applied(world, asked, request);
  }
}

/** Ways in which a request can end otherwise. */
export const faults = {
  refused: { type: 'refused', reason: 'Forbidden', message: 'the API server forbids it' },
  invalid: { type: 'refused', reason: 'Invalid', message: 'spec.x: Invalid value' },
  conflict: { type: 'conflict', reason: 'Conflict', message: 'the object has been modified' },
  throttled: { type: 'transient', reason: 'TooManyRequests', message: 'slow down', retryAfterMs: 7000 },
  unavailable: { type: 'transient', reason: 'ServiceUnavailable', message: 'try later', retryAfterMs: null },
  withheld: { type: 'withheld', reason: 'the Lease is not held' },
  unknown: { type: 'unknown', reason: 'no answer within 20 s' },
} as const satisfies Readonly<Record<string, Outcome>>;

export type Fault = keyof typeof faults;

function outcomeTold(world: SmallWorld, { seq, intent }: Asked, outcome: Outcome): SmallWorld {
  const { ordinal, type, target } = intent;
  return told(world, { type: 'OutcomeArrived', seq, ordinal, intent: type, target, outcome });
}

function taken(world: SmallWorld, asked: Asked): SmallWorld {
  return { ...world, asked: world.asked.filter((each) => each !== asked) };
}

/** The request is carried out and answered, and the watch shows what changed. */
export function answered(world: SmallWorld, asked: Asked): SmallWorld {
  const done = carriedOut(taken(world, asked), asked);
  return done.watched(outcomeTold(done.world, asked, done.outcome));
}

/** The request ends in a fault; `landed`: it was carried out all the same, and no watch has shown it yet. */
export function failed(world: SmallWorld, asked: Asked, fault: Fault, landed = false): SmallWorld {
  const rest = taken(world, asked);
  return outcomeTold(landed ? carriedOut(rest, asked).world : rest, asked, faults[fault]);
}

/** The request is carried out and answered, and no watch has shown it yet. */
export function answeredUnseen(world: SmallWorld, asked: Asked): SmallWorld {
  const done = carriedOut(taken(world, asked), asked);
  return outcomeTold(done.world, asked, done.outcome);
}
