/**
 * Owns: every combination of the facts that the guards of the cluster machine distinguish, as complete Facts. Small enough
 * to try them all in every state.
 */
import { annotations, finalizer, labels, labelValues, oneShots, type OneShot } from '#machines/shared/names.ts';
import type { Facts, Memory } from '#machines/cluster/facts.ts';
import { markKey } from '#machines/cluster/tables/configuration.ts';
import { initialFacts } from '#machines/cluster/learn.ts';
import type { DcsSeen, ObjectProjection, PodDetail } from '#machines/cluster/observations.ts';
import type { Plan } from '#machines/cluster/plan.ts';

const uid = 'u-1';
const name = 'shop';

/** One value for each thing that some guard asks. */
export interface Choice {
  readonly known: boolean;
  readonly deleting: 'no' | 'background' | 'orphan' | 'protected';
  readonly statefulSet: boolean;
  readonly leader: 'none' | 'starting' | 'writable' | 'silent';
  readonly ready: 0 | 1 | 2;
  readonly bootstrapped: boolean;
  readonly database: boolean;
  readonly expired: 'nothing' | 'deadline' | 'hold' | 'recover';
  readonly generation: 'rolled-out' | 'newer';
  readonly refused: boolean;
  /** Whose pod was made from another template. */
  readonly template: 'new' | 'replica-old' | 'leader-old';
  /** What is asked for once and not done yet. */
  readonly request: 'none' | OneShot;
  /** Synchronous replication: not asked for, only asked for, in force, in force and nobody confirms, only left over. */
  readonly synchrony: 'off' | 'asked' | 'confirmed' | 'unconfirmed' | 'left';
}

/** Two members that run, nothing asked for, nothing in the way. */
export const calm: Choice = {
  known: true,
  deleting: 'no',
  statefulSet: true,
  leader: 'writable',
  ready: 2,
  bootstrapped: true,
  database: true,
  expired: 'nothing',
  generation: 'rolled-out',
  refused: false,
  template: 'new',
  request: 'none',
  synchrony: 'off',
};

const values: { readonly [K in keyof Choice]: readonly Choice[K][] } = {
  known: [true, false],
  deleting: ['no', 'background', 'orphan', 'protected'],
  statefulSet: [true, false],
  leader: ['none', 'starting', 'writable', 'silent'],
  ready: [0, 1, 2],
  bootstrapped: [true, false],
  database: [true, false],
  expired: ['nothing', 'deadline', 'hold', 'recover'],
  generation: ['rolled-out', 'newer'],
  refused: [true, false],
  template: ['new', 'replica-old', 'leader-old'],
  request: ['none', ...oneShots],
  synchrony: ['off', 'asked', 'confirmed', 'unconfirmed', 'left'],
};

function matters({ template, request, bootstrapped, deleting }: Choice): boolean {
  return request === 'none' || (template !== 'replica-old' && bootstrapped && deleting === 'no');
}

/** A cluster that is made, and written to. */
function isWell({ known, deleting, bootstrapped, leader }: Choice): boolean {
  return known && deleting === 'no' && bootstrapped && leader === 'writable';
}

/** A request that is taken: its token is acknowledged, and since when members run is known. */
function requestOf({ request }: Choice): Partial<Memory> {
  if (request === 'none') return {};
  const member = request === 'reinit' || request === 'replace' ? `${name}-1` : null;
  const members = member === null ? [`${name}-0`, `${name}-1`] : [member];
  const started = Object.fromEntries(members.map((each) => [each, '1']));
  const lost = request === 'replace' ? { lost: { claim: null, pod: `Pod-${name}-1`, confirmed: true } } : {};
  const asked = { kind: request, token: 'once', member, leader: `${name}-0`, timeline: 1, members };
  const taken = { ...asked, started, done: [], ...lost };
  return { request: taken, published: { textHash: '', urgentHash: '', at: 0, handled: { [request]: 'once' } } };
}

/** All combinations, in a fixed order. */
export function* choices(): IterableIterator<Choice> {
  const keys = Object.keys(values) as (keyof Choice)[];
  const total = keys.reduce((product, key) => product * values[key].length, 1);
  for (let index = 0; index < total; index += 1) {
    let rest = index;
    const picked: Record<string, unknown> = {};
    for (const key of keys) {
      const list = values[key];
      picked[key] = list[rest % list.length];
      rest = Math.floor(rest / list.length);
    }
    const choice = picked as unknown as Choice;
    // Templates, requests and synchronous replication matter where everything else is as it should be.
    const isPlain = choice.database && choice.statefulSet && !choice.refused;
    if (choice.synchrony !== 'off' && !(isPlain && isWell(choice))) continue;
    if ((choice.template === 'new' && choice.request === 'none') || (isPlain && matters(choice))) yield choice;
  }
}

function object(kind: ObjectProjection['kind'], called: string, detail: ObjectProjection['detail']): ObjectProjection {
  const managed = { [labels.managedBy]: labelValues.managedBy, [labels.cluster]: name };
  const own = kind === 'Pod' ? {} : { [labels.clusterUid]: uid };
  return {
    kind,
    name: called,
    uid: `${kind}-${called}`,
    generation: 1,
    deleting: false,
    labels: { ...managed, ...own, ...(kind === 'Endpoints' ? { [labels.component]: 'database' } : {}) },
    annotations:
      kind === 'StatefulSet'
        ? { [annotations.dcs]: 'Endpoints' }
        : kind === 'Pod'
          ? { [annotations.template]: 'new' }
          : {},
    finalizers: [],
    owners: [],
    ownedHash: null,
    foreign: [],
    effect: null,
    detail,
  };
}

function pod(index: number, choice: Choice): ObjectProjection {
  const leads = index === 0;
  const ready = index < choice.ready;
  const running = leads ? 'running' : 'streaming';
  const state = leads && choice.leader === 'starting' ? 'starting' : running;
  const detail: PodDetail = {
    type: 'Pod',
    phase: 'Running',
    ready,
    node: 'n',
    ip: '198.18.0.9',
    role: null,
    patroni: {
      state,
      role: leads && choice.leader !== 'starting' ? 'primary' : 'replica',
      timeline: 1,
      positionBytes: 0,
      pendingRestart: false,
      version: '4.0.7',
    },
    trouble: null,
    restarts: 0,
    lastExit: null,
  };
  const made = object('Pod', `${name}-${index}`, detail);
  const old = choice.template === (leads ? 'leader-old' : 'replica-old');
  return old ? { ...made, annotations: { [annotations.template]: 'old' } } : made;
}

const noKeys = { config: null, failover: null, syncStandbys: null } as const;
const dcs = { ttlSeconds: 30, paused: false, ...noKeys };

/** As Patroni would keep it for a spec without parameters. */
const config = { postgresql: { parameters: {} }, [markKey]: { parameters: '' } };

const strict = { synchronous_mode: true, synchronous_mode_strict: true, synchronous_node_count: 1 };

/** Patroni's configuration of a choice. */
function configOf({ synchrony }: Choice): NonNullable<DcsSeen['config']> {
  return synchrony === 'off' || synchrony === 'asked' ? config : { ...config, ...strict };
}

/** What Patroni says of who confirms; nothing where it was never asked. */
function syncOf({ synchrony }: Choice): readonly ObjectProjection[] {
  if (synchrony === 'off' || synchrony === 'asked') return [];
  const syncStandbys = synchrony === 'unconfirmed' ? null : [`${name}-1`];
  const seen = { ...dcs, leader: `${name}-0`, systemIdentifier: null, syncStandbys };
  return [object('Endpoints', `${name}-sync`, { type: 'Endpoints', dcs: seen })];
}

function objects(choice: Choice): readonly ObjectProjection[] {
  const gone = choice.deleting === 'background' && choice.ready === 0;
  return [
    ...(choice.statefulSet
      ? [object('StatefulSet', name, { type: 'StatefulSet', replicas: 2, template: 'new', current: true })]
      : []),
    ...(gone ? [] : [pod(0, choice), pod(1, choice)]),
    object('Endpoints', name, {
      type: 'Endpoints',
      dcs: { ...dcs, leader: choice.leader === 'none' ? null : `${name}-0`, systemIdentifier: null },
    }),
    object('Endpoints', `${name}-config`, {
      type: 'Endpoints',
      dcs: { ...dcs, leader: null, systemIdentifier: choice.bootstrapped ? '7' : null, config: configOf(choice) },
    }),
    ...syncOf(choice),
  ];
}

const expiredIds: Readonly<Record<Choice['expired'], readonly string[]>> = {
  nothing: [],
  deadline: [
    'deadline/creating',
    'deadline/recovering',
    'deadline/scaling',
    'deadline/updating',
    'deadline/updating/replacing/shop-1',
  ],
  hold: ['hold'],
  recover: ['recover'],
};

/** Complete facts for a choice. */
export function factsOf(choice: Choice): Facts {
  const base = initialFacts(0);
  const spec = {
    version: '17',
    replicas: 2,
    storage: { size: '1Gi' },
    deletionProtection: choice.deleting === 'protected',
    ...(choice.synchrony === 'off' || choice.synchrony === 'left'
      ? {}
      : { synchronous: { mode: 'Required' as const, count: 1 } }),
  } as const;
  const generation = choice.generation === 'newer' ? 2 : 1;
  return {
    world: {
      ...base.world,
      knowledge: choice.known ? { type: 'known', since: 0 } : { type: 'unknown', since: 0, because: 'not listed yet' },
      cluster: {
        since: 0,
        seen: {
          uid,
          namespace: 'default',
          name,
          generation,
          deleting: choice.deleting !== 'no',
          finalizers: choice.deleting === 'orphan' ? [finalizer, 'orphan'] : [finalizer],
          annotations: {},
          spec,
        },
      },
      config: { images: { '17': 'i' }, imagePullPolicy: 'Never', defaultDcs: 'Endpoints', createDeadlineSeconds: 600 },
      objects: Object.fromEntries(
        objects(choice).map((each) => [`${each.kind}/${each.name}`, { object: each, since: 0, changed: [] }]),
      ),
      leaderSilentSince: choice.leader === 'silent' ? 0 : null,
    },
    memory: {
      ...base.memory,
      accepted: { generation, spec },
      dcs: 'Endpoints',
      image: 'i',
      systemIdentifier: choice.bootstrapped ? '7' : null,
      rolledOutGeneration: 1,
      // What was true before is another spec, or it would be on its way back.
      rolledOut: { generation: 1, spec: { ...spec, deletionProtection: true } },
      failedGeneration: 1,
      handled: choice.database ? { database: 'app/app', serverMajor: '17' } : {},
      expired: expiredIds[choice.expired],
      ...requestOf(choice),
      failures: choice.refused
        ? {
            'StatefulSet/shop': {
              count: 1,
              reason: 'Forbidden',
              message: 'no',
              permanent: true,
              since: 0,
              waiting: true,
              needsRead: false,
            },
          }
        : {},
    },
  };
}

export const plan: Plan = {
  problems: [],
  image: 'i',
  dcs: 'Endpoints',
  objects: [],
  database: { name: 'app', owner: 'app' },
  template: 'new',
  podMetadata: { labels: {}, annotations: {}, mark: null },
  dynamic: {},
  parameters: {},
  removed: {},
};
